#include "tools/inherited.h"

#include "base/unique_fd.h"

#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::tools;

namespace {

UniqueFd open(int domain, int type) {
    UniqueFd fd(::socket(domain, type | SOCK_CLOEXEC, 0));
    REQUIRE(fd);
    return fd;
}

/// Binds to a free port of loopback, which it returns.
sockaddr_in bind_somewhere(int fd) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    return at;
}

void connect_to(int fd, const sockaddr_in& at) { REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0); }

struct Variables { ///< what systemd sets; taken back at the end
    Variables(const std::string& pid, const char* fds) {
        ::setenv("LISTEN_PID", pid.c_str(), 1);
        ::setenv("LISTEN_FDS", fds, 1);
    }
    Variables(const Variables&) = delete;
    Variables& operator=(const Variables&) = delete;
    ~Variables() {
        ::unsetenv("LISTEN_PID");
        ::unsetenv("LISTEN_FDS");
    }
};

} // namespace

TEST_CASE("tools: a socket says by itself how it is to be served") {
    const UniqueFd listener = open(AF_INET, SOCK_STREAM);
    const sockaddr_in at = bind_somewhere(listener.get());
    CHECK(kind_of(listener.get()) == std::nullopt); // bound only: nobody can come
    REQUIRE(::listen(listener.get(), 4) == 0);
    CHECK(kind_of(listener.get()) == Kind::listener);

    const UniqueFd client = open(AF_INET, SOCK_STREAM);
    connect_to(client.get(), at);
    const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    CHECK(kind_of(accepted.get()) == Kind::connection);

    const UniqueFd datagrams = open(AF_INET, SOCK_DGRAM);
    const sockaddr_in there = bind_somewhere(datagrams.get());
    CHECK(kind_of(datagrams.get()) == Kind::datagrams);
    const UniqueFd flow = open(AF_INET, SOCK_DGRAM);
    connect_to(flow.get(), there);
    CHECK(kind_of(flow.get()) == Kind::flow);

    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    const UniqueFd one(pair[0]), other(pair[1]);
    CHECK(kind_of(one.get()) == Kind::connection);
}

TEST_CASE("tools: a connection that its client has reset is still one") {
    const UniqueFd listener = open(AF_INET, SOCK_STREAM);
    const sockaddr_in at = bind_somewhere(listener.get());
    REQUIRE(::listen(listener.get(), 4) == 0);
    UniqueFd client = open(AF_INET, SOCK_STREAM);
    connect_to(client.get(), at);
    const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const linger at_once{1, 0};
    REQUIRE(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    client.reset();
    CHECK(kind_of(accepted.get()) == Kind::connection);
}

TEST_CASE("tools: what is no socket is none") {
    const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
    CHECK(kind_of(file.get()) == std::nullopt);
    CHECK(errno == ENOTSOCK);
    CHECK(kind_of(-1) == std::nullopt);
    CHECK(errno == EBADF);
}

TEST_CASE("tools: LISTEN_FDS counts only for the process that it names") {
    const std::string own = std::to_string(::getpid());
    CHECK(inherited().first == 0);
    {
        const Variables set(own, "3");
        CHECK(inherited().first == 3);
        CHECK(inherited().count == 3);
    }
    {
        const Variables of_parent(std::to_string(::getppid()), "3");
        CHECK(inherited().first == 0);
        CHECK(inherited().count == 1);
    }
    const Variables none(own, "0");
    CHECK(inherited().first == 0);
}
