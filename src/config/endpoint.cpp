#include "config/endpoint.h"

#include "base/text.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

bool is_number(std::string_view text) noexcept {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

AddressRange everything(Family family) noexcept {
    return {Address::any(family), {family, U128::low_bits(width_of(family))}};
}

/// Sockets that systemd.socket(5) knows and a range of IP addresses cannot be: why, or nothing.
std::string_view foreign_kind(std::string_view text) noexcept {
    if (text.front() == '/') return "a UNIX socket's path, not an IP endpoint";
    if (text.front() == '@') return "an abstract UNIX socket, not an IP endpoint";
    if (text.substr(0, 5) == "vsock") return "a VSOCK socket; there are only TCP, UDP and UNIX sockets";
    return {};
}

/// `text` cut at the colon in front of the ports.
struct Parts {
    std::string_view addresses; ///< without brackets
    std::string_view ports;     ///< empty if there are none
    std::size_t ports_offset = 0;
    bool bracketed = false;
};

Result<Parts> cut_bracketed(std::string_view text) {
    const std::size_t end = text.find(']');
    if (end == text.npos) return failure("\"]\" missing");
    Parts parts{text.substr(1, end - 1), {}, text.size(), true};
    const std::string_view rest = text.substr(end + 1);
    if (rest.empty()) return parts;
    if (rest.front() == '%') return failure("zones (\"%...\") are not supported; use interface");
    if (rest.front() != ':') return failure("expected \":PORTS\" behind \"]\"");
    parts.ports = rest.substr(1);
    parts.ports_offset = end + 2;
    if (parts.ports.empty()) return failure("ports missing behind \":\"");
    return parts;
}

Result<Parts> cut(std::string_view text, EndpointUse use) {
    if (text.front() == '[') return cut_bracketed(text);
    const std::size_t colon = text.find(':');
    if (colon == text.npos) return Parts{text, {}, text.size(), false};
    if (text.find(':', colon + 1) != text.npos) { // IPv6 without brackets
        if (use == EndpointUse::hole) return Parts{text, {}, text.size(), true};
        return failure("IPv6 addresses stand in brackets: [2001:db8::1]:80");
    }
    if (colon + 1 == text.size()) return failure("ports missing behind \":\"");
    return Parts{text.substr(0, colon), text.substr(colon + 1), colon + 1, false};
}

Result<std::vector<AddressRange>> addresses_of(const Parts& parts, EndpointUse use) {
    if (use == EndpointUse::listen && parts.bracketed && parts.addresses == "::")
        return std::vector{everything(Family::ipv4), everything(Family::ipv6)};
    if (use == EndpointUse::listen && !parts.bracketed && parts.addresses == "0.0.0.0")
        return std::vector{everything(Family::ipv4)};
    auto range = parse_address_range(parts.addresses);
    if (!range) return Failure(std::move(range).error().within(quoted(parts.addresses)));
    if (parts.bracketed && range->family() == Family::ipv4)
        return failure("IPv4 addresses stand without brackets: 192.0.2.1:80");
    return std::vector{*range};
}

SourcePos behind(SourcePos where, std::size_t offset) noexcept {
    if (where.column != 0) where.column += static_cast<std::uint32_t>(offset);
    return where;
}

Result<Endpoint> parse_port_alone(std::string_view text, const SourcePos& where) {
    auto port = parse_port(text);
    if (!port) return failure_at(where, fmt::format("{}: {}", quoted(text), port.error().message));
    return Endpoint{
        {{everything(Family::ipv4), where}, {everything(Family::ipv6), where}}, {PortRange{*port, *port}}, where};
}

} // namespace

Status sort_ports(std::vector<PortRange>& ports) {
    std::sort(ports.begin(), ports.end());
    const auto both =
        std::adjacent_find(ports.begin(), ports.end(), [](const auto& a, const auto& b) { return a.overlaps(b); });
    if (both == ports.end()) return {};
    return failure(*both == *(both + 1) ? fmt::format("{} stands there twice", both->to_string())
                                        : fmt::format("{} and {} overlap", both->to_string(), (both + 1)->to_string()));
}

Result<std::vector<PortRange>> parse_port_list(std::string_view text) {
    std::vector<PortRange> ports;
    for (const std::string_view item : split(text, ',')) {
        auto range = parse_port_range(item);
        if (!range) return Failure(std::move(range).error().within(quoted(item)));
        ports.push_back(*range);
    }
    if (auto ok = sort_ports(ports); !ok) return Failure(std::move(ok).error());
    return ports;
}

Result<Endpoint> parse_endpoint(std::string_view text, const SourcePos& where, EndpointUse use) {
    if (text.empty()) return failure_at(where, "empty");
    if (const std::string_view kind = foreign_kind(text); !kind.empty())
        return failure_at(where, fmt::format("{} is {}", quoted(text), kind));
    if (is_number(text)) return parse_port_alone(text, where);

    auto parts = cut(text, use);
    if (!parts) return Failure(std::move(parts).error().within(quoted(text)).at(where));
    auto addresses = addresses_of(*parts, use);
    if (!addresses) return Failure(std::move(addresses).error().at(where));
    if (parts->ports.empty() && use == EndpointUse::listen)
        return failure_at(
            where, fmt::format("{}: port missing; expected PORT, ADDRESS:PORTS or [IPV6-ADDRESS]:PORTS", quoted(text)));

    auto ports = parts->ports.empty() ? std::vector{PortRange::all()} : parse_port_list(parts->ports);
    if (!ports) return Failure(std::move(ports).error().at(behind(where, parts->ports_offset)));
    Endpoint endpoint{{}, std::move(*ports), where};
    for (const AddressRange& range : *addresses) endpoint.addresses.push_back({range, where});
    return endpoint;
}

} // namespace swathe
