#pragma once

#include "supervise/lifecycle.h"
#include "supervise/run.h"

#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace swathe::test {

using namespace std::chrono_literals;

inline const Monotonic kStart = Monotonic{} + 1000h;

inline Exit code(int value) { return {Exit::Kind::code, value}; }
inline Exit killed(int signal) { return {Exit::Kind::signal, signal}; }
inline Exit dumped(int signal) { return {Exit::Kind::core, signal}; }

inline Command command(bool may_fail = false) {
    Command command;
    command.path = "/bin/true";
    command.argv = {"true"};
    command.ignore_failure = may_fail;
    return command;
}

/// Every time-out is finite and unlike the others; there is one command to be started.
inline Service service_of(ServiceType type = ServiceType::simple, RestartPolicy restart = RestartPolicy::no) {
    Service service;
    service.type = type;
    service.restart = restart;
    service.exec_start = {command()};
    service.timeout_start_sec = 90s;
    service.timeout_stop_sec = 60s;
    service.timeout_abort_sec = 30s;
    return service;
}

inline std::string signal_word(const SendSignal& send) {
    const char* const name = sigabbrev_np(send.number);
    const char* const whom[] = {"main", "control", "both", "all"};
    return std::string(name != nullptr ? name : "?") + ":" + whom[static_cast<std::size_t>(send.target)];
}

/// Actions as words, for comparing. Timers have none: the walks see to it that they agree with what is remembered.
inline std::string word(const RunAction& action) {
    struct Words {
        std::string operator()(const StartProcess& s) const {
            return key_of(s.kind) + (s.index > 0 ? "#" + std::to_string(s.index) : std::string());
        }
        std::string operator()(const FindMain&) const { return "find-main"; }
        std::string operator()(const SendSignal& s) const { return signal_word(s); }
        std::string operator()(const SetRunTimer&) const { return ""; }
        std::string operator()(const ClearRunTimer&) const { return ""; }
        std::string operator()(const ReloadEnded& r) const { return r.well ? "reloaded" : "not-reloaded"; }
    };
    return std::visit(Words{}, action);
}

inline std::string word(const Action& action) {
    struct Words {
        std::string operator()(const StartInstance&) const { return "start"; }
        std::string operator()(const StopInstance& s) const { return s.for_restart ? "stop-for-restart" : "stop"; }
        std::string operator()(const StartSuccessor&) const { return "start-successor"; }
        std::string operator()(const StopSuccessor&) const { return "stop-successor"; }
        std::string operator()(const Succeed&) const { return "succeed"; }
        std::string operator()(const AdoptSuccessor&) const { return "adopt"; }
        std::string operator()(const SetTimer&) const { return "timer"; }
        std::string operator()(const ClearTimer&) const { return "no-timer"; }
    };
    return std::visit(Words{}, action);
}

template <class A> std::string words(const std::vector<A>& actions) {
    std::string all;
    for (const A& action : actions)
        if (const std::string one = word(action); !one.empty()) all += (all.empty() ? "" : " ") + one;
    return all;
}

/// A machine with its service and a clock that the test turns: of one instance (Run), or of a worker (Lifecycle).
template <class Memory, class What, class Fired> struct Machine {
    Service service;
    Memory now;
    Monotonic clock = kStart;

    /// Gives the event and returns what is to be done, in words.
    std::string give(const What& event) {
        auto decided = step(service, now, event, clock);
        now = std::move(decided.next);
        return words(decided.actions);
    }
    template <class... E> void give_all(const E&... events) { (give(events), ...); }
    std::string give_after(Duration wait, const What& event) {
        clock += wait;
        return give(event);
    }
    /// Turns the clock to the timer and fires it.
    std::string fire() {
        REQUIRE(now.timer);
        clock = *now.timer;
        return give(Fired{});
    }
    /// How far ahead the timer is set.
    [[nodiscard]] Duration ahead() const {
        REQUIRE(now.timer);
        return std::chrono::duration_cast<Duration>(*now.timer - clock);
    }
};
using OneRun = Machine<Run, RunEvent, RunTimer>;
using OneWorker = Machine<Lifecycle, Event, TimerFired>;

inline OneWorker worker(RestartPolicy restart = RestartPolicy::no) {
    OneWorker w;
    w.service = service_of(ServiceType::simple, restart);
    return w;
}

/// Its command is started: up, or where it waits for READY=1 or its parent's end.
inline OneRun started(Service service) {
    OneRun run;
    run.service = std::move(service);
    run.give(Begin{});
    run.give(ProcessStarted{});
    return run;
}

inline Said said_ready() { return {.ready = true}; }
inline Said said_stopping() { return {.stopping = true}; }
inline Said said_reloading(std::optional<Monotonic> at = std::nullopt) { return {.reloading = true, .reloading_at = at}; }

} // namespace swathe::test

namespace doctest {
template <> struct StringMaker<swathe::State> {
    static String convert(swathe::State state) { return swathe::to_string(state); }
};
template <> struct StringMaker<swathe::Phase> {
    static String convert(swathe::Phase phase) { return swathe::to_string(phase); }
};
template <> struct StringMaker<swathe::ServiceResult> {
    static String convert(swathe::ServiceResult result) { return swathe::to_string(result); }
};
} // namespace doctest
