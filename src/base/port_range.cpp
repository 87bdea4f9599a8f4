#include "base/port_range.h"

#include <charconv>

#include <fmt/format.h>

namespace swathe {

std::string PortRange::to_string() const {
    if (*this == all()) return "all";
    return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

Result<std::uint16_t> parse_port(std::string_view text) {
    if (text.size() > 1 && text.front() == '0') return failure("a port number does not begin with 0"); // octal to some, systemd too
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > 65535)
        return failure("not a port number in 1-65535");
    return static_cast<std::uint16_t>(value);
}

Result<PortRange> parse_port_range(std::string_view text) {
    if (text == "all" || text == "*") return PortRange::all();
    const std::size_t dash = text.find('-');
    auto first = parse_port(text.substr(0, dash));
    if (!first) return Failure(std::move(first).error());
    if (dash == text.npos) return PortRange{*first, *first};
    auto last = parse_port(text.substr(dash + 1));
    if (!last) return Failure(std::move(last).error());
    if (*last < *first) return failure("range ends below its start");
    return PortRange{*first, *last};
}

std::string to_string(const std::vector<PortRange>& ports) {
    std::string text;
    for (const PortRange& range : ports) {
        if (!text.empty()) text += ',';
        text += range.to_string();
    }
    return text;
}

} // namespace swathe
