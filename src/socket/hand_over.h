#pragma once

#include "socket/flow_inbox.h"
#include "socket/flow_inject.h"
#include "socket/flow_socket.h"

namespace swathe {

/// What has become of a datagram that was put into a flow's socket.
enum class Injection {
    arrived,
    refused,  ///< there was no room for it, or no way
    vanished, ///< nothing was heard of it for as long as one waits: netfilter has it
};

/// What hand_over() does to the world: a flow's socket, which is open, and the listener that its first datagrams have come to.
class FlowHandling {
public:
    virtual ~FlowHandling() = default;
    [[nodiscard]] virtual Payloads drain() = 0;              ///< what of this flow waits in the listener
    [[nodiscard]] virtual Payloads take() = 0;               ///< what waits in the flow's socket
    [[nodiscard]] virtual Status hide() = 0;                 ///< this and the next two: FlowSocket
    [[nodiscard]] virtual Status show() = 0;
    virtual void make_room(const Payloads& for_these) = 0;
    virtual void settle() = 0; ///< waits until a datagram has got to the socket that the kernel has chosen for it already
    [[nodiscard]] virtual Injection inject(const Payload& payload) = 0; ///< to the end of the flow's socket
};

/// What has become of the datagrams.
struct HandedOver {
    std::size_t injected = 0; ///< they wait in the flow's socket
    std::size_t lost = 0;     ///< it had no room, or netfilter would not have them: once one has vanished nobody waits for another
    bool in_order = true;     ///< false: the client sends so fast that kMostRounds were not enough
};

/// Of a sender who never pauses it takes one or two: what is to be missed is the moment between the last drain() and show().
inline constexpr int kMostRounds = 16;
/// Injected in a round before it ends whatever comes: who sends faster than we can inject must not hold us.
inline constexpr std::size_t kMostInjected = 65536;

/// Puts the datagrams that have come to the listener into the flow's socket, in the order of their arrival and before those that come to it
/// by themselves, of which none is lost either. Requires that the flow's socket is not hidden. Afterwards it is not. Errors: hide() or
/// show(); then what was taken is lost.
///
/// The order holds where the kernel keeps it: a datagram whose way was chosen on another CPU is waited for with settle(). One that takes
/// longer still (a virtual machine's CPU may stand still anywhere) is overtaken, and if its way is to the listener it is left there, to be
/// injected when it is found. Of a client on this host whose packets come by
/// the loopback interface those come through while the socket is hidden, and so between those that are injected.
[[nodiscard]] Result<HandedOver> hand_over(FlowHandling& flow);

/// The real one. `inbox`: what was read from the listener before, and what is found there of other flows.
[[nodiscard]] Result<HandedOver> hand_over(const FlowSocket& socket, const UdpFlow& flow, int listener, FlowInbox& inbox,
                                           FlowInjector& injector);

} // namespace swathe
