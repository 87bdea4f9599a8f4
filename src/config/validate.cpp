#include "config/validate.h"

#include "config/net_values.h"
#include "config/socket_checks.h"

#include <array>

#include <fmt/format.h>

namespace swathe {
namespace {

/// Destinations that are never looked up: the kernel delivers multicast and broadcast to every socket that is bound to
/// them (net/ipv4/udp.c, __udp4_lib_mcast_deliver()), and TCP has none.
struct Unreachable {
    AddressRange block;
    const char* kind;
};
const std::array kUnreachable{
    Unreachable{AddressRange::of({Address::v4(0xe0000000), 4}), "multicast"},             // 224.0.0.0/4
    Unreachable{AddressRange::of(Prefix::host(Address::v4(0xffffffff))), "broadcast"},    // 255.255.255.255
    Unreachable{AddressRange::of({{Family::ipv6, {0xff00ULL << 48, 0}}, 8}), "multicast"} // ff00::/8
};

void warn_unreachable(const Placed<AddressRange>& range, Report& report) {
    for (const Unreachable& known : kUnreachable) {
        if (known.block.contains(range.value.first) && known.block.contains(range.value.last))
            report.warning(
                range.pos, "",
                fmt::format("{} is {}: such packets cannot be steered", range.value.to_string(), known.kind));
    }
}

std::size_t addresses_in(const std::vector<Endpoint>& endpoints) noexcept {
    std::size_t count = 0;
    for (const Endpoint& endpoint : endpoints)
        for (const auto& range : endpoint.addresses) count += prefixes_in(range.value);
    return count;
}

std::size_t sockets_of(const Listener& listener) noexcept {
    return listener.family_sockets == FamilySockets::split && listener.has_family(Family::ipv4) &&
                   listener.has_family(Family::ipv6)
               ? 2
               : 1;
}

/// What of a configuration is limited as a whole; says so once, where the limit is passed.
class Totals {
public:
    Totals(Report& report, std::size_t max_addresses) : report_(report), max_addresses_(max_addresses) {}

    void add(const Listener& listener) {
        const std::size_t sources = listener.guard.from.size() + listener.guard.except_from.size() + listener.blocked.size();
        count(sockets_, sockets_of(listener), limits::kListenerSockets, "listener sockets", listener.pos);
        count(addresses_, addresses_in(listener.endpoints) + addresses_in(listener.except) + sources,
              max_addresses_, "address ranges", listener.pos);
    }

    void add(const GlobalRule& rule) {
        count(addresses_, addresses_in(rule.endpoints) + addresses_in(rule.except) + rule.guard.from.size(),
              max_addresses_, "address ranges", rule.pos);
    }

private:
    void count(std::size_t& total, std::size_t more, std::size_t max, std::string_view what, const SourcePos& where) {
        if (total <= max && total + more > max)
            report_.error(where, "", fmt::format("more than {} {} in all", max, what));
        total += more;
    }

    Report& report_;
    std::size_t max_addresses_;
    std::size_t sockets_ = 0;
    std::size_t addresses_ = 0;
};

} // namespace

void validate(const Config& config, Report& report, std::size_t max_addresses) {
    check_unix_paths(config, report);
    Totals totals(report, max_addresses);
    for (const GlobalRule& rule : config.rules) totals.add(rule);
    for (const Service& service : config.services)
        for (const Listener& listener : service.listeners) {
            totals.add(listener);
            for (const Endpoint& endpoint : listener.endpoints)
                for (const auto& range : endpoint.addresses) warn_unreachable(range, report);
        }
}

} // namespace swathe
