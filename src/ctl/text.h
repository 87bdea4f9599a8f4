#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swathe::ctl {

/// How the output looks. Colours only on a terminal, and never with $NO_COLOR (no-color.org: set and not empty).
struct Look {
    bool colour = false;
    bool utf8 = false;
    std::int64_t now_usec = 0; ///< CLOCK_REALTIME
};
[[nodiscard]] Look look_of(int fd); ///< of what is printed to `fd`

enum class Colour : std::uint8_t { none, green, yellow, red, grey };
[[nodiscard]] std::string paint(const Look& look, Colour colour, const std::string& text);

/// Columns of words, aligned by their width, two spaces apart. Cells may be UTF-8, but no colours; what comes from others goes through
/// escaped() first.
class Table {
public:
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    [[nodiscard]] std::string to_string() const; ///< a line each, without spaces at the end

private:
    std::vector<std::vector<std::string>> rows_;
};

/// Characters of a UTF-8 text; near enough to its columns on a terminal.
[[nodiscard]] std::size_t width_of_text(std::string_view text) noexcept;

/// "Mon 2025-03-03 10:11:12 CET"
[[nodiscard]] std::string calendar(std::int64_t realtime_usec);

/// "10:11:12.123456"
[[nodiscard]] std::string time_of_day(std::int64_t realtime_usec);

/// The two largest units of a time span: "3d 4h", "4min 7s", "12s".
[[nodiscard]] std::string span_text(std::int64_t usec);

} // namespace swathe::ctl
