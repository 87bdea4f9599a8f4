#include "supervise/beside.h"

#include "base/log.h"
#include "socket/held.h"
#include "supervise/site.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr Duration kPatience = std::chrono::seconds(2);
constexpr Duration kLater = std::chrono::seconds(1); ///< after a question that failed

void say(const BesideUnit& unit, LogLevel level, const std::string& text) {
    log(level, fmt::format("{}: {}", unit.service->name, text), {{"SWATHE_SERVICE", unit.service->name}});
}

Family family_of(const LiveSocket& socket) noexcept { return socket.bound().takes_ipv4 ? Family::ipv4 : Family::ipv6; }

void note(LiveSocket& socket, const SocketAddress& home, std::uint64_t cookie) {
    const BoundSocket& bound = socket.bound();
    socket.group = Group(BoundSocket{UniqueFd(), home, bound.takes_ipv4, bound.takes_ipv6, cookie});
}

void empty(LiveSocket& socket) {
    socket.site->dispatcher.clear_socket(socket.slot);
    note(socket, {}, 0);
}

std::string described(const UnitState& state) {
    return state.is_there() ? fmt::format("{} ({})", state.active_state, state.sub_state) : state.load_state;
}

std::string why_refused(const UnitState& state) {
    return state.is_there() ? std::string() : fmt::format("systemd has no such unit ({})", state.load_state);
}

} // namespace

Result<std::unique_ptr<Beside>> Beside::create(Loop& loop, Manager::Place place) {
    std::unique_ptr<Beside> self(new Beside(place.pid));
    Beside* const raw = self.get();
    auto patience = TimerSource::create(loop, [raw] { raw->settled(); });
    if (!patience) return Failure(std::move(patience).error());
    self->patience_ = std::move(*patience);
    auto later = TimerSource::create(loop, [raw] { raw->look_again(); });
    if (!later) return Failure(std::move(later).error());
    self->later_ = std::move(*later);
    Manager::Events events;
    events.connected = [raw] {
        for (auto& [name, unit] : raw->units_) raw->look(unit);
    };
    events.lost = [raw](const Error& why) { raw->lost(why); };
    events.changed = [raw](const std::string& name, const UnitMark& mark) { raw->changed(name, mark); };
    auto manager = Manager::create(loop, std::move(place), std::move(events));
    if (!manager) return Failure(std::move(manager).error());
    self->manager_ = std::move(*manager);
    return self;
}

const BesideUnit* Beside::find(const std::string& name) const {
    const auto found = units_.find(name);
    return found == units_.end() ? nullptr : &found->second;
}

std::string Beside::why_empty(const std::string& name, const LiveSocket& socket) const {
    if (socket.bound().cookie != 0) return {};
    const BesideUnit& unit = units_.at(name);
    if (!unit.problem.empty()) return unit.problem;
    return unit.state ? fmt::format("under systemd {} is {}", name, described(*unit.state)) : "systemd has not been asked yet";
}

void Beside::replace(std::shared_ptr<const Service> service, std::vector<LiveListener> listeners) {
    BesideUnit& unit = units_[service->name];
    unit.service = std::move(service);
    unit.listeners = std::move(listeners);
}

std::vector<LiveListener> Beside::take_listeners(const std::string& name) { return std::exchange(units_.at(name).listeners, {}); }

void Beside::remove(const std::string& name) { units_.erase(name); }

std::set<std::string> Beside::names() const {
    std::set<std::string> all;
    for (const auto& [name, unit] : units_) all.insert(name);
    return all;
}

void Beside::fill_ahead(const Service& service, const Listener& listener, std::vector<LiveSocket>& sockets) {
    std::set<std::string> all = names();
    all.insert(service.name);
    ahead_ = true;
    if (!manager_->is_connected()) manager_->follow(all);
    ahead_ = false;
    if (!manager_->is_connected()) return;
    for (LiveSocket& socket : sockets) (void)fill(service.systemd->sockets, listener, socket); // follow() tells what is wrong
}

void Beside::follow() {
    asked_ = false;
    const bool connected = manager_->is_connected();
    manager_->follow(names()); // one that connects now calls look() itself
    if (connected)
        for (auto& [name, unit] : units_) look(unit);
    asked_ = true;
    if (std::none_of(units_.begin(), units_.end(), [](const auto& entry) { return entry.second.asking; })) settled();
}

void Beside::look(BesideUnit& unit) {
    unit.again = unit.later = false;
    unit.asking = true;
    const std::string& name = unit.service->name;
    manager_->ask(name, [this, name](Result<Manager::Answer> answer) { answered(name, std::move(answer)); });
}

