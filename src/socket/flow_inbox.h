#pragma once

#include "socket/flow.h"

#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

namespace swathe {

/// Datagrams that were read from a listener and have not been handed over yet, by flow, each flow's in the order of their arrival. What
/// does not fit is thrown away and counted, as the kernel does it where a socket is full.
class FlowInbox {
public:
    static constexpr std::size_t kRoom_bytes = 16 * 1024 * 1024; ///< payloads, and kOverhead_bytes for each of them
    static constexpr std::size_t kOverhead_bytes = 256;
    static constexpr std::size_t kMostRead = 65536; ///< at once: whoever sends faster than we read must not hold us

    /// Datagrams that were thrown away.
    struct Losses {
        std::size_t unfit = 0; ///< there was no room for them
        std::size_t stray = 0; ///< who sent them, or whom they asked, cannot be told or cannot be answered
    };

    void put(Datagram&& datagram);
    void put_back(const UdpFlow& flow, Payloads&& payloads); ///< before what waits of this flow
    void read(int listener); ///< all that waits there, or kMostRead

    [[nodiscard]] std::optional<UdpFlow> next() const; ///< the flow of the datagram that was read first
    [[nodiscard]] Payloads take(const UdpFlow& flow);  ///< all of this flow

    [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
    [[nodiscard]] std::size_t flows() const noexcept { return waiting_.size(); }
    [[nodiscard]] std::size_t datagrams() const noexcept; ///< of all flows
    [[nodiscard]] Losses take_losses() noexcept { return std::exchange(losses_, {}); } ///< since this was last asked

private:
    [[nodiscard]] bool fits(const Payload& payload);

    std::unordered_map<UdpFlow, Payloads, UdpFlowHash> waiting_;
    mutable std::deque<UdpFlow> order_; // of first datagrams; some are taken already
    std::size_t bytes_ = 0;
    Losses losses_;
};

} // namespace swathe
