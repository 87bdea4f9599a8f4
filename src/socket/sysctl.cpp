#include "socket/sysctl.h"

#include "base/text.h"
#include "base/unique_fd.h"

#include <algorithm>
#include <fcntl.h>
#include <string>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::size_t kLongestSysctl = 1 << 19; // 65,536 reserved ports, each with its comma

Result<std::string> read_sysctl(const char* path) {
    const UniqueFd fd{::open(path, O_RDONLY | O_CLOEXEC)};
    if (!fd) return system_failure(fmt::format("open {}", path));
    std::string text(kLongestSysctl, '\0'); // at once: sysctl files do not resume in the middle of a list
    const ssize_t n = ::read(fd.get(), text.data(), text.size());
    if (n < 0) return system_failure(fmt::format("read {}", path));
    text.resize(static_cast<std::size_t>(n));
    return text;
}

/// Adds one word of a reserved list. Port 0, which the list may hold, is nobody's.
Status append_reserved(std::string_view word, std::vector<PortRange>& out) {
    std::string text(word);
    if (text.empty() || text == "0") return {};
    if (text.substr(0, 2) == "0-") text.front() = '1';
    const auto range = parse_port_range(text);
    if (!range) return failure(fmt::format("net.ipv4.ip_local_reserved_ports: not understood: {}", quoted(word)));
    out.push_back(*range);
    return {};
}

} // namespace

bool EphemeralPorts::contains(std::uint16_t port) const noexcept {
    return range.contains(port) && std::none_of(reserved.begin(), reserved.end(), [&](const PortRange& r) { return r.contains(port); });
}

std::vector<PortRange> EphemeralPorts::overlap(const PortRange& ports) const {
    std::vector<PortRange> out;
    std::uint32_t at = std::max(ports.first, range.first);
    const std::uint32_t end = std::min(ports.last, range.last) + 1U;
    for (const PortRange& hole : reserved) {
        if (at >= end || hole.first >= end) break;
        if (hole.last < at) continue;
        if (hole.first > at) out.push_back({static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(hole.first - 1)});
        at = hole.last + 1U;
    }
    if (at < end) out.push_back({static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(end - 1)});
    return out;
}

Result<EphemeralPorts> parse_ephemeral_ports(std::string_view range, std::string_view reserved) {
    const std::string_view both = trim(range);
    const std::size_t gap = both.find_first_of(" \t");
    const auto first = parse_port(both.substr(0, gap));
    const auto last = gap == both.npos ? first : parse_port(trim(both.substr(gap)));
    if (!first || !last || *last < *first) return failure(fmt::format("net.ipv4.ip_local_port_range: not understood: {}", quoted(both)));
    EphemeralPorts ports{{*first, *last}, {}};
    for (const std::string_view word : split(trim(reserved), ','))
        if (auto done = append_reserved(word, ports.reserved); !done) return Failure(std::move(done).error());
    return ports;
}

Result<EphemeralPorts> read_ephemeral_ports() {
    auto range = read_sysctl("/proc/sys/net/ipv4/ip_local_port_range");
    if (!range) return Failure(std::move(range).error());
    auto reserved = read_sysctl("/proc/sys/net/ipv4/ip_local_reserved_ports");
    if (!reserved) return Failure(std::move(reserved).error());
    return parse_ephemeral_ports(*range, *reserved);
}

} // namespace swathe
