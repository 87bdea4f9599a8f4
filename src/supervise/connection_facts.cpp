#include "supervise/connection_facts.h"

#include <fmt/format.h>

namespace swathe {
namespace {

bool is_ip(SocketKind kind) noexcept { return kind == SocketKind::tcp || kind == SocketKind::udp; }

/// IPv6 without brackets, too.
std::string plain(const SocketAddress& end) { return fmt::format("{}:{}", end.address.to_string(), end.port); }

void add_ucspi(const ConnectionEnds& ends, std::uint32_t of_source, std::vector<std::pair<std::string, std::string>>& variables) {
    if (!is_ip(ends.kind)) {
        variables.emplace_back("PROTO", "IPC");
        return;
    }
    const std::string protocol = ends.kind == SocketKind::tcp ? "TCP" : "UDP";
    variables.emplace_back("PROTO", protocol);
    variables.emplace_back(protocol + "REMOTEIP", ends.remote.address.to_string());
    variables.emplace_back(protocol + "REMOTEPORT", std::to_string(ends.remote.port));
    variables.emplace_back(protocol + "LOCALIP", ends.local.address.to_string());
    variables.emplace_back(protocol + "LOCALPORT", std::to_string(ends.local.port));
    variables.emplace_back(protocol + "CONNNUM", std::to_string(of_source));
}

} // namespace

std::string instance_name(const ConnectionEnds& ends, std::uint64_t number) {
    if (is_ip(ends.kind)) return fmt::format("{}-{}-{}-{}", number, ends.cookie, plain(ends.local), plain(ends.remote));
    if (ends.pid <= 0) return fmt::format("{}-{}-unknown", number, ends.cookie);
    if (ends.pidfd_id == 0) return fmt::format("{}-{}-{}-{}", number, ends.cookie, ends.pid, ends.uid);
    return fmt::format("{}-{}-{}_{}-{}", number, ends.cookie, ends.pid, ends.pidfd_id, ends.uid);
}

std::vector<std::pair<std::string, std::string>> connection_variables(const ConnectionEnds& ends, EnvironmentStyle style,
                                                                       std::uint32_t of_source) {
    std::vector<std::pair<std::string, std::string>> variables;
    if (is_ip(ends.kind)) {
        variables.emplace_back("REMOTE_ADDR", ends.remote.address.to_string());
        variables.emplace_back("REMOTE_PORT", std::to_string(ends.remote.port));
        variables.emplace_back("LOCAL_ADDR", ends.local.address.to_string());
        variables.emplace_back("LOCAL_PORT", std::to_string(ends.local.port));
    } else if (!ends.path.empty()) {
        variables.emplace_back("REMOTE_ADDR", ends.path);
    }
    variables.emplace_back("SO_COOKIE", std::to_string(ends.cookie));
    switch (style) {
    case EnvironmentStyle::systemd: break;
    case EnvironmentStyle::ucspi: add_ucspi(ends, of_source, variables); break;
    }
    return variables;
}

std::string peer_of(const ConnectionEnds& ends) {
    if (is_ip(ends.kind)) return ends.remote.to_string();
    return ends.path.empty() ? fmt::format("uid {}", ends.uid) : ends.path;
}

} // namespace swathe
