#include "supervise/instance.h"

#include "base/text.h"
#include "socket/backlog.h"

#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace swathe {
namespace {

std::string signal_name(int number) {
    const char* const name = sigabbrev_np(number);
    return name != nullptr ? name : std::to_string(number);
}

/// $EXIT_CODE and $EXIT_STATUS: systemd.exec(5).
void add_exit(const Exit& exit, std::vector<std::pair<std::string, std::string>>& variables) {
    const bool code = exit.kind == Exit::Kind::code;
    variables.emplace_back("EXIT_CODE", code ? "exited" : exit.kind == Exit::Kind::core ? "dumped" : "killed");
    variables.emplace_back("EXIT_STATUS", code ? std::to_string(exit.value) : signal_name(exit.value));
}

bool is_clean(const Exit& exit) noexcept { return exit.kind == Exit::Kind::code && exit.value == 0; }

} // namespace

std::string describe(const Exit& exit) {
    switch (exit.kind) {
    case Exit::Kind::code: return fmt::format("exited with status {}", exit.value);
    case Exit::Kind::signal: return fmt::format("was killed by SIG{}", signal_name(exit.value));
    case Exit::Kind::core: return fmt::format("dumped core on SIG{}", signal_name(exit.value));
    }
    return {};
}

Result<std::shared_ptr<const OutputEnds>> InstanceHost::open_output(const Command& command, std::optional<uid_t> owner) {
    auto ends = output().begin(service(), command, owner);
    if (!ends) return Failure(std::move(ends).error());
    return std::make_shared<const OutputEnds>(std::move(*ends));
}

Result<std::unique_ptr<Instance>> Instance::create(Loop& loop, InstanceHost& host, std::uint32_t number, std::uint32_t group) {
    std::unique_ptr<Instance> instance(new Instance(loop, host, number, group));
    auto id = new_invocation_id();
    if (!id) return Failure(std::move(id).error());
    instance->invocation_ = std::move(*id);
    return instance;
}

void Instance::start() { post(Begin{}); }

void Instance::stop(bool for_restart, std::optional<Duration> patience) { post(StopRun{patience, for_restart}); }

void Instance::reload(Reloaded done) {
    reloads_.push_back(std::move(done));
    post(ReloadRun{});
}

void Instance::hold(bool still) {
    if (still == held_watchdog_.has_value()) return;
    const Duration interval = still ? kInfinity : *held_watchdog_;
    held_watchdog_ = still ? std::optional(run_.watchdog) : std::nullopt;
    if (auto sent = members_.signal(still ? SIGSTOP : SIGCONT); !sent) say(LogLevel::error, sent.error().to_string());
    Said said;
    said.watchdog = interval;
    post(said);
}

void Instance::post(RunEvent event) {
    events_.push_back(std::move(event));
    if (draining_) return; // an action's answer: taken up when its turn comes
    draining_ = true;
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const RunEvent next = std::move(events_[i]); // more may join
        take(next);
    }
    events_ = {}; // with its memory: of ten thousand instances few have something to do
    draining_ = false;
    set_timer();
}

/// Once, by what is remembered when all has been taken up: the time-out of a start that is over at once never becomes a timer.
void Instance::set_timer() {
    if (run_.timer == timer_set_) return;
    timer_set_ = run_.timer;
    if (!timer_set_) return timer_ ? timer_->disarm() : void();
    if (!timer_) {
        auto timer = TimerSource::create(loop_, [this] {
            timer_set_.reset();
            post(RunTimer{});
        });
        if (!timer) return say(LogLevel::error, timer.error().to_string());
        timer_ = std::move(*timer);
    }
    if (auto armed = timer_->arm(*timer_set_); !armed) say(LogLevel::error, armed.error().to_string());
}

void Instance::take(const RunEvent& event) {
    const Phase from = run_.phase;
    const RunStep decided = step(host_.service(), run_, event, now());
    run_ = decided.next;
    for (const RunAction& action : decided.actions) perform(action);
    if (run_.phase != from) phase_changed(from);
}

