#pragma once

#include "model/config.h"

#include <initializer_list>
#include <string>

/// Configurations and listeners for tests, in few words.
namespace swathe::test {

inline std::vector<PortRange> ports(std::initializer_list<const char*> texts) {
    std::vector<PortRange> out;
    for (const char* text : texts) out.push_back(parse_port_range(text).value());
    return out;
}

/// One endpoint; address number n stands at FILE:1:n.
inline Endpoint endpoint(std::initializer_list<const char*> addresses, std::initializer_list<const char*> port_texts) {
    Endpoint e;
    std::uint32_t column = 0;
    for (const char* text : addresses) e.addresses.push_back({parse_address_range(text).value(), {SourceFile("a.toml"), 1, ++column}});
    e.ports = ports(port_texts);
    e.pos = {SourceFile("a.toml"), 1, 1};
    return e;
}

inline Listener listener(Protocol protocol, std::initializer_list<const char*> addresses, std::initializer_list<const char*> port_texts) {
    Listener l;
    l.name = "l";
    l.protocol = protocol;
    l.endpoints = {endpoint(addresses, port_texts)};
    l.pos = {SourceFile("a.toml"), 1, 1};
    return l;
}

inline Config config_of(std::vector<Listener> listeners) {
    Config config;
    config.services.resize(1);
    config.services.front().name = "s";
    config.services.front().listeners = std::move(listeners);
    return config;
}

} // namespace swathe::test
