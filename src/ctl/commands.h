#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace swathe::ctl {

// The command table: parsing, help, completion and the manual's cross-check all read it.

enum class Verb : std::uint8_t {
    status, list, rules, explain, trace, logs, top, check, start, stop, restart, pause, resume, reload, cat, show, keys, diff, edit, revert,
    convert, import, schema, version, completion
};

/// What the shell may offer for a word.
enum class Offer : std::uint8_t { nothing, directory, service, protocol, interface, netns, shell, sorting, file, key, schema, source };

struct Option {
    std::string_view name;  ///< "--config"
    std::string_view value; ///< "DIR"; "" = a flag
    std::string_view help;
    Offer offer = Offer::nothing;
    std::string_view letter = {}; ///< "-f"; "" = none
};

inline constexpr std::size_t kMany = 1024; ///< words of one command line at most

struct Command {
    Verb verb;
    std::string_view name;
    std::string_view words; ///< the positional arguments as the synopsis names them
    std::size_t min_words = 0;
    std::size_t max_words = 0;
    Offer first_word = Offer::nothing; ///< with max_words = kMany: every word
    std::string_view help;
    std::span<const Option> options;
};

[[nodiscard]] std::span<const Command> commands() noexcept;
[[nodiscard]] std::span<const Option> global_options() noexcept; ///< before or after the verb

/// Exit statuses: LSB, as far as it goes (DESIGN 7).
enum class Exit : int { ok = 0, failure = 1, usage = 2, not_running = 3, no_such_service = 4 };

} // namespace swathe::ctl
