"""A reload of many rules happens beside everything else."""

import random
import signal
import subprocess
import threading

import pytest

from answers import ECHO, HTTP, tell
from daemon import eventually

MANY = 500_000


@pytest.fixture
def many(config, daemon):
    """many(10) writes 500,000 addresses below 10.0.0.0/8, always the same ones."""
    daemon.ns.route_locally("8.0.0.0/5")

    def write(octet):
        dice = random.Random(7)
        lines = (f"{octet}.{dice.getrandbits(8)}.{dice.getrandbits(8)}.{dice.getrandbits(8)}" for _ in range(MANY))
        config.write("services.d/many", "\n".join(lines) + "\n")

    return write


LISTED = {**HTTP, "addresses_file": "many"}


class Reload:
    """swathectl reload, waited for in the background."""

    def __init__(self, daemon):
        self.process = subprocess.Popen(daemon.ctl_argv("reload"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def over(self):
        return self.process.poll() is not None

    def result(self):
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err


def test_requests_and_connections_are_served_while_it_lasts(daemon, config, client, program, many):
    many(10)
    config.service("web", LISTED, program("tell.py"))
    config.service("cold", {**HTTP, "ports": [8081]}, program("tell.py", "--once"), start_limit_burst=10_000)
    daemon.start()
    many(11)
    reload = Reload(daemon)
    answered = started = 0
    while not reload.over():
        for _ in range(3):
            daemon.ctl("version")
            answered += not reload.over()
        tell(client, "192.0.2.9", 8081) # a service that is started for each connection
        answered += not reload.over()
        started += 1
    assert reload.result()[0] == 0
    assert answered >= 4, f"only {answered} answers while the reload lasted"
    assert daemon.generation() == 2
    assert daemon.ctl_json("explain", "tcp", "192.0.2.9", 8080)["listener"] == "http"
    daemon.stop()


def test_a_second_one_sees_what_was_written_before_it_was_asked_for(daemon, config, client, program, many):
    many(10)
    config.service("web", LISTED, program("tell.py"))
    daemon.start()
    many(11)
    first = Reload(daemon)
    config.service("late", {**HTTP, "ports": [8082]}, program("tell.py"))
    others = [Reload(daemon) for _ in range(5)]
    for reload in [first, *others]:
        status, text = reload.result()
        assert status == 0, text
    assert tell(client, "192.0.2.9", 8082)
    assert daemon.generation() <= 4 # those that came meanwhile shared one, or two
    daemon.stop()


def test_signals_that_come_meanwhile_are_remembered_once(daemon, config, client, program, many):
    many(10)
    config.service("web", LISTED, program("tell.py"))
    daemon.start()
    reload = Reload(daemon)
    config.service("late", {**HTTP, "ports": [8082]}, program("tell.py"))
    for _ in range(20):
        daemon.hang_up()
    assert reload.result()[0] == 0
    eventually(lambda: "late" in [s["name"] for s in daemon.ctl_json("status")["services"]], what="the service of the signal's reload")
    assert daemon.generation() <= 5
    daemon.stop()


def test_a_wrong_one_says_so_and_the_next_is_not_held_up(daemon, config, client, program, many):
    many(10)
    config.service("web", LISTED, program("tell.py"))
    daemon.start()
    config.write("services.d/many", "10.0.0.1\n10.0.0.999\n")
    assert "10.0.0.999" in daemon.reload(status=1).stderr
    assert daemon.generation() == 1
    many(11)
    daemon.reload()
    assert daemon.generation() == 2
    daemon.stop()


@pytest.mark.parametrize("wait", [0.0, 0.1, 0.3])
def test_the_end_of_the_daemon_calls_it_off(daemon, config, client, program, many, wait):
    many(10)
    config.service("web", LISTED, program("tell.py"))
    daemon.start()
    assert tell(client, "192.0.2.9", 8080)
    many(11)
    reload = Reload(daemon)
    threading.Event().wait(wait)
    daemon.stop() # with nothing left behind
    status, text = reload.result()
    assert status in (0, 1, 3), text # done in time, called off, or asked too late
    if status == 1:
        assert "the daemon is stopping" in text or "connection" in text.lower(), text


def test_services_that_come_and_go_meanwhile_keep_their_sockets(daemon, config, client, program, many):
    """Started, stopped, failed and restarted while the next world is being built, with a new listener in it."""
    many(10)
    config.service("web", LISTED, program("tell.py"))
    config.service("frail", {**HTTP, "ports": [8081]}, program("tell.py", "--once"), start_limit_burst=10_000)
    daemon.start()
    for octet in (11, 12, 13):
        many(octet)
        config.service("frail", [{**HTTP, "ports": [8081]}, {**HTTP, "name": f"n{octet}", "ports": [8000 + octet]}],
                       program("tell.py", "--once"), start_limit_burst=10_000)
        reload = Reload(daemon)
        while not reload.over():
            daemon.ctl("stop", "frail")
            daemon.ctl("start", "frail")
            tell(client, "192.0.2.9", 8081)
        assert reload.result()[0] == 0
        daemon.ctl("restart", "frail")
        assert tell(client, "192.0.2.9", 8000 + octet)["listener"] == f"n{octet}"
    daemon.stop()


class TestANewListener:
    """Its socket is bound long before its rules are in force."""

    GUARDED = {"addresses": ["192.0.2.0/24"], "from": ["203.0.113.0/24"]}

    def test_lets_nobody_in_past_its_guard_by_its_home(self, daemon, config, client, program, many):
        many(10)
        config.service("big", LISTED, program("tell.py"))
        daemon.start()
        config.service("web", {**HTTP, **self.GUARDED, "home": "192.0.2.1:8081", "ports": [8081]}, program("tell.py"))
        reload = Reload(daemon)
        let_in = 0
        while not reload.over():
            try:
                client.connect("192.0.2.1", 8081, timeout=0.2).close()
                let_in += 1
            except OSError:
                pass
        assert reload.result()[0] == 0
        assert let_in == 0
        assert client.refuses_tcp("192.0.2.1", 8081)
        daemon.stop()

    def test_answers_no_datagram_that_came_past_its_guard(self, daemon, config, client, program, many):
        many(10)
        config.service("big", LISTED, program("tell.py"))
        daemon.start()
        config.service("echo", {**ECHO, **self.GUARDED, "home": "192.0.2.1:5300"}, program("echo.py"))
        with client.udp("192.0.2.1", timeout=1) as sock:
            sock.connect(("192.0.2.1", 5300))
            reload = Reload(daemon)
            while not reload.over():
                try:
                    sock.send(b"?")
                except OSError: # refused: the socket is not there yet
                    pass
            assert reload.result()[0] == 0
            with pytest.raises(OSError):
                while True:
                    sock.recv(65536) # errors of the past, but no answer
        assert starts_of(daemon, "echo") == 0
        daemon.stop()

    def test_has_who_came_to_it_in_the_meantime_when_nothing_guards_it(self, daemon, config, client, program, many):
        many(10)
        config.service("big", LISTED, program("tell.py"))
        daemon.start()
        config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"], "home": "192.0.2.1:8081", "ports": [8081]}, program("tell.py"))
        daemon.reload()
        assert tell(client, "192.0.2.1", 8081) and tell(client, "192.0.2.200", 8081)
        daemon.stop()


def starts_of(daemon, name):
    return daemon.service(name)["starts"]


@pytest.mark.parametrize("wait", [0.02, 0.1, 0.2])
def test_a_listener_that_is_opened_anew_meanwhile_is_no_stranger(daemon, config, client, program, many, base, wait):
    many(10)
    config.service("big", LISTED, program("tell.py"))
    flag = base / "works"
    config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"], "from": ["198.51.100.0/24"], "home": "192.0.2.1:8081", "ports": [8081]},
                   ["/bin/sh", "-c", f"test -e {flag} && exec sleep 100"], start_limit_burst=1, start_limit_interval_sec="1s",
                   start_limit_hit="fail")
    daemon.start()

    def failed():
        daemon.ctl("start", "web", status=None)
        return daemon.service("web")["state"] == "failed"

    eventually(failed, what="a failed service, its sockets closed")
    flag.write_text("")
    many(11)
    reload = Reload(daemon)
    threading.Event().wait(wait)
    eventually(lambda: daemon.ctl("start", "web", status=None).returncode == 0, what="the service started by hand")
    status, text = reload.result()
    assert status == 0, text
    daemon.reload()
    daemon.stop()
