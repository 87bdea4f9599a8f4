#include "tools/answer.h"

#include "base/unique_fd.h"

#include <arpa/inet.h>
#include <cstring>
#include <string_view>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::tools;

namespace {

Endpoint v4(const char* address, std::uint16_t port) {
    Endpoint made{};
    made.v4.sin_family = AF_INET;
    made.v4.sin_port = htons(port);
    REQUIRE(::inet_pton(AF_INET, address, &made.v4.sin_addr) == 1);
    return made;
}

Endpoint v6(const char* address, std::uint16_t port) {
    Endpoint made{};
    made.v6.sin6_family = AF_INET6;
    made.v6.sin6_port = htons(port);
    REQUIRE(::inet_pton(AF_INET6, address, &made.v6.sin6_addr) == 1);
    return made;
}

UniqueFd bound(const Endpoint& at) {
    UniqueFd fd(::socket(at.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval patience{5, 0};
    REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    REQUIRE(::bind(fd.get(), &at.any, at.size()) == 0);
    return fd;
}

Endpoint name_of(int fd) {
    Endpoint own{};
    socklen_t size = sizeof own;
    REQUIRE(::getsockname(fd, &own.any, &size) == 0);
    return own;
}

bool same(const Endpoint& one, const Endpoint& other) {
    return one.family() == other.family() && one.port() == other.port() &&
           (one.family() == AF_INET ? one.v4.sin_addr.s_addr == other.v4.sin_addr.s_addr
                                    : std::memcmp(&one.v6.sin6_addr, &other.v6.sin6_addr, 16) == 0);
}

/// What `server` makes of a datagram from `client` to `to`, and the client's name.
std::pair<Asked, Endpoint> asked(int server, int client, const Endpoint& to) {
    REQUIRE(::sendto(client, "?", 1, 0, &to.any, to.size()) == 1);
    alignas(cmsghdr) char control[512];
    char byte = 0;
    iovec piece{&byte, 1};
    Endpoint from{};
    msghdr message{&from.any, sizeof from, &piece, 1, control, sizeof control, 0};
    REQUIRE(::recvmsg(server, &message, 0) == 1);
    return {asked_by(message), from};
}

/// From where the client gets an answer.
Endpoint sender(int client) {
    Endpoint from{};
    socklen_t size = sizeof from;
    char byte = 0;
    REQUIRE(::recvfrom(client, &byte, 1, 0, &from.any, &size) == 1);
    return from;
}

} // namespace

TEST_CASE("tools: an answer leaves from the address that was asked, of either family and through a dual-stack socket") {
    struct Case { const char *wildcard, *ask, *client; };
    const Case cases[] = {{"0.0.0.0", "127.0.5.6", "127.0.0.1"}, {"::", "::1", "::1"}, {"::", "127.0.5.7", "127.0.0.1"}};
    for (const auto& [wildcard, ask, client_at] : cases) {
        CAPTURE(wildcard);
        CAPTURE(ask);
        const auto endpoint = [](const char* address, std::uint16_t port) {
            return std::string_view(address).find(':') == std::string_view::npos ? v4(address, port) : v6(address, port);
        };
        const UniqueFd server = bound(endpoint(wildcard, 0));
        ask_for_destination(server.get());
        const UniqueFd client = bound(endpoint(client_at, 0));
        const Endpoint to = endpoint(ask, name_of(server.get()).port());
        const auto [question, from] = asked(server.get(), client.get(), to);
        CHECK(same(question.at, to));
        CHECK_FALSE(question.to_many);
        CHECK(same(unmapped(from), name_of(client.get())));

        REQUIRE(send_from(server.get(), question, std::string_view("!"), from) == 1);
        CHECK(same(sender(client.get()), to));
    }
}

TEST_CASE("tools: an answer leaves from any port that was asked, through a socket of its own") {
    const UniqueFd client = bound(v4("127.0.0.1", 0));
    const std::uint64_t here = network_of(client.get());
    CHECK(here != 0);
    const Endpoint client_at = name_of(client.get());
    Asked question{v4("203.0.113.77", 0), 0, false}; // an address that is not ours; any free port
    const UniqueFd foreign(open_at(question, here));
    CHECK(foreign);
    question.at = v4("127.0.9.9", name_of(foreign.get()).port());
    const UniqueFd own(open_at(question, here));
    REQUIRE(own);
    REQUIRE(::sendto(own.get(), "!", 1, 0, &client_at.any, client_at.size()) == 1);
    CHECK(same(sender(client.get()), question.at));

    CHECK(open_at(question, here + 1) == -1);
    CHECK(errno == ENONET);
}

TEST_CASE("tools: what is sent to many is known as such") {
    const UniqueFd server = bound(v4("0.0.0.0", 0));
    ask_for_destination(server.get());
    const UniqueFd client = bound(v4("127.0.0.1", 0));
    const int on = 1;
    REQUIRE(::setsockopt(client.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0);
    CHECK(asked(server.get(), client.get(), v4("127.255.255.255", name_of(server.get()).port())).first.to_many);
}

TEST_CASE("tools: only mapped addresses are unmapped") {
    CHECK(same(unmapped(v6("::ffff:192.0.2.7", 99)), v4("192.0.2.7", 99)));
    CHECK(same(unmapped(v6("2001:db8::7", 99)), v6("2001:db8::7", 99)));
    CHECK(same(unmapped(v4("192.0.2.7", 99)), v4("192.0.2.7", 99)));
}