void Instance::perform(const RunAction& action) {
    struct Visitor {
        Instance& self;
        void operator()(const StartProcess& order) const { self.start_process(order); }
        void operator()(const FindMain&) const { self.find_main(); }
        void operator()(const SendSignal& order) const { self.send(order); }
        void operator()(const SetRunTimer&) const {} // set_timer(), at the end
        void operator()(const ClearRunTimer&) const {}
        void operator()(const ReloadEnded& ended) const {
            for (const Reloaded& done : std::exchange(self.reloads_, {}))
                done(ended.well
                         ? Status{}
                         : Status(failure("it was not reloaded: it is not running, has nothing to reload with, or the reload failed")));
        }
    };
    std::visit(Visitor{*this}, action);
}

void Instance::phase_changed(Phase from) {
    const bool ready = host_.service().effective_notify_access() != NotifyAccess::none;
    switch (run_.phase) {
    case Phase::running:
        if (from == Phase::start || from == Phase::start_post)
            say(LogLevel::info, fmt::format("{}, pid {}", ready ? "ready" : "started", main_pid()));
        else
            say(LogLevel::info, "reloaded");
        break;
    case Phase::exited: say(LogLevel::info, "done"); break;
    case Phase::reload:
    case Phase::reload_signal: say(LogLevel::info, "reloading"); break;
    case Phase::stop:
    case Phase::stop_by_notify:
    case Phase::stop_sigterm: say(LogLevel::info, "stopping"); break;
    case Phase::stop_watchdog: say(LogLevel::error, "watchdog: no word in time, or it asked for this; aborted"); break;
    case Phase::stop_sigkill:
    case Phase::final_sigkill: say(LogLevel::warning, "did not stop in time; killed"); break;
    case Phase::ended: forget_processes(); break;
    case Phase::condition:
    case Phase::start_pre:
    case Phase::start:
    case Phase::start_post:
    case Phase::reload_notify:
    case Phase::stop_post:
    case Phase::final_sigterm: break;
    }
    host_.changed(*this);
}

void Instance::change_limits() {
    if (auto changed = members_.change_limits(host_.cgroups(), host_.service()); !changed)
        say(LogLevel::error, changed.error().to_string());
}

/// What all commands of one run share. Once.
Status Instance::prepare_surroundings(SpawnStep& failed_at) {
    const Service& service = host_.service();
    if (auto shared = members_.has_group() ? nullptr : host_.shared_group(); shared) members_.join(std::move(shared));
    if (!members_.has_group()) {
        if (auto made = members_.make_group(host_.cgroups(), service, group_); !made) return made;
        const std::string left = members_.left_over();
        const bool kill = service.kill_mode == KillMode::control_group || service.kill_mode == KillMode::mixed;
        if (!left.empty())
            say(LogLevel::warning, fmt::format("processes are left over from an earlier run{}: {}", kill ? ", and are killed" : "", left));
        if (!left.empty() && kill)
            if (auto killed = members_.signal(SIGKILL); !killed) return killed;
        oom_kills_ = members_.oom_kills();
    }
    if (service.private_tmp && !tmp_) {
        failed_at = SpawnStep::name_space;
        auto made = PrivateTmp::make(service.name);
        if (!made) return Failure(std::move(made).error().within("private_tmp"));
        tmp_ = std::make_shared<PrivateTmp>(std::move(*made));
        failed_at = SpawnStep::none;
    }
    if (auto name = dynamic_user_of(service); name && !dynamic_user_) {
        auto user = DynamicUser::hold(*name);
        if (!user) return Failure(std::move(user).error().within("dynamic_user"));
        dynamic_user_ = std::move(*user);
    }
    return {};
}

