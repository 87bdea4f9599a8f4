#pragma once

#include "ctl/commands.h"

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace swathe::ctl {

inline constexpr const char* kRuntimeDir = "/run/swathe";

/// A command line, read.
struct Invocation {
    Verb verb = Verb::status;
    std::vector<std::string> words;
    std::map<std::string, std::string, std::less<>> options; ///< those given, by name ("--config"); flags have ""
    bool json = false;
    std::string runtime_dir = kRuntimeDir;

    [[nodiscard]] bool has(std::string_view option) const { return options.find(option) != options.end(); }
    [[nodiscard]] std::string value_or_empty(std::string_view option) const;
};

/// The number of --limit; nothing: not given, or no number from 1 to 10^9.
[[nodiscard]] std::optional<std::uint32_t> limit_of(const Invocation& invocation);

/// To be printed instead of doing anything: help on standard output, or what is wrong with the command line on standard error.
struct Message {
    std::string text;
    Exit exit = Exit::usage;
};

[[nodiscard]] std::variant<Invocation, Message> parse(int argc, const char* const* argv);

} // namespace swathe::ctl
