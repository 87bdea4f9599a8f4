"""The home address of a listener, where its socket is really bound, must never be a back door."""

import pytest

from answers import ECHO, HTTP, echo, tell
from netns import Link

MINE4, MINE6 = Link.SERVER4, Link.SERVER6 # addresses of the host itself, reachable from the client, in no range


def homes(daemon, service, name):
    """(address, port) of each socket of the listener."""
    found = []
    for sock in daemon.listener(service, name)["sockets"]:
        host, _, port = sock["home"].rpartition(":")
        found.append((host.strip("[]"), int(port)))
    return found


def check_no_back_door(daemon, server, client, service, listener, claimed_ports):
    for _, port in homes(daemon, service, listener["name"]):
        if port in claimed_ports:
            asked = [MINE4, MINE6] # outside the prefixes, on the home's port
        else:
            asked = [MINE4, MINE6, "192.0.2.9", "2001:db8:1::9"]
        refuses = "refuses_udp" if listener["protocol"] == "udp" else "refuses_tcp"
        for address in asked:
            assert getattr(client, refuses)(address, port), f"{address} port {port} from outside"
        for address in (*asked, "127.0.0.1", "::1"):
            assert getattr(server, refuses)(address, port), f"{address} port {port} from the host itself"


@pytest.mark.parametrize("listener, script", [(HTTP, "tell.py"), (ECHO, "echo.py")], ids=["tcp", "udp"])
@pytest.mark.parametrize("shape", [
    {}, # both families
    {"addresses": ["192.0.2.0/24"]},
    {"addresses": ["2001:db8:1::/64"]},
    {"addresses": ["192.0.2.0/24"], "ports": "all"},
    {"family_sockets": "split"},
    {"addresses": ["192.0.2.0/24"], "except": ["192.0.2.0/30"]}, # the first address is not claimed
], ids=["dual", "ipv4", "ipv6", "all-ports", "split", "hole-at-first"])
def test_a_chosen_home_is_no_back_door(daemon, config, server, client, program, listener, script, shape):
    listener = {**listener, **shape}
    config.service("web", listener, program(script))
    daemon.start()
    ports = range(1, 65536) if listener["ports"] == "all" else listener["ports"]
    check_no_back_door(daemon, server, client, "web", listener, ports)
    assert homes(daemon, "web", listener["name"])
    daemon.stop()


@pytest.mark.parametrize("home", [
    f"{MINE4}:9999", "127.0.0.1:9999", "0.0.0.0:9999", f"{MINE4}:8080", "0.0.0.0:8080",
    f"[{MINE6}]:9999", "[::1]:9999", "[::]:9999", "[::]:8080",
])
def test_a_given_home_is_no_back_door(daemon, config, server, client, program, home):
    addresses = ["2001:db8:1::/64"] if home.startswith("[") else ["192.0.2.0/24"]
    listener = {**HTTP, "addresses": addresses, "home": home}
    config.service("web", listener, program("tell.py"))
    daemon.start()
    host, _, port = home.rpartition(":")
    assert homes(daemon, "web", "http") == [(host.strip("[]"), int(port))]
    check_no_back_door(daemon, server, client, "web", listener, [8080])
    inside = "2001:db8:1::9" if home.startswith("[") else "192.0.2.9"
    assert tell(client, inside, 8080)["sockname"] == [inside, 8080]
    daemon.stop()


def test_an_except_hole_is_not_reached_through_the_home(daemon, config, server, client, program):
    """The hole lies on the home's own address and port."""
    config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"], "home": "192.0.2.5:8080", "except": ["192.0.2.5:8080"]},
                   program("tell.py"))
    daemon.start()
    assert client.refuses_tcp("192.0.2.5", 8080)
    assert server.refuses_tcp("192.0.2.5", 8080)
    assert tell(client, "192.0.2.6", 8080)
    daemon.stop()


def test_a_drop_rule_holds_for_the_home_too(daemon, config, client, program):
    config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"]}, program("tell.py"))
    config.rules(drop=[{"protocol": "tcp", "addresses": ["192.0.2.0/30"], "ports": [8080]}])
    daemon.start()
    for address in ("192.0.2.0", "192.0.2.3"):
        assert client.refuses_tcp(address, 8080)
    assert tell(client, "192.0.2.4", 8080)
    daemon.stop()


def test_a_udp_listener_with_one_port_has_its_home_on_that_port(daemon, config, client, program):
    """So that PKTINFO alone makes an answer right: it sets the address, not the port."""
    config.service("echo", ECHO, program("echo.py"))
    daemon.start()
    assert all(port == 5300 for _, port in homes(daemon, "echo", "echo"))
    assert echo(client, "192.0.2.9", 5300)["asked"] == ["192.0.2.9", 5300]
    daemon.stop()


@pytest.mark.parametrize("home", [None, "0.0.0.0:9999"])
def test_a_reload_opens_no_back_door_by_a_pass_rule(daemon, config, client, program, home):
    """The kept socket is bound where the new rules leave the packet to the kernel's own lookup."""
    config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"]} | ({"home": home} if home else {}), program("tell.py"))
    daemon.start()
    pid = tell(client, "192.0.2.9", 8080)["pid"]
    config.service("web", {**HTTP, "addresses": ["192.0.2.128/25"]} | ({"home": home} if home else {}), program("tell.py"))
    port = 9999 if home else 8080
    config.rules(**{"pass": [{"protocol": "tcp", "addresses": ["192.0.2.0"], "ports": [port]}]})
    assert "web.toml" in (said := daemon.reload(status=1).stderr) and "[[pass]]" in said
    assert tell(client, "192.0.2.9", 8080)["pid"] == pid # nothing has changed
    config.rules(**{"pass": [{"protocol": "tcp", "addresses": ["192.0.2.0"], "ports": [port + 1]}]})
    daemon.reload()
    assert client.refuses_tcp("192.0.2.0", port)
    daemon.stop()
