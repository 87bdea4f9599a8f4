#include "socket/local_routes.h"

#include "socket/route_table.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::size_t kMostUnrouted = 16;     ///< ranges of one listener that are named
constexpr std::size_t kMostCommands = 8;      ///< commands that one message suggests
constexpr std::size_t kMostLookups = 1'000;   ///< RTM_GETROUTE requests, about 5 us each; what is left then counts as these did

std::string ip_command(const NetNamespace& ns, Family family) {
    const char* six = family == Family::ipv6 ? " -6" : "";
    if (ns.name().empty()) return fmt::format("ip{}", six);
    if (ns.name().front() == '/') return fmt::format("nsenter --net={} ip{}", ns.name(), six);
    return fmt::format("ip -n {}{}", ns.name(), six);
}

bool has_gap(const Prefix& prefix, const std::vector<DeliverySpan>& spans) {
    const auto gaps = gaps_in(AddressRange::of(prefix), spans);
    return std::any_of(gaps.begin(), gaps.end(), [](const DeliverySpan& gap) { return gap.delivery == Delivery::none; });
}

bool is_everything(const AddressRange& range) {
    return range.first.bits == U128{} && range.last.bits == U128::low_bits(width_of(range.family()));
}

/// Looks through a configuration for what the namespace does not deliver.
class RouteCheck {
public:
    RouteCheck(const NetNamespace& ns, Netlink& netlink, const std::vector<DeliverySpan>& spans)
        : ns_(ns), netlink_(netlink), spans_(spans) {}

    void visit(const Listener& listener) {
        std::size_t unrouted = 0;
        for (const Endpoint& endpoint : listener.endpoints) {
            for (const auto& range : endpoint.addresses) {
                if (is_everything(range.value)) continue; // whatever is delivered here, as a wildcard bind: nothing to route
                const auto gaps = gaps_in(range.value, spans_);
                note_broadcasts(range, gaps);
                if (!is_unrouted(gaps)) continue;
                if (++unrouted <= kMostUnrouted) warn(range, gaps);
            }
        }
        if (unrouted > kMostUnrouted)
            add(Diagnostic::Severity::warning, listener.pos,
                fmt::format("addresses: {} more of them are not routed to this host; local_routes = true adds all routes",
                            unrouted - kMostUnrouted));
    }

    Diagnostics take() { return std::move(all_); }

private:
    void add(Diagnostic::Severity severity, const SourcePos& pos, std::string text) {
        all_.push_back({severity, {std::move(text), 0, pos}});
    }

    /// Table "local" is not all there is: a policy rule may deliver the rest by another table, so the kernel is asked.
    bool is_unrouted(const std::vector<DeliverySpan>& gaps) {
        return std::any_of(gaps.begin(), gaps.end(), [&](const DeliverySpan& gap) {
            return gap.delivery == Delivery::none && !(looked_up_delivered(gap.range.first) && looked_up_delivered(gap.range.last));
        });
    }

    /// A table that delivers a thousand addresses out of a thousand is taken to deliver all.
    bool looked_up_delivered(const Address& address) {
        if (lookups_ == kMostLookups) return all_delivered_;
        ++lookups_;
        const bool delivered = is_delivered(netlink_, address);
        all_delivered_ = all_delivered_ && delivered;
        return delivered;
    }

    /// Most hosts have their interface's own broadcast address in the middle of what they serve.
    void note_broadcasts(const Placed<AddressRange>& range, const std::vector<DeliverySpan>& gaps) {
        for (const DeliverySpan& gap : gaps)
            if (gap.delivery == Delivery::broadcast)
                add(Diagnostic::Severity::note, range.pos,
                    fmt::format("addresses: {} is a broadcast or anycast address of an interface: what is sent there is not steered",
                                gap.range.to_string()));
    }

    /// The commands that would deliver `range`; dangerous ones are explained instead.
    std::string cure_of(const AddressRange& range) {
        std::vector<Prefix> prefixes;
        append_prefixes(range, prefixes);
        std::string commands;
        std::size_t count = 0;
        for (const Prefix& prefix : prefixes) {
            if (!has_gap(prefix, spans_)) continue;
            if (const auto danger = danger_of(prefix, gateways()))
                return fmt::format("a local route to {} is no cure, it {}: claim only addresses of this host", prefix.to_string(), *danger);
            if (++count > kMostCommands) continue;
            commands += fmt::format("{}{} route add local {} dev lo", commands.empty() ? "" : "; ", ip_command(ns_, prefix.family()),
                                    prefix.to_string());
        }
        if (count > kMostCommands) commands += fmt::format("; and {} more", count - kMostCommands);
        return fmt::format("mend it with: {} (or say local_routes = true)", commands);
    }

    void warn(const Placed<AddressRange>& range, const std::vector<DeliverySpan>& gaps) {
        const bool whole = gaps.size() == 1 && gaps.front().range == range.value;
        add(Diagnostic::Severity::warning, range.pos,
            fmt::format("addresses: {} is not{} routed to this host; {}", range.value.to_string(), whole ? "" : " completely",
                        cure_of(range.value)));
    }

    /// Read once, and only on a host where something is not routed: table "main" may be long. Unreadable counts as none.
    const std::vector<Address>& gateways() {
        if (!gateways_) gateways_ = read_gateways(netlink_).value_or(std::vector<Address>{});
        return *gateways_;
    }

    const NetNamespace& ns_;
    Netlink& netlink_;
    const std::vector<DeliverySpan>& spans_;
    std::optional<std::vector<Address>> gateways_;
    std::size_t lookups_ = 0;
    bool all_delivered_ = true;
    Diagnostics all_;
};

} // namespace

Result<Diagnostics> find_unrouted(const Config& config, const NetNamespace& ns) {
    Diagnostics all;
    auto done = with_routes(ns, [&](Netlink& netlink) -> Status {
        auto table = read_local_table(netlink);
        if (!table) return Failure(std::move(table).error());
        const auto spans = spans_of(std::move(*table));
        RouteCheck check(ns, netlink, spans);
        for (const Service& service : config.services)
            for (const Listener& listener : service.listeners)
                if (!listener.local_routes) check.visit(listener);
        all = check.take();
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    sort_by_place(all);
    return all;
}

} // namespace swathe
