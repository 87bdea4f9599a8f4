#include "socket/sysctl.h"

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("ephemeral ports: a reserved port is given to no client") {
    struct Case { const char* range; const char* reserved; const char* asked; std::vector<PortRange> overlap; };
    const Case cases[] = {
        {"32768\t60999\n", "\n", "1-65535", {{32768, 60999}}},
        {"32768\t60999\n", "\n", "32767", {}},
        {"32768\t60999\n", "\n", "32768", {{32768, 32768}}},
        {"32768\t60999\n", "\n", "60999-61000", {{60999, 60999}}},
        {"32768\t60999\n", "\n", "61000", {}},
        {"1024\t65535\n", "8000-8999\n", "7000-9000", {{7000, 7999}, {9000, 9000}}},
        {"1024\t65535\n", "8000-8999,9001\n", "8000-9002", {{9000, 9000}, {9002, 9002}}},
        {"1024\t65535\n", "8000-8999\n", "8000-8999", {}},
        {"1024\t65535\n", "0-2000,65535\n", "1-65535", {{2001, 65534}}},
        {"1024\t65535\n", "0\n", "1-1024", {{1024, 1024}}},
        {"1\t65535\n", "1-65535\n", "1-65535", {}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.range);
        CAPTURE(c.reserved);
        CAPTURE(c.asked);
        const auto ports = parse_ephemeral_ports(c.range, c.reserved);
        REQUIRE(ports);
        const PortRange asked = parse_port_range(c.asked).value();
        CHECK(ports->overlap(asked) == c.overlap);
        for (std::uint32_t p = asked.first; p <= asked.last; ++p) {
            const auto port = static_cast<std::uint16_t>(p);
            bool expected = false;
            for (const PortRange& r : c.overlap) expected = expected || r.contains(port);
            if (ports->contains(port) != expected) FAIL("port ", p);
        }
    }
}

TEST_CASE("ephemeral ports: what the kernel never writes is refused") {
    for (const char* range : {"", "32768", "60999\t32768", "a\tb", "32768 60999 1"}) {
        CAPTURE(range);
        if (std::string_view(range) == "32768") continue; // one port is a range
        CHECK_FALSE(parse_ephemeral_ports(range, ""));
    }
    CHECK_FALSE(parse_ephemeral_ports("1 2", "x"));
    CHECK_FALSE(parse_ephemeral_ports("1 2", "70000"));
}
