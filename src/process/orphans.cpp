#include "process/orphans.h"

#include "process/child_status.h"

#include <optional>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>

namespace swathe {
namespace {

constexpr int kReapedPerTurn = 64; // then the other sources have theirs
/// Nobody waits for an orphan. The children of a busy daemon are reaped by their ChildWatch in this time, and are then nothing to look for.
constexpr Duration kPatience = std::chrono::milliseconds(10);

}

struct Orphans::State {
    IsMain is_main;
    Handler ended;
    std::optional<SignalSource> sigchld;
    std::optional<TimerSource> again;
    bool set = false; ///< `again` is

    void look_soon() {
        if (!std::exchange(set, true)) (void)again->arm(later(now(), kPatience)); // cannot fail for a source of a living loop
    }

    /// waitid(P_ALL) shows the first zombie only. While that is a main child nothing else can be seen, so look again after its
    /// ChildWatch, which is readable by now, has had its turn.
    void reap() {
        for (int turn = 0; turn < kReapedPerTurn; ++turn) {
            siginfo_t info{};
            if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
            if (is_main(info.si_pid)) break;
            if (::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0)
                ended(info.si_pid, exit_of(info));
        }
        look_soon();
    }
};

Result<Orphans> Orphans::adopt(Loop& loop, IsMain is_main, Handler ended) {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return system_failure("prctl PR_SET_CHILD_SUBREAPER");
    auto state = std::make_unique<State>();
    state->is_main = std::move(is_main);
    state->ended = std::move(ended);
    auto again = TimerSource::create(loop, [raw = state.get()] {
        raw->set = false;
        raw->reap();
    });
    if (!again) return Failure(std::move(again).error());
    state->again = std::move(*again);
    auto sigchld = SignalSource::watch(loop, SIGCHLD, [raw = state.get()] { raw->look_soon(); });
    if (!sigchld) return Failure(std::move(sigchld).error());
    state->sigchld = std::move(*sigchld);
    state->look_soon(); // who ended before us
    return Orphans(std::move(state));
}

Orphans::Orphans(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Orphans::Orphans(Orphans&&) noexcept = default;
Orphans& Orphans::operator=(Orphans&&) noexcept = default;
Orphans::~Orphans() = default;

} // namespace swathe
