"""Addresses that stand in files of their own: read at the start and at each reload, and refused as a whole if a line is wrong."""

import ipaddress
import pathlib
import random

import pytest

from answers import HTTP, tell

from daemon import eventually
from netns import Link

LISTED = {**HTTP, "addresses": ["192.0.2.1"], "addresses_file": "list"}


def test_the_addresses_of_a_file_are_steered_and_a_reload_reads_it_anew(daemon, config, client, program):
    path = config.write("services.d/list", "# ours\n192.0.2.16/28\n2001:db8:1::7 # one\n")
    config.service("web", LISTED, program("tell.py"))
    daemon.start()
    for address in ("192.0.2.1", "192.0.2.16", "192.0.2.31", "2001:db8:1::7"):
        tell(client, address, 8080)
    assert client.refuses_tcp("192.0.2.32", 8080)
    assert str(path) in daemon.service("web")["files"]

    config.write("services.d/list", "192.0.2.32-192.0.2.40\n")
    assert client.refuses_tcp("192.0.2.32", 8080) # the file alone changes nothing
    daemon.reload()
    for address in ("192.0.2.1", "192.0.2.32", "192.0.2.40"):
        tell(client, address, 8080)
    assert client.refuses_tcp("192.0.2.16", 8080)
    assert client.refuses_tcp("2001:db8:1::7", 8080)
    daemon.stop()


def test_a_wrong_line_refuses_the_reload_and_is_named(daemon, config, client, program):
    config.write("services.d/list", "192.0.2.16/28\n")
    config.service("web", LISTED, program("tell.py"))
    daemon.start()
    path = config.write("services.d/list", "192.0.2.32\n  192.0.2.999\n")
    assert f"{path}:2:3: addresses_file: \"192.0.2.999\"" in daemon.reload(status=1).stderr
    tell(client, "192.0.2.16", 8080)
    path.unlink()
    assert f"{path}: cannot be opened" in daemon.reload(status=1).stderr
    tell(client, "192.0.2.16", 8080)
    daemon.stop()


def test_a_file_of_sources_lets_in_who_is_listed_and_an_empty_one_never_everybody(daemon, config, client, program):
    config.write("services.d/friends", "203.0.113.0/24\n")
    config.service("web", {**HTTP, "from_file": "friends"}, program("tell.py"))
    daemon.start()
    assert client.refuses_tcp("192.0.2.1", 8080)
    config.write("services.d/friends", f"203.0.113.0/24\n{Link.CLIENT4}\n")
    daemon.reload()
    tell(client, "192.0.2.1", 8080)
    config.write("services.d/friends", "# nobody\n")
    assert "nobody could reach the listener" in daemon.reload(status=1).stderr
    daemon.stop()


def test_a_blocklist_may_be_empty(daemon, config, client, program):
    config.write("blocked", "# nobody yet\n")
    config.rules(drop=[{"addresses": ["0.0.0.0/0"], "from_file": "blocked"}])
    config.service("web", {**HTTP, "addresses": ["192.0.2.0/25"]}, program("tell.py"))
    daemon.start()
    tell(client, "192.0.2.1", 8080)
    config.write("blocked", f"{Link.CLIENT4}\n")
    config.rules(drop=[{"addresses": ["192.0.2.1"], "from_file": "blocked"}])
    daemon.reload()
    assert client.refuses_tcp("192.0.2.1", 8080)
    tell(client, "192.0.2.2", 8080)
    daemon.stop()


MILLION = 1_000_000
MOST_MB = 150 # DESIGN 10: daemon memory with 10^6 rules, tables included


def memory_mb(daemon, key):
    """VmRSS or VmHWM of the daemon."""
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(key + ":")).split()[1]) / 1024


def within(daemon, most):
    """VmRSS once it is below `most`: the old world is put away beside everything else, after the answer."""
    now = memory_mb(daemon, "VmRSS")
    return now if now < most else None


def hosts_v4(number):
    return str(ipaddress.IPv4Address(number))


def networks_v6(number):
    return f"{ipaddress.IPv6Address((0x20010db8 << 96) | (number << 64))}/64"


def hosts_v6(number):
    return str(ipaddress.IPv6Address((0x20010db8 << 96) | (number << 32) | (number * 2654435761 & 0xffffffff)))


@pytest.mark.parametrize("line", [hosts_v4, networks_v6, hosts_v6])
def test_a_million_rules_take_no_more_memory_than_promised_and_give_it_back(daemon, config, program, line):
    numbers = random.Random(1).sample(range(0x0b000000, 0xdf000000), MILLION)
    config.write("services.d/list", "\n".join(map(line, numbers)) + "\n")
    config.service("web", {"name": "http", "protocol": "tcp", "addresses_file": "list", "ports": [8080]}, program("tell.py"))
    daemon.start()
    started = memory_mb(daemon, "VmRSS")
    daemon.reload()
    reloaded = eventually(lambda: within(daemon, MOST_MB), what="the old world's memory given back")
    explained = daemon.explain("tcp", line(numbers[0]).split("/")[0], 8080)
    assert explained["rule"]["line"] == 1
    asked, peak = memory_mb(daemon, "VmRSS"), memory_mb(daemon, "VmHWM")
    print(f"VmRSS with 10^6 rules ({line.__name__}): {started:.0f} MB, reloaded {reloaded:.0f} MB, explain {asked:.0f} MB; peak {peak:.0f} MB")
    assert max(started, reloaded, asked) < MOST_MB

    config.write("services.d/list", line(numbers[0]) + "\n")
    daemon.reload()
    assert eventually(lambda: within(daemon, MOST_MB / 5), what="memory given back")
    daemon.stop()
