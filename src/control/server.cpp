#include "control/server.h"

#include "control/access.h"
#include "control/connection.h"
#include "control/socket_path.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr int kAcceptsPerWakeup = 16;                                  // then the loop serves others
constexpr Duration kAcceptPause = std::chrono::seconds(1);             // when descriptors or memory have run out

} // namespace

struct ControlServer::State {
    State(Loop& l, const Options& o, ControlBackend& b, std::optional<gid_t> g, ListeningPath p)
        : loop(l), handshake_timeout(o.handshake_timeout), backend(b), group(g), listening(std::move(p)) {}

    Status watch();
    void accept_some();
    void admit(UniqueFd fd);
    Crowd crowd_around(uid_t uid) const;
    void reap();

    Loop& loop;
    Duration handshake_timeout;
    ControlBackend& backend;
    std::optional<gid_t> group;
    ListeningPath listening;
    std::vector<std::unique_ptr<Connection>> connections;
    DeferSource reaper; // destroys connections outside their own callbacks
    TimerSource pause_over;
    IoSource incoming;
};

Status ControlServer::State::watch() {
    auto defer = DeferSource::create(loop, [this] { reap(); });
    if (!defer) return Failure(std::move(defer).error());
    reaper = std::move(*defer);
    auto timer = TimerSource::create(loop, [this] { (void)incoming.set_enabled(true); });
    if (!timer) return Failure(std::move(timer).error());
    pause_over = std::move(*timer);
    auto io = IoSource::watch(loop, listening.fd(), EPOLLIN, [this](std::uint32_t) { accept_some(); });
    if (!io) return Failure(std::move(io).error());
    incoming = std::move(*io);
    return {};
}

void ControlServer::State::accept_some() {
    for (int i = 0; i < kAcceptsPerWakeup; ++i) {
        UniqueFd fd{::accept4(listening.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (fd) {
            admit(std::move(fd));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        (void)incoming.set_enabled(false); // level-triggered: without a pause this would spin
        (void)pause_over.arm(now() + kAcceptPause);
        return;
    }
}

/// Whoever is not let in is disconnected by the end of `fd`.
void ControlServer::State::admit(UniqueFd fd) {
    const auto peer = peer_of(fd.get());
    if (!peer) return;
    const Access access = access_of(*peer, ::geteuid(), group);
    if (!has_room(crowd_around(peer->uid), access)) return;
    auto connection = Connection::open(loop, {std::move(fd), peer->uid, access}, backend, handshake_timeout,
                                       [this] { (void)reaper.trigger(); });
    if (connection) connections.push_back(std::move(*connection));
}

Crowd ControlServer::State::crowd_around(uid_t uid) const {
    Crowd crowd;
    for (const auto& connection : connections) {
        if (connection->gone()) continue;
        ++crowd.all;
        if (connection->access() != Access::look) continue;
        ++crowd.lookers;
        if (connection->uid() == uid) ++crowd.of_same_user;
    }
    return crowd;
}

void ControlServer::State::reap() {
    const auto gone = [](const auto& connection) { return connection->gone(); };
    connections.erase(std::remove_if(connections.begin(), connections.end(), gone), connections.end());
}

Result<ControlServer> ControlServer::open(Loop& loop, const Options& options, ControlBackend& backend) {
    const auto group = find_group(options.group);
    if (!group) return Failure(group.error());
    auto listening = ListeningPath::open(options.path, *group);
    if (!listening) return Failure(std::move(listening).error().within("control socket"));
    auto state = std::make_unique<State>(loop, options, backend, *group, std::move(*listening));
    if (auto ok = state->watch(); !ok) return Failure(std::move(ok).error().within("control socket"));
    return ControlServer(std::move(state));
}

ControlServer::ControlServer(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
ControlServer::ControlServer(ControlServer&&) noexcept = default;
ControlServer& ControlServer::operator=(ControlServer&&) noexcept = default;
ControlServer::~ControlServer() = default;

} // namespace swathe
