#pragma once

#include "base/unique_fd.h"
#include "socket/flow.h"
#include "socket/open.h"

namespace swathe {

/// What can be told of a flow's socket without reading it. It changes with each datagram from the client; of what is sent to it nothing
/// tells.
struct FlowActivity {
    std::int64_t read_ns = 0;       ///< when the datagram that was read last had come, CLOCK_REALTIME; 0 = none was read. SIOCGSTAMPNS
    std::uint32_t unread_bytes = 0; ///< memory that unread datagrams take up
    std::uint32_t dropped = 0;      ///< there was no room for them
    bool is_told = true;            ///< false: the program has datagrams stamped itself (SO_TIMESTAMP), and `read_ns` stays as it is
    friend bool operator==(const FlowActivity&, const FlowActivity&) noexcept = default;
};

/// The socket of one flow: bound to the address and port asked and connected to the client, so that the kernel gives it all that the
/// client sends there (a connected socket comes before the dispatcher: udp.c, __udp4_lib_lookup), and answers leave from there. Others may
/// bind there beside it as Group's header says of SO_REUSEPORT.
class FlowSocket {
public:
    /// Opens it in `ns`, with the options of the listener. From now on no new datagram of this flow comes to the listener, `from`. Errors:
    /// the failing call; EADDRINUSE: another process has bound the address, or all addresses, for itself.
    [[nodiscard]] static Result<FlowSocket> open(const Listener& listener, const UdpFlow& flow, const NetNamespace& ns,
                                                 const BoundSocket& from);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }

    /// From now on it takes only what comes by the loopback interface: what the FlowInjector sends, and a client on this host whose packets
    /// come that way; all others' go to the listener.
    [[nodiscard]] Status hide() const;
    [[nodiscard]] Status show() const; ///< as it was

    [[nodiscard]] FlowActivity activity() const noexcept; ///< the first call makes `read_ns` known from then on
    [[nodiscard]] bool has_unread() const noexcept;

    /// Enlarges its receive buffer if these would fill much of it, so that the usual room is left beside them. It stays so.
    void make_room(const Payloads& for_these) const noexcept;

    /// Leaves the client's datagrams to the listener again, for good.
    [[nodiscard]] Status turn_away() const;

private:
    UniqueFd fd_;
    int device_ = 0;         // index of the interface that it is bound to when it is not hidden; 0 = none
    int receive_buffer_ = 0; // bytes, as getsockopt(2) has it
};

} // namespace swathe
