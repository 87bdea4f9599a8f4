// Supervisor: who starts, ends and waits for whom. dependencies.h decides.

#include "supervise/supervisor.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {

std::vector<Peer> Supervisor::peers() const {
    std::vector<Peer> all;
    all.reserve(units_.size());
    for (const auto& [name, unit] : units_)
        all.push_back(
            {&unit->service(), unit->state() == State::running, unit->is_starting(), unit->has_instance() || unit->will_restart()});
    return all;
}

/// One that leaves the configuration, or a daemon that ends, has nobody else started or stopped.
bool Supervisor::acts_for(const ServiceUnit& unit) const {
    const auto found = units_.find(unit.service().name);
    return !shut_down_done_ && found != units_.end() && found->second.get() == &unit;
}

/// At the end of the daemon services stop in the reverse of the order in which they start: nobody goes before who follows him.
void Supervisor::retire_who_may_go() {
    std::vector<std::string> going;
    for (const auto& [name, unit] : units_) {
        const Service& service = unit->service();
        const auto is_follower = [&](const ServiceUnit& other) { return follows(other.service(), service) && other.has_instance(); };
        const bool awaited = std::any_of(units_.begin(), units_.end(), [&](const auto& entry) { return is_follower(*entry.second); }) ||
                             std::any_of(leaving_.begin(), leaving_.end(), [&](const auto& one) { return is_follower(*one); });
        if (!awaited) going.push_back(name);
    }
    for (const std::string& name : going) retire(name);
}

void Supervisor::stop(const std::string& service, Done done) {
    std::vector<std::string> first = stopped_with(service, peers());
    std::reverse(first.begin(), first.end());
    stop_all(first, [this, service, done = std::move(done)] {
        if (ServiceUnit* unit = find(service); unit != nullptr) return unit->stop(done);
        done({}); // a reload has taken it away
    });
}

/// One after the other: who comes first may be needed by the next.
void Supervisor::stop_all(const std::vector<std::string>& services, const std::function<void()>& then) {
    if (services.empty()) return then();
    ServiceUnit* const unit = find(services.front());
    const std::vector<std::string> rest(services.begin() + 1, services.end());
    if (unit == nullptr) return stop_all(rest, then);
    unit->stop([this, rest, then](const Status&) { stop_all(rest, then); });
}

void Supervisor::restart(const std::string& service, bool overlap, Done done) {
    ServiceUnit& unit = *find(service);
    const bool beside = overlap || unit.service().restart_mode == RestartMode::overlap; // it never stops
    const std::vector<std::string> with = stopped_with(service, peers());
    auto follow = [this, with, beside, done = std::move(done)](const Status& outcome) {
        for (const std::string& name : with) {
            ServiceUnit* const other = find(name);
            if (other == nullptr) continue;
            beside ? other->restart(true, [](const Status&) {}) : other->start([](const Status&) {});
        }
        done(outcome);
    };
    if (beside || with.empty()) return unit.restart(overlap, std::move(follow));
    stop_all({with.rbegin(), with.rend()}, [this, service, follow = std::move(follow)] {
        if (ServiceUnit* again = find(service); again != nullptr) return again->restart(false, follow);
        follow({});
    });
}

void Supervisor::has_gone(const ServiceUnit& unit) {
    if (!acts_for(unit)) return;
    for (const std::string& name : bound_to(unit.service().name, peers())) {
        log(LogLevel::notice, fmt::format("{}: ends with {}, which it is bound to", name, unit.service().name), {{"SWATHE_SERVICE", name}});
        find(name)->let_go([](const Status&) {});
    }
}

void Supervisor::has_come_to_rest(const ServiceUnit& unit, bool well) {
    if (!acts_for(unit)) return;
    for (const ServiceName& name : well ? unit.service().on_success : unit.service().on_failure) {
        ServiceUnit* const other = find(name.value);
        if (other == nullptr || other->state() == State::running || other->is_starting()) continue;
        log(LogLevel::notice, fmt::format("{}: started, since {} has {}", name.value, unit.service().name, well ? "ended" : "failed"),
            {{"SWATHE_SERVICE", name.value}});
        other->call();
    }
}

void Supervisor::start_needed(const ServiceUnit& unit, std::function<void(Status)> ready) {
    struct Waiting {
        std::size_t count = 1; // one for this call
        Status outcome;
        std::function<void(Status)> ready;
    };
    std::vector<Peer> others = peers();
    std::erase_if(others, [&](const Peer& peer) { return peer.service == &unit.service(); });
    const std::string& service = unit.service().name;
    const StartPlan plan = plan_start(unit.service(), others);
    if (!plan.missing.empty()) return ready(failure(fmt::format("requisite {} is not running", plan.missing)));
    auto waiting = std::make_shared<Waiting>();
    waiting->ready = std::move(ready);
    const auto told = [this, waiting, tag = unit.tag()](const std::string& name, bool required, const Status& outcome) {
        if (!outcome && required && waiting->outcome)
            waiting->outcome = failure(fmt::format("requires {}: {}", name, outcome.error().to_string()));
        if (--waiting->count > 0) return;
        const bool there = std::any_of(units_.begin(), units_.end(), [&](const auto& entry) { return entry.second->tag() == tag; });
        if (there) waiting->ready(std::move(waiting->outcome));
    };
    for (const std::string& name : plan.stop) {
        ++waiting->count;
        log(LogLevel::notice, fmt::format("{}: ends, since {} starts and they conflict", name, service), {{"SWATHE_SERVICE", name}});
        find(name)->let_go([told](const Status& outcome) { told("", false, outcome); });
    }
    for (const StartPlan::Needed& needed : plan.start) {
        ServiceUnit* const other = find(needed.name);
        if (needed.awaited) ++waiting->count;
        other->start([told, needed](const Status& outcome) {
            if (needed.awaited) told(needed.name, needed.required, outcome);
        });
    }
    told("", false, {});
}

} // namespace swathe