RunFacts Instance::facts_for(CommandKind kind) const {
    RunFacts facts;
    facts.notify_path = host_.notify_path();
    if (tmp_) {
        facts.tmp = tmp_->tmp();
        facts.var_tmp = tmp_->var_tmp();
    }
    if (dynamic_user_) facts.dynamic_uid = dynamic_user_->uid();
    const Service& service = host_.service();
    facts.variables.emplace_back("INVOCATION_ID", invocation_);
    facts.variables.emplace_back("SWATHE_INSTANCE", std::to_string(number_));
    host_.add_variables(facts.variables);
    if (kind == CommandKind::start) {
        if (run_.watchdog != kInfinity) facts.variables.emplace_back("WATCHDOG_USEC", std::to_string(run_.watchdog.count()));
        if (service.file_descriptor_store_max > 0)
            facts.variables.emplace_back("FDSTORE", std::to_string(service.file_descriptor_store_max));
    } else if (main_) {
        facts.variables.emplace_back("MAINPID", std::to_string(main_pid()));
    }
    if (kind == CommandKind::stop || kind == CommandKind::stop_post) {
        facts.variables.emplace_back("SERVICE_RESULT", to_string(run_.result));
        if (run_.main_exit) add_exit(*run_.main_exit, facts.variables);
    }
    return facts;
}

void Instance::start_process(const StartProcess& order) {
    SpawnStep failed_at = SpawnStep::none;
    auto pid = spawn_process(order, failed_at);
    if (pid) return post(ProcessStarted{});
    const bool has_code = failed_at != SpawnStep::none;
    const std::string why =
        pid.error().to_string() + (has_code ? fmt::format(" (status {}/{})", static_cast<int>(failed_at), to_string(failed_at)) : "");
    const auto& commands = commands_of(host_.service(), order.kind);
    const bool ignored = order.index < commands.size() && commands[order.index].ignore_failure;
    if (!ignored) last_failure_ = why;
    say(ignored ? LogLevel::info : LogLevel::error,
        order.kind == CommandKind::start ? fmt::format("cannot be started: {}", why) : fmt::format("{}: {}", key_of(order.kind), why));
    post(ProcessFailed{static_cast<int>(failed_at)});
}

Result<pid_t> Instance::spawn_process(const StartProcess& order, SpawnStep& failed_at) {
    const auto& commands = commands_of(host_.service(), order.kind);
    if (order.index >= commands.size()) return failure("a reload has taken the command away");
    if (auto ready = prepare_surroundings(failed_at); !ready) return Failure(std::move(ready).error());
    auto plan = host_.plan(commands[order.index], key_of(order.kind), facts_for(order.kind));
    if (!plan) {
        failed_at = plan.error().step;
        return Failure(std::move(plan).error().error);
    }
    // what fails in the daemon says nothing about a condition
    const auto own_step = [&](SpawnStep step) { return order.kind == CommandKind::condition ? SpawnStep::none : step; };
    failed_at = own_step(SpawnStep::cgroup);
    for (const std::string& warning : plan->warnings) say(LogLevel::warning, warning);
    if (order.kind == CommandKind::start || takes_socket(*plan)) plan->fds = host_.descriptors(*this);
    if (auto entered = members_.enter(*plan, order.kind == CommandKind::start); !entered) return Failure(std::move(entered).error());
    failed_at = own_step(SpawnStep::standard_output);
    const auto ends = host_.open_output(commands[order.index], plan->uid);
    if (!ends) return Failure(ends.error());
    plan->output_fd = (*ends)->output();
    plan->error_fd = (*ends)->error();
    auto child = spawn(*plan);
    if (!child) {
        failed_at = child.error().step;
        return Failure(Error(child.error().error).within(fmt::format("{} (step {})", plan->path, to_string(child.error().step))));
    }
    const pid_t pid = child->pid;
    (*ends)->belong_to(pid);
    failed_at = SpawnStep::none;
    members_.add(*child);
    if (order.kind == CommandKind::start) {
        inherited_.clear();
        for (const PassedFd& passed : plan->fds) {
            if (passed.is_connection) continue; // and so is no listener
            if (auto inode = socket_inode(passed.fd); inode) inherited_.push_back(*inode);
        }
    }
    if (auto watched = watch_process(order.is_main, std::move(*child)); !watched) return Failure(std::move(watched).error());
    return pid;
}