void Beside::look_later(BesideUnit& unit) {
    unit.later = true;
    if (auto armed = later_->arm(now() + kLater); !armed) say(unit, LogLevel::error, armed.error().to_string());
}

void Beside::look_again() {
    if (!manager_->is_connected()) return; // who connects looks at all of them
    for (auto& [name, unit] : units_)
        if (unit.later && !unit.asking) look(unit);
}

/// What other properties change is none of our business: a unit with Accept=yes counts every connection in one.
void Beside::changed(const std::string& name, const UnitMark& mark) {
    const auto found = units_.find(name);
    if (found == units_.end()) return;
    BesideUnit& unit = found->second;
    if (unit.asking)
        unit.again = true; // the answer may be from before
    else if (!unit.state || mark != unit.mark)
        look(unit);
}

void Beside::answered(const std::string& name, Result<Manager::Answer> answer) {
    const auto found = units_.find(name);
    if (found == units_.end()) return;
    BesideUnit& unit = found->second;
    unit.asking = false;
    if (answer) {
        unit.mark = std::move(answer->mark);
        const std::string before = unit.state ? described(*unit.state) : "";
        unit.state = std::move(answer->state);
        settle_slots(unit);
        const std::string after = described(*unit.state);
        if (after != before && unit.state->is_there()) say(unit, LogLevel::info, fmt::format("under systemd it is {}", after));
    } else {
        look_later(unit);
        if (const std::string why = answer.error().to_string(); why != std::exchange(unit.problem, why)) say(unit, LogLevel::warning, why);
    }
    if (unit.again) return look(unit);
    if (std::none_of(units_.begin(), units_.end(), [](const auto& entry) { return entry.second.asking; })) settled();
}

/// The slots stay as they are: systemd may well be there again in a moment, and its sockets are so all the time.
void Beside::lost(const Error& why) {
    if (ahead_) return; // follow() tries again, and tells
    for (auto& [name, unit] : units_) unit.asking = false;
    std::string names;
    for (const auto& [name, unit] : units_) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    log(LogLevel::warning, fmt::format("systemd cannot be asked about {}: {}", names, why.to_string()));
    settled();
}

/// A question that failed tells nothing against a socket that works.
void Beside::settle_slots(BesideUnit& unit) {
    std::string problem = why_refused(*unit.state);
    const bool listens = unit.state->is_there() && unit.state->may_listen();
    for (std::size_t i = 0; i < unit.listeners.size(); ++i)
        for (LiveSocket& socket : unit.listeners[i].sockets) {
            const Listener& listener = unit.service->listeners[i];
            if (!listener.has_family(family_of(socket))) { // a reload took it away
                empty(socket);
                continue;
            }
            const Status filled = listens ? fill(unit.state->sockets, listener, socket) : failure("it is down");
            if (filled) continue;
            const bool unknown = filled.error().errno_value != 0;
            if (unknown) look_later(unit);
            if (unknown && socket.bound().cookie != 0) continue;
            empty(socket);
            if (listens && unit.state->active_state == "active") problem = filled.error().to_string(); // else it may not be that far yet
        }
    if (problem != unit.problem && !problem.empty()) say(unit, LogLevel::warning, fmt::format("nothing is steered to it: {}", problem));
    unit.problem = std::move(problem);
}

/// The duplicate lives for some microseconds: in that time systemd could not bind the address anew.
Status Beside::fill(const std::vector<UnitSocket>& sockets, const Listener& listener, LiveSocket& socket) const {
    const auto wanted = choose_unit_socket(sockets, listener.protocol, family_of(socket), listener.home);
    if (!wanted) return Failure(wanted.error());
    auto held = find_held(pid_, *wanted, socket.site->ns);
    if (!held) return Failure(std::move(held).error().within("systemd"));
    if (!held->takes(family_of(socket)))
        return failure(fmt::format("its socket on {} takes no {}", held->address.to_string(), to_string(family_of(socket))));
    if (held->cookie == socket.bound().cookie) return {};
    auto fd = duplicate_held(pid_, *held, listener.protocol);
    if (!fd) return Failure(std::move(fd).error().within(fmt::format("its socket on {}", held->address.to_string())));
    if (auto filled = socket.site->dispatcher.set_socket(socket.slot, fd->get()); !filled) return filled;
    note(socket, held->address, held->cookie);
    return {};
}

void Beside::when_settled(std::function<void()> done) {
    waiting_.push_back(std::move(done));
    const bool busy = std::any_of(units_.begin(), units_.end(), [](const auto& entry) { return entry.second.asking; });
    if (!busy || !patience_->arm(now() + kPatience)) settled();
}

void Beside::settled() {
    if (!asked_) return;
    patience_->disarm();
    for (const auto& done : std::exchange(waiting_, {})) done();
}

} // namespace swathe
