#pragma once

#include "event/loop.h"
#include "socket/hand_over.h"
#include "supervise/connections.h"
#include "supervise/flow_idle.h"

#include <map>

namespace swathe {

/// The UDP flows of a service with `accept`. To Connections each is a connection. Here is known which datagrams are whose, when a flow ends
/// although its process does not, and what becomes of the datagrams that a process has not read.
class Flows {
public:
    struct Counts {
        std::uint64_t begun = 0;     ///< flows, since the daemon started
        std::uint64_t continued = 0; ///< of these, with datagrams that the process before had left unread
        std::uint64_t idle = 0;      ///< ended, since nothing came
        std::uint64_t lost = 0;      ///< datagrams, by us: what the kernel drops where a socket is full is counted there
    };

    /// `waiting`: datagrams wait again for serve(), though the listener's socket need not be readable. `connections` and `loop` outlive
    /// this.
    [[nodiscard]] static Result<std::unique_ptr<Flows>> create(Loop& loop, Connections& connections, std::function<void()> waiting);
    Flows(const Flows&) = delete;
    Flows& operator=(const Flows&) = delete;
    ~Flows();

    /// Where datagrams come in.
    struct Entrance {
        const Listener& listener;
        const BoundSocket& socket;
        const NetNamespace& ns;
    };
    /// Gives what waits at the entrance to its flows. For each new one an instance is started, if `may_start`, asked once each, says so.
    /// False: some wait, for it or for room among the connections. Errors: no descriptor or no memory for a flow; it waits, too.
    [[nodiscard]] Result<bool> serve(const Entrance& at, const std::function<bool()>& may_start);

    [[nodiscard]] bool is_waiting(const BoundSocket& at) const; ///< something is, for serve()
    void forget_entrances(const std::vector<std::uint64_t>& but_for); ///< cookies of the sockets that there are

    [[nodiscard]] Counts counts() const noexcept { return counts_; }

private:
    class Live;
    using Due = std::multimap<Monotonic, Live*>;
    using NsKey = std::pair<std::uint64_t, std::uint64_t>;

    struct Space;

    Flows(Connections& connections, std::function<void()> waiting);

    [[nodiscard]] Result<Space*> space_of(const NetNamespace& ns);
    [[nodiscard]] Status begin_all(const Entrance& at, Space& space, FlowInbox& inbox, const std::function<bool()>& may_start);
    [[nodiscard]] Status begin(const Entrance& at, const UdpFlow& flow, Space& space, FlowInbox& inbox);
    [[nodiscard]] Status hand(Live& live, const Entrance& at, Space& space, FlowInbox& inbox);
    void start(Live& live, UniqueFd fd, ConnectionEnds ends, const Entrance& at);
    void put_late(const UdpFlow& flow, const Payloads& payloads, Space& space);
    void ended(Live& live);
    void remove(Live& live);
    void schedule(Live& live);
    void look_for_idle();
    void lose(std::size_t datagrams, const std::string& why);

    Connections& connections_;
    std::function<void()> waiting_;
    std::map<std::uint64_t, FlowInbox> inboxes_; ///< by the cookie of the listener's socket
    std::map<NsKey, std::unique_ptr<Space>> spaces_;
    Counts counts_;
    Due due_; ///< when a flow is to be looked at
    std::optional<TimerSource> timer_;
};

} // namespace swathe
