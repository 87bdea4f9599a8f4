#pragma once

#include "base/clock.h"
#include "ctl/commands.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace swathe::ctl {

inline constexpr const char* kRuntimeDir = "/run/swathe";

inline constexpr std::uint64_t kMostEvents = 1'000'000'000;           ///< --count
inline constexpr std::uint64_t kMostLines = 1'000'000'000;            ///< --lines
inline constexpr std::uint64_t kMostListed = 1'000'000'000;           ///< --limit
inline constexpr std::chrono::milliseconds kDefaultInterval(2000), kShortestInterval(100), kLongestInterval(3'600'000);

/// A command line, read.
struct Invocation {
    Verb verb = Verb::status;
    std::vector<std::string> words;
    std::map<std::string, std::string, std::less<>> options; ///< those given, by name ("--config"); flags have ""
    bool json = false;
    std::string runtime_dir = kRuntimeDir;

    [[nodiscard]] bool has(std::string_view option) const { return options.find(option) != options.end(); }
    [[nodiscard]] std::string value_or_empty(std::string_view option) const;
    /// The value of an option that takes a number, which parse() has checked; `otherwise` if it is not given.
    [[nodiscard]] std::uint64_t number(std::string_view option, std::uint64_t otherwise) const;
    [[nodiscard]] std::chrono::milliseconds interval() const; ///< --interval
    [[nodiscard]] Duration seconds(std::string_view option) const; ///< likewise; kInfinity if it is not given
};

/// To be printed instead of doing anything: help on standard output, or what is wrong with the command line on standard error.
struct Message {
    std::string text;
    Exit exit = Exit::usage;
};

[[nodiscard]] std::variant<Invocation, Message> parse(int argc, const char* const* argv);

} // namespace swathe::ctl
