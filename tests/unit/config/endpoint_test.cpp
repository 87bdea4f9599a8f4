#include "config/endpoint.h"

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

std::string shown(const Endpoint& endpoint) {
    std::string text;
    for (const auto& address : endpoint.addresses) text += address.value.to_string() + " ";
    return text + ": " + to_string(endpoint.ports);
}

} // namespace

TEST_CASE("endpoint: every form of the grammar, and what systemd accepts means what it means there") {
    struct Case { const char* text; const char* meaning; };
    const Case cases[] = {
        {"80", "0.0.0.0/0 ::/0 : 80"},
        {"65535", "0.0.0.0/0 ::/0 : 65535"},
        {"[::]:80", "0.0.0.0/0 ::/0 : 80"},
        {"[::/0]:80", "::/0 : 80"},
        {"0.0.0.0:80", "0.0.0.0/0 : 80"},
        {"0.0.0.0/0:80", "0.0.0.0/0 : 80"},
        {"192.0.2.1:80", "192.0.2.1 : 80"},
        {"192.0.2.1/32:1", "192.0.2.1 : 1"},
        {"[2001:db8::1]:443", "2001:db8::1 : 443"},
        {"192.0.2.0/24:80,443,8000-8999", "192.0.2.0/24 : 80,443,8000-8999"},
        {"192.0.2.0/24:8000-8999,443,80", "192.0.2.0/24 : 80,443,8000-8999"},
        {"192.0.2.0/24:80,81", "192.0.2.0/24 : 80,81"}, // as wide as written: neighbours are not merged
        {"192.0.2.0/24:*", "192.0.2.0/24 : all"},
        {"192.0.2.0/24:1-65535", "192.0.2.0/24 : all"},
        {"[2001:db8::/64]:*", "2001:db8::/64 : all"},
        {"192.0.2.10-192.0.2.20:80", "192.0.2.10-192.0.2.20 : 80"},
        {"[2001:db8::1-2001:db8::9]:80-81", "2001:db8::1-2001:db8::9 : 80-81"},
        {"192.0.2.0-192.0.2.255:80", "192.0.2.0/24 : 80"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        const auto endpoint = parse_endpoint(c.text, {}, EndpointUse::listen);
        REQUIRE(endpoint);
        CHECK(shown(*endpoint) == c.meaning);
    }
}

TEST_CASE("endpoint: a hole may leave its ports out, and then means all") {
    struct Case { const char* text; const char* meaning; };
    const Case cases[] = {
        {"192.0.2.7", "192.0.2.7 : all"}, {"192.0.2.0/25", "192.0.2.0/25 : all"}, {"192.0.2.1-192.0.2.3", "192.0.2.1-192.0.2.3 : all"},
        {"2001:db8::7", "2001:db8::7 : all"}, {"2001:db8::/96", "2001:db8::/96 : all"}, {"[2001:db8::7]", "2001:db8::7 : all"},
        {"[2001:db8::7]:22", "2001:db8::7 : 22"}, {"22", "0.0.0.0/0 ::/0 : 22"}, {"192.0.2.7:22", "192.0.2.7 : 22"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        const auto endpoint = parse_endpoint(c.text, {}, EndpointUse::hole);
        REQUIRE(endpoint);
        CHECK(shown(*endpoint) == c.meaning);
    }
}

TEST_CASE("endpoint: what is no endpoint is refused, at the place of the part that is wrong") {
    struct Case { const char* text; std::uint32_t column; const char* reason; };
    const Case cases[] = {
        {"", 5, "empty"},
        {"0", 5, "\"0\": not a port number in 1-65535"},
        {"65536", 5, "\"65536\": not a port number in 1-65535"},
        {"99999999999999999999", 5, "\"99999999999999999999\": not a port number in 1-65535"},
        {"192.0.2.1", 5, "\"192.0.2.1\": port missing; expected PORT, ADDRESS:PORTS or [IPV6-ADDRESS]:PORTS"},
        {"[2001:db8::1]", 5, "\"[2001:db8::1]\": port missing; expected PORT, ADDRESS:PORTS or [IPV6-ADDRESS]:PORTS"},
        {"2001:db8::1", 5, "\"2001:db8::1\": IPv6 addresses stand in brackets: [2001:db8::1]:80"},
        {"192.0.2.1:", 5, "\"192.0.2.1:\": ports missing behind \":\""},
        {"[::1]:", 5, "\"[::1]:\": ports missing behind \":\""},
        {"192.0.2.1:80,", 15, "\"\": not a port number in 1-65535"},
        {"192.0.2.1:80,443-", 15, "\"443-\": not a port number in 1-65535"},
        {"192.0.2.1:90-80", 15, "\"90-80\": range ends below its start"},
        {"192.0.2.1:80,80-90", 15, "80 and 80-90 overlap"},
        {"192.0.2.1:*,80", 15, "all and 80 overlap"},
        {":80", 5, "\"\": address missing"},
        {"[]:80", 5, "\"\": address missing"},
        {"[::1", 5, "\"[::1\": \"]\" missing"},
        {"[::1]80", 5, "\"[::1]80\": expected \":PORTS\" behind \"]\""},
        {"[::1]%lo:80", 5, "\"[::1]%lo:80\": zones (\"%...\") are not supported; use interface"},
        {"[192.0.2.1]:80", 5, "IPv4 addresses stand without brackets: 192.0.2.1:80"},
        {"[::ffff:192.0.2.1]:80", 5, "\"::ffff:192.0.2.1\": IPv4-mapped address; write it as 192.0.2.1"},
        {"192.0.2.1/24:80", 5, "\"192.0.2.1/24\": address has bits behind /24; the prefix is 192.0.2.0/24"},
        {"192.0.2.0/24-192.0.3.0:80", 5, "\"192.0.2.0/24-192.0.3.0\": not an IPv4 or IPv6 address"},
        {"*:80", 5, "\"*\": not an IPv4 or IPv6 address"},
        {"/run/x", 5, "\"/run/x\" is a UNIX socket's path, not an IP endpoint"},
        {"@x", 5, "\"@x\" is an abstract UNIX socket, not an IP endpoint"},
        {"vsock::1234", 5, "\"vsock::1234\" is a VSOCK socket; there are only TCP, UDP and UNIX sockets"},
        {"vsock-stream:2:1", 5, "\"vsock-stream:2:1\" is a VSOCK socket; there are only TCP, UDP and UNIX sockets"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        const auto endpoint = parse_endpoint(c.text, {SourceFile("x"), 1, 5}, EndpointUse::listen);
        REQUIRE_FALSE(endpoint);
        CHECK(endpoint.error().message == c.reason);
        CHECK(endpoint.error().pos->column == c.column);
    }
}
