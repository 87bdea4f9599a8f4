"""Listeners that a service makes unusable: seen in status, and fit again when it has gone."""

import json
import socket

import pytest

from answers import ECHO, HTTP, starts, tell
from daemon import eventually

ONE_UDP = {**ECHO, "addresses": ["192.0.2.9"]}


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def the_socket(daemon, service, listener):
    (sock,) = daemon.listener(service, listener)["sockets"]
    return sock


def ask(client, listen):
    if listen["protocol"] == "tcp":
        return json.loads(client.ask_tcp("192.0.2.9", 8080))
    return json.loads(client.ask_udp("192.0.2.9", 5300))


def refused(client, listen):
    return client.refuses_tcp("192.0.2.9", 8080) if listen["protocol"] == "tcp" else client.refuses_udp("192.0.2.9", 5300)


@pytest.mark.parametrize("listen, why", [(HTTP, "it was shut down and listens no more"), (ONE_UDP, "it is connected to 198.51.100.2:")],
                         ids=["tcp", "udp"])
class TestWhileItRuns:
    def test_status_and_explain_name_the_socket_with_the_last_error(self, daemon, config, client, program, listen, why):
        config.service("web", listen, program("fall.py", "stay"))
        daemon.start()
        assert the_socket(daemon, "web", listen["name"])["unusable"] is None
        ask(client, listen)
        unusable = eventually(lambda: the_socket(daemon, "web", listen["name"])["unusable"], what="the socket is unusable")
        assert unusable.startswith(why) and "refused" not in unusable # nobody has asked yet
        assert refused(client, listen)
        unusable = the_socket(daemon, "web", listen["name"])["unusable"]
        assert unusable.startswith(why) and unusable.endswith("; last refused: Socket type not supported")
        assert f"unusable: {unusable}\n" in daemon.ctl("status", "web").stdout
        port = listen["ports"][0]
        answer = daemon.explain(listen["protocol"], "192.0.2.9", port, "--live")
        assert answer["verdict"] == "drop"
        assert f"the socket of web/{listen['name']} is of no use: {why}" in answer["disagreement"]
        daemon.stop()

    def test_a_restart_mends_it(self, daemon, config, client, program, listen, why):
        config.service("web", listen, program("fall.py", "stay"))
        daemon.start()
        first = ask(client, listen)["pid"]
        eventually(lambda: the_socket(daemon, "web", listen["name"])["unusable"], what="the socket is unusable")
        daemon.ctl("restart", "web")
        assert the_socket(daemon, "web", listen["name"])["unusable"] is None
        assert ask(client, listen)["pid"] != first
        daemon.stop()


@pytest.mark.parametrize("listen", [HTTP, ONE_UDP, {**HTTP, "addresses": ["192.0.2.0/24"], "from": ["198.51.100.0/24"]},
                                    {**HTTP, "family_sockets": "split", "addresses": ["192.0.2.9"]}],
                         ids=["tcp", "udp", "port of the kernel's choice", "ipv4"])
@pytest.mark.parametrize("keys", [{}, {"restart": "always", "restart_sec": "20ms"}], ids=["on demand", "restart"])
def test_when_the_service_has_gone_who_comes_is_served_again(daemon, config, client, program, scratch, listen, keys):
    log = scratch / "starts"
    config.service("web", listen, program("fall.py", "exit", log), start_limit_burst=0, **keys)
    daemon.start()
    home = the_socket(daemon, "web", listen["name"])["home"]
    pids = set()
    for number in range(4):
        pids.add(ask(client, listen)["pid"])
        eventually(lambda: daemon.service("web")["starts"] > number and daemon.service("web")["main_pid"] not in pids, what="it has gone")
    assert len(pids) == 4
    assert the_socket(daemon, "web", listen["name"])["unusable"] is None
    assert the_socket(daemon, "web", listen["name"])["home"] == home
    assert any(" again" in line for line in daemon.lines)
    daemon.stop()


def test_while_it_is_stopped_the_backlog_holds_who_comes(daemon, config, client, program):
    config.service("web", HTTP, program("fall.py", "stay"))
    daemon.start()
    ask(client, HTTP)
    eventually(lambda: the_socket(daemon, "web", "http")["unusable"], what="the socket is unusable")
    daemon.ctl("stop", "web")
    with client.connect("192.0.2.9", 8080) as waiting:
        assert the_socket(daemon, "web", "http")["queued"] == 1
        daemon.ctl("start", "web")
        assert b"pid" in waiting.recv(99)
    daemon.stop()


@pytest.mark.parametrize("listen", [HTTP, ONE_UDP], ids=["tcp", "udp"])
def test_a_listener_that_falls_while_it_is_watched_does_not_keep_the_daemon_busy(daemon, config, client, program, scratch, listen):
    log = scratch / "starts"
    config.service("web", listen, program("fall.py", "later", log), kill_mode="process") # something of it stays
    daemon.start()
    ask(client, listen)
    daemon.wait_state("web", "idle")
    began = cpu_seconds(daemon.process.pid)
    eventually((scratch / "starts.over").exists, what="what is left of the service has done its deed fifteen times")
    assert cpu_seconds(daemon.process.pid) - began < 0.5
    assert starts(log) == 1, "that was no traffic"
    if listen is HTTP: # mended a few times, and then no more: the event loop is for all services
        assert sum("listening again" in line for line in daemon.lines) == 5 # kMostRevivals
        assert any("is not watched until the service has run again" in line for line in daemon.lines)
    config.service("web", listen, program("fall.py", "exit"))
    daemon.reload()
    daemon.ctl("start", "web")
    assert the_socket(daemon, "web", listen["name"])["unusable"] is None
    assert ask(client, listen)["pid"]
    daemon.stop()


def test_a_watched_listener_that_falls_once_is_mended_without_a_start(daemon, config, client, program, scratch):
    """By the one who gave it to the daemon's child, here through pidfd_getfd(2): the test."""
    log = scratch / "starts"
    config.service("web", HTTP, program("tell.py", "--log", log))
    daemon.start()
    listener = borrow_listener(daemon.process.pid)
    listener.shutdown(socket.SHUT_RDWR)
    daemon.wait_for(lambda line: "it was shut down and listens no more; listening again" in line, "listening again")
    assert starts(log) == 0
    assert tell(client, "192.0.2.9", 8080)["listener"] == "http"
    daemon.stop()


def test_a_new_backlog_holds_for_a_listener_that_is_kept(daemon, config, client, program):
    config.service("web", {**HTTP, "backlog": 64}, program("tell.py"))
    daemon.start()
    listener = borrow_listener(daemon.process.pid)
    assert queue_limit(listener) == 64
    daemon.ctl("stop", "web")
    waiting = client.connect("192.0.2.9", 8080)
    config.service("web", {**HTTP, "backlog": 7}, program("tell.py"))
    assert "web/http: backlog changed" in daemon.reload().stdout
    assert queue_limit(listener) == 7
    assert "backlog" not in daemon.reload().stdout
    daemon.ctl("start", "web")
    assert b"http" in waiting.recv(999) # who waited still does
    daemon.stop()


SYS_PIDFD_GETFD = 438


def borrow_listener(pid):
    """A copy of the one listening TCP socket of the process."""
    import ctypes
    import os
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
            sock = socket.socket(fileno=libc.syscall(SYS_PIDFD_GETFD, pidfd, int(name), 0))
            if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found.append(sock)
    os.close(pidfd)
    assert len(found) == 1
    return found[0]


def queue_limit(listener):
    """tcpi_sacked of a socket in LISTEN (net/ipv4/tcp.c, tcp_get_info)."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[28:32], "little")
