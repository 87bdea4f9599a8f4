// ServiceUnit: the lifecycles of its workers, and who waits for them.

#include "process/conditions.h"
#include "process/own_directories.h"
#include "supervise/connections.h"
#include "supervise/service_unit.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace swathe {
namespace {

/// A condition said no. That is an answer and no failure: who asked for a start has got what there is.
bool is_skipped(const Lifecycle& life) noexcept { return life.state == State::idle && is_skip(life.result); }

} // namespace

void ServiceUnit::post(Worker& worker, Event event) {
    events_.push_back({&worker, std::move(event)});
    drain_events();
}

void ServiceUnit::post_to_all(const Event& event) {
    for (const auto& worker : workers_) events_.push_back({worker.get(), event});
    drain_events();
}

/// A first start, by traffic or by hand, waits for the services that this one is to follow, and for the end of those in conflict with it.
void ServiceUnit::begin_start(const Event& event) {
    if (around_ != Around::nothing || must_open()) return hold_start(event);
    if (!host_.is_linked(*this) || has_instance()) return post_to_all(event);
    await_needed("cannot be started", [this, event](bool ready) {
        if (std::exchange(start_called_off_, false)) return settle();
        if (ready) return post_to_all(event);
        settle();
        host_.has_come_to_rest(*this, false);
    });
}

/// Meanwhile nobody is told of more traffic, and who else would wait has somebody waiting already. `in_vain`: what it means if they cannot
/// be had.
void ServiceUnit::await_needed(std::string_view in_vain, std::function<void(bool ready)> then) {
    if (std::exchange(awaits_needed_, true)) return;
    watch_as_needed();
    host_.start_needed(*this, [this, in_vain = std::string(in_vain), then = std::move(then)](const Status& ready) {
        awaits_needed_ = false;
        if (!ready) {
            last_failure_ = ready.error().to_string();
            const std::string text = fmt::format("{}: {}", in_vain, last_failure_);
            connections_ ? connections_->complain(LogLevel::error, text) : say(LogLevel::error, text); // anybody can have it said again
        }
        then(static_cast<bool>(ready));
    });
}

void ServiceUnit::drain_events() {
    if (draining_events_) return; // an action's answer: taken up when its turn comes
    draining_events_ = true;
    while (!events_.empty()) {
        const Posted next = std::move(events_.front());
        events_.pop_front();
        take(*next.worker, next.event);
    }
    draining_events_ = false;
    settle();
}

void ServiceUnit::take(Worker& worker, const Event& event) {
    const State from = worker.life.state;
    const Step decided = step(*service_, worker.life, event, now());
    worker.life = decided.next;
    if (worker.life.state != from) worker_changed(worker);
    for (const Action& action : decided.actions)
        if (!perform(worker, action)) break;
}

/// Does one action. False: it failed, the lifecycle has been told, and what was to follow is void.
bool ServiceUnit::perform(Worker& worker, const Action& action) {
    struct Visitor {
        ServiceUnit& unit;
        Worker& worker;
        bool operator()(const StartInstance&) const { return unit.start_instance(worker, false); }
        bool operator()(const StartSuccessor&) const { return unit.start_instance(worker, true); }
        bool operator()(const StopInstance& a) const {
            if (worker.instance)
                worker.instance->stop(a.for_restart);
            else if (unit.service_->accept)
                unit.stop_connections(worker, a.for_restart);
            return true;
        }
        bool operator()(const StopSuccessor&) const { return worker.successor ? (worker.successor->stop(false), true) : true; }
        bool operator()(const Succeed&) const { return unit.succeed(worker), true; }
        bool operator()(const AdoptSuccessor&) const {
            worker.instance = std::move(worker.successor);
            return true;
        }
        bool operator()(const SetTimer& a) const {
            if (auto armed = worker.timer->arm(a.at); !armed) unit.say(LogLevel::error, armed.error().to_string());
            return true;
        }
        bool operator()(const ClearTimer&) const { return worker.timer->disarm(), true; }
    };
    return std::visit(Visitor{*this, worker}, action);
}

bool ServiceUnit::start_instance(Worker& worker, bool as_successor) {
    if (closed_)
        if (auto opened = open_listeners(); !opened) {
            last_failure_ = opened.error().to_string();
            events_.push_back({&worker, OpenFailed{}});
            return false;
        }
    if (service_->accept) { // it listens; conditions are looked at for each connection
        events_.push_back({&worker, Up{}});
        return true;
    }
    if (!may_start(worker, as_successor)) return false;
    auto made = Instance::create(loop_, *this, worker.number, free_group());
    if (!made) {
        last_failure_ = made.error().to_string();
        say(LogLevel::error, fmt::format("cannot be started: {}", last_failure_));
        events_.push_back({&worker, as_successor ? Event(SuccessorEnded{}) : Event(Ended{ServiceResult::resources, std::nullopt})});
        return false;
    }
    Instance& instance = **made;
    instance.set_socket_set(socket_set_);
    directories_used_ = gone_untold_ = rest_untold_ = true;
    (as_successor ? worker.successor : worker.instance) = std::move(*made);
    ++starts_;
    if (!as_successor && worker.life.restarts > 0) ++restarts_;
    instance.start();
    return true;
}

