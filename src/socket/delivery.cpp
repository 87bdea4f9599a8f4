#include "socket/delivery.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace swathe {
namespace {

bool is_last(const Address& a) { return a.bits == U128::low_bits(width_of(a.family)); }
Address next(const Address& a) { return {a.family, a.bits.next()}; }
Address previous(const Address& a) { return {a.family, a.bits.previous()}; }

/// Walks nested prefixes in ascending order and writes down which one is the innermost where.
class Sweep {
public:
    void enter(const LocalRoute& route) {
        close_before(route.destination.first());
        if (!open_.empty() && at_ < route.destination.first()) emit(previous(route.destination.first()));
        at_ = route.destination.first();
        done_ = false;
        open_.push_back(route);
    }

    std::vector<DeliverySpan> finish() {
        while (!open_.empty()) close_innermost();
        return std::move(spans_);
    }

private:
    void close_before(const Address& address) {
        while (!open_.empty() && open_.back().destination.last() < address) close_innermost();
    }

    void close_innermost() {
        const Address last = open_.back().destination.last();
        if (!done_ && at_ <= last) emit(last);
        open_.pop_back();
        done_ = is_last(last); // there is no next address to go on from
        if (!done_) at_ = next(last);
    }

    /// From at_ to `last` the innermost open route decides.
    void emit(const Address& last) {
        const Delivery delivery = open_.back().delivery;
        if (delivery == Delivery::none) return;
        const bool adjoins = !spans_.empty() && spans_.back().delivery == delivery && !is_last(spans_.back().range.last) &&
                             next(spans_.back().range.last) == at_;
        if (adjoins) spans_.back().range.last = last;
        else spans_.push_back({{at_, last}, delivery});
    }

    std::vector<LocalRoute> open_; ///< innermost last
    std::vector<DeliverySpan> spans_;
    Address at_;
    bool done_ = false;
};

} // namespace

std::vector<DeliverySpan> spans_of(std::vector<LocalRoute> routes) {
    const auto key = [](const LocalRoute& r) { return std::tuple(r.destination.address, r.destination.length); };
    std::stable_sort(routes.begin(), routes.end(), [&](const LocalRoute& a, const LocalRoute& b) {
        return std::tuple(key(a), a.priority) < std::tuple(key(b), b.priority);
    });
    routes.erase(std::unique(routes.begin(), routes.end(), [&](const auto& a, const auto& b) { return key(a) == key(b); }), routes.end());
    Sweep sweep;
    for (const LocalRoute& route : routes) sweep.enter(route);
    return sweep.finish();
}

std::vector<DeliverySpan> gaps_in(const AddressRange& range, const std::vector<DeliverySpan>& spans) {
    std::vector<DeliverySpan> gaps;
    auto span =
        std::lower_bound(spans.begin(), spans.end(), range.first, [](const DeliverySpan& s, const Address& a) { return s.range.last < a; });
    Address at = range.first;
    for (; span != spans.end() && span->range.first <= range.last; ++span) {
        if (at < span->range.first) gaps.push_back({{at, previous(span->range.first)}, Delivery::none});
        const Address last = std::min(span->range.last, range.last);
        if (span->delivery != Delivery::local) gaps.push_back({{std::max(at, span->range.first), last}, span->delivery});
        if (last == range.last) return gaps;
        at = next(last);
    }
    gaps.push_back({{at, range.last}, Delivery::none});
    return gaps;
}

std::vector<Prefix> minimal_prefixes(std::vector<AddressRange> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<Prefix> prefixes;
    for (std::size_t i = 0; i < ranges.size();) {
        AddressRange merged = ranges[i];
        for (++i; i < ranges.size() && ranges[i].family() == merged.family(); ++i) {
            if (!is_last(merged.last) && ranges[i].first > next(merged.last)) break;
            merged.last = std::max(merged.last, ranges[i].last);
        }
        append_prefixes(merged, prefixes);
    }
    return prefixes;
}

std::optional<std::string> danger_of(const Prefix& prefix, const std::vector<Address>& gateways) {
    if (prefix.length == 0) return "would keep all traffic of this host from leaving it";
    const auto gateway = std::lower_bound(gateways.begin(), gateways.end(), prefix.first());
    if (gateway == gateways.end() || !prefix.contains(*gateway)) return std::nullopt;
    return fmt::format("contains {}, a router that this host sends through", gateway->to_string());
}

} // namespace swathe
