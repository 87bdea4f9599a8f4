// Supervisor::apply and reload: from one configuration to the next. First everything that can fail is done on a draft; then the
// dispatchers switch, one step each; then sockets and services follow, which cannot fail any more.

#include "base/log.h"
#include "model/order.h"
#include "socket/backlog.h"
#include "socket/options.h"
#include "socket/revive.h"
#include "supervise/node_owner.h"
#include "supervise/reload.h"

#include <algorithm>
#include <malloc.h>

#include <fmt/format.h>

namespace swathe {
namespace {

/// Shares ownership of the whole world, so that a unit's service lives as long as the unit.
std::shared_ptr<const Service> service_of(const std::shared_ptr<const World>& world, std::uint32_t index) {
    return {world, &world->config.services[index]};
}

void set_backlogs(const LiveListener& listener, int backlog) {
    for (const LiveSocket& socket : listener.sockets)
        for (const BoundSocket& bound : socket.group)
            if (bound.fd) set_backlog(bound.fd.get(), backlog);
}

void let_all_in(const LiveSocket& socket) {
    for (const BoundSocket& bound : socket.group)
        if (bound.fd) let_in(bound.fd.get()); // one of systemd's is not ours to hold
}

/// The draft has tried them on a new socket. What goes wrong all the same is told, and the socket goes on with what it has.
void change_options(const LiveListener& live, const Listener& before, const Listener& next) {
    const auto tell = [&](const Status& done) {
        if (!done) log(LogLevel::error, Error(done.error()).within(fmt::format("listener {}", next.name)).to_string());
    };
    for (const LiveSocket& socket : live.sockets) {
        const BoundSocket& bound = socket.bound();
        for (const BoundSocket& member : socket.group)
            if (member.fd)
                tell(swathe::change_options(member.fd.get(), before, next, {member.takes_ipv4, member.takes_ipv6}, socket.site->ns));
        if (!bound.node) continue;
        const auto owner = node_owner(next);
        tell(owner ? bound.node->follow(next, *owner) : Status(Failure(owner.error())));
    }
}

/// What a worker may know of a socket: all but its descriptor, which the loop may close at any time.
LiveSocket without_descriptor(const LiveSocket& socket) {
    const BoundSocket& bound = socket.bound();
    return {Group(BoundSocket{UniqueFd(), bound.home, bound.takes_ipv4, bound.takes_ipv6, bound.cookie}), socket.slot, socket.site};
}

/// Memory that a large world has left goes back to the system, not to a free list: the next one comes in hours, if at all.
void trim_memory() { (void)::malloc_trim(0); }

} // namespace

/// Commands that are run before sockets are opened are the loop's.
Supervisor::Outcome Supervisor::apply_in_loop(Config next) {
    auto outcome = std::make_shared<std::optional<Outcome>>();
    auto config = std::make_shared<Config>(std::move(next)); // std::function wants what can be copied
    reload([config] { return std::move(*config); }, [outcome](Outcome out) { *outcome = std::move(out); });
    while (!*outcome)
        if (auto turned = loop_.run_once(kInfinity); !turned) return tl::unexpected(refusal(std::move(turned).error()));
    return std::move(**outcome);
}

Supervisor::Outcome Supervisor::apply(Config next) {
    const auto prepares = [](const Service& service) { return !service.socket_start_pre.empty(); };
    if (std::any_of(next.services.begin(), next.services.end(), prepares)) return apply_in_loop(std::move(next));
    Draft draft(running(), maker_);
    Checked checked = within_memory([&] { return draft.look(std::move(next)); });
    if (checked) checked = within_memory([&] { return draft.open(); });
    if (checked)
        if (auto numbered = number_sockets(draft); !numbered) checked = tl::unexpected(refusal(std::move(numbered).error()));
    if (checked) checked = within_memory([&] { return draft.build(); });
    Outcome outcome = checked ? switch_and_commit(draft) : Outcome(tl::unexpected(std::move(checked).error()));
    give_back(draft);
    for (const Error& error : draft.settle_routes(outcome.has_value())) log(LogLevel::error, error.to_string());
    trim_memory();
    return outcome;
}

void Supervisor::reload(Read read, std::function<void(Outcome)> done) {
    ++unsettled_;
    auto reload = std::make_shared<Reload>();
    reload->draft = std::make_unique<Draft>(running(), maker_);
    reload->done = std::move(done);
    const auto look = [reload, read = std::move(read)] {
        reload->checked = within_memory([&]() -> Checked {
            auto next = read();
            return next ? reload->draft->look(std::move(*next)) : Checked(tl::unexpected(std::move(next).error()));
        });
    };
    worker_->run(look, [this, reload] { open_after_commands(reload); });
}

void Supervisor::build(const std::shared_ptr<Reload>& reload) {
    if (reload->checked)
        if (auto numbered = number_sockets(*reload->draft); !numbered)
            reload->checked = tl::unexpected(refusal(std::move(numbered).error()));
    if (!reload->checked) return finish(reload, tl::unexpected(std::move(reload->checked).error()));
    worker_->run([reload] { reload->checked = within_memory([&] { return reload->draft->build(); }); },
                 [this, reload] {
                     if (!reload->checked) return finish(reload, tl::unexpected(std::move(reload->checked).error()));
                     finish(reload, switch_and_commit(*reload->draft));
                 });
}

/// The worker puts away what is left, the old world in particular: a large one takes its time to go, and nobody waits for it.
void Supervisor::finish(const std::shared_ptr<Reload>& reload, Outcome outcome) {
    give_back(*reload->draft);
    if (!outcome && !is_taken_back(*reload)) {
        when_closed_ = [this, reload, outcome] { finish(reload, outcome); };
        return;
    }
    early_logs_.clear();
    auto draft = std::shared_ptr<Draft>(std::move(reload->draft));
    struct Rest {
        std::vector<Error> errors;
        Draft::Hits hits;
    };
    auto rest = std::make_shared<Rest>();
    auto settle = [draft, rest, committed = outcome.has_value()] {
        try {
            rest->errors = draft->settle_routes(committed);
            if (committed) rest->hits = draft->carried_hits();
        } catch (const std::bad_alloc&) {
            rest->errors.push_back({"after a reload: local routes, or what rules have counted", ENOMEM, std::nullopt});
        }
    };
    auto answer = [this, draft, rest, done = std::move(reload->done), outcome = std::move(outcome)]() mutable {
        for (const Error& error : rest->errors) log(LogLevel::error, error.to_string());
        for (std::size_t i = 0; i < rest->hits.size(); ++i) draft->world()->parts[i].site->dispatcher.add_hits(rest->hits[i]);
        auto put_away = [last = std::move(draft)]() mutable {
            last.reset();
            trim_memory();
        };
        worker_->run(std::move(put_away), [] {});
        --unsettled_;
        done(std::move(outcome));
        begin_shut_down_if_asked();
    };
    draft.reset(); // the worker's now
    worker_->run(std::move(settle), std::move(answer));
}

Supervisor::Outcome Supervisor::switch_and_commit(Draft& draft) {
    if (shut_down_done_) return tl::unexpected(refusal({"the daemon is stopping", 0, std::nullopt}));
    std::vector<std::unique_ptr<ServiceUnit>> added;
    if (auto switched = switch_to(draft, added); !switched) {
        for (const auto& [name, unit] : units_) unit->trim_groups(); // those that have grown
        return tl::unexpected(refusal(std::move(switched).error()));
    }
    return commit(draft, std::move(added));
}

Running Supervisor::running() const {
    Running known;
    known.world = world_;
    const auto note = [&](const LiveSocket& socket) {
        for (const BoundSocket& bound : socket.group)
            if (const auto inode = socket_inode(bound.fd.get()); inode) known.inodes.insert(*inode); // closed: it has none
    };
    for (std::uint32_t s = 0; s < world_->config.services.size(); ++s) {
        const std::vector<LiveListener>& listeners = listeners_of(world_->config.services[s]);
        for (std::uint32_t l = 0; l < listeners.size(); ++l) {
            std::vector<LiveSocket>& copies = known.sockets[{s, l}];
            for (const LiveSocket& socket : listeners[l].sockets) {
                note(socket);
                copies.push_back(without_descriptor(socket));
            }
        }
    }
    const auto note_inherited = [&](const ServiceUnit& unit) {
        for (const std::uint64_t inode : unit.inherited()) known.inodes.insert(inode);
    };
    for (const auto& [name, unit] : units_) note_inherited(*unit);
    for (const auto& unit : leaving_) note_inherited(*unit);
    closing_->each_socket([&](const LiveSocket& socket) { note(socket); });
    return known;
}

Status Supervisor::number_sockets(Draft& draft) {
    for (std::vector<LiveSocket>& sockets : draft.opened())
        for (LiveSocket& socket : sockets) {
            if (socket.bound().is_unix()) continue;
            const auto slot = socket.site->dispatcher.allocate_slot();
            if (!slot) return Failure(slot.error());
            socket.slot = *slot;
        }
    return {};
}

/// Closes the sockets that the draft still has, and frees their slots.
void Supervisor::give_back(Draft& draft) {
    for (std::vector<LiveSocket>& sockets : draft.opened()) {
        for (const LiveSocket& socket : sockets)
            if (socket.slot != LiveSocket::kNoSlot) socket.site->dispatcher.release_slot(socket.slot);
        sockets.clear();
    }
}

/// Groups that are kept get the members that their new workers will need.
Status Supervisor::grow_groups(const Draft& draft) {
    const Config& config = draft.world()->config;
    for (const auto& step : draft.plan().listeners) {
        if (!step.kept) continue;
        const Service& service = config.services[step.next.service];
        if (service.systemd) continue;
        const Listener& listener = listener_at(config, step.next);
        const std::size_t members = members_of(service, listener);
        if (auto grown = units_.at(service.name)->grow_groups(step.kept->listener, listener, members); !grown) return grown;
    }
    return {};
}

Status Supervisor::switch_to(Draft& draft, std::vector<std::unique_ptr<ServiceUnit>>& added) {
    if (auto grown = grow_groups(draft); !grown) return grown;
    for (const std::uint32_t s : draft.plan().added) {
        if (draft.world()->config.services[s].systemd) continue;
        auto unit = ServiceUnit::create(loop_, *this, options_.notify_path, service_of(draft.world(), s));
        if (!unit) return Failure(std::move(unit).error());
        added.push_back(std::move(*unit));
    }
    for (std::size_t i = 0; i < draft.opened().size(); ++i) {
        const ListenerRef ref = draft.plan().listeners[i].next;
        if (const Service& service = draft.world()->config.services[ref.service]; service.systemd) {
            beside_->fill_ahead(service, service.listeners[ref.listener], draft.opened()[i]);
            continue;
        }
        for (const LiveSocket& socket : draft.opened()[i]) {
            // whoever may come by no other way than the rules let in must not before these are in force; the others lose nothing meanwhile
            if (listener_at(draft.world()->config, draft.plan().listeners[i].next).guard.empty()) let_all_in(socket);
            if (auto filled = fill_slot(socket); !filled) return filled;
        }
    }
    if (auto published = publish_all(draft); !published) return published;
    for (const std::vector<LiveSocket>& sockets : draft.opened())
        for (const LiveSocket& socket : sockets) let_all_in(socket);
    return {};
}

/// One step in each network namespace. New ones come first: what goes wrong goes wrong there, where nothing is in force yet.
Status Supervisor::publish_all(Draft& draft) {
    const std::vector<Part>& parts = draft.world()->parts;
    std::vector<std::size_t> order;
    for (const bool first : {true, false})
        for (std::size_t i = 0; i < parts.size(); ++i)
            if ((parts[i].site->dispatcher.generation() == 0) == first) order.push_back(i);
    std::vector<std::pair<std::size_t, bool>> published; // part, for the first time
    for (const std::size_t i : order) {
        Dispatcher& dispatcher = parts[i].site->dispatcher;
        const bool first = dispatcher.generation() == 0;
        auto done = dispatcher.publish(draft.prepared()[i]);
        if (done) {
            published.emplace_back(i, first);
            continue;
        }
        for (const auto& [back, was_first] : published) {
            Dispatcher& other = parts[back].site->dispatcher;
            if (auto undone = was_first ? other.detach() : other.publish(draft.prepared()[back]); !undone)
                log(LogLevel::error, undone.error().to_string());
        }
        return done;
    }
    return {};
}

Supervisor::Applied Supervisor::commit(Draft& draft, std::vector<std::unique_ptr<ServiceUnit>> added) {
    std::vector<bool> with_new;
    auto listeners = hand_over(draft, with_new);
    for (const std::uint32_t s : draft.plan().removed) {
        const Service& service = world_->config.services[s];
        service.systemd ? beside_->remove(service.name) : retire(service.name);
    }

    const std::shared_ptr<const World> before = std::exchange(world_, draft.world());
    ++generation_;
    linked_ = linked_services(world_->config.services);
    look_ = NetworkLook{draft.network_warnings(), generation_, {}};
    for (auto& unit : added) units_.emplace(unit->service().name, std::move(unit));
    for (std::uint32_t s = 0; s < listeners.size(); ++s) {
        const std::shared_ptr<const Service> service = service_of(world_, s);
        if (service->systemd)
            beside_->replace(service, std::move(listeners[s]));
        else
            units_.at(service->name)->replace(service, std::move(listeners[s]), with_new[s]);
    }
    begin_in_order(draft.plan().added);
    beside_->follow();
    leave_sites(*before);
    tracing_->sources_changed();

    Applied applied{draft.plan().lines, draft.warnings()};
    for (const auto& [name, unit] : units_)
        if (unit->lacks_sockets()) applied.lines.push_back(unit->hint_of_restart());
    return applied;
}

/// Who is to follow another is started after it, where both are started now.
void Supervisor::begin_in_order(const std::vector<std::uint32_t>& added) {
    const auto order = start_order(world_->config.services);
    if (!order) log(LogLevel::error, order.error().to_string()); // the configuration is refused for this
    for (std::size_t i = 0; i < world_->config.services.size(); ++i) {
        const auto s = static_cast<std::uint32_t>(order ? (*order)[i] : i);
        if (world_->config.services[s].systemd) continue;
        if (std::find(added.begin(), added.end(), s) != added.end()) units_.at(world_->config.services[s].name)->begin();
    }
}

/// The listeners of the next world, with the sockets that they keep and those that are new, by service. Sockets that nobody keeps are
/// closed.
std::vector<std::vector<LiveListener>> Supervisor::hand_over(Draft& draft, std::vector<bool>& with_new) {
    std::map<ListenerRef, LiveListener> old;
    for (std::uint32_t s = 0; s < world_->config.services.size(); ++s) {
        const Service& service = world_->config.services[s];
        std::vector<LiveListener> listeners =
            service.systemd ? beside_->take_listeners(service.name) : units_.at(service.name)->take_listeners();
        for (std::uint32_t l = 0; l < listeners.size(); ++l) old.emplace(ListenerRef{s, l}, std::move(listeners[l]));
    }
    const Config& config = draft.world()->config;
    std::vector<std::vector<LiveListener>> next(config.services.size());
    with_new.assign(next.size(), false);
    for (std::size_t i = 0; i < draft.plan().listeners.size(); ++i) {
        const auto& step = draft.plan().listeners[i];
        std::vector<LiveSocket>& opened = draft.opened()[i];
        LiveListener live;
        if (step.kept) live = std::move(old.extract(*step.kept).mapped());
        if (step.new_backlog) set_backlogs(live, listener_at(config, step.next).backlog);
        if (step.new_options) change_options(live, listener_at(world_->config, *step.kept), listener_at(config, step.next));
        if (!opened.empty()) with_new[step.next.service] = true;
        for (const LiveSocket& socket : opened)
            if (socket.bound().node) socket.bound().node->keep();
        std::move(opened.begin(), opened.end(), std::back_inserter(live.sockets));
        opened.clear(); // no longer the draft's to give back
        next[step.next.service].push_back(std::move(live));
    }
    for (const auto& [ref, closed] : old) release(closed);
    return next;
}

/// Where nothing is listened on any more, nothing is steered, and somebody else may.
void Supervisor::leave_sites(const World& before) {
    for (const Part& part : world_->parts) part.site->has_routes = part.site->has_routes || !part.routes.empty();
    for (const Part& old : before.parts) {
        if (std::any_of(world_->parts.begin(), world_->parts.end(), [&](const Part& part) { return part.site == old.site; })) continue;
        if (auto detached = old.site->dispatcher.detach(); !detached) log(LogLevel::error, detached.error().to_string());
        old.site->claim.reset(); // the rest goes with the old world, later
    }
}

} // namespace swathe
