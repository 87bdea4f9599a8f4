"""The four lines of the mission, each across a veth pair."""

import socket

import pytest

from answers import echo, tell

V4_RANGE, V6_RANGE = ["192.0.2.0/24"], ["2001:db8:1::/64"]
V4_SAMPLE = ["192.0.2.0", "192.0.2.1", "192.0.2.77", "192.0.2.128", "192.0.2.254", "192.0.2.255"]
V6_SAMPLE = ["2001:db8:1::", "2001:db8:1::1", "2001:db8:1::beef", "2001:db8:1:0:8000::", "2001:db8:1:0:ffff:ffff:ffff:ffff"]
PORT_SAMPLE = [1, 2, 22, 80, 443, 1023, 1024, 8080, 32768, 49152, 65534, 65535]


@pytest.mark.parametrize("addresses, sample, wildcard, elsewhere", [
    (V4_RANGE, V4_SAMPLE, "0.0.0.0", "198.51.100.1"),
    (V6_RANGE, V6_SAMPLE, "::", "2001:db8:ffff::1"),
], ids=["ipv4", "ipv6"])
def test_a_prefix_on_a_port_that_another_process_holds_with_a_wildcard_bind(
        daemon, config, server, client, program, addresses, sample, wildcard, elsewhere):
    with server.listen(wildcard, 8080) as other:
        config.service("web", {"protocol": "tcp", "addresses": addresses, "ports": [8080]}, program("tell.py"))
        daemon.start()
        for address in sample:
            assert tell(client, address, 8080)["sockname"] == [address, 8080]
        with client.connect(elsewhere, 8080): # what is not ours still reaches the other process
            connection, _ = other.accept()
            assert connection.getsockname()[:2] == (elsewhere, 8080)
            connection.close()
        daemon.stop()


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8:1::7"])
def test_all_ports_of_one_address_and_no_other(daemon, config, client, program, address):
    config.service("proxy", {"protocol": "tcp", "addresses": [address], "ports": "all"}, program("tell.py"))
    daemon.start()
    for port in PORT_SAMPLE:
        assert tell(client, address, port)["sockname"] == [address, port]
    neighbour = address[:-1] + "8"
    assert client.refuses_tcp(neighbour, 80)
    daemon.stop()


@pytest.mark.parametrize("addresses, sample, wildcard, elsewhere", [
    (V4_RANGE, V4_SAMPLE, "0.0.0.0", "198.51.100.1"),
    (V6_RANGE, V6_SAMPLE, "::", "2001:db8:ffff::1"),
], ids=["ipv4", "ipv6"])
def test_udp_on_a_prefix_whose_port_another_process_holds_with_a_wildcard_bind(
        daemon, config, server, client, program, addresses, sample, wildcard, elsewhere):
    with server.listen(wildcard, 5300, socket.SOCK_DGRAM) as other:
        config.service("echo", {"protocol": "udp", "addresses": addresses, "ports": [5300]}, program("echo.py"))
        daemon.start()
        for address in sample:
            assert echo(client, address, 5300)["asked"] == [address, 5300]
        with client.udp(elsewhere) as sock:
            sock.sendto(b"not yours", (elsewhere, 5300))
            assert other.recv(99) == b"not yours"
        daemon.stop()


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8:1::7"])
def test_all_udp_ports_of_one_address(make_daemon, config, client, program, address):
    config.service("echo", {"protocol": "udp", "addresses": [address], "ports": "all"}, program("echo.py"))
    daemon = make_daemon(inside=True).start() # the service answers from sockets of its own, in the same namespace
    for port in PORT_SAMPLE:
        assert echo(client, address, port)["asked"] == [address, port]
    daemon.stop()


def test_one_listener_takes_both_families_and_many_port_ranges_with_one_socket(daemon, config, client, program):
    config.service("edge", {"name": "http", "protocol": "tcp", "ports": [80, 443, "8000-8999"],
                            "addresses": [*V4_RANGE, *V6_RANGE]}, program("tell.py"))
    daemon.start()
    pids = set()
    for address in V4_SAMPLE + V6_SAMPLE:
        for port in (80, 443, 8000, 8999):
            answer = tell(client, address, port)
            assert answer["sockname"] == [address, port]
            assert answer["listener"] == "http"
            pids.add(answer["pid"])
    assert len(pids) == 1
    sockets = daemon.listener("edge", "http")["sockets"]
    assert len(sockets) == 1
    assert sockets[0]["steered"] == len(V4_SAMPLE + V6_SAMPLE) * 4
    daemon.stop()


def test_the_client_is_seen_with_its_own_address(daemon, config, client, program):
    config.service("web", {"protocol": "tcp", "addresses": V4_RANGE + V6_RANGE, "ports": [8080]}, program("tell.py"))
    daemon.start()
    assert tell(client, "192.0.2.9", 8080)["peername"][0] == "198.51.100.2"
    assert tell(client, "2001:db8:1::9", 8080)["peername"][0] == "2001:db8:ffff::2"
    daemon.stop()


def test_split_family_sockets_are_two_with_one_name(daemon, config, client, program):
    config.service("web", {"name": "http", "protocol": "tcp", "addresses": V4_RANGE + V6_RANGE, "ports": [8080],
                           "family_sockets": "split"}, program("tell.py"))
    daemon.start()
    for address in ("192.0.2.9", "2001:db8:1::9"):
        answer = tell(client, address, 8080)
        assert answer["sockname"] == [address, 8080] and answer["listener"] == "http"
    assert len(daemon.listener("web", "http")["sockets"]) == 2
    daemon.stop()


def test_nothing_runs_until_someone_asks(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", {"protocol": "tcp", "addresses": V4_RANGE, "ports": [8080]}, program("tell.py", "--log", log))
    daemon.start()
    assert daemon.service("web")["state"] == "idle" and not log.exists()
    tell(client, "192.0.2.9", 8080)
    assert daemon.service("web")["state"] == "running" and log.exists()
    daemon.stop()
