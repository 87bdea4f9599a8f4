#pragma once

#include "base/error.h"
#include "base/text.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

/// What all fuzzers need. libFuzzer saves the input of whoever aborts.
namespace swathe::fuzz {

/// Says what does not hold, with what it does not hold for, and ends.
#define FUZZ_CHECK(condition, ...)                                                                                                         \
    do {                                                                                                                                   \
        if (!(condition)) ::swathe::fuzz::fail(__FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__));                                  \
    } while (false)

[[noreturn]] inline void fail(const char* file, int line, const char* condition, const std::string& what) {
    fmt::print(stderr, "{}:{}: does not hold: {}\n  {}\n", file, line, condition, escaped(what));
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// One line that a terminal shows as it is, whatever the input.
inline void check_message(const std::string& message) {
    FUZZ_CHECK(!message.empty(), "an error without a message");
    FUZZ_CHECK(escaped(message) == message, "{}", message);
}

/// All that is said about `text` names `file` and a place inside, and can be shown on a terminal.
inline void check_diagnostics(const Diagnostics& all, SourceFile file, std::string_view text) {
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    for (const Diagnostic& d : all) {
        check_message(d.error.message);
        FUZZ_CHECK(d.error.pos && d.error.pos->file == file, "{}", d.to_string());
        FUZZ_CHECK(d.error.pos->line <= lines, "{}; the text has {} lines", d.to_string(), lines);
        FUZZ_CHECK(d.error.pos->column <= text.size() + 1, "{}; the text has {} bytes", d.to_string(), text.size());
    }
}

} // namespace swathe::fuzz
