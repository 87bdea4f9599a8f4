#include "classify/limits.h"

#include <algorithm>

namespace swathe {
namespace {

constexpr std::uint64_t kMostNanoseconds = std::uint64_t{1} << 61; // 73 years: twice this after the boot is far from an overflow

dispatch_rate rate_of(const ConnectionRate& rate) noexcept {
    if (rate.count == 0) return {};
    const auto most_usec = static_cast<Duration::rep>(kMostNanoseconds / 1000);
    const auto per = static_cast<std::uint64_t>(std::clamp<Duration::rep>(rate.per.count(), 1, most_usec)) * 1000;
    const std::uint64_t interval = std::max<std::uint64_t>(1, per / rate.count);
    const std::uint64_t burst = rate.burst != 0 ? rate.burst : rate.count;
    return {interval, burst > kMostNanoseconds / interval ? kMostNanoseconds : interval * burst};
}

bool drops_beyond_all(const Service& service) noexcept {
    return service.accept && service.max_connections && service.max_connections_hit == OverLimit::drop;
}

bool drops_beyond_source(const Service& service) noexcept {
    return service.accept && service.max_connections_per_source && service.max_connections_per_source_hit == OverLimit::drop;
}

} // namespace

bool has_limits(const Service& service, const Listener& listener) noexcept {
    return listener.connection_rate.count != 0 || listener.source_rate.count != 0 || drops_beyond_all(service) ||
           drops_beyond_source(service);
}

dispatch_limit limit_for(const Service& service, const Listener& listener, std::uint32_t limiter) noexcept {
    dispatch_limit limit{};
    limit.limiter = limiter;
    limit.blocks = drops_beyond_source(service);
    limit.all = rate_of(listener.connection_rate);
    limit.one_source = rate_of(listener.source_rate);
    limit.mask4 = ~U128::low_bits(32U - service.source_prefix_ipv4).lo & 0xffffffffU;
    const U128 mask6 = ~U128::low_bits(128U - service.source_prefix_ipv6);
    limit.mask6_hi = mask6.hi;
    limit.mask6_lo = mask6.lo;
    return limit;
}

} // namespace swathe
