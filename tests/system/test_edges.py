"""Where ranges begin and end, nest and exclude."""

import ipaddress
import subprocess

import pytest

from answers import echo, tell
from daemon import BIN


def around(first, last):
    """(below, first, last, above) of a range of addresses."""
    return [str(ipaddress.ip_address(first) - 1), first, last, str(ipaddress.ip_address(last) + 1)]


@pytest.fixture
def wide_routes(server):
    """Neighbours of the ranges are delivered locally, too, so that refusing them is the dispatcher's doing."""
    server.route_locally("198.51.99.0/24", "203.0.113.0/24", "2001:db8:2::/48")


@pytest.mark.parametrize("written, first, last", [
    ("203.0.113.64/26", "203.0.113.64", "203.0.113.127"),
    ("203.0.113.10-203.0.113.20", "203.0.113.10", "203.0.113.20"),
    ("203.0.113.7", "203.0.113.7", "203.0.113.7"),
    ("2001:db8:2:1::/64", "2001:db8:2:1::", "2001:db8:2:1:ffff:ffff:ffff:ffff"),
    ("2001:db8:2::ff-2001:db8:2::1:1", "2001:db8:2::ff", "2001:db8:2::1:1"),
])
def test_first_and_last_address_are_in_and_their_neighbours_out(
        daemon, config, client, program, wide_routes, written, first, last):
    config.service("tcp", {"protocol": "tcp", "addresses": [written], "ports": [8080]}, program("tell.py"))
    config.service("udp", {"protocol": "udp", "addresses": [written], "ports": [8080]}, program("echo.py"))
    daemon.start()
    below, first, last, above = around(first, last)
    for address in (first, last):
        assert tell(client, address, 8080)["sockname"] == [address, 8080]
        assert echo(client, address, 8080)["asked"] == [address, 8080]
    for address in (below, above):
        assert client.refuses_tcp(address, 8080)
        assert client.refuses_udp(address, 8080)
    daemon.stop()


@pytest.mark.parametrize("written, inside, outside", [
    (["8000-8999"], [8000, 8500, 8999], [7999, 9000]),
    ([1], [1], [2, 65535]),
    (["65534-65535"], [65534, 65535], [1, 65533]),
    ([80, 443, "8000-8001"], [80, 443, 8000, 8001], [79, 81, 442, 444, 7999, 8002]),
    (["100-200", "201-300"], [100, 200, 201, 300], [99, 301]),
], ids=str)
def test_first_and_last_port_are_in_and_their_neighbours_out(daemon, config, client, program, written, inside, outside):
    config.service("web", {"protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": written}, program("tell.py"))
    daemon.start()
    for port in inside:
        assert tell(client, "192.0.2.9", port)["sockname"] == ["192.0.2.9", port]
    for port in outside:
        assert client.refuses_tcp("192.0.2.9", port)
    daemon.stop()


