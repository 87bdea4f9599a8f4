#include "socket/unix_socket.h"

#include "socket/backlog.h"
#include "socket/flush.h"
#include "socket/revive.h"
#include "test_net.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;
namespace fs = std::filesystem;

namespace {

/// A directory that only root may write to, with all that is in it.
struct Directory {
    Directory() {
        char name[] = "/run/swathe-test-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path = name;
    }
    ~Directory() { fs::remove_all(path); }
    std::string operator/(const char* name) const { return path + "/" + name; }
    std::string path;
};

Listener at(const std::string& path, SocketKind kind = SocketKind::unix_stream) {
    Listener l;
    l.name = "l";
    l.become(kind);
    l.path = path;
    return l;
}

BoundSocket open_one(const Listener& l, const NodeOwner& owner = {}) {
    auto bound = open_unix_socket(l, NetNamespace::current().value(), owner);
    REQUIRE_MESSAGE(bound, bound.error().to_string());
    if (bound->node) bound->node->keep();
    return std::move(*bound);
}

std::string refusal(const Listener& l) {
    auto bound = open_unix_socket(l, NetNamespace::current().value(), {});
    REQUIRE_FALSE(bound);
    return bound.error().to_string();
}

UniqueFd connect_to(const std::string& path, int type = SOCK_STREAM) {
    UniqueFd fd{::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path.front() == '@' ? 0 : 1));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0) fd.reset();
    return fd;
}

struct stat status(const std::string& path) {
    struct stat s {};
    REQUIRE_MESSAGE(::lstat(path.c_str(), &s) == 0, path);
    return s;
}

bool readable(int fd) {
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1;
}

} // namespace

TEST_CASE("unix socket: each kind is bound to its path and takes who comes, with the options of its listener") {
    const Directory d;
    struct Case { SocketKind kind; int type; };
    for (const Case& c : {Case{SocketKind::unix_stream, SOCK_STREAM}, Case{SocketKind::unix_datagram, SOCK_DGRAM},
                          Case{SocketKind::unix_seqpacket, SOCK_SEQPACKET}}) {
        CAPTURE(c.type);
        for (const std::string& path : {d / "x", std::string("@swathe-test")}) {
            Listener l = at(path, c.kind);
            l.pass_credentials = true;
            l.receive_buffer = 100'000;
            const BoundSocket s = open_one(l);
            int value = 0;
            socklen_t size = sizeof value;
            REQUIRE(::getsockopt(s.fd.get(), SOL_SOCKET, SO_PASSCRED, &value, &size) == 0);
            CHECK(value == 1);
            REQUIRE(::getsockopt(s.fd.get(), SOL_SOCKET, SO_TYPE, &value, &size) == 0);
            CHECK(value == c.type);
            CHECK(s.is_unix());
            CHECK(s.cookie != 0);
            const UniqueFd client = connect_to(path, c.type);
            REQUIRE(client);
            if (c.type == SOCK_DGRAM) REQUIRE(::send(client.get(), "x", 1, 0) == 1);
            CHECK(readable(s.fd.get()));
            CHECK(queued(s.fd.get(), l.protocol) == 1);
        }
    }
}

TEST_CASE("unix socket: its file has owner and mode, and missing directories are made with theirs, whatever the umask") {
    const Directory d;
    for (const mode_t umask : {0022U, 0777U}) {
        CAPTURE(umask);
        const mode_t old = ::umask(umask);
        Listener l = at(d.path + "/" + std::to_string(umask) + "/b/sock");
        l.socket_mode = 0624;
        l.directory_mode = 0751;
        const BoundSocket s = open_one(l, {12, 34});
        ::umask(old);
        CHECK((status(l.path).st_mode & 07777) == 0624);
        CHECK(status(l.path).st_uid == 12);
        CHECK(status(l.path).st_gid == 34);
        CHECK((status(d.path + "/" + std::to_string(umask)).st_mode & 07777) == 0751);
        CHECK((status(d.path + "/" + std::to_string(umask) + "/b").st_mode & 07777) == 0751);
    }
}

