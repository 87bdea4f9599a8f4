// Peers that speak D-Bus by hand, and those that do not speak it.

#include "fixture.h"

#include "control/socket_path.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

namespace {

UniqueFd raw_connection(const std::string& path) {
    const auto address = unix_address(path);
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0);
    return fd;
}

/// Reads until the other end has hung up; false after `patience`.
bool hung_up_within(int fd, std::chrono::milliseconds patience) {
    const Monotonic end = now() + patience;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - now());
        pollfd poll{fd, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&poll, 1, static_cast<int>(left.count())) == 0) return false;
        char sink[4096];
        const ssize_t n = ::read(fd, sink, sizeof sink);
        if (n == 0 || (n < 0 && errno != EINTR)) return true;
    }
}

void write_all(int fd, std::string_view bytes) {
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

std::string read_some(int fd) {
    pollfd poll{fd, POLLIN, 0};
    REQUIRE(::poll(&poll, 1, 5000) == 1);
    char text[512];
    const ssize_t n = ::read(fd, text, sizeof text);
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string{};
}

/// Through the handshake of the D-Bus specification, by hand.
UniqueFd authenticated(const std::string& path) {
    UniqueFd fd = raw_connection(path);
    write_all(fd.get(), std::string_view("\0AUTH ANONYMOUS 30\r\n", 20));
    REQUIRE(read_some(fd.get()).starts_with("OK "));
    write_all(fd.get(), "BEGIN\r\n");
    return fd;
}

/// A method call as the D-Bus specification marshals it, with a body of `body` bytes that is not there.
std::string request_head(const std::string& member, const std::string& signature, std::uint32_t body) {
    const auto number = [](std::uint32_t n) { return std::string(reinterpret_cast<const char*>(&n), sizeof n); };
    const auto pad = [](std::string& text) { text.resize((text.size() + 7) / 8 * 8); };
    std::string fields;
    const auto field = [&](char code, char type, const std::string& value) {
        pad(fields);
        fields += std::string{code, '\1', type, '\0'};
        fields += type == 'g' ? std::string(1, static_cast<char>(value.size())) : number(static_cast<std::uint32_t>(value.size()));
        fields += value + '\0';
    };
    field(1, 'o', kControlObject);
    field(2, 's', kControlInterface);
    field(3, 's', member);
    if (!signature.empty()) field(8, 'g', signature);
    std::string head = std::string("l\1\0\1", 4) + number(body) + number(1) + number(static_cast<std::uint32_t>(fields.size())) + fields;
    pad(head);
    return head;
}

std::string version_request(std::uint32_t body) { return request_head("Version", "", body); }
std::string status_request() { return request_head("Status", "s", 5) + std::string("\0\0\0\0\0", 5); } // of ""

} // namespace

TEST_CASE("control: garbage instead of a handshake ends that connection and no other") {
    const TempDir dir;
    RunningServer server(dir / "control", "", 60s);
    ControlClient client = client_of(dir / "control");
    const std::string_view garbage[] = {"GET / HTTP/1.0\r\n\r\n", "\xff\xfe\xfd\r\n",
                                        std::string_view("\0AUTH ANONYMOUS 30\r\nBEGIN\r\nnot a D-Bus message at all", 53)};
    for (const std::string_view bytes : garbage) {
        CAPTURE(std::string(bytes));
        const UniqueFd fd = raw_connection(dir / "control");
        write_all(fd.get(), bytes);
        CHECK(hung_up_within(fd.get(), 30s)); // well below the handshake's time-out
        CHECK(client.status("edge"));
    }
}

TEST_CASE("control: who never finishes the handshake is disconnected when its time is over") {
    const TempDir dir;
    RunningServer server(dir / "control", "", 1s); // more than the client needs that keeps to it, on a busy machine and under a sanitizer
    const UniqueFd silent = raw_connection(dir / "control");
    const UniqueFd half = raw_connection(dir / "control");
    write_all(half.get(), std::string_view("\0AUTH ANO", 9));
    const UniqueFd rejected = raw_connection(dir / "control");
    write_all(rejected.get(), std::string_view("\0AUTH NONSENSE\r\nBEGIN\r\n", 23));
    ControlClient client = client_of(dir / "control");
    CHECK(hung_up_within(silent.get(), 30s));
    CHECK(hung_up_within(half.get(), 30s));
    CHECK(hung_up_within(rejected.get(), 30s));
    CHECK(client.status("edge")); // authenticated in time: stays
}

TEST_CASE("control: a request that comes in one breath with the end of the handshake is answered") {
    const TempDir dir;
    RunningServer server(dir / "control");
    const UniqueFd fd = raw_connection(dir / "control");
    write_all(fd.get(), std::string("\0AUTH ANONYMOUS 30\r\nBEGIN\r\n", 27) + version_request(0));
    std::string answer;
    while (answer.find(SWATHE_VERSION) == answer.npos) {
        const std::string more = read_some(fd.get());
        REQUIRE_FALSE(more.empty());
        answer += more;
    }
}

TEST_CASE("control: a message that says it is larger than D-Bus allows ends its connection") {
    const TempDir dir;
    RunningServer server(dir / "control");
    ControlClient client = client_of(dir / "control");
    const UniqueFd fd = authenticated(dir / "control");
    write_all(fd.get(), version_request(128 * 1024 * 1024));
    CHECK(hung_up_within(fd.get(), 30s));
    CHECK(client.status("edge"));
}

TEST_CASE("control: who asks and does not read the answers is disconnected") {
    const TempDir dir;
    RunningServer server(dir / "control");
    server.inside([&] { return server.backend.status_text.assign(1024 * 1024, 'x'), 0; });
    const UniqueFd fd = authenticated(dir / "control");
    REQUIRE(::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::string request = status_request();
    const Monotonic end = now() + 60s;
    bool disconnected = false;
    while (!disconnected && now() < end) {
        const ssize_t n = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
        disconnected = n < 0 && (errno == EPIPE || errno == ECONNRESET);
        std::this_thread::sleep_for(1ms);
    }
    CHECK(disconnected);
    CHECK(client_of(dir / "control").version());
}
