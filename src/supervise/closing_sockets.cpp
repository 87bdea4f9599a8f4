#include "supervise/closing_sockets.h"

#include <algorithm>

namespace swathe {
void ClosingSockets::add(Leaving leaving) {
    commands_.call_off(leaving.service->name);
    all_.push_back(std::make_shared<One>(One{std::move(leaving), false}));
}

void ClosingSockets::go_on(const HasProcesses& has_processes) {
    std::vector<std::shared_ptr<One>> ready;
    for (const auto& one : all_)
        if (!one->begun && !has_processes(one->service->name) && !commands_.is_busy(one->service->name)) ready.push_back(one);
    for (const auto& one : ready) begin(one);
}

bool ClosingSockets::has(const std::string& service) const noexcept {
    return std::any_of(all_.begin(), all_.end(), [&](const auto& one) { return one->service->name == service; });
}

void ClosingSockets::begin(const std::shared_ptr<One>& one) {
    one->begun = true;
    if (one->pre_has_run) return close(one);
    commands_.run(one->service, one->log, SocketStage::stop_pre, [this, one](const Status& ran) {
        tell_failure(*one->service, ran);
        close(one);
    });
}

void ClosingSockets::close(const std::shared_ptr<One>& one) {
    for (const LiveListener& listener : one->listeners) release_(listener);
    one->listeners.clear();
    commands_.run(one->service, one->log, SocketStage::stop_post, [this, one](const Status& ran) {
        tell_failure(*one->service, ran);
        std::erase(all_, one);
    });
}

} // namespace swathe
