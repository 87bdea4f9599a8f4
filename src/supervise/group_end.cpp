#include "supervise/group_end.h"

#include <utility>

#include <fmt/format.h>

namespace swathe {
namespace {

/// The commands of a stop were each instance's own.
Service without_commands(const Service& service) {
    Service bare = service;
    bare.exec_stop.clear();
    bare.exec_stop_post.clear();
    return bare;
}

} // namespace

GroupEnd::GroupEnd(Loop& loop, std::shared_ptr<const InstanceGroup> group, const Service& service, Host host)
    : loop_(loop), group_(std::move(group)), service_(without_commands(service)), host_(std::move(host)) {
    run_.phase = Phase::running;
    run_.others = true;
}

bool GroupEnd::begin(bool restart) {
    auto watch = CgroupWatch::watch(loop_, *group_->cgroup(), [this] {
        if (group_->is_empty()) post(GroupEmptied{}); // nobody may have come since
    });
    if (watch)
        watch_ = std::move(*watch);
    else
        note(Failure(std::move(watch).error())); // the timer looks, too
    take(StopRun{std::nullopt, restart});
    if (run_.phase != Phase::ended && group_->is_empty()) take(GroupEmptied{}); // between the two looks
    return run_.phase != Phase::ended;
}

void GroupEnd::post(const RunEvent& event) {
    take(event);
    if (run_.phase != Phase::ended) return;
    const auto over = std::move(host_.over);
    over();
}

void GroupEnd::take(const RunEvent& event) {
    const RunStep decided = step(service_, run_, event, now());
    const Phase from = std::exchange(run_, decided.next).phase;
    if (run_.phase != from) tell(from);
    for (const RunAction& action : decided.actions)
        if (const auto* const order = std::get_if<SendSignal>(&action)) note(group_->signal(Reach::all, order->number, {}));
    set_timer();
}

void GroupEnd::set_timer() {
    if (!run_.timer) return timer_ ? timer_->disarm() : void();
    if (!timer_) {
        auto timer = TimerSource::create(loop_, [this] { group_->is_empty() ? post(GroupEmptied{}) : post(RunTimer{}); });
        if (!timer) return note(Failure(std::move(timer).error()));
        timer_ = std::move(*timer);
    }
    note(timer_->arm(*run_.timer));
}

/// What becomes of them. Whom kill_mode spares has been told before.
void GroupEnd::tell(Phase from) const {
    const bool kills = run_.phase == Phase::stop_sigkill;
    const bool terminates = run_.phase == Phase::stop_sigterm;
    const bool gives_up = run_.phase == Phase::ended && from != Phase::running;
    if (!kills && !terminates && !gives_up) return;
    const std::string left = group_->left_over();
    if (left.empty()) return;
    if (gives_up)
        return host_.say(LogLevel::error, fmt::format("processes of former connections do not end, and are left behind: {}", left));
    const std::string_view then = kills ? "killed" : "told to end";
    host_.say(LogLevel::notice, fmt::format("processes of former connections are left, and are {}: {}", then, left));
}

void GroupEnd::note(const Status& done) const {
    if (!done) host_.say(LogLevel::error, done.error().to_string());
}

} // namespace swathe
