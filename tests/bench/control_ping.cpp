// control_ping SOCKET: asks a running swathed for its version every millisecond until standard input ends, then prints as JSON how
// long the answers took. The longest one shows how long the daemon's event loop was away.

#include "control/client.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <poll.h>

using namespace swathe;

namespace {

constexpr int kPauseMs = 1;

[[noreturn]] void die(const std::string& why) {
    fmt::print(stderr, "control_ping: {}\n", why);
    std::exit(1);
}

double ping_ms(ControlClient& client) {
    const auto begin = std::chrono::steady_clock::now();
    if (const auto answer = client.version(); !answer) die(answer.error().message);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) die("usage: control_ping SOCKET");
    auto client = ControlClient::connect(argv[1]);
    if (!client) die(client.error().message);

    std::vector<double> times{ping_ms(*client)};
    fmt::print("ready\n");
    std::fflush(stdout);
    for (pollfd input{0, POLLIN, 0}; ::poll(&input, 1, kPauseMs) == 0;) times.push_back(ping_ms(*client));
    std::sort(times.begin(), times.end());
    fmt::print("{{\"pings\": {}, \"median_ms\": {:.3f}, \"longest_ms\": {:.3f}}}\n", times.size(), times[times.size() / 2], times.back());
    return 0;
}
