#include "model/config.h"

#include <algorithm>
#include <utility>

namespace swathe {

bool Listener::has_family(Family family) const noexcept {
    return std::any_of(endpoints.begin(), endpoints.end(), [&](const Endpoint& e) {
        return std::any_of(e.addresses.begin(), e.addresses.end(), [&](const auto& a) { return a.value.family() == family; });
    });
}

bool UnixSocket::has_same_file(const UnixSocket& other) const noexcept {
    using Account = std::optional<Placed<std::string>>;
    const auto same = [](const Account& a, const Account& b) { return a.has_value() == b.has_value() && (!a || a->value == b->value); };
    return socket_mode == other.socket_mode && same(socket_user, other.socket_user) && same(socket_group, other.socket_group) &&
           remove_on_stop == other.remove_on_stop &&
           std::equal(symlinks.begin(), symlinks.end(), other.symlinks.begin(), other.symlinks.end(),
                      [](const auto& a, const auto& b) { return a.value == b.value; });
}

SocketKind Listener::kind() const noexcept {
    if (!unix_type) return protocol == Protocol::tcp ? SocketKind::tcp : SocketKind::udp;
    switch (*unix_type) {
    case UnixType::stream: return SocketKind::unix_stream;
    case UnixType::datagram: return SocketKind::unix_datagram;
    case UnixType::seqpacket: return SocketKind::unix_seqpacket;
    }
    return {};
}

void Listener::become(SocketKind kind) noexcept {
    protocol = kind == SocketKind::udp || kind == SocketKind::unix_datagram ? Protocol::udp : Protocol::tcp;
    unix_type.reset();
    switch (kind) {
    case SocketKind::tcp:
    case SocketKind::udp: break;
    case SocketKind::unix_stream: unix_type = UnixType::stream; break;
    case SocketKind::unix_datagram: unix_type = UnixType::datagram; break;
    case SocketKind::unix_seqpacket: unix_type = UnixType::seqpacket; break;
    }
}

Listener only_family(const Listener& listener, Family family) {
    Listener part = listener;
    for (Endpoint& endpoint : part.endpoints) {
        const AddressList all = std::exchange(endpoint.addresses, {});
        for (const auto& range : all)
            if (range.value.family() == family) endpoint.addresses.push_back(range);
    }
    std::erase_if(part.endpoints, [](const Endpoint& endpoint) { return endpoint.addresses.empty(); });
    if (part.home && part.home->address.family != family) part.home.reset();
    return part;
}

Config only_in(const Config& config, const std::set<std::string>& namespaces) {
    Config part;
    part.daemon = config.daemon;
    for (const GlobalRule& rule : config.rules)
        if (namespaces.contains(rule.netns)) part.rules.push_back(rule);
    for (const Service& service : config.services) {
        Service& copy = part.services.emplace_back();
        copy.name = service.name;
        copy.pos = service.pos;
        copy.systemd = service.systemd;
        for (const Listener& listener : service.listeners) {
            if (namespaces.contains(listener.netns)) {
                copy.listeners.push_back(listener);
                continue;
            }
            Listener& elsewhere = copy.listeners.emplace_back();
            elsewhere.name = listener.name;
            elsewhere.protocol = listener.protocol;
            elsewhere.unix_type = listener.unix_type;
            elsewhere.netns = listener.netns;
            elsewhere.pos = listener.pos;
        }
    }
    return part;
}

const char* to_string(Verdict verdict) noexcept {
    switch (verdict) {
    case Verdict::steer: return "steer";
    case Verdict::drop: return "drop";
    case Verdict::pass: return "pass";
    }
    return "";
}

} // namespace swathe
