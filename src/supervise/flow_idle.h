#pragma once

#include "base/clock.h"
#include "socket/flow_socket.h"

namespace swathe {

/// Decides when a flow has been without datagrams from its client for `flow_idle_sec`. Pure and a value: the clocks are passed in. There is
/// one look when the last datagram that is known of is so old, at which the time of one that was read since is known; one that was not read
/// counts as come at that look. So a flow ends after 1 to 2 times `flow_idle_sec`, and never early. What the program sends does not count,
/// for nothing tells of it. Of a program that has datagrams stamped itself nothing is told, and the flow is never idle.
struct FlowIdle {
    FlowActivity seen;
    Monotonic last{};                     ///< of the last datagram, as far as is known
    Monotonic look_at = Monotonic::max(); ///< max() = never
    std::chrono::nanoseconds offset{};    ///< between the two clocks; a change is a step of CLOCK_REALTIME, and makes its times worthless
};

/// One moment by both clocks.
struct BothClocks {
    Monotonic now{};
    std::int64_t realtime_ns = 0; ///< CLOCK_REALTIME
    [[nodiscard]] static BothClocks read() noexcept;
};

[[nodiscard]] FlowIdle begin_flow_idle(Duration limit, const FlowActivity& signs, const BothClocks& at) noexcept;

/// `look_at` has come. True: it is idle; else look again.
[[nodiscard]] bool look(FlowIdle& idle, Duration limit, const FlowActivity& signs, const BothClocks& at) noexcept;

} // namespace swathe
