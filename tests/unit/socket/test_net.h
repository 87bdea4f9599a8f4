#pragma once

#include "base/address.h"
#include "socket/net_namespace.h"

#include <string>

namespace swathe::test {

/// A network namespace without a name, so that it goes away with the test however that ends; its loopback is up.
[[nodiscard]] NetNamespace make_namespace();

/// Runs a shell command inside `ns`; a failure fails the test.
void run_in(const NetNamespace& ns, const std::string& command);

/// A socket of `type` in `ns` that is connected to `to`; if it cannot be the test fails.
[[nodiscard]] UniqueFd dial(const NetNamespace& ns, int type, const SocketAddress& to);

/// Two namespaces joined by a veth pair: a server, 203.0.113.1 and 2001:db8:2::1 on v0, and a client, .2 and ::2 on v1, who sends
/// 198.51.100.0/24 and 2001:db8:1::/64 to the server. There these are delivered only if a test makes them so.
struct TestNet {
    NetNamespace server = make_namespace();
    NetNamespace client = make_namespace();
    TestNet();
    void deliver_locally() const; ///< adds the local routes
};

} // namespace swathe::test
