// ServiceUnit: listeners of which each worker has a socket of its own (listener_mode = "reuseport").

#include "socket/backlog.h"
#include "supervise/service_unit.h"
#include "supervise/site.h"

#include <algorithm>
#include <numeric>

namespace swathe {

std::size_t members_of(const Service& service, const Listener& listener) noexcept {
    return listener.listener_mode == ListenerMode::reuseport ? std::max(service.workers, 1U) : 1;
}

bool ServiceUnit::has_groups() const noexcept {
    const auto& all = service_->listeners;
    return std::any_of(all.begin(), all.end(), [](const Listener& listener) { return listener.listener_mode == ListenerMode::reuseport; });
}

/// The members that have somebody to take what comes; all, where nobody does, so that who comes waits for whoever is there first. A worker
/// that is one too many is none any more, and neither is one that runs since before the sockets were opened.
std::vector<std::size_t> ServiceUnit::serving(const LiveSocket& socket) const {
    const std::size_t wanted = std::min<std::size_t>(socket.group.size(), std::max(service_->workers, 1U));
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < std::min(wanted, workers_.size()); ++i) {
        const Worker& worker = *workers_[i];
        if (worker.life.state != State::running || !worker.instance) continue;
        const auto inode = socket_inode(socket.group[i].fd.get());
        const std::vector<std::uint64_t>& has = worker.instance->inherited();
        if (inode && std::find(has.begin(), has.end(), *inode) != has.end()) members.push_back(i);
    }
    if (!members.empty()) return members;
    members.resize(wanted);
    std::iota(members.begin(), members.end(), 0U);
    return members;
}

/// `anew`: whatever the groups were told before, they may have forgotten it, or it may mean something else now.
void ServiceUnit::spread_traffic(bool anew) {
    if (!has_groups() || closed_) return;
    std::vector<const Instance*> now;
    for (const auto& worker : workers_) now.push_back(worker->life.state == State::running ? worker->instance.get() : nullptr);
    if (!anew && now == serving_) return;
    serving_ = std::move(now);
    for (const LiveListener& listener : listeners_)
        for (const LiveSocket& socket : listener.sockets)
            if (socket.group.size() > 1) spread(socket);
}

void ServiceUnit::spread(const LiveSocket& socket) const {
    std::vector<std::size_t> members = serving(socket);
    if (members.size() == socket.group.size()) members.clear(); // the kernel's own choice keeps the datagrams of one client together
    if (auto spread = socket.group.spread_over(members); !spread) say(LogLevel::error, spread.error().to_string());
}

Status ServiceUnit::grow_groups(std::size_t listener, const Listener& next, std::size_t members) {
    for (LiveSocket& socket : listeners_[listener].sockets) {
        if (!socket.group.is_open() || socket.group.size() >= members) continue;
        const std::vector<std::size_t> before = serving(socket);
        if (socket.group.size() > 1) // by number: who joins gets nothing
            if (auto told = socket.group.spread_over(before); !told) return told;
        if (auto grown = socket.group.grow(next, socket.site->ns, members); !grown) return grown;
        if (auto told = socket.group.spread_over(before); !told) return told;
    }
    return {};
}

/// Has an instance this member, or will one? Those that drain count.
bool ServiceUnit::is_used(std::size_t member) const {
    bool used = member < workers_.size();
    each_instance([&](const Instance& instance) { used = used || instance.number() == member + 1; });
    return used;
}

void ServiceUnit::trim_groups() {
    bool trimmed = false;
    for (std::size_t l = 0; l < listeners_.size() && !closed_; ++l)
        for (LiveSocket& socket : listeners_[l].sockets)
            while (socket.group.size() > members_of(*service_, service_->listeners[l]) && !is_used(socket.group.size() - 1)) {
                trimmed = true;
                std::erase_if(sources_, [&](const Watched& watched) { return watched.place.listener == l; }); // they borrow the descriptors
                const auto migration = host_.migration();
                Status closed = socket.group.close_last(migration.value_or(-1));
                if (!migration) closed = Failure(migration.error());
                if (closed) continue;
                say(LogLevel::error, std::move(closed).error().within("connections of a former worker may be lost").to_string());
            }
    if (!trimmed) return;
    spread_traffic(true);
    watch_allowed();
}

} // namespace swathe
