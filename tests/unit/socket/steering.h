#pragma once

#include "base/unique_fd.h"
#include "socket/net_namespace.h"

namespace swathe::test {

/// A minimal sk_lookup program in a namespace: TCP and UDP to ports 8000-8999 goes to the one socket of the protocol, whatever the
/// address; refused if there is none or the kernel does not take it. Detached at the end.
class Steering {
public:
    explicit Steering(const NetNamespace& ns);
    void set_socket(int fd, bool udp); ///< borrowed

private:
    UniqueFd map_;
    UniqueFd link_;
};

} // namespace swathe::test
