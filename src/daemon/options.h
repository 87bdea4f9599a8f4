#pragma once

#include "base/error.h"

#include <optional>
#include <span>
#include <string>

namespace swathe {

/// The command line of swathed(8).
struct Options {
    std::optional<std::string> config; ///< --config DIR: replaces the search path
    std::string runtime_dir = "/run/swathe";
    std::string bpffs = "/sys/fs/bpf";
    std::string netns;                 ///< --netns NAME: "" = the one we were started in
    bool check = false;
    bool help = false;
    bool version = false;
};

/// One option, for the parser, --help and the manual's cross-check alike.
struct OptionSpec {
    const char* name;     ///< without dashes
    const char* argument; ///< nullptr = takes none
    const char* help;
};
[[nodiscard]] std::span<const OptionSpec> option_specs() noexcept;

/// Errors: unknown option, missing or superfluous argument, a directory that is not absolute. One line, names the option.
[[nodiscard]] Result<Options> parse_options(int argc, char** argv);
[[nodiscard]] std::string usage();

} // namespace swathe
