#include "supervise/gates.h"

namespace swathe {
namespace {

bool shuts_all_out(const ConnectionContext& limits, const Door& door) noexcept {
    return limits.max_connections && limits.max_connections_hit == OverLimit::drop && door.inside() >= *limits.max_connections;
}

bool shuts_out(const ConnectionContext& limits, const Door& door, const SourceKey& source) noexcept {
    return limits.max_connections_per_source && limits.max_connections_per_source_hit == OverLimit::drop &&
           door.inside_of(source) >= *limits.max_connections_per_source;
}

/// Nothing: no address.
std::optional<Prefix> prefix_of(const SourceKey& source, const ConnectionContext& limits) noexcept {
    switch (source.kind) {
    case SourceKey::Kind::ipv4: return Prefix{{Family::ipv4, source.bits}, limits.source_prefix_ipv4};
    case SourceKey::Kind::ipv6: return Prefix{{Family::ipv6, source.bits}, limits.source_prefix_ipv6};
    case SourceKey::Kind::user: return std::nullopt;
    }
    return std::nullopt;
}

} // namespace

void Gates::follow(const ConnectionContext& limits, const Door& door, const SourceKey& source) {
    if (const bool closed = shuts_all_out(limits, door); closed != closed_) {
        closed_ = closed;
        kernel_.set_gate(closed);
    }
    const auto prefix = prefix_of(source, limits);
    if (!prefix) return;
    const bool blocked = shuts_out(limits, door, source);
    if (blocked == blocked_.contains(*prefix)) return;
    blocked ? void(blocked_.insert(*prefix)) : void(blocked_.erase(*prefix));
    kernel_.block(*prefix, blocked);
}

void Gates::open() {
    if (std::exchange(closed_, false)) kernel_.set_gate(false);
    for (const Prefix& source : std::exchange(blocked_, {})) kernel_.block(source, false);
}

} // namespace swathe