Status Instance::watch_process(bool as_main, Child child) {
    const bool kill_group =
        !groups_outlive_leaders() && host_.service().kill_mode != KillMode::process && host_.service().kill_mode != KillMode::none;
    auto watch = ChildWatch::watch(
        loop_, std::move(child), [this, as_main](const Exit& exit) { as_main ? main_exited(exit) : control_exited(exit); }, kill_group);
    if (!watch) return Failure(std::move(watch).error());
    std::optional<ChildWatch>& place = as_main ? main_ : control_;
    if (place) host_.watches_no_more(place->child().pid);
    place = std::move(*watch);
    host_.watches(place->child().pid);
    return {};
}

void Instance::main_exited(const Exit& exit) {
    host_.drain_notifications(); // its last words count: READY=1 just before the end
    host_.output().drain();
    const bool oom = members_.oom_kills() > oom_kills_;
    const std::string end = fmt::format("pid {} {}", main_pid(), describe(exit));
    if (!is_clean(exit)) last_failure_ = end;
    say(is_clean(exit) || run_.is_ending() ? LogLevel::info : LogLevel::warning, end);
    host_.watches_no_more(main_pid());
    main_.reset();
    look_for_others();
    post(MainExited{exit, oom});
}

void Instance::control_exited(const Exit& exit) {
    host_.drain_notifications();
    host_.output().drain();
    if (!is_clean(exit)) {
        const std::string end = fmt::format("{}: pid {} {}", to_string(run_.phase), control_->child().pid, describe(exit));
        if (run_.phase != Phase::reload) last_failure_ = end;
        say(LogLevel::warning, end);
    }
    host_.watches_no_more(control_->child().pid);
    control_.reset();
    look_for_others();
    post(ControlExited{exit});
}

/// Whoever is left when the processes that are known have gone is found by looking.
void Instance::look_for_others() {
    if (has_process()) return;
    if (members_.empty()) {
        members_.forget_leaders();
        members_.unwatch();
        return post(GroupEmptied{});
    }
    const auto gone = [this] {
        if (!has_process() && members_.empty()) post(GroupEmptied{});
    };
    if (auto watched = members_.watch(loop_, gone); !watched) say(LogLevel::error, watched.error().to_string());
    gone(); // between the two looks
}

void Instance::forget_processes() {
    if (main_ && host_.service().kill_mode != KillMode::none)
        say(LogLevel::error, fmt::format("pid {} does not end, and is left behind", main_pid()));
    else if (!members_.empty())
        say(LogLevel::notice, "processes of it are left behind, as kill_mode says");
    for (std::optional<ChildWatch>* const process : {&main_, &control_}) {
        if (*process) host_.watches_no_more((*process)->child().pid);
        process->reset();
    }
    members_.forget();
    pid_file_look_.reset();
    inherited_.clear();
    if (tmp_) host_.remove_later(std::exchange(tmp_, nullptr));
    dynamic_user_ = nullptr;
}

void Instance::send(const SendSignal& order) {
    const auto report = [this](const Status& sent) {
        if (!sent) say(LogLevel::error, sent.error().to_string());
    };
    const bool main = order.target == SignalTarget::main || order.target == SignalTarget::main_and_control;
    const bool control = order.target == SignalTarget::control || order.target == SignalTarget::main_and_control;
    if (main && main_) report(main_->child().signal(order.number));
    if (control && control_) report(control_->child().signal(order.number));
    if (order.target == SignalTarget::all) report(members_.signal(order.number));
}

bool Instance::owns(pid_t pid) const noexcept {
    return (main_ && main_->child().pid == pid) || (control_ && control_->child().pid == pid);
}

} // namespace swathe