/// What its conditions say. False: the lifecycle has been told, and traffic that waits asks again, as often as the start limit lets it.
bool ServiceUnit::may_start(Worker& worker, bool as_successor) {
    const auto unmet = first_unmet(service_->conditions, this_machine());
    skipped_for_ = unmet ? unmet->why : std::string();
    if (!unmet) return true;
    last_failure_ = unmet->why;
    unmet->assertion ? say(LogLevel::error, "cannot be started: " + unmet->why) : say(LogLevel::info, "not started: " + unmet->why);
    const ServiceResult result = unmet->assertion ? ServiceResult::assertion : ServiceResult::condition;
    events_.push_back({&worker, as_successor ? Event(SuccessorEnded{}) : Event(Ended{result, std::nullopt})});
    return false;
}

/// Its control group is nobody else's, even while a predecessor of the same worker still drains.
std::uint32_t ServiceUnit::free_group() const {
    for (std::uint32_t group = 0;; ++group) {
        bool taken = group == 0 && connections_ && connections_->has_group();
        each_instance([&](const Instance& instance) { taken = taken || instance.group() == group; });
        if (!taken) return group;
    }
}

/// The instance has its signal to stop, and all the time to serve who is connected to it.
void ServiceUnit::succeed(Worker& worker) {
    std::unique_ptr<Instance> old = std::exchange(worker.instance, std::move(worker.successor));
    Instance& leaving = *draining_.emplace_back(std::move(old));
    say(leaving, LogLevel::info, fmt::format("pid {} is replaced by pid {}, and drains", leaving.main_pid(), worker.instance->main_pid()));
    leaving.stop(true, service_->drain_timeout_sec);
}

/// An instance is in another phase: what that is to its worker.
void ServiceUnit::changed(Instance& instance) {
    const bool ended = instance.run().phase == Phase::ended;
    if (!instance.run().is_up()) revive_listeners(); // who comes waits in the backlog, whatever it did to them
    if (!instance.last_failure().empty()) last_failure_ = instance.last_failure();
    Worker* const worker = worker_of(instance);
    if (worker != nullptr && worker->instance.get() == &instance) {
        if (ended) {
            if (service_->file_descriptor_store_preserve == StorePreserve::no) worker->store->clear();
            events_.push_back({worker, Ended{instance.run().result, instance.run().main_exit}});
            host_.bury(std::move(worker->instance));
        } else if (instance.run().is_up() && worker->life.state == State::starting) {
            events_.push_back({worker, Up{}});
        }
    } else if (worker != nullptr && worker->successor.get() == &instance) {
        if (ended) {
            if (instance.last_failure().empty()) last_failure_ = to_string(instance.run().result);
            say(LogLevel::error, fmt::format("its successor did not come up; it goes on: {}", last_failure_));
            events_.push_back({worker, SuccessorEnded{}});
            host_.bury(std::move(worker->successor));
        } else if (instance.run().is_up()) {
            events_.push_back({worker, SuccessorUp{}});
        }
    } else if (ended) {
        const auto drained = std::find_if(draining_.begin(), draining_.end(), [&](const auto& one) { return one.get() == &instance; });
        if (drained == draining_.end()) return;
        host_.bury(std::move(*drained));
        draining_.erase(drained);
    }
    drain_events();
}

void ServiceUnit::note_time() {
    since_usec_ = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Why it was skipped counts more than how often.
std::string ServiceUnit::behind_skip(const std::string& text) const { return skipped_for_.empty() ? text : skipped_for_ + "; " + text; }

void ServiceUnit::worker_changed(Worker& worker) {
    note_time();
    switch (worker.life.state) {
    case State::idle:
    case State::starting:
    case State::stopping: break;
    case State::running: last_failure_.clear(); break;
    case State::backoff: say(LogLevel::info, "will be restarted"); break;
    case State::paused:
        last_failure_ = behind_skip("start limit hit; traffic waits in the backlog until the interval has passed");
        say(LogLevel::warning, last_failure_);
        break;
    case State::failed:
        if (worker.life.result == ServiceResult::start_limit_hit) last_failure_ = behind_skip("start limit hit");
        say(LogLevel::error, last_failure_ + "; its sockets are closed until it is started by hand");
        break;
    case State::stopped: say(LogLevel::info, "stopped"); break;
    }
    const bool at_rest = worker.life.state == State::idle || worker.life.state == State::stopped || worker.life.state == State::failed;
    if (at_rest && service_->file_descriptor_store_preserve != StorePreserve::yes) worker.store->clear();
}

/// What follows from the states that the workers have come to rest in for now.
void ServiceUnit::settle() {
    if (draining_events_) return;
    forget_workers();
    forget_directories();
    trim_groups();
    spread_traffic(false);
    keep_slots();
    watch_as_needed();
    follow_idleness();
    roll_on();
    answer_waiters();
    if (has_instance()) return;
    host_.emptied();
    tell_others();
}

/// Whoever depends on this service hears of it when its last instance has ended, and, when none is to follow, how it has ended.
void ServiceUnit::tell_others() {
    const bool under_way = std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
        return worker->life.state == State::starting || worker->life.state == State::stopping || worker->life.state == State::backoff;
    });
    const bool gone = std::exchange(gone_untold_, false);
    const bool rests = !under_way && std::exchange(rest_untold_, false);
    if (!host_.is_linked(*this)) return;
    const auto skipped = [](const auto& worker) { return is_skip(worker->life.result); };
    const auto clean = [](const auto& worker) { return worker->life.result == ServiceResult::success; };
    const bool tells = rests && !std::all_of(workers_.begin(), workers_.end(), skipped);
    const bool well = std::all_of(workers_.begin(), workers_.end(), clean);
    if (gone) host_.has_gone(*this); // who starts this one anew for it may do so from here on
    if (tells) host_.has_come_to_rest(*this, well);
}

