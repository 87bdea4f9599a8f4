// Supervisor::ask_live: asks tables, program and kernel about one packet, and collects what tells who is responsible.

#include "socket/revive.h"
#include "supervise/supervisor.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace swathe {
namespace {

std::string label(const Config& config, ListenerRef ref) {
    const Service& service = config.services.at(ref.service);
    return fmt::format("{}/{}", service.name, service.listeners.at(ref.listener).name);
}

Opinion opinion_of(const Config& config, const Part& part, Verdict verdict, std::optional<RuleId> rule) {
    if (verdict != Verdict::steer || !rule) return {verdict, ""};
    return {verdict, label(config, part.rules.rules.at(*rule).target.listener)};
}

/// Would a lookup without programs find the socket there?
bool is_bound_there(const NativeSocket& socket, const Flow& flow) {
    const bool device = socket.ifindex == 0 || socket.ifindex == flow.ifindex;
    return socket.protocol == flow.protocol && socket.address.port == flow.local.port && device && socket.takes(flow.local.address);
}

/// The packet is counted once by our program, under what became of it there; other traffic of the listener at the same moment
/// blurs that.
std::optional<bool> chosen_before(const SlotCounters& before, const SlotCounters& after) {
    if (after.lookups - before.lookups != 1) return std::nullopt;
    return after.assign_errors != before.assign_errors && after.last_errno == EEXIST;
}

/// The native socket that is bound where nobody gets the packet, if another program may be to blame.
Result<std::optional<NativeSocket>> passed_over(const NetNamespace& ns, const Flow& flow, const Evidence& evidence) {
    const auto& programs = evidence.programs;
    const bool alone = std::all_of(programs.begin(), programs.end(), [](const AttachedProgram& p) { return p.ours; });
    if (alone || evidence.tables.verdict != Verdict::pass) return std::optional<NativeSocket>{};
    auto natives = native_sockets(ns);
    if (!natives) return Failure(std::move(natives).error());
    const auto bound = std::find_if(natives->begin(), natives->end(), [&](const NativeSocket& s) { return is_bound_there(s, flow); });
    if (bound == natives->end()) return std::optional<NativeSocket>{};
    return std::optional(std::move(*bound));
}

} // namespace

std::string Supervisor::why_unusable(ListenerRef ref, Family family) const {
    const Service& service = world_->config.services[ref.service];
    const Listener& listener = service.listeners[ref.listener];
    const std::vector<LiveSocket>& sockets = listeners_of(service)[ref.listener].sockets;
    const auto slot = slot_for(sockets, family);
    const auto socket = std::find_if(sockets.begin(), sockets.end(), [&](const LiveSocket& s) { return s.slot == slot; });
    if (service.systemd) return socket == sockets.end() ? "it is closed" : beside_->why_empty(service.name, *socket);
    if (socket == sockets.end() || !socket->group.is_open()) return "it is closed";
    const ServiceUnit& unit = *units_.at(service.name);
    if (unit.slots_empty() && listener.when_down != WhenDown::queue) return fmt::format("the service is {}", to_string(unit.state()));
    return swathe::why_unusable(socket->bound().fd.get(), listener.protocol);
}

std::optional<ListenerRef> Supervisor::owner_of(std::uint64_t cookie) const {
    for (std::uint32_t s = 0; s < world_->config.services.size(); ++s) {
        const std::vector<LiveListener>& listeners = listeners_of(world_->config.services[s]);
        for (std::uint32_t l = 0; l < listeners.size(); ++l)
            for (const LiveSocket& socket : listeners[l].sockets)
                for (const BoundSocket& bound : socket.group)
                    if (bound.cookie == cookie && (bound.fd || world_->config.services[s].systemd)) return ListenerRef{s, l};
    }
    return std::nullopt;
}

/// What tables and program say, and what is known about the socket that they choose, before and after the kernel was asked.
Result<Evidence> Supervisor::question_all(const Part& part, const Flow& flow, std::optional<LiveSocketFound>& found) const {
    const Dispatcher& dispatcher = part.site->dispatcher;
    const Decision tables = decide(part.tables, flow);
    const auto program = dispatcher.test_run(flow);
    if (!program) return Failure(program.error());
    auto programs = dispatcher.programs();
    if (!programs) return Failure(std::move(programs).error());
    const bool steered = tables.verdict == Verdict::steer && tables.rule;
    const SlotCounters before = steered ? dispatcher.counters(tables.slot) : SlotCounters{};
    auto looked = look_up_live({flow.protocol, flow.local, flow.remote, flow.ifindex}, part.site->ns);
    if (!looked) return Failure(std::move(looked).error());
    found = std::move(*looked);

    Evidence evidence;
    evidence.tables = opinion_of(world_->config, part, tables.verdict, tables.rule);
    evidence.program = opinion_of(world_->config, part, program->verdict, program->rule);
    evidence.programs = std::move(*programs);
    if (!steered) return evidence;
    const SlotCounters after = dispatcher.counters(tables.slot);
    evidence.chosen_before = chosen_before(before, after);
    evidence.limited = after.refused != before.refused;
    evidence.unusable = why_unusable(part.rules.rules.at(*tables.rule).target.listener, flow.local.address.family);
    return evidence;
}

Result<LiveAnswer> Supervisor::ask_live(const Part& part, const Flow& flow) const {
    std::optional<LiveSocketFound> found;
    auto evidence = question_all(part, flow, found);
    if (!evidence) return Failure(std::move(evidence).error());
    LiveAnswer answer;
    if (const auto owner = found ? owner_of(found->cookie) : std::nullopt; owner) {
        const Service& service = world_->config.services[owner->service];
        answer.service = service.name;
        answer.listener = service.listeners[owner->listener].name;
        evidence->live = {Verdict::steer, label(world_->config, *owner)};
    } else if (found) {
        evidence->live = {Verdict::pass, ""};
        evidence->connected = found->connected;
        evidence->bound_there = is_bound_there(found->socket, flow);
        evidence->other = std::move(found->socket);
        name_process(*evidence->other);
    } else {
        evidence->live = {Verdict::drop, ""};
        auto native = passed_over(part.site->ns, flow, *evidence);
        if (!native) return Failure(std::move(native).error());
        evidence->passed_over = std::move(*native);
    }
    answer.live = evidence->live;
    answer.other = evidence->other;
    answer.disagreement = disagreement(*evidence);
    answer.as_tables_say = follows_tables(*evidence);
    return answer;
}

} // namespace swathe
