#include "ctl/outlet.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe::ctl {

Result<Outlet> Outlet::open() {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    if (::sigprocmask(SIG_BLOCK, &wanted, nullptr) < 0) return system_failure("sigprocmask");
    if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return system_failure("signal");
    Outlet outlet;
    outlet.signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!outlet.signals_) return system_failure("signalfd");
    outlet.ends_.push_back(outlet.signals_.get());
    struct stat status {};
    // Of a pipe only: a terminal or a socket may be readable because somebody types.
    if (::fstat(STDOUT_FILENO, &status) == 0 && S_ISFIFO(status.st_mode)) outlet.ends_.push_back(STDOUT_FILENO);
    return outlet;
}

/// Waits for room first, in pieces that then cannot block (pipe(7)): a pager that does not read must not keep us from a signal.
Result<Outlet::Outcome> Outlet::write(std::string_view text) const {
    while (!text.empty()) {
        pollfd polled[] = {{STDOUT_FILENO, POLLOUT, 0}, {signals_.get(), POLLIN, 0}};
        if (::poll(polled, 2, -1) < 0 && errno != EINTR) return system_failure("poll");
        if (polled[1].revents != 0) return Outcome::over;
        if (polled[0].revents == 0) continue;
        const ssize_t written = ::write(STDOUT_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
        if (written >= 0) text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno == EPIPE) return Outcome::over;
        else if (errno != EINTR && errno != EAGAIN) return system_failure("standard output");
    }
    return Outcome::done;
}

Outlet::Outcome Outlet::pause(std::chrono::milliseconds span) const {
    std::vector<pollfd> polled;
    for (const int fd : ends_) polled.push_back({fd, POLLIN, 0});
    return ::poll(polled.data(), polled.size(), static_cast<int>(span.count())) == 0 ? Outcome::done : Outcome::over;
}

} // namespace swathe::ctl
