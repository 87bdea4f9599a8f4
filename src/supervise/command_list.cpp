#include "supervise/command_list.h"

#include <csignal>

namespace swathe {
namespace {

using Phase = CommandList::Phase;
using Trouble = CommandList::Trouble;

/// One call of step().
class Transition {
public:
    Transition(const std::vector<Command>& commands, Duration timeout, const CommandList& before, Monotonic now)
        : commands_(commands), timeout_(timeout), next_(before), now_(now) {}

    void on(const BeginList&) {
        if (next_.phase == Phase::waiting) start_or_end();
    }

    void on(const CommandRefused&) {
        if (next_.phase == Phase::running) ended(false);
    }

    void on(const CommandEnded& command) {
        if (next_.phase == Phase::running) ended(command.exit.kind == Exit::Kind::code && command.exit.value == 0);
    }

    void on(const NobodyLeft&) {
        if (next_.phase == Phase::sigterm || next_.phase == Phase::sigkill) end(next_.trouble);
    }

    void on(const ListTimer&) {
        if (!next_.timer) return;
        next_.timer.reset();
        switch (next_.phase) {
        case Phase::running: return ask_to_end(Trouble::timeout);
        case Phase::sigterm:
            next_.phase = Phase::sigkill;
            actions_.emplace_back(SignalCommand{SIGKILL});
            return set_timer(patience());
        case Phase::sigkill: return end(next_.trouble); // it hangs in the kernel
        case Phase::waiting:
        case Phase::ended: return; // no timer is ever set in these
        }
    }

    void on(const CallOff&) {
        if (next_.phase == Phase::waiting) return end(Trouble::called_off);
        if (next_.phase == Phase::running) ask_to_end(Trouble::called_off);
    }

    [[nodiscard]] ListStep finish() && { return {next_, std::move(actions_)}; }

private:
    void start_or_end() {
        if (next_.index == commands_.size()) return end(Trouble::none);
        next_.phase = Phase::running;
        set_timer(timeout_);
        actions_.emplace_back(StartCommand{next_.index});
    }

    void ended(bool well) {
        if (!well && !commands_[next_.index].ignore_failure) return end(Trouble::command);
        ++next_.index;
        start_or_end();
    }

    /// A process that was stopped takes no TERM before it goes on.
    void ask_to_end(Trouble why) {
        next_.phase = Phase::sigterm;
        next_.trouble = why;
        actions_.emplace_back(SignalCommand{SIGTERM});
        actions_.emplace_back(SignalCommand{SIGCONT});
        set_timer(patience());
    }

    void end(Trouble why) {
        next_.phase = Phase::ended;
        next_.trouble = why;
        next_.timer.reset();
    }

    [[nodiscard]] Duration patience() const noexcept { return timeout_ == kInfinity ? kPatienceAfterTerm : timeout_; }

    void set_timer(Duration delay) {
        next_.timer.reset();
        if (delay != kInfinity) next_.timer = later(now_, delay);
    }

    const std::vector<Command>& commands_;
    Duration timeout_;
    CommandList next_;
    Monotonic now_;
    std::vector<ListAction> actions_;
};

} // namespace

ListStep step(const std::vector<Command>& commands, Duration timeout, const CommandList& before, const ListEvent& event, Monotonic now) {
    Transition transition(commands, timeout, before, now);
    std::visit([&](const auto& what) { transition.on(what); }, event);
    return std::move(transition).finish();
}

} // namespace swathe
