#pragma once

#include "base/prefix.h"

#include <optional>
#include <string>
#include <vector>

namespace swathe {

/// What becomes of a packet to an address, as far as table "local" decides it.
enum class Delivery : std::uint8_t {
    none,      ///< not this host's, as far as this table knows
    local,     ///< delivered to its sockets
    broadcast, ///< delivered, but never to the dispatcher (SK_LOOKUP 1.2), nor to TCP at all: broadcast and anycast
};

/// A route of table "local", or what of one matters here.
struct LocalRoute {
    Prefix destination;
    Delivery delivery = Delivery::none; ///< none: unreachable, blackhole, throw, ...
    std::uint8_t protocol = 0;          ///< rtm_protocol: who made it
    std::uint32_t priority = 0;         ///< of two with one destination the lower counts
    friend auto operator<=>(const LocalRoute&, const LocalRoute&) noexcept = default;
};

/// Addresses that share one fate.
struct DeliverySpan {
    AddressRange range;
    Delivery delivery = Delivery::none;
};

/// The fate of all addresses that any route covers, by the longest matching prefix: disjoint spans in ascending order,
/// neighbours merged. What lies between them is Delivery::none, and so are no spans.
[[nodiscard]] std::vector<DeliverySpan> spans_of(std::vector<LocalRoute> routes);

/// The parts of `range` that are not delivered locally, in ascending order, with the reason (none or broadcast). Costs a binary
/// search and the spans inside.
[[nodiscard]] std::vector<DeliverySpan> gaps_in(const AddressRange& range, const std::vector<DeliverySpan>& spans);

/// The minimal prefixes that cover exactly the union of `ranges`, sorted.
[[nodiscard]] std::vector<Prefix> minimal_prefixes(std::vector<AddressRange> ranges);

/// Why a local route to `prefix` would cut the host off, if it would: it covers everything, or one of the `gateways` (sorted) that
/// the host sends through.
[[nodiscard]] std::optional<std::string> danger_of(const Prefix& prefix, const std::vector<Address>& gateways);

} // namespace swathe
