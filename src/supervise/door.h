#pragma once

#include "model/connection_context.h"
#include "socket/accepted.h"

#include <array>
#include <map>
#include <span>

namespace swathe {

/// Why a connection is closed as soon as it is accepted.
enum class TurnedAway : std::uint8_t { max_connections, max_connections_per_source, max_load, access_times, condition };
inline constexpr std::size_t kTurnedAwayReasons = 5;
[[nodiscard]] const char* key_of(TurnedAway why) noexcept; ///< "max_connections", ...

/// Who counts as one: a prefix of addresses, or a user who comes through a UNIX socket.
struct SourceKey {
    enum class Kind : std::uint8_t { ipv4, ipv6, user };
    Kind kind = Kind::ipv4;
    U128 bits; ///< the prefix without its other bits, or the uid
    friend auto operator<=>(const SourceKey&, const SourceKey&) noexcept = default;
};
[[nodiscard]] SourceKey source_of(const ConnectionEnds& ends, const ConnectionContext& limits) noexcept;

/// Is `minute` of the day, in local time, within one of `times`? Always, where there are none.
[[nodiscard]] bool is_open_at(std::span<const DayTimes> times, unsigned minute) noexcept;

/// What a decision needs to know of the world.
struct DoorFacts {
    double load = 0;     ///< average of one minute
    unsigned minute = 0; ///< of the day, in local time
    bool unmet = false;  ///< a condition or an assertion of the service is
};

/// Counts who is served now, and decides who else may come in. Pure.
class Door {
public:
    /// No more than max_connections are served, and who else comes is to wait in the backlog.
    [[nodiscard]] bool is_shut(const ConnectionContext& limits) const noexcept;
    [[nodiscard]] std::optional<TurnedAway> refuses(const ConnectionContext& limits, const SourceKey& source,
                                                    const DoorFacts& facts) const noexcept;

    void enter(const SourceKey& source);
    void leave(const SourceKey& source); ///< requires that it entered
    void forget() noexcept;           ///< all of them: to be counted anew after a reload

    [[nodiscard]] std::uint32_t inside() const noexcept { return inside_; }
    [[nodiscard]] std::uint32_t inside_of(const SourceKey& source) const noexcept;
    [[nodiscard]] std::uint32_t most_of_a_source() const noexcept;

private:
    std::map<SourceKey, std::uint32_t> sources_; ///< only those that have somebody inside
    std::uint32_t inside_ = 0;
};

} // namespace swathe
