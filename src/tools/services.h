#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string_view>

/// Nothing here may need the C++ library at run time, neither memory by `new` nor exceptions: the program is linked statically against
/// the C library alone, so that an instance for each connection costs as little as a program can.
namespace swathe::tools {

/// RFC 862, 863, 864, 867, 868.
enum class Service : std::uint8_t { echo, discard, chargen, daytime, time };

/// By the name under which the program was started: a path, or none, with or without "swathe-" in front.
[[nodiscard]] std::optional<Service> service_named(std::string_view argv0) noexcept;

inline constexpr std::size_t kPrintable = 95, kLine = 72; ///< ASCII's printing characters; RFC 864, "popular pattern"
/// All of chargen's stream, which begins again after it: each line starts one character further.
inline constexpr auto kPattern = [] {
    std::array<char, kPrintable*(kLine + 2)> pattern{};
    std::size_t at = 0;
    for (std::size_t line = 0; line < kPrintable; ++line) {
        for (std::size_t column = 0; column < kLine; ++column) pattern[at++] = static_cast<char>(' ' + (line + column) % kPrintable);
        pattern[at++] = '\r';
        pattern[at++] = '\n';
    }
    return pattern;
}();
inline constexpr std::size_t kDatagramPattern = 512; ///< at most so many characters answer a datagram. RFC 864

/// Writes what `daytime` or `time` say at `now` to `to`, which has room for 64 bytes, and returns its size; of the others, nothing.
/// daytime's text is ctime(3)'s, in local time. RFC 868 counts seconds since 1900 in 32 bits, which begin anew in 2036.
[[nodiscard]] std::size_t tell(Service service, std::time_t now, std::span<char> to) noexcept;

/// May a datagram be answered that came from `port`, sent to `asked` (0 = unknown)? Not if an answer may be answered in turn, for ever:
/// the small services have ports below 1024, and the one that was asked is ours.
[[nodiscard]] constexpr bool may_answer(std::uint16_t port, std::uint16_t asked) noexcept { return port >= 1024 && port != asked; }

} // namespace swathe::tools