TEST_CASE("unix socket: a socket that is there gives way, and any other file is an error and stays") {
    const Directory d;
    const BoundSocket first = open_one(at(d / "x"));
    const BoundSocket second = open_one(at(d / "x"));
    REQUIRE(connect_to(d / "x"));
    CHECK(readable(second.fd.get()));
    CHECK_FALSE(readable(first.fd.get()));

    std::ofstream(d / "file") << "precious";
    CHECK(refusal(at(d / "file")).find(d / "file" + ": what is there is no socket, and stays: Address already in use") !=
          std::string::npos);
    CHECK(fs::file_size(d / "file") == 8);
    fs::create_directory(d / "directory");
    CHECK(refusal(at(d / "directory")).find("is no socket, and stays") != std::string::npos);
}

TEST_CASE("unix socket: one that is not kept leaves path and links as they were, and one that is kept nothing of what was there") {
    const Directory d;
    Listener l = at(d / "x");
    l.symlinks = {{d / "one", {}}};
    l.remove_on_stop = true;
    const auto entries = [&] { return std::distance(fs::directory_iterator(d.path), fs::directory_iterator()); };
    CHECK(open_unix_socket(l, NetNamespace::current().value(), {}));
    CHECK(entries() == 0);

    std::optional<BoundSocket> first = open_one(l);
    fs::create_symlink("/nowhere", d / "two");
    Listener refused = l;
    refused.symlinks.push_back({d / "two", {}});
    CHECK(open_unix_socket(refused, NetNamespace::current().value(), {}));
    CHECK(connect_to(d / "one"));
    CHECK(readable(first->fd.get()));
    CHECK(fs::read_symlink(d / "two") == "/nowhere");
    refused.symlinks = {{d / "x" + "/below", {}}};
    CHECK(refusal(refused) != "");
    CHECK(connect_to(d / "x"));
    CHECK(entries() == 3);

    std::optional<BoundSocket> second = open_one(l);
    first.reset();
    CHECK(entries() == 3);
    second.reset();
    CHECK(entries() == 1);
}

TEST_CASE("unix socket: an abstract name that is taken is an error, but not that of another network namespace") {
    const BoundSocket first = open_one(at("@swathe-test"));
    CHECK(refusal(at("@swathe-test")).find("bind @swathe-test: Address already in use") != std::string::npos);
    const NetNamespace other = make_namespace();
    CHECK(open_unix_socket(at("@swathe-test"), other, {}));
}

TEST_CASE("unix socket: links lead to it; an old link gives way, another file is an error") {
    const Directory d;
    Listener l = at(d / "x");
    fs::create_symlink("/nowhere", d / "one");
    l.symlinks = {{d / "one", {}}, {d.path + "/sub/two", {}}};
    {
        const BoundSocket s = open_one(l);
        CHECK(fs::read_symlink(d / "one") == d / "x");
        CHECK(connect_to(d.path + "/sub/two"));
        CHECK(open_one(l).fd); // as they are
    }
    CHECK(fs::is_symlink(d / "one")); // without remove_on_stop all stays
    CHECK(fs::is_socket(d / "x"));
    std::ofstream(d / "file") << "precious";
    l.symlinks = {{d / "file", {}}};
    CHECK(refusal(l).find("symlink: File exists") != std::string::npos);
}

TEST_CASE("unix socket: with remove_on_stop file and links go with it, unless another socket has the path by then") {
    const Directory d;
    Listener l = at(d / "x");
    l.remove_on_stop = true;
    l.symlinks = {{d / "one", {}}};
    { const BoundSocket s = open_one(l); }
    CHECK_FALSE(fs::exists(fs::symlink_status(d / "x")));
    CHECK_FALSE(fs::exists(fs::symlink_status(d / "one")));

    std::optional<BoundSocket> old = open_one(l);
    const BoundSocket next = open_one(l);
    old.reset();
    CHECK(connect_to(d / "one"));
    CHECK(readable(next.fd.get()));
}

