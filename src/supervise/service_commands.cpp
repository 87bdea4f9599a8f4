// ServiceUnit: the commands around its listeners, when it comes into the configuration, and when these are closed and opened again at a
// limit. Meanwhile nothing is watched, and who asks for a start has it later.

#include "model/socket_stage.h"
#include "supervise/service_unit.h"
#include "supervise/socket_commands.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {

void ServiceUnit::begin() {
    if (service_->activation == Activation::eager) held_start_ = StartAsked{};
    run_commands(SocketStage::start_post, [this](const Status& ran) {
        around_ = Around::nothing;
        ran ? go_on() : begin_failed(ran.error());
    });
}

/// Is it down with its sockets closed, and has commands to be run around their opening, or where that fails?
bool ServiceUnit::must_open() const noexcept {
    const auto all = socket_commands_of(*service_);
    return closed_ && std::any_of(all.begin(), all.end(), [](const auto& list) { return !list.second->empty(); });
}

void ServiceUnit::hold_start(const Event& event) {
    held_start_ = event;
    if (around_ == Around::nothing) open_with_commands();
}

void ServiceUnit::open_with_commands() {
    around_ = Around::start;
    run_commands(SocketStage::start_pre, [this](const Status& ready) {
        if (!ready) {
            around_ = Around::nothing;
            return cannot_open(ready.error());
        }
        if (auto opened = open_listeners(); !opened) {
            close_with_commands();
            return cannot_open(opened.error());
        }
        run_commands(SocketStage::start_post, [this](const Status& ran) {
            around_ = Around::nothing;
            if (ran) return go_on();
            close_with_commands();
            cannot_open(ran.error());
        });
    });
}

/// systemd.socket(5): those before the close and after it, also where the sockets could not be opened. A start that has led here has had
/// its turn.
void ServiceUnit::close_with_commands() {
    held_start_.reset();
    around_ = Around::stop;
    disarm();
    run_commands(SocketStage::stop_pre, [this](const Status& before) {
        tell_failure(*service_, before);
        if (!closed_) close_listeners();
        run_commands(SocketStage::stop_post, [this](const Status& after) {
            tell_failure(*service_, after);
            around_ = Around::nothing;
            go_on();
        });
    });
}

/// It stays failed, and closed.
void ServiceUnit::cannot_open(const Error& error) {
    held_start_.reset();
    last_failure_ = error.to_string();
    say(LogLevel::error, fmt::format("cannot be started: {}", last_failure_));
    settle();
    if (host_.is_linked(*this)) host_.has_come_to_rest(*this, false);
}

/// Sockets that were to be seen to before anybody is served are closed: systemd.socket(5), ExecStartPost=.
void ServiceUnit::begin_failed(const Error& error) {
    held_start_.reset();
    last_failure_ = error.to_string();
    post_to_all(OpenFailed{});
    if (host_.is_linked(*this)) host_.has_come_to_rest(*this, false);
}

/// In this order: sockets that are open though nobody is to serve are closed.
void ServiceUnit::go_on() {
    if (held_start_) begin_start(*std::exchange(held_start_, std::nullopt));
    watch_as_needed();
}

void ServiceUnit::run_commands(SocketStage stage, std::function<void(const Status&)> done) {
    host_.run_socket_commands(*this, stage, std::move(done));
}

} // namespace swathe
