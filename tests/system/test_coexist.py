"""Others in the same namespace: their programs, and their sockets."""

import os
import socket
import subprocess
import sys

import pytest

from answers import ECHO, HTTP, echo, tell
from daemon import BIN, netns_links


def check_both(client, foreign_listener):
    for address in ("203.0.113.5", "192.0.2.9"): # in our prefix, too, but not on our port
        with client.connect(address, 7777):
            connection, _ = foreign_listener.accept()
            assert connection.getsockname() == (address, 7777)
            connection.close()
    assert tell(client, "192.0.2.9", 8080)["sockname"] == ["192.0.2.9", 8080]
    assert echo(client, "192.0.2.9", 5300)["asked"] == ["192.0.2.9", 5300]


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_foreign_program_attached_before_or_after_ours_keeps_working(
        daemon, config, server, client, program, foreign, foreign_listener, order):
    server.route_locally("203.0.113.0/24")
    config.service("web", HTTP, program("tell.py"))
    config.service("echo", ECHO, program("echo.py"))
    if order == "before":
        foreign.attach(server, foreign_listener)
        daemon.start()
    else:
        daemon.start()
        foreign.attach(server, foreign_listener)
    check_both(client, foreign_listener)
    daemon.reload()
    check_both(client, foreign_listener)

    programs = daemon.ctl_json("status")["daemon"]["programs"]
    assert [one["ours"] for one in programs] == ([False, True] if order == "before" else [True, False])
    assert [one["name"] for one in programs if not one["ours"]] == ["foreign"]

    links = {link["id"] for link in netns_links(server.inode)}
    assert len(links) == 2
    daemon.expected_links = 1 # the foreign one stays
    daemon.stop()
    with client.connect("203.0.113.5", 7777):
        foreign_listener.accept()[0].close()


def test_what_matches_nothing_goes_to_whoever_has_it_bound(daemon, config, server, client, program):
    config.service("web", HTTP, program("tell.py"))
    config.service("echo", ECHO, program("echo.py"))
    with server.listen("192.0.2.9", 8081) as near, server.listen("::", 9000) as wild, \
            server.listen("192.0.2.9", 5301, socket.SOCK_DGRAM) as datagrams:
        daemon.start()
        for listener, address, port in ((near, "192.0.2.9", 8081), (wild, "2001:db8:1::9", 9000)):
            with client.connect(address, port):
                listener.accept()[0].close()
        with client.udp("192.0.2.9") as sock:
            sock.sendto(b"for you", ("192.0.2.9", 5301))
            assert datagrams.recv(99) == b"for you"
        assert tell(client, "192.0.2.9", 8080)["sockname"] == ["192.0.2.9", 8080]
        daemon.stop()


