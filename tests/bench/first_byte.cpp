// first_byte ADDRESS:PORT ROUNDS: how long it takes from connect(2) to the first byte of a service that is started for each connection,
// as JSON: through whoever is at ADDRESS:PORT, and, in turns, through the least that can be: a process of its own that waits for a
// connection on a plain socket and then forks and executes the same bench_child. For activation_bench.

#include "launch.h"
#include "support.h"

#include "base/address.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;

namespace {

constexpr auto kPause = std::chrono::milliseconds(75); // twice that for each side: less than 15 starts in 2 s, systemd's poll limit
const SocketAddress kBare{Address::v4(0x7f000001), 7};

UniqueFd listen_at(const SocketAddress& at) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage raw{};
    const socklen_t size = at.to_sockaddr(raw);
    const int on = 1;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        ::bind(fd.get(), reinterpret_cast<sockaddr*>(&raw), size) < 0 || ::listen(fd.get(), 8) < 0)
        need(Status(system_failure("listen at " + at.to_string())));
    return fd;
}

[[noreturn]] void serve_bare(int listener, const std::string& child) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (pollfd waiting{listener, POLLIN, 0};;)
        if (::poll(&waiting, 1, -1) == 1) wait_for(fork_exec(child, "answer", listener));
}

double first_byte_ms(const SocketAddress& at) {
    return milliseconds([&] {
        const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_storage raw{};
        const socklen_t size = at.to_sockaddr(raw);
        char byte = 0;
        const timeval patience{10, 0};
        (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&raw), size) < 0) need(Status(system_failure("connect to " + at.to_string())));
        if (::recv(fd.get(), &byte, 1, 0) != 1) die("no answer from " + at.to_string());
    });
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) die("usage: first_byte ADDRESS:PORT ROUNDS");
    const SocketAddress through = need(parse_socket_address(argv[1]));
    const UniqueFd listener = listen_at(kBare);
    const std::string child = child_path();
    const pid_t bare = ::fork();
    if (bare < 0) need(Status(system_failure("fork")));
    if (bare == 0) serve_bare(listener.get(), child);

    std::vector<double> ours, plain;
    for (int i = 0; i < std::atoi(argv[2]); ++i) {
        ours.push_back(first_byte_ms(through));
        std::this_thread::sleep_for(kPause);
        plain.push_back(first_byte_ms(kBare));
        std::this_thread::sleep_for(kPause);
    }
    (void)::kill(bare, SIGKILL);
    const double ours_us = 1000 * median(ours), bare_us = 1000 * median(plain);
    fmt::print("{}\n", nlohmann::json{{"ours_us", ours_us}, {"bare_us", bare_us}, {"ratio", ours_us / bare_us}}.dump(2));
    return 0;
}
