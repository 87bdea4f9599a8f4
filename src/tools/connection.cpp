#include "tools/connection.h"

#include <sys/socket.h>

namespace swathe::tools {
namespace {

constexpr int kSteps = 32; // then it is somebody else's turn

bool only_later() noexcept { return errno == EAGAIN || errno == EINTR; }

} // namespace

Connection::Connection(Service service, UniqueFd fd) noexcept : fd_(std::move(fd)), pending_(buffer_), service_(service) {}

Connection::Next Connection::go_on() noexcept {
    switch (service_) {
    case Service::echo: return echo();
    case Service::discard: return discard();
    case Service::chargen: return generate();
    case Service::daytime:
    case Service::time: return tell_once();
    }
    return Next::end;
}

Connection::Step Connection::send_pending() noexcept {
    const ssize_t sent = ::send(fd(), pending_, left_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return only_later() ? Step::must_wait : Step::over;
    pending_ += sent;
    left_ -= static_cast<std::size_t>(sent);
    return Step::done;
}

Connection::Step Connection::receive() noexcept {
    const ssize_t got = ::recv(fd(), buffer_, sizeof buffer_, MSG_DONTWAIT);
    if (got < 0) return only_later() ? Step::must_wait : Step::over;
    pending_ = buffer_;
    left_ = static_cast<std::size_t>(got);
    return got == 0 ? Step::over : Step::done;
}

Connection::Next Connection::echo() noexcept {
    for (int i = 0; i < kSteps; ++i) {
        const bool sending = left_ > 0;
        const Step step = sending ? send_pending() : receive();
        if (step == Step::over) return Next::end;
        if (step == Step::must_wait) break;
    }
    return left_ > 0 ? Next::write : Next::read;
}

Connection::Next Connection::discard() noexcept {
    for (int i = 0; i < kSteps; ++i) {
        const Step step = receive();
        left_ = 0;
        if (step == Step::over) return Next::end;
        if (step == Step::must_wait) break;
    }
    return Next::read;
}

Connection::Next Connection::generate() noexcept {
    // What a client says is thrown away; that it says no more does not mean that it no longer listens.
    heard_all_ = heard_all_ || ::recv(fd(), buffer_, sizeof buffer_, MSG_DONTWAIT) == 0;
    for (int i = 0; i < kSteps; ++i) {
        if (left_ == 0) {
            pending_ = kPattern.data();
            left_ = kPattern.size();
        }
        const Step step = send_pending();
        if (step == Step::over) return Next::end;
        if (step == Step::must_wait) break;
    }
    return heard_all_ ? Next::write : Next::both;
}

Connection::Next Connection::tell_once() noexcept {
    if (!told_) {
        left_ = tell(service_, ::time(nullptr), buffer_);
        told_ = true;
    }
    while (left_ > 0)
        switch (send_pending()) {
        case Step::done: break;
        case Step::must_wait: return Next::write;
        case Step::over: return Next::end;
        }
    // To close with something unread would reset the connection, and the answer could be lost with it.
    if (::shutdown(fd(), SHUT_WR) < 0) return Next::end;
    return discard();
}

} // namespace swathe::tools
