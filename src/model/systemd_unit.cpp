#include "model/systemd_unit.h"

#include <charconv>

#include <fmt/format.h>

namespace swathe {
namespace {

/// A bare port: every address of both families (systemd.socket(5), ListenStream=).
std::optional<SocketAddress> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
    return SocketAddress{Address::any(Family::ipv6), port};
}

} // namespace

std::optional<UnitSocket> parse_unit_socket(std::string_view kind, std::string_view address) {
    if (kind != "Stream" && kind != "Datagram") return std::nullopt;
    const Protocol protocol = kind == "Stream" ? Protocol::tcp : Protocol::udp;
    if (const auto port = parse_port(address)) return UnitSocket{protocol, *port};
    const auto full = parse_socket_address(address);
    if (!full || full->port == 0) return std::nullopt;
    return UnitSocket{protocol, *full};
}

Result<UnitSocket> choose_unit_socket(const std::vector<UnitSocket>& sockets, Protocol protocol, Family family,
                                      const std::optional<SocketAddress>& home) {
    std::vector<UnitSocket> own, both; // of the family itself; those that take both
    for (const UnitSocket& socket : sockets) {
        if (socket.protocol != protocol || (home && socket.address != *home)) continue;
        if (socket.address.address.family == family) own.push_back(socket);
        if (family == Family::ipv4 && socket.address.address == Address::any(Family::ipv6)) both.push_back(socket);
    }
    const std::vector<UnitSocket>& found = own.empty() ? both : own;
    if (found.size() == 1) return found.front();
    if (found.empty()) return failure(fmt::format("no {} socket takes {}", to_string(protocol), to_string(family)));
    return failure(fmt::format("{} and {} both take {} over {}; say HomeAddress= with one of them", found[0].address.to_string(),
                               found[1].address.to_string(), to_string(family), to_string(protocol)));
}

} // namespace swathe
