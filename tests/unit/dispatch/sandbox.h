#pragma once

#include "base/unique_fd.h"

#include <cstdint>
#include <string>

namespace swathe::test {

/// A network namespace with its loopback up and a BPF file system, both of this process alone. Needs root.
/// Made by the first call; removed at exit.
class Sandbox {
public:
    static Sandbox& instance();
    ~Sandbox();
    [[nodiscard]] std::string pin_path(const std::string& name) const { return bpffs_ + "/" + name + "/link"; }
    [[nodiscard]] const std::string& bpffs() const { return bpffs_; }

private:
    Sandbox();
    std::string bpffs_;
};

[[nodiscard]] UniqueFd tcp_listener();                      ///< on 127.0.0.1, a port of the kernel's choice
[[nodiscard]] UniqueFd udp_socket();                        ///< bound likewise
[[nodiscard]] UniqueFd connected_udp(const char* address, std::uint16_t port); ///< a client
[[nodiscard]] bool tcp_reaches(const char* address, std::uint16_t port, int listener); ///< connects and looks who accepts
[[nodiscard]] int tcp_connect_error(const char* address, std::uint16_t port);          ///< errno, 0 = connected

} // namespace swathe::test
