#include "supervise/flows.h"

#include "socket/datagrams.h"
#include "socket/descriptors.h"

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include <fcntl.h>
#include <fmt/format.h>

namespace swathe {
namespace {

bool is_want(int error) noexcept { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

std::string count_of(std::size_t datagrams) { return fmt::format("{} datagram{}", datagrams, datagrams == 1 ? "" : "s"); }

} // namespace

/// One flow. A duplicate of its socket stays here, to tell when it is idle, and what its process has left.
class Flows::Live final : public SocketKeeper {
public:
    Live(Flows& flows, Space& in, const UdpFlow& of, FlowSocket opened, std::uint64_t listener)
        : all(flows), space(in), flow(of), socket(std::move(opened)), entrance(listener), due(flows.due_.end()) {}

    void begun(Session& by) override { connection = &by; }
    void ended(Session&) override { all.ended(*this); } // deletes this

    Flows& all;
    Space& space;
    const UdpFlow flow;
    FlowSocket socket;
    const std::uint64_t entrance; ///< cookie of the listener's socket
    FlowActivity at_start;
    std::size_t injected = 0;
    FlowIdle idle;
    Due::iterator due;
    Session* connection = nullptr;
};

/// The flows of one network namespace.
struct Flows::Space {
    FlowInjector injector;
    std::unordered_map<UdpFlow, std::unique_ptr<Live>, UdpFlowHash> living;
};

Flows::Flows(Connections& connections, std::function<void()> waiting) : connections_(connections), waiting_(std::move(waiting)) {}
Flows::~Flows() { forget_entrances({}); }

Result<std::unique_ptr<Flows>> Flows::create(Loop& loop, Connections& connections, std::function<void()> waiting) {
    std::unique_ptr<Flows> made(new Flows(connections, std::move(waiting)));
    auto timer = TimerSource::create(loop, [self = made.get()] { self->look_for_idle(); });
    if (!timer) return Failure(std::move(timer).error());
    made->timer_ = std::move(*timer);
    return made;
}

// --- who comes

Result<bool> Flows::serve(const Entrance& at, const std::function<bool()>& may_start) {
    auto space = space_of(at.ns);
    if (!space) return Failure(std::move(space).error());
    FlowInbox& inbox = inboxes_[at.socket.cookie];
    inbox.read(at.socket.fd.get());
    const Status begun = begin_all(at, **space, inbox, may_start);
    const FlowInbox::Losses losses = inbox.take_losses();
    lose(losses.unfit, "too many wait for an instance");
    lose(losses.stray, "they cannot be answered");
    if (!begun) return Failure(begun.error());
    return inbox.empty();
}

/// Until none is left or one has to wait.
Status Flows::begin_all(const Entrance& at, Space& space, FlowInbox& inbox, const std::function<bool()>& may_start) {
    while (const auto flow = inbox.next()) {
        if (space.living.contains(*flow)) {
            put_late(*flow, inbox.take(*flow), space);
            continue;
        }
        if (connections_.is_shut() || !may_start()) break;
        if (auto begun = begin(at, *flow, space, inbox); !begun) return begun;
    }
    return {};
}

Result<Flows::Space*> Flows::space_of(const NetNamespace& ns) {
    const NsKey key(ns.device(), ns.inode());
    if (const auto found = spaces_.find(key); found != spaces_.end()) return found->second.get();
    auto injector = FlowInjector::open(ns);
    if (!injector) return Failure(std::move(injector).error());
    std::unique_ptr<Space>& space = spaces_[key];
    space = std::make_unique<Space>(Space{std::move(*injector), {}});
    return space.get();
}

/// Errors: as serve(); what has come is still in the inbox. Whatever else is wrong costs the datagrams, and a line in the log.
Status Flows::begin(const Entrance& at, const UdpFlow& flow, Space& space, FlowInbox& inbox) {
    ConnectionEnds ends;
    ends.kind = SocketKind::udp;
    ends.remote = flow.client;
    ends.local = flow.asked;
    if (!connections_.admits(ends)) {
        (void)inbox.take(flow);
        return {};
    }
    if (!has_descriptors(kDescriptorsOfStart)) return failure("flow", EMFILE);
    auto socket = FlowSocket::open(at.listener, flow, at.ns, at.socket);
    UniqueFd fd(socket ? ::fcntl(socket->fd(), F_DUPFD_CLOEXEC, 0) : -1);
    const int error = socket ? (fd ? 0 : errno) : socket.error().errno_value;
    if (is_want(error)) return failure("flow", error);
    if (error != 0) {
        lose(inbox.take(flow).size(), socket ? "no descriptor" : socket.error().to_string());
        return {};
    }
    Live& live = *(space.living[flow] = std::make_unique<Live>(*this, space, flow, std::move(*socket), at.socket.cookie));
    if (auto handed = hand(live, at, space, inbox); !handed) {
        lose(1, handed.error().to_string());
        remove(live);
        return {};
    }
    start(live, std::move(fd), std::move(ends), at);
    return {};
}

Status Flows::hand(Live& live, const Entrance& at, Space& space, FlowInbox& inbox) {
    auto handed = hand_over(live.socket, live.flow, at.socket.fd.get(), inbox, space.injector);
    if (!handed) return Failure(std::move(handed).error());
    lose(handed->lost, "they could not be delivered to their flow");
    live.injected = handed->injected;
    live.at_start = live.socket.activity();
    return {};
}

/// Its process may have ended by the return.
void Flows::start(Live& live, UniqueFd fd, ConnectionEnds ends, const Entrance& at) {
    ++counts_.begun;
    socklen_t size = sizeof ends.cookie;
    (void)::getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, &ends.cookie, &size); // cannot fail for a socket
    const UdpFlow flow = live.flow;
    Space& space = live.space;
    connections_.serve(std::move(fd), std::move(ends), at.listener, &live);
    const auto found = space.living.find(flow);
    if (found == space.living.end() || found->second.get() != &live) return;
    if (live.connection == nullptr) return remove(live); // there was no instance, which was said
    live.idle = begin_flow_idle(live.connection->service().flow_idle_sec, live.at_start, BothClocks::read());
    schedule(live);
}

/// It was on its way to the listener when the flow's socket was opened.
void Flows::put_late(const UdpFlow& flow, const Payloads& payloads, Space& space) {
    for (const Payload& payload : payloads)
        if (auto sent = space.injector.send({flow, payload}); !sent) lose(1, sent.error().to_string());
}

bool Flows::is_waiting(const BoundSocket& at) const {
    const auto found = inboxes_.find(at.cookie);
    return found != inboxes_.end() && !found->second.empty();
}

void Flows::forget_entrances(const std::vector<std::uint64_t>& but_for) {
    std::size_t lost = 0;
    std::erase_if(inboxes_, [&](const auto& one) {
        const bool gone = std::find(but_for.begin(), but_for.end(), one.first) == but_for.end();
        if (gone) lost += one.second.datagrams();
        return gone;
    });
    lose(lost, "they waited at a listener that is no more");
    std::erase_if(spaces_, [](const auto& one) { return one.second->living.empty(); });
}

// --- how they end

/// What it has not read is for the next one, unless it read nothing at all: then that one would do no better. New datagrams go to the
/// listener from here on, behind those.
void Flows::ended(Live& live) {
    (void)live.socket.turn_away(); // there is a route to this host
    const bool has_read = live.socket.activity().read_ns != live.at_start.read_ns;
    Payloads left = read_payloads(live.socket.fd(), FlowInbox::kMostRead);
    const auto inbox = inboxes_.find(live.entrance);
    if (left.empty()) return remove(live);
    const bool reads_none = !has_read && left.size() >= live.injected;
    if (inbox == inboxes_.end() || reads_none) {
        lose(left.size(), reads_none ? "the process ended without reading any" : "the process left them, and their listener is no more");
        return remove(live);
    }
    ++counts_.continued;
    inbox->second.put_back(live.flow, std::move(left));
    lose(inbox->second.take_losses().unfit, "no room for what its process has not read");
    remove(live);
    waiting_();
}

void Flows::remove(Live& live) {
    if (live.due != due_.end()) due_.erase(live.due);
    live.space.living.erase(UdpFlow(live.flow)); // a copy: the flow's own goes with it
}

void Flows::schedule(Live& live) {
    live.due = due_.end();
    if (live.idle.look_at == Monotonic::max()) return;
    live.due = due_.emplace(live.idle.look_at, &live);
    if (live.due == due_.begin()) (void)timer_->arm(live.idle.look_at); // cannot fail for a source of a living loop
}

void Flows::look_for_idle() {
    const BothClocks at = BothClocks::read();
    while (!due_.empty() && due_.begin()->first <= at.now) {
        Live& live = *due_.begin()->second;
        due_.erase(due_.begin());
        live.due = due_.end();
        const bool idle = look(live.idle, live.connection->service().flow_idle_sec, live.socket.activity(), at);
        if (!idle) {
            schedule(live);
            continue;
        }
        ++counts_.idle;
        live.connection->instance().stop(false); // may end it, and this flow
    }
    if (!due_.empty()) (void)timer_->arm(due_.begin()->first);
}

void Flows::lose(std::size_t datagrams, const std::string& why) {
    if (datagrams == 0) return;
    counts_.lost += datagrams;
    connections_.complain(LogLevel::warning, fmt::format("{} lost: {}", count_of(datagrams), why));
}

} // namespace swathe
