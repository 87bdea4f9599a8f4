#include "socket/ephemeral.h"

#include "socket/claims.h"
#include "socket/natives.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace swathe {
namespace {

/// `ports` without `hole`.
std::vector<PortRange> without(const std::vector<PortRange>& ports, const PortRange& hole) {
    std::vector<PortRange> out;
    for (const PortRange& range : ports) {
        if (!range.overlaps(hole)) {
            out.push_back(range);
            continue;
        }
        if (range.first < hole.first) out.push_back({range.first, static_cast<std::uint16_t>(hole.first - 1)});
        if (range.last > hole.last) out.push_back({static_cast<std::uint16_t>(hole.last + 1), range.last});
    }
    return out;
}

/// What the listener's holes leave of `ports` at this address.
std::vector<PortRange> claimed(const Listener& listener, const Address& address, std::vector<PortRange> ports) {
    for (const Endpoint& hole : listener.except) {
        const bool here =
            std::any_of(hole.addresses.begin(), hole.addresses.end(), [&](const auto& r) { return r.value.contains(address); });
        if (!here) continue;
        for (const PortRange& range : hole.ports) ports = without(ports, range);
    }
    return ports;
}

/// Where a listener takes replies: the first place, and on how many addresses more.
struct Overlap {
    Address address;
    std::vector<PortRange> ports;
    SourcePos pos;
    std::size_t more = 0;
};

std::optional<Overlap> overlap_of(const Listener& listener, const std::vector<Address>& configured, const EphemeralPorts& ephemeral) {
    std::optional<Overlap> found;
    for (const Endpoint& endpoint : listener.endpoints) {
        std::vector<PortRange> shared;
        for (const PortRange& range : endpoint.ports) {
            const auto part = ephemeral.overlap(range);
            shared.insert(shared.end(), part.begin(), part.end());
        }
        if (shared.empty()) continue;
        for (const auto& range : endpoint.addresses) {
            const auto [first, last] = inside_range(configured, range.value, [](const Address& a) { return a; });
            for (auto address = first; address != last; ++address) {
                auto ports = claimed(listener, *address, shared);
                if (ports.empty()) continue;
                if (found) ++found->more;
                else found = Overlap{*address, std::move(ports), range.pos, 0};
            }
        }
    }
    return found;
}

Diagnostic warning_for(const Overlap& overlap, const EphemeralPorts& ephemeral) {
    const std::string ports = to_string(overlap.ports);
    const std::string host =
        overlap.address.family == Family::ipv4 ? overlap.address.to_string() : fmt::format("[{}]", overlap.address.to_string());
    std::string on = overlap.address.to_string();
    if (overlap.more > 0) on += fmt::format(" and {} more", overlap.more);
    return {Diagnostic::Severity::warning,
            {fmt::format("ports: udp {} on {} is what this host's own clients use (net.ipv4.ip_local_port_range = {} {}): "
                         "it would take the replies to them; reserve the ports (sysctl net.ipv4.ip_local_reserved_ports={}), "
                         "or except = [\"{}:{}\"]",
                         ports, on, ephemeral.range.first, ephemeral.range.last, ports, host, ports),
             0, overlap.pos}};
}

} // namespace

Diagnostics ephemeral_overlaps(const Config& config, const std::vector<Address>& configured, const EphemeralPorts& ports) {
    Diagnostics all;
    for (const Service& service : config.services) {
        for (const Listener& listener : service.listeners) {
            if (listener.protocol != Protocol::udp) continue;
            if (const auto overlap = overlap_of(listener, configured, ports)) all.push_back(warning_for(*overlap, ports));
        }
    }
    sort_by_place(all);
    return all;
}

Diagnostics find_ephemeral_overlaps(const Config& config, const NetNamespace& ns) {
    Diagnostics all;
    auto done = ns.inside([&]() -> Status {
        const auto ports = read_ephemeral_ports();
        if (!ports) return Failure(ports.error());
        const auto configured = interface_addresses(ns);
        if (!configured) return Failure(configured.error());
        all = ephemeral_overlaps(config, *configured, *ports);
        return {};
    });
    if (!done)
        all.push_back(
            {Diagnostic::Severity::warning, std::move(done).error().within("overlap with the ports of this host's clients not checked")});
    return all;
}

} // namespace swathe
