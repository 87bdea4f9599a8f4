#include "socket/interfaces.h"
#include "socket/net_namespace.h"
#include "test_net.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace swathe;
using namespace swathe::test;

namespace {

/// A namespace as ip-netns(8) makes it.
struct NamedNamespace {
    std::string name = fmt::format("socket-test-{}", ::getpid());
    NamedNamespace() { REQUIRE(std::system(("ip netns add " + name).c_str()) == 0); }
    ~NamedNamespace() { (void)!std::system(("ip netns del " + name).c_str()); }
};

} // namespace

TEST_CASE("netns: work runs inside, and the thread comes back, whatever the work says") {
    const auto home = NetNamespace::current().value();
    const NetNamespace other = make_namespace();
    CHECK_FALSE(home == other);
    const auto refused = other.inside([&]() -> Status {
        CHECK(NetNamespace::current().value() == other);
        CHECK(home.inside([&]() -> Status { // nested
            CHECK(NetNamespace::current().value() == home);
            return {};
        }));
        CHECK(NetNamespace::current().value() == other);
        return failure("no");
    });
    CHECK(refused.error().message == "no");
    CHECK(NetNamespace::current().value() == home);
    CHECK_THROWS((void)other.inside([]() -> Status { throw std::bad_alloc(); }));
    CHECK(NetNamespace::current().value() == home);
}

TEST_CASE("netns: opened by name or path, and held although the name goes away") {
    NetNamespace held = NetNamespace::current().value();
    {
        const NamedNamespace named;
        auto by_name = NetNamespace::open(named.name);
        REQUIRE_MESSAGE(by_name, by_name.error().to_string());
        CHECK(by_name->name() == named.name);
        CHECK(*by_name == NetNamespace::open("/run/netns/" + named.name).value());
        struct stat st {};
        REQUIRE(::stat(("/run/netns/" + named.name).c_str(), &st) == 0);
        CHECK(by_name->inode() == st.st_ino);
        CHECK(by_name->device() == st.st_dev);
        CHECK((::fcntl(by_name->fd(), F_GETFD) & FD_CLOEXEC) != 0);
        held = std::move(*by_name);
    }
    CHECK_FALSE(NetNamespace::open(held.name()));
    CHECK(interface_index(held, "lo").value() == 1);
}

TEST_CASE("netns: what is no network namespace is refused and named") {
    struct Case { const char* name; const char* says; };
    const Case cases[] = {
        {"", "network namespace \"\": expected a name of ip-netns(8), or an absolute path"},
        {"..", "network namespace \"..\": expected a name of ip-netns(8), or an absolute path"},
        {"../1", "network namespace \"../1\": expected a name of ip-netns(8), or an absolute path"},
        {"a/b", "network namespace \"a/b\": expected a name of ip-netns(8), or an absolute path"},
        {"socket-none", "network namespace socket-none: open /run/netns/socket-none: No such file or directory"},
        {"/proc/self/ns/uts", "network namespace /proc/self/ns/uts: /proc/self/ns/uts: a namespace, but not of the network"},
        {"/etc/passwd", "network namespace /etc/passwd: /etc/passwd: not a namespace file"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        const auto ns = NetNamespace::open(c.name);
        REQUIRE_FALSE(ns);
        CHECK(ns.error().to_string() == c.says);
    }
}

TEST_CASE("interfaces: addresses of all interfaces, and the index of a name") {
    const TestNet net;
    const auto addresses = interface_addresses(net.server);
    REQUIRE(addresses);
    std::vector<std::string> texts;
    for (const Address& a : *addresses)
        if (!(a.family == Family::ipv6 && a.bits.hi >> 48 == 0xfe80)) texts.push_back(a.to_string());
    CHECK(texts == std::vector<std::string>{"127.0.0.1", "203.0.113.1", "::1", "2001:db8:2::1"});
    CHECK(interface_index(net.server, "lo").value() == 1);
    CHECK(interface_index(net.server, "v0").value() > 1);
    CHECK(interface_index(net.server, "v1").value() == 0);
    CHECK(interface_index(net.server, "a-name-that-is-too-long-for-any-interface").value() == 0);
}
