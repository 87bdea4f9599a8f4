#include "base/address.h"
#include "base/port_range.h"

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("address: what inet_pton reads is printed back as RFC 5952 writes it") {
    struct Case { const char* text; const char* printed; };
    const Case cases[] = {
        {"0.0.0.0", "0.0.0.0"}, {"192.0.2.255", "192.0.2.255"}, {"255.255.255.255", "255.255.255.255"},
        {"::", "::"}, {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                                                                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.text);
        const auto address = parse_address(c.text);
        REQUIRE(address);
        CHECK(address->to_string() == c.printed);
    }
}

TEST_CASE("address: what is no address is refused") {
    for (const char* text : {"", "192.0.2", "192.0.2.256", "192.0.02.1", "1.2.3.4 ", "2001:db8", ":::", "fe80::1%eth0", "::ffff:192.0.2.1",
                             "localhost", "2001:db8:0000:0000:0000:0000:0000:0000:0000:0001"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_address(text));
    }
    CHECK(parse_address("::ffff:192.0.2.1").error().message == "IPv4-mapped address; write it as 192.0.2.1");
    CHECK_FALSE(parse_address(std::string_view("1.2.3.4\0", 8)));
}

TEST_CASE("address: a socket address survives the way into a sockaddr and back, mapped or not") {
    for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:65535"}) {
        CAPTURE(text);
        const auto address = parse_socket_address(text);
        REQUIRE(address);
        for (const bool mapped : {false, true}) {
            sockaddr_storage raw{};
            CHECK(address->to_sockaddr(raw, mapped) > 0);
            CHECK(SocketAddress::from_sockaddr(raw) == *address);
        }
        CHECK(address->to_string() == text);
    }
    for (const char* text : {"192.0.2.1", "192.0.2.1:0", "2001:db8::1:80", "[192.0.2.1]:80", "192.0.2.1:http", ":80", "[]:80"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_socket_address(text));
    }
}

TEST_CASE("ports: single, range and all, each edge") {
    CHECK(parse_port_range("1") == PortRange{1, 1});
    CHECK(parse_port_range("65535") == PortRange{65535, 65535});
    CHECK(parse_port_range("8000-8999") == PortRange{8000, 8999});
    CHECK(parse_port_range("all") == PortRange::all());
    CHECK(PortRange::all().count() == 65535);
    for (const char* text : {"", "0", "65536", "-1", "80-", "-80", "90-80", "80 ", "http", "0-10", "99999999999999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_port_range(text));
    }
}
