#include "test_net.h"

#include <cstdlib>
#include <sched.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace swathe::test {

NetNamespace make_namespace() {
    Result<NetNamespace> made = failure("not made");
    std::thread([&] {
        if (::unshare(CLONE_NEWNET) == 0)
            made = NetNamespace::current();
        else
            made = system_failure("unshare (these tests need root)");
    }).join();
    REQUIRE_MESSAGE(made, made.error().to_string());
    run_in(*made, "ip link set lo up");
    return std::move(*made);
}

void run_in(const NetNamespace& ns, const std::string& command) {
    CAPTURE(command);
    int status = -1;
    const auto done = ns.inside([&]() -> Status {
        status = std::system(command.c_str()); // its child inherits this thread's namespace
        return {};
    });
    REQUIRE(done);
    REQUIRE(status == 0);
}

UniqueFd dial(const NetNamespace& ns, int type, const SocketAddress& to) {
    UniqueFd fd;
    REQUIRE(ns.inside([&]() -> Status {
        sockaddr_storage raw{};
        const socklen_t size = to.to_sockaddr(raw);
        fd.reset(::socket(raw.ss_family, type | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&raw), size) == 0);
        return {};
    }));
    return fd;
}

TestNet::TestNet() {
    run_in(server, fmt::format("ip link add v0 type veth peer name v1 && ip link set v1 netns /proc/{}/fd/{}", ::getpid(), client.fd()));
    for (const auto& [ns, device, host] : {std::tuple(&server, "v0", 1), std::tuple(&client, "v1", 2)})
        run_in(*ns,
               fmt::format("ip addr add 203.0.113.{1}/24 dev {0} && ip -6 addr add 2001:db8:2::{1}/64 dev {0} nodad && ip link set {0} up",
                           device, host));
    run_in(client, "ip route add 198.51.100.0/24 via 203.0.113.1 && ip -6 route add 2001:db8:1::/64 via 2001:db8:2::1");
}

void TestNet::deliver_locally() const {
    run_in(server, "ip route add local 198.51.100.0/24 dev lo && ip -6 route add local 2001:db8:1::/64 dev lo");
}

} // namespace swathe::test