class TestLockOut:
    """A listener must not take over what another process serves, unasked."""

    @pytest.mark.parametrize("bound, port, listener", [
        ("192.0.2.9", 8080, HTTP), ("2001:db8:1::9", 8080, HTTP), ("192.0.2.9", 5300, ECHO),
        # a wildcard bind, and an address of an interface in the range
        ("0.0.0.0", 2222, {"name": "all", "protocol": "tcp", "addresses": ["198.51.100.1"], "ports": "all"}),
        ("::", 2222, {"name": "all", "protocol": "tcp", "addresses": ["2001:db8:ffff::/64"], "ports": [22, "2000-2999"]}),
    ])
    def test_it_is_refused_with_process_socket_and_place(self, daemon, config, server, client, program, bound, port, listener):
        path = config.service("web", listener, program("tell.py"))
        kind = socket.SOCK_DGRAM if listener["protocol"] == "udp" else socket.SOCK_STREAM
        with server.listen(bound, port, kind):
            daemon.launch()
            assert daemon.process.wait(15) in (1, 3)
            daemon.wait_quiet()
            line = next(line for line in daemon.lines if f"{path}:" in line)
            assert str(os.getpid()) in line and str(port) in line and os.path.basename(sys.executable)[:6] in line, daemon.log()
            assert daemon.leftovers() == []

    def test_steal_takes_it_over_and_gives_it_back(self, daemon, config, server, client, program):
        config.service("web", {**HTTP, "steal": True}, program("tell.py"))
        with server.listen("192.0.2.9", 8080) as native:
            daemon.start()
            assert tell(client, "192.0.2.9", 8080)["sockname"] == ["192.0.2.9", 8080]
            daemon.stop()
            with client.connect("192.0.2.9", 8080):
                native.accept()[0].close()

    def test_except_leaves_it_where_it_is(self, daemon, config, server, client, program):
        config.service("web", {**HTTP, "except": ["192.0.2.9:8080"]}, program("tell.py"))
        with server.listen("192.0.2.9", 8080) as native:
            daemon.start()
            with client.connect("192.0.2.9", 8080):
                native.accept()[0].close()
            assert tell(client, "192.0.2.10", 8080)["sockname"] == ["192.0.2.10", 8080]
            daemon.stop()

    @pytest.mark.parametrize("bound", ["192.0.2.9", "0.0.0.0"])
    def test_a_socket_bound_to_a_device_is_named_with_it(self, daemon, config, server, client, program, bound):
        """By swathectl check, swathed --check, at the start and at a reload. A listener on another interface takes nothing from it."""
        server.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
        config.service("safe", {**HTTP, "addresses": ["192.0.2.77"], "ports": [9999]}, program("tell.py"))
        with server.listen(bound, 8080, device="up0") as native:
            config.service("web", {**HTTP, "addresses": ["192.0.2.9"], "interface": ["lo"]}, program("tell.py"))
            daemon.start()
            assert not any("bound to" in line for line in daemon.lines), daemon.log()
            with client.connect("192.0.2.9", 8080): # comes in through up0
                native.accept()[0].close()
            assert tell(server, "192.0.2.9", 8080)["sockname"] == ["192.0.2.9", 8080] # comes in through lo
            generation = daemon.generation()
            for guard in ({"interface": ["up0"]}, {"interface": ["lo", "up0"]}, {}):
                path = config.service("web", {**HTTP, "addresses": ["192.0.2.9"], **guard}, program("tell.py"))
                said = f"addresses: would take over tcp {bound}:8080 (bound to up0) from "
                refused = daemon.reload(status=1).stderr
                assert f"{path}:" in refused and said in refused and f"(pid {os.getpid()})" in refused, refused
                checks = [[BIN / "swathectl", "check", "--config", config.directory, "--netns", server.name],
                          [BIN / "swathed", "--check", "--config", config.directory, "--netns", server.name]]
                for check in checks:
                    done = subprocess.run(check, capture_output=True, text=True)
                    assert done.returncode != 0 and said in done.stdout + done.stderr, done.stdout + done.stderr
            assert daemon.generation() == generation
            with client.connect("192.0.2.9", 8080):
                native.accept()[0].close()
            daemon.stop()

    def test_our_own_sockets_do_not_count_on_reload(self, daemon, config, client, program):
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        tell(client, "192.0.2.9", 8080)
        daemon.reload()
        config.service("web", {**HTTP, "ports": [8080, 8081]}, program("tell.py"))
        daemon.reload()
        assert tell(client, "192.0.2.9", 8081)["sockname"] == ["192.0.2.9", 8081]
        daemon.stop()


def test_two_daemons_in_two_namespaces_do_not_disturb_each_other(make_daemon, namespace, base, config, client, program):
    from daemon import Config
    other_ns = namespace("other")
    other_ns.route_locally("192.0.2.0/24")
    other_config = Config(base / "etc2")
    config.service("web", HTTP, program("tell.py", "--tag", "one"))
    other_config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"]}, program("tell.py", "--tag", "two"))
    (base / "two").mkdir()
    one, two = make_daemon().start(), make_daemon(config=other_config, ns=other_ns, base=base / "two").start()
    assert tell(client, "192.0.2.9", 8080)["tag"] == "one"
    assert tell(other_ns, "192.0.2.9", 8080)["tag"] == "two"
    two.expected_pins = 1
    two.stop()
    assert tell(client, "192.0.2.9", 8080)["tag"] == "one"
    one.stop()


def test_swathectl_and_the_daemon_do_not_need_bpftool(daemon, config, program):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    assert subprocess.run(daemon.ctl_argv("status"), env={"PATH": "/nonexistent"}, capture_output=True).returncode == 0
    daemon.stop()
