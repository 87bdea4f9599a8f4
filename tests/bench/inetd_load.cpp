// The ends of inetd_bench:
//   inetd_load rate ADDRESS:PORT CLIENTS SECONDS     so many clients at once, each again and again: connect, one byte, reset. JSON.
//   inetd_load hold ADDRESS:PORT COUNT               so many connections that have had their byte, until standard input ends
//   inetd_load limit ADDRESS:PORT PROGRAM ARGUMENT   the least that a server can do: accept, vfork, exec, for ever

#include "launch.h"
#include "support.h"

#include "base/address.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kWarmUp = std::chrono::milliseconds(100);
constexpr int kPatienceMs = 10'000;

struct Place {
    sockaddr_storage raw{};
    socklen_t size;
    explicit Place(const char* text) : size(need(parse_socket_address(text)).to_sockaddr(raw)) {}
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&raw); }
    [[nodiscard]] UniqueFd socket(int flags) const { return UniqueFd(::socket(raw.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)); }
};

/// One client after another, `clients` of them at any time.
class Load {
public:
    Load(const Place& at, std::size_t clients) : at_(at), slots_(clients), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

    void run(std::chrono::duration<double> length) {
        begin_ = Clock::now() + kWarmUp;
        const auto end = begin_ + std::chrono::duration_cast<Clock::duration>(length);
        for (Slot& slot : slots_) start(slot);
        std::vector<epoll_event> events(slots_.size());
        while (Clock::now() < end) {
            const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), kPatienceMs);
            if (count <= 0) die("no answer");
            for (int i = 0; i < count; ++i) finish(*static_cast<Slot*>(events[static_cast<std::size_t>(i)].data.ptr));
        }
        seconds_ = std::chrono::duration<double>(Clock::now() - begin_).count();
    }

    [[nodiscard]] nlohmann::json result() {
        if (latencies_us_.empty()) die("nobody was served");
        std::sort(latencies_us_.begin(), latencies_us_.end());
        const auto count = latencies_us_.size();
        return {{"per_s", static_cast<double>(count) / seconds_}, {"median_us", latencies_us_[count / 2]},
                {"p99_us", latencies_us_[count * 99 / 100]}, {"connections", count}, {"failed", failed_}};
    }

private:
    struct Slot {
        UniqueFd fd;
        Clock::time_point begun;
    };

    void start(Slot& slot) {
        const linger at_once{1, 0}; // a reset: no TIME_WAIT on either side
        slot.begun = Clock::now();
        slot.fd = at_.socket(SOCK_NONBLOCK);
        (void)::setsockopt(slot.fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        if (::connect(slot.fd.get(), at_.get(), at_.size) < 0 && errno != EINPROGRESS) need(Status(system_failure("connect")));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &slot;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, slot.fd.get(), &event) < 0) need(Status(system_failure("epoll_ctl")));
    }

    void finish(Slot& slot) {
        char byte = 0;
        const bool served = ::recv(slot.fd.get(), &byte, 1, 0) == 1;
        const auto now = Clock::now();
        if (!served)
            ++failed_;
        else if (now >= begin_)
            latencies_us_.push_back(std::chrono::duration<double, std::micro>(now - slot.begun).count());
        start(slot);
    }

    const Place& at_;
    std::vector<Slot> slots_;
    UniqueFd epoll_;
    Clock::time_point begin_;
    std::vector<double> latencies_us_;
    double seconds_ = 0;
    std::size_t failed_ = 0;
};

int rate(const Place& at, int clients, double seconds) {
    if (clients < 1 || clients > 10'000 || !(seconds > 0 && seconds < 60)) die("1 to 10000 clients, at most 60 s");
    Load load(at, static_cast<std::size_t>(clients));
    load.run(std::chrono::duration<double>(seconds));
    fmt::print("{}\n", load.result().dump());
    return 0;
}

int hold(const Place& at, int count) {
    std::vector<UniqueFd> held;
    const timeval patience{kPatienceMs / 1000, 0};
    for (int i = 0; i < count; ++i) {
        UniqueFd fd = at.socket(0);
        (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (::connect(fd.get(), at.get(), at.size) < 0) need(Status(system_failure("connect")));
        char byte = 0;
        if (::recv(fd.get(), &byte, 1, 0) != 1) die(fmt::format("connection {} got no answer", i + 1));
        held.push_back(std::move(fd));
    }
    fmt::print("held\n");
    (void)std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {}
    return 0;
}

[[noreturn]] void become(const char* program, char** argv, int connection) {
    char* none[] = {nullptr};
    for (int fd = 0; fd < 3; ++fd)
        if (::dup2(connection, fd) < 0) ::_exit(1);
    (void)::execve(program, argv, none);
    ::_exit(1);
}

[[noreturn]] void limit(const Place& at, char* program, char* argument) {
    struct sigaction gone {};
    gone.sa_handler = SIG_DFL;
    gone.sa_flags = SA_NOCLDWAIT; // the kernel reaps
    (void)::sigaction(SIGCHLD, &gone, nullptr);
    const UniqueFd listener = at.socket(0);
    const int on = 1;
    (void)::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(listener.get(), at.get(), at.size) < 0 || ::listen(listener.get(), 1024) < 0) need(Status(system_failure("listen")));
    char* argv[] = {program, argument, nullptr};
    for (;;) {
        const UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) continue; // who connected has gone
        const pid_t pid = ::vfork();
        if (pid == 0) become(program, argv, connection.get());
        if (pid < 0) need(Status(system_failure("vfork")));
    }
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "rate" && argc == 5) return rate(Place(argv[2]), std::atoi(argv[3]), std::atof(argv[4]));
    if (what == "hold" && argc == 4) return hold(Place(argv[2]), std::atoi(argv[3]));
    if (what == "limit" && argc == 5) limit(Place(argv[2]), argv[3], argv[4]);
    die("usage: inetd_load rate ADDRESS:PORT CLIENTS SECONDS | hold ADDRESS:PORT COUNT | limit ADDRESS:PORT PROGRAM ARGUMENT");
}
