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
constexpr Duration kPatience = std::chrono::milliseconds(20);

} // namespace

struct Orphans::State {
    IsMain is_main;
    Handler ended;
    std::optional<SignalSource> sigchld;
    std::optional<TimerSource> again;

    /// Until then nobody listens: signals that come meanwhile are one that waits, and cost no turn of the loop each.
    void look_soon() {
        sigchld.reset();
        (void)again->arm(later(now(), kPatience)); // cannot fail for a source of a living loop
    }

    void look(Loop& loop) {
        auto listening = SignalSource::watch(loop, SIGCHLD, [this] { look_soon(); });
        if (!listening) return look_soon(); // no memory: better luck then
        sigchld = std::move(*listening);
        reap();
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
    auto again = TimerSource::create(loop, [&loop, raw = state.get()] { raw->look(loop); });
    if (!again) return Failure(std::move(again).error());
    state->again = std::move(*again);
    auto sigchld = SignalSource::watch(loop, SIGCHLD, [] {}); // it can be had, and is blocked from now on
    if (!sigchld) return Failure(std::move(sigchld).error());
    state->look_soon(); // who ended before us
    return Orphans(std::move(state));
}

Orphans::Orphans(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Orphans::Orphans(Orphans&&) noexcept = default;
Orphans& Orphans::operator=(Orphans&&) noexcept = default;
Orphans::~Orphans() = default;

} // namespace swathe