void ServiceUnit::forget_workers() {
    const auto is_empty = [](const Worker& worker) { return !worker.instance && !worker.successor; };
    while (workers_.size() > std::max(service_->workers, 1U) && is_empty(*workers_.back())) workers_.pop_back();
}

/// Runtime directories are those of a service, not of an instance.
void ServiceUnit::forget_directories() {
    if (!directories_used_ || has_instance()) return;
    const auto waits_to_restart = [](const auto& worker) { return worker->life.state == State::backoff; };
    const bool restarts = std::any_of(workers_.begin(), workers_.end(), waits_to_restart);
    if (auto removed = remove_runtime_directories(*service_, restarts); !removed) say(LogLevel::error, removed.error().to_string());
    directories_used_ = restarts;
}

/// Answers those who wait for what has now come true, or no longer can.
void ServiceUnit::answer_waiters() {
    const auto all_in = [&](auto... states) {
        return std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) { return ((worker->life.state == states) || ...); });
    };
    const auto some_in = [&](State state) {
        return std::any_of(workers_.begin(), workers_.end(), [&](const auto& worker) { return worker->life.state == state; });
    };
    const bool oneshot_done = service_->type == ServiceType::oneshot && all_in(State::idle, State::running) &&
                              lifecycle().result == ServiceResult::success;
    const bool all_answered = std::all_of(workers_.begin(), workers_.end(), [this](const auto& worker) {
        return worker->life.state == State::running || is_listening(*worker) || is_skipped(worker->life);
    });
    const bool start_waits = (awaits_needed_ && !start_called_off_) || held_start_;
    const bool running = !start_waits && (all_answered || oneshot_done); // else what they say is of the last time
    const bool on_the_way = some_in(State::starting) || some_in(State::stopping) || start_waits;
    std::vector<Waiter> waiting = std::exchange(waiters_, {});
    for (Waiter& waiter : waiting) {
        if (waiter.what == Awaited::running ? running : !has_instance())
            waiter.done({});
        else if (waiter.what == Awaited::running ? on_the_way : has_instance())
            waiters_.push_back(std::move(waiter));
        else
            waiter.done(failure(last_failure_.empty() ? to_string(lifecycle().result) : last_failure_)); // who asked knows the name
    }
}

/// A restart of one worker after the other goes on when the one whose turn it is runs anew.
void ServiceUnit::roll_on() {
    while (roll_) {
        const bool wanted = roll_->worker < std::max(service_->workers, 1U); // the others are on their way out
        if (!wanted || roll_->worker >= workers_.size()) return finish_roll({});
        Worker& worker = *workers_[roll_->worker];
        // It may serve before it says that it is ready: then nobody is to be cut off. Its settle() goes on here.
        if (!roll_->begun && roll_->overlap && worker.life.state == State::starting) return;
        if (!std::exchange(roll_->begun, true)) {
            roll_->old = worker.instance.get();
            last_failure_.clear(); // what is told at the end is why this one failed
            return post(worker, RestartAsked{roll_->overlap}); // its settle() goes on here
        }
        const State state = worker.life.state;
        const bool under_way = state == State::starting || state == State::stopping || worker.life.successor;
        if (under_way) return;
        const bool anew = state == State::running && worker.instance.get() != roll_->old;
        const ServiceResult result = worker.life.result;
        const bool oneshot_done = service_->type == ServiceType::oneshot && state == State::idle && result == ServiceResult::success;
        if (!anew && !oneshot_done && !is_listening(worker) && !is_skipped(worker.life)) {
            if (last_failure_.empty()) last_failure_ = to_string(state == State::running ? ServiceResult::start_limit_hit : result);
            return finish_roll(failure(last_failure_));
        }
        ++roll_->worker;
        roll_->begun = false;
    }
}

void ServiceUnit::finish_roll(Status outcome) { std::exchange(roll_, std::nullopt)->done(std::move(outcome)); }

ServiceUnit::Worker* ServiceUnit::worker_of(const Instance& instance) const noexcept {
    const std::size_t index = instance.number() - 1;
    return index < workers_.size() ? workers_[index].get() : nullptr;
}

} // namespace swathe
