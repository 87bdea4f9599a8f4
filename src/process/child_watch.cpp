#include "process/child_watch.h"

#include <csignal>
#include <optional>
#include <utility>

namespace swathe {

struct ChildWatch::State {
    Child child;
    Handler handler;
    bool kill_group = false;
    std::optional<IoSource> source; // declared last: destroyed before the pidfd closes

    void ended() {
        if (kill_group) (void)child.signal_group(SIGKILL);
        const auto reaped = reap_if_ended(child).value_or(Exit{});
        if (!reaped) return; // traced by another, who is to see its end first (ptrace(2)): the kernel tells again
        source.reset(); // a reaped child's pidfd stays readable
        const Handler call = std::move(handler);
        call(*reaped); // may destroy *this
    }
};

Result<ChildWatch> ChildWatch::watch(Loop& loop, Child child, Handler handler, bool kill_group) {
    auto state = std::make_unique<State>();
    state->child = std::move(child);
    state->handler = std::move(handler);
    state->kill_group = kill_group;
    // At the edge: it ends once, and of thousands that end together each would else be reported again in every turn of the loop.
    auto source = IoSource::watch(loop, state->child.pidfd.get(), EPOLLIN | EPOLLET, [raw = state.get()](std::uint32_t) { raw->ended(); });
    if (!source) {
        (void)state->child.signal(SIGKILL);
        (void)reap(state->child);
        return Failure(std::move(source).error());
    }
    state->source = std::move(*source);
    return ChildWatch(std::move(state));
}

const Child& ChildWatch::child() const noexcept { return state_->child; }

ChildWatch::ChildWatch(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
ChildWatch::ChildWatch(ChildWatch&&) noexcept = default;
ChildWatch& ChildWatch::operator=(ChildWatch&&) noexcept = default;
ChildWatch::~ChildWatch() = default;

} // namespace swathe
