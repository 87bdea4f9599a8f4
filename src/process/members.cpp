#include "process/members.h"

#include <algorithm>

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

Status Members::make_group(const CgroupTree& tree, const Service& service, unsigned number) {
    auto group = InstanceGroup::make(tree, service, number);
    if (!group) return Failure(std::move(group).error());
    group_ = std::make_shared<InstanceGroup>(std::move(*group));
    shared_ = false;
    return {};
}

void Members::join(std::shared_ptr<InstanceGroup> shared) noexcept {
    group_ = std::move(shared);
    shared_ = true;
}

Status Members::change_limits(const CgroupTree& tree, const Service& service) {
    return group_ && !shared_ ? group_->change(tree, service) : Status();
}

Status Members::enter(SpawnPlan& plan, bool main) {
    if (!group_) return {};
    return main ? group_->enter_main(plan) : group_->enter_beside(plan);
}

std::string Members::left_over() const { return group_ && !shared_ ? group_->left_over() : std::string(); }

std::uint64_t Members::oom_kills() const { return cgroup() != nullptr ? cgroup()->oom_kills().value_or(0) : 0; }

void Members::forget() noexcept {
    unwatch();
    leaders_.clear();
    group_.reset();
}

void Members::unwatch() noexcept {
    poll_.reset();
    cgroup_watch_.reset();
}

void Members::add(const Child& leader) {
    std::erase_if(leaders_, [](const Child& old) { return !old.has_group(); });
    leaders_.push_back(leader);
}

Status Members::signal(int number) const {
    if (cgroup() != nullptr) {
        std::vector<const Child*> leaders;
        for (const Child& leader : leaders_) leaders.push_back(&leader);
        return group_->signal(Reach::all, number, leaders);
    }
    for (const Child& leader : leaders_)
        if (auto sent = leader.signal_group(number); !sent) return sent;
    return {};
}

bool Members::empty() const noexcept {
    if (cgroup() != nullptr) return cgroup()->is_empty().value_or(true);
    return std::none_of(leaders_.begin(), leaders_.end(), [](const Child& leader) { return leader.has_group(); });
}

bool Members::has(pid_t pid, const std::optional<std::string>& cgroups) const {
    if (cgroup() != nullptr) {
        if (cgroups && !cgroup()->may_hold(*cgroups)) return false;
        const auto members = cgroup()->processes().value_or(std::vector<pid_t>());
        return std::find(members.begin(), members.end(), pid) != members.end();
    }
    const pid_t group = ::getpgid(pid);
    return std::any_of(leaders_.begin(), leaders_.end(), [&](const Child& leader) { return leader.pid == group && leader.has_group(); });
}

Status Members::watch(Loop& loop, std::function<void()> gone) {
    if (cgroup() != nullptr) {
        auto watch = CgroupWatch::watch(loop, *cgroup(), std::move(gone));
        if (!watch) return Failure(std::move(watch).error());
        cgroup_watch_ = std::move(*watch);
        return {};
    }
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