TEST_CASE("unix socket: links on the way are followed where only root may write, and nowhere else") {
    const Directory d;
    fs::create_directory(d / "real");
    fs::create_directory(d / "safe");
    fs::create_directory(d / "shared");
    fs::create_directory(d / "theirs");
    fs::create_symlink(d / "real", d.path + "/safe/link");
    fs::create_symlink("../real", d.path + "/safe/relative");
    fs::create_symlink(d / "real", d.path + "/shared/link");
    fs::create_symlink(d / "real", d.path + "/theirs/link");
    REQUIRE(::chmod((d / "shared").c_str(), 01777) == 0);
    REQUIRE(::chown((d / "theirs").c_str(), 12, 34) == 0);

    CHECK(open_one(at(d.path + "/safe/link/a")).fd);
    CHECK(open_one(at(d.path + "/safe/relative/b")).fd);
    CHECK(fs::is_socket(d.path + "/real/a"));
    CHECK(fs::is_socket(d.path + "/real/b"));
    for (const char* unsafe : {"/shared/link/c", "/theirs/link/c"}) {
        CAPTURE(unsafe);
        CHECK(refusal(at(d.path + unsafe))
                  .find("\"link\": a symbolic link where others may write is not followed: Too many levels of symbolic links") !=
              std::string::npos);
    }
    CHECK_FALSE(fs::exists(d.path + "/real/c"));
    fs::create_symlink(d.path + "/safe/loop", d.path + "/safe/loop");
    CHECK(refusal(at(d.path + "/safe/loop/c")).find("symbolic links: Too many levels") != std::string::npos);
    CHECK(refusal(at(d.path + "/real/a/c")).find("Not a directory") != std::string::npos);
}

TEST_CASE("unix socket: a reload gives its file another owner and mode") {
    const Directory d;
    Listener l = at(d / "x");
    const BoundSocket s = open_one(l);
    l.socket_mode = 0600;
    REQUIRE(s.node->follow(l, {12, 34}));
    CHECK((status(d / "x").st_mode & 07777) == 0600);
    CHECK(status(d / "x").st_uid == 12);
}

TEST_CASE("unix socket: one that was shut down is found unfit") {
    const Directory d;
    for (const SocketKind kind : {SocketKind::unix_stream, SocketKind::unix_datagram}) {
        const Listener l = at(d / "x", kind);
        const BoundSocket s = open_one(l);
        CHECK(why_unusable(s.fd.get(), l.protocol) == "");
        REQUIRE(::shutdown(s.fd.get(), SHUT_RDWR) == 0);
        CHECK(why_unusable(s.fd.get(), l.protocol) != "");
    }
}

TEST_CASE("flush: who waits is sent away, even from a socket that the service has made blocking") {
    const Directory d;
    for (const SocketKind kind : {SocketKind::unix_stream, SocketKind::unix_datagram, SocketKind::unix_seqpacket}) {
        const Listener l = at(d / "x", kind);
        const BoundSocket s = open_one(l);
        const int type = kind == SocketKind::unix_datagram ? SOCK_DGRAM : kind == SocketKind::unix_seqpacket ? SOCK_SEQPACKET : SOCK_STREAM;
        const UniqueFd one = connect_to(d / "x", type), two = connect_to(d / "x", type);
        if (type == SOCK_DGRAM)
            for (const UniqueFd* client : {&one, &two}) REQUIRE(::send(client->get(), "datagram", 8, 0) == 8);
        const int flags = ::fcntl(s.fd.get(), F_GETFL);
        REQUIRE(::fcntl(s.fd.get(), F_SETFL, flags & ~O_NONBLOCK) == 0);
        REQUIRE(readable(s.fd.get()));
        flush(s.fd.get(), l.protocol);
        CHECK_FALSE(readable(s.fd.get()));
        char byte = 0;
        if (type != SOCK_DGRAM) CHECK(::recv(one.get(), &byte, 1, MSG_DONTWAIT) == 0);
    }
}
