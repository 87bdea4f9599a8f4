#pragma once

#include "supervise/lifecycle.h"

#include <csignal>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace swathe::test {

using namespace std::chrono_literals;

inline const Monotonic kStart = Monotonic{} + 1000h;

/// Actions as words, for comparing.
inline std::string word(const Action& action) {
    struct Words {
        std::string operator()(const ArmListeners&) const { return "arm"; }
        std::string operator()(const DisarmListeners&) const { return "disarm"; }
        std::string operator()(const CloseListeners&) const { return "close"; }
        std::string operator()(const OpenListeners&) const { return "open"; }
        std::string operator()(const SpawnChild&) const { return "spawn"; }
        std::string operator()(const SignalChild& s) const { return s.signal == SIGTERM ? "TERM" : s.signal == SIGKILL ? "KILL" : s.signal == SIGCONT ? "CONT" : "?"; }
        std::string operator()(const SetTimer&) const { return "timer"; }
        std::string operator()(const ClearTimer&) const { return "no-timer"; }
    };
    return std::visit(Words{}, action);
}

inline std::string words(const std::vector<Action>& actions) {
    std::string all;
    for (const Action& action : actions) all += (all.empty() ? "" : " ") + word(action);
    return all;
}

/// A lifecycle with its policy and a clock that the test turns.
struct Machine {
    LifecyclePolicy policy;
    Lifecycle now;
    Monotonic clock = kStart;

    /// Gives the event and returns what is to be done, in words.
    std::string give(const Event& event) {
        Step s = step(policy, now, event, clock);
        now = std::move(s.next);
        return words(s.actions);
    }
    std::string give_after(Duration wait, const Event& event) {
        clock += wait;
        return give(event);
    }
    /// Turns the clock to the timer and fires it.
    std::string fire() {
        REQUIRE(now.timer);
        clock = *now.timer;
        return give(TimerFired{});
    }
    /// How far ahead the timer is set.
    [[nodiscard]] Duration ahead() const {
        REQUIRE(now.timer);
        return std::chrono::duration_cast<Duration>(*now.timer - clock);
    }
};

inline LifecyclePolicy finite_policy() {
    LifecyclePolicy policy;
    policy.restart_sec = 100ms;
    policy.timeout_start = 90s;
    policy.timeout_stop = 60s;
    return policy;
}

inline Machine machine(ServiceType type = ServiceType::simple, RestartPolicy restart = RestartPolicy::no) {
    Machine m;
    m.policy = finite_policy();
    m.policy.type = type;
    m.policy.restart = restart;
    return m;
}

inline Exit code(int value) { return {Exit::Kind::code, value}; }
inline Exit killed(int signal) { return {Exit::Kind::signal, signal}; }

inline const char* name(State state) { return to_string(state); }

} // namespace swathe::test

namespace doctest {
template <> struct StringMaker<swathe::State> {
    static String convert(swathe::State state) { return swathe::to_string(state); }
};
template <> struct StringMaker<swathe::ServiceResult> {
    static String convert(swathe::ServiceResult result) { return swathe::to_string(result); }
};
} // namespace doctest