def test_network_and_broadcast_address_are_addresses_like_any_other(daemon, config, client, program):
    config.service("tcp", {"protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [8080]}, program("tell.py"))
    config.service("udp", {"protocol": "udp", "addresses": ["192.0.2.0/24"], "ports": [8080]}, program("echo.py"))
    daemon.start()
    for address in ("192.0.2.0", "192.0.2.255"):
        assert tell(client, address, 8080)["sockname"] == [address, 8080]
        assert echo(client, address, 8080)["asked"] == [address, 8080]
    daemon.stop()


def test_adjacent_ranges_meet_without_gap_or_overlap(daemon, config, client, program):
    for name, addresses, ports in (("low", "192.0.2.0/25", "8000-8099"), ("high", "192.0.2.128/25", "8000-8099"),
                                   ("next", "192.0.2.0/24", "8100-8199")):
        config.service(name, {"protocol": "tcp", "addresses": [addresses], "ports": [ports]}, program("tell.py", "--tag", name))
    daemon.start()
    for address, port, name in (("192.0.2.127", 8099, "low"), ("192.0.2.128", 8099, "high"), ("192.0.2.127", 8100, "next"),
                                ("192.0.2.128", 8100, "next"), ("192.0.2.0", 8000, "low"), ("192.0.2.255", 8199, "next")):
        assert tell(client, address, port)["tag"] == name
    daemon.stop()


def test_nested_ranges_the_longer_prefix_wins_then_the_narrower_ports(daemon, config, client, program):
    for name, addresses, ports in (("net", "192.0.2.0/24", [8080]), ("half", "192.0.2.0/25", ["8000-8999"]),
                                   ("host", "192.0.2.7", "all"), ("port", "192.0.2.7", ["8080-8081"])):
        config.service(name, {"protocol": "tcp", "addresses": [addresses], "ports": ports}, program("tell.py", "--tag", name))
    daemon.start()
    for address, port, name in (
            ("192.0.2.200", 8080, "net"),
            ("192.0.2.9", 8080, "half"),  # /25 beats /24, though its port range is wider
            ("192.0.2.9", 8999, "half"),
            ("192.0.2.7", 8080, "port"),  # same prefix: the narrower port range
            ("192.0.2.7", 8082, "host"),  # /32 with all ports beats /25
            ("192.0.2.7", 1, "host")):
        assert tell(client, address, port)["tag"] == name, (address, port)
        assert daemon.explain("tcp", address, port)["service"] == name
    assert client.refuses_tcp("192.0.2.200", 8081)
    daemon.stop()


def test_an_exception_is_left_to_other_rules_and_else_to_the_kernel(daemon, config, server, client, program):
    config.service("net", {"protocol": "tcp", "addresses": ["192.0.2.0/25"], "ports": ["8000-8999"],
                           "except": ["192.0.2.7:8080", "192.0.2.16/28:8000-8099"]}, program("tell.py", "--tag", "net"))
    config.service("wide", {"protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [8080]}, program("tell.py", "--tag", "wide"))
    with server.listen("192.0.2.20", 8090) as native:
        daemon.start()
        for address, port, name in (("192.0.2.6", 8080, "net"), ("192.0.2.8", 8080, "net"), ("192.0.2.7", 8081, "net"),
                                    ("192.0.2.7", 8079, "net"), ("192.0.2.7", 8080, "wide"), ("192.0.2.16", 8080, "wide"),
                                    ("192.0.2.15", 8000, "net"), ("192.0.2.32", 8099, "net"), ("192.0.2.31", 8100, "net")):
            assert tell(client, address, port)["tag"] == name, (address, port)
        for port in (8000, 8099):
            assert client.refuses_tcp("192.0.2.16", port)
            assert client.refuses_tcp("192.0.2.31", port)
        with client.connect("192.0.2.20", 8090): # a hole: whoever has it bound
            native.accept()[0].close()
        daemon.stop()


def test_drop_refuses_and_pass_leaves_it_to_the_kernel(daemon, config, server, client, program):
    config.service("tcp", {"protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": ["8000-8999"]}, program("tell.py"))
    config.service("udp", {"protocol": "udp", "addresses": ["192.0.2.0/24"], "ports": ["8000-8999"],
                           "except": ["192.0.2.99"]}, program("echo.py"))
    config.rules(drop=[{"addresses": ["192.0.2.66"], "ports": "all"}],
                 **{"pass": [{"protocol": "tcp", "addresses": ["192.0.2.99"], "ports": ["8000-8009"]}]})
    with server.listen("192.0.2.99", 8001) as native, server.listen("192.0.2.66", 9999) as dropped:
        daemon.start()
        assert tell(client, "192.0.2.65", 8000)["sockname"] == ["192.0.2.65", 8000]
        assert client.refuses_tcp("192.0.2.66", 8000)
        assert client.refuses_udp("192.0.2.66", 8000)
        assert client.refuses_tcp("192.0.2.66", 9999) # although someone listens there
        dropped.close()
        with client.connect("192.0.2.99", 8001):
            native.accept()[0].close()
        assert client.refuses_tcp("192.0.2.99", 8002)
        assert tell(client, "192.0.2.99", 8010)["sockname"] == ["192.0.2.99", 8010]
        assert daemon.explain("tcp", "192.0.2.66", 8000)["verdict"] == "drop"
        assert daemon.explain("tcp", "192.0.2.99", 8001)["verdict"] == "pass"
        daemon.stop()


def test_equal_rules_of_two_listeners_are_refused_with_both_places(config, server, program):
    one = config.service("one", {"protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [8080]}, program("tell.py"))
    two = config.service("two", {"protocol": "tcp", "addresses": ["192.0.2.0/25", "192.0.2.128-192.0.2.255", "192.0.2.0/24"],
                                 "ports": [8080]}, program("tell.py"))
    done = subprocess.run([BIN / "swathectl", "check", "--config", config.directory, "--netns", server.name], capture_output=True,
                          text=True)
    text = done.stdout + done.stderr
    assert done.returncode == 1, text
    assert any(f"{one}:" in line and f"{two}:" in line for line in text.splitlines()), text


def test_tcp_and_udp_of_one_address_and_port_are_apart(daemon, config, client, program):
    config.service("tcp", {"protocol": "tcp", "addresses": ["192.0.2.7"], "ports": [8080]}, program("tell.py", "--tag", "tcp"))
    config.service("udp", {"protocol": "udp", "addresses": ["192.0.2.7"], "ports": [8080]}, program("echo.py", "--tag", "udp"))
    daemon.start()
    assert tell(client, "192.0.2.7", 8080)["tag"] == "tcp"
    assert echo(client, "192.0.2.7", 8080)["tag"] == "udp"
    daemon.stop()
