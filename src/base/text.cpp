#include "base/text.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace swathe {
namespace {

/// Optimal string alignment distance: Levenshtein's plus the swap of two neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replace});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

/// As utf8_length, but 0 for control characters, too: U+0080 to U+009F move cursors on some terminals.
std::size_t printable_length(std::string_view text) noexcept {
    const auto lead = static_cast<std::uint8_t>(text.front());
    if (lead < 0x20 || lead == 0x7f) return 0;
    if (lead == 0xc2 && text.size() > 1 && static_cast<std::uint8_t>(text[1]) < 0xa0) return 0;
    return utf8_length(text);
}

/// Moves the first character from `text` to `out`, or its first byte as \xHH.
void take_printable(std::string_view& text, std::string& out) {
    const std::size_t length = printable_length(text);
    if (length == 0)
        out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(text.front()));
    else
        out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(1, length));
}

} // namespace

std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> known) {
    constexpr std::size_t kLongestName = 64; // longer ones are no slip of the pen, and would cost quadratic time
    if (name.size() > kLongestName) return std::nullopt;
    std::optional<std::string_view> best;
    std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
    for (const std::string_view candidate : known) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string_view trim(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
    if (length == 0 || lead > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf0 && byte(1) < 0x90) ||
        (lead == 0xf4 && byte(1) > 0x8f))
        return 0;
    return length;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == text.npos) return parts;
        text.remove_prefix(at + 1);
    }
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string quoted(std::string_view text, std::size_t limit) {
    std::string out = "\"";
    const bool cut = text.size() > limit;
    if (cut) text = text.substr(0, limit);
    while (!text.empty()) {
        if (text.front() == '"' || text.front() == '\\') out += '\\';
        take_printable(text, out);
    }
    out += cut ? "...\"" : "\"";
    return out;
}

std::string escaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) take_printable(text, out);
    return out;
}

std::string escaped_line(std::string_view text) {
    std::string safe;
    for (std::size_t at = 0;;) {
        const std::size_t tab = text.find('\t', at);
        safe += escaped(text.substr(at, tab - at));
        if (tab == text.npos) return safe;
        safe += '\t';
        at = tab + 1;
    }
}

} // namespace swathe
