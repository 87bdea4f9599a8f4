#include "config/unit_ranges.h"

#include "base/text.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace swathe {
namespace {

using Line = SocketUnit::Line;

std::optional<SocketKind> kind_of(std::string_view word) noexcept {
    if (word == "tcp") return SocketKind::tcp;
    if (word == "udp") return SocketKind::udp;
    return std::nullopt;
}

/// "#2": the second line.
Result<Line*> numbered(std::vector<Line>& lines, std::string_view word) {
    const auto number = line_number(word, lines.size());
    if (!number) return Failure(number.error());
    Line& line = lines[*number];
    if (!line.path.empty()) return failure(not_steerable(word));
    return &line;
}

/// The line that a range is for; null = a new one.
Result<Line*> line_for(std::vector<Line>& lines, std::string_view word) {
    if (word.starts_with('#')) return numbered(lines, word);
    const auto wanted = kind_of(word);
    Line* found = nullptr;
    for (Line& line : lines) {
        if (!line.path.empty() || (wanted && line.kind != *wanted)) continue;
        if (found != nullptr)
            return failure(fmt::format("the unit has several listeners; write {}the number of one in front, such as \"#1\"",
                                       wanted ? "" : "\"tcp\", \"udp\" or "));
        found = &line;
    }
    if (found == nullptr && !wanted) return failure("the unit has no other listener; write \"tcp\" or \"udp\" in front");
    return found;
}

} // namespace

Result<std::size_t> line_number(std::string_view word, std::size_t count) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(word.data() + 1, word.data() + word.size(), number);
    if (error == std::errc{} && end == word.data() + word.size() && number >= 1 && number <= count) return number - 1;
    return failure(fmt::format("there is no listener {}; the unit has {} of them", quoted(word), count));
}

std::string not_steerable(std::string_view word) {
    return fmt::format("listener {} is neither a TCP nor a UDP socket, and nothing is steered to it", quoted(word));
}

bool widen_lines(SocketUnit& socket, Report& report) {
    bool ok = true;
    for (SocketUnit::Range& range : socket.ranges) {
        const auto line = line_for(socket.lines, range.listener);
        if (!line) {
            report.error(range.pos, "Listen", line.error().message);
            ok = false;
        } else if (*line == nullptr) {
            socket.lines.push_back({*kind_of(range.listener), std::move(range.endpoints), {}, range.pos});
        } else {
            std::move(range.endpoints.begin(), range.endpoints.end(), std::back_inserter((*line)->endpoints));
        }
    }
    return ok;
}

bool is_everywhere(const Endpoint& endpoint) noexcept { return endpoint.addresses.size() == 2; }

bool add_addresses(std::vector<Endpoint>& endpoints, const AddressList& more, const Block& block, Report& report) {
    for (Endpoint& endpoint : endpoints) {
        if (is_everywhere(endpoint)) endpoint.addresses.clear();
        endpoint.addresses.append(more);
        if (!endpoint.addresses.empty()) continue;
        const Setting& file = *block.find("addresses_file");
        report.error(file.pos, key_of(*file.directive, Format::unit), "no address to listen on");
        return false;
    }
    return true;
}

} // namespace swathe
