#include "supervise/door.h"

#include <algorithm>

namespace swathe {

const char* key_of(TurnedAway why) noexcept {
    switch (why) {
    case TurnedAway::max_connections: return "max_connections";
    case TurnedAway::max_connections_per_source: return "max_connections_per_source";
    case TurnedAway::max_load: return "max_load";
    case TurnedAway::access_times: return "access_times";
    case TurnedAway::condition: return "condition";
    }
    return "";
}

SourceKey source_of(const ConnectionEnds& ends, const ConnectionContext& limits) noexcept {
    const bool is_ip = ends.kind == SocketKind::tcp || ends.kind == SocketKind::udp;
    if (!is_ip) return {SourceKey::Kind::user, {0, ends.uid}};
    const Address& address = ends.remote.address;
    const bool ipv4 = address.family == Family::ipv4;
    const unsigned length = ipv4 ? limits.source_prefix_ipv4 : limits.source_prefix_ipv6;
    const U128 others = U128::low_bits(width_of(address.family) - std::min(length, width_of(address.family)));
    return {ipv4 ? SourceKey::Kind::ipv4 : SourceKey::Kind::ipv6, address.bits & ~others};
}

bool is_open_at(std::span<const DayTimes> times, unsigned minute) noexcept {
    const auto has = [minute](const DayTimes& part) {
        const bool after = minute >= part.first, before = minute <= part.last;
        return part.first <= part.last ? after && before : after || before;
    };
    return times.empty() || std::any_of(times.begin(), times.end(), has);
}

bool Door::is_shut(const ConnectionContext& limits) const noexcept {
    return limits.max_connections && limits.max_connections_hit == OverLimit::queue && inside_ >= *limits.max_connections;
}

std::optional<TurnedAway> Door::refuses(const ConnectionContext& limits, const SourceKey& source, const DoorFacts& facts) const noexcept {
    if (facts.unmet) return TurnedAway::condition;
    if (!is_open_at(limits.access_times, facts.minute)) return TurnedAway::access_times;
    if (limits.max_load && facts.load > *limits.max_load) return TurnedAway::max_load;
    if (limits.max_connections && inside_ >= *limits.max_connections) return TurnedAway::max_connections;
    const auto& of_one = limits.max_connections_per_source;
    if (of_one && inside_of(source) >= *of_one) return TurnedAway::max_connections_per_source;
    return std::nullopt;
}

void Door::enter(const SourceKey& source) {
    ++inside_;
    ++sources_[source];
}

void Door::leave(const SourceKey& source) {
    const auto found = sources_.find(source);
    if (found == sources_.end()) return;
    --inside_;
    if (--found->second == 0) sources_.erase(found);
}

void Door::forget() noexcept {
    sources_.clear();
    inside_ = 0;
}

std::uint32_t Door::inside_of(const SourceKey& source) const noexcept {
    const auto found = sources_.find(source);
    return found == sources_.end() ? 0 : found->second;
}

std::uint32_t Door::most_of_a_source() const noexcept {
    std::uint32_t most = 0;
    for (const auto& [source, count] : sources_) most = std::max(most, count);
    return most;
}

} // namespace swathe
