#include "process/members.h"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

namespace swathe {
namespace {

// A process group has no descriptor that could be waited for.
constexpr Duration kFirstLook = std::chrono::milliseconds(2);
constexpr Duration kLongestPause = std::chrono::milliseconds(250);

} // namespace

struct Members::Poll {
    std::function<void()> gone;
    Duration pause = kFirstLook;
    std::optional<TimerSource> timer;
};

void Members::DeletePoll::operator()(Poll* poll) const noexcept { delete poll; }

void Members::add(const Child& leader) {
    std::erase_if(leaders_, [](const Child& old) { return !old.has_group(); });
    UniqueFd copy(::fcntl(leader.pidfd.get(), F_DUPFD_CLOEXEC, 0));
    if (copy) leaders_.push_back({leader.pid, std::move(copy)});
}

Status Members::signal(int number) const {
    for (const Child& leader : leaders_)
        if (auto sent = leader.signal_group(number); !sent) return sent;
    return {};
}

bool Members::empty() const noexcept {
    return std::none_of(leaders_.begin(), leaders_.end(), [](const Child& leader) { return leader.has_group(); });
}

bool Members::has(pid_t pid) const noexcept {
    const pid_t group = ::getpgid(pid);
    return std::any_of(leaders_.begin(), leaders_.end(), [&](const Child& leader) { return leader.pid == group && leader.has_group(); });
}

Status Members::watch(Loop& loop, std::function<void()> gone) {
    poll_.reset(new Poll);
    poll_->gone = std::move(gone);
    auto timer = TimerSource::create(loop, [this] {
        if (empty()) return std::exchange(poll_, nullptr)->gone();
        poll_->pause = std::min(poll_->pause * 2, kLongestPause);
        (void)poll_->timer->arm(later(now(), poll_->pause));
    });
    if (!timer) return Failure(std::move(timer).error());
    poll_->timer = std::move(*timer);
    return poll_->timer->arm(later(now(), poll_->pause));
}

} // namespace swathe
