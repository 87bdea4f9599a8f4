"""The stop of a service with accept = true, whose former connections have left processes in sessions of their own."""

import os
import signal
import subprocess

import pytest

from daemon import eventually
from lone import alive
from test_accept import ADDRESS, LISTEN, PORT, ask, inetd

TOLD = "processes of former connections are left, and are told to end"
KILLED = "processes of former connections are left, and are killed"


@pytest.fixture
def stray(daemon, config, client, program, scratch):
    """stray("TERM", key=...): a service, one connection of which is over, and has left a process that ends by TERM. Its pid."""
    def start(*words, **keys):
        (scratch / "signals").touch()
        inetd(config, "web", program("stray.py", scratch / "signals", *words), **keys)
        daemon.start()
        pid = int(ask(client))
        eventually(lambda: not daemon.service("web")["connections"]["now"], what="the end of the connection")
        assert os.getsid(pid) == pid and alive(pid)
        return pid
    return start


@pytest.fixture
def signals(scratch):
    return lambda: (scratch / "signals").read_text().split()


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid), what="its end")


def test_who_is_left_is_asked_first(daemon, stray, signals):
    pid = stray("TERM", timeout_stop_sec="60s")
    daemon.ctl("stop", "web")
    assert signals() == ["TERM"]
    assert not alive(pid)
    daemon.wait_for(lambda line: TOLD in line, "who was left")
    assert KILLED not in daemon.log()
    daemon.stop()


def test_the_signals_are_those_of_the_service(daemon, stray, signals):
    pid = stray("INT", "HUP", kill_signal="SIGINT", send_sighup=True, timeout_stop_sec="60s")
    daemon.ctl("stop", "web")
    assert sorted(signals()) == ["HUP", "INT"]
    assert not alive(pid)
    daemon.stop()


def test_who_does_not_listen_is_killed_after_the_time_of_a_stop(daemon, stray, signals):
    pid = stray("never", timeout_stop_sec="4s") # more than a busy machine needs for a look at it
    with subprocess.Popen(daemon.ctl_argv("stop", "web")) as stop:
        eventually(signals, what="it was asked")
        assert alive(pid) and daemon.service("web")["state"] == "stopping"
        assert stop.wait(15) == 0
    assert not alive(pid)
    daemon.wait_for(lambda line: KILLED in line, "who is killed")
    assert signals() == ["TERM"]
    daemon.stop()


def test_without_kill_who_does_not_listen_is_left_behind(daemon, stray, signals):
    pid = stray("never", timeout_stop_sec="500ms", send_sigkill=False)
    daemon.ctl("stop", "web")
    eventually(lambda: "TERM" in signals(), what="it was asked")
    assert alive(pid)
    kill(pid)
    daemon.stop()


def test_mixed_kills_who_is_left_at_once(daemon, stray, signals):
    pid = stray("TERM", kill_mode="mixed", timeout_stop_sec="60s")
    daemon.ctl("stop", "web")
    eventually(lambda: not alive(pid), what="its end")
    assert signals() == []
    daemon.stop()


@pytest.mark.parametrize("mode", ["process", "none"])
def test_a_mode_that_spares_others_spares_them(daemon, stray, signals, mode):
    pid = stray("TERM", kill_mode=mode)
    daemon.ctl("stop", "web")
    assert signals() == [] and alive(pid)
    kill(pid)
    daemon.stop()


def test_a_restart_waits_for_who_is_left_and_serves_again(daemon, client, stray, signals):
    pid = stray("INT", restart_kill_signal="SIGINT", timeout_stop_sec="60s")
    daemon.ctl("restart", "web")
    assert signals() == ["INT"]
    assert not alive(pid)
    other = int(ask(client))
    assert alive(other)
    kill(other)
    daemon.stop()


def test_the_end_of_the_daemon_asks_them_too(daemon, stray, signals):
    pid = stray("TERM", timeout_stop_sec="60s")
    daemon.stop()
    assert signals() == ["TERM"]
    assert not alive(pid)


def test_a_stop_reaches_whom_a_killed_daemon_served(make_daemon, config, client):
    inetd(config, "cat", ["/bin/cat"])
    first = make_daemon().start()
    with client.connect(ADDRESS, PORT, 15) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        first.process.kill()
        first.process.wait()
        second = make_daemon().start()
        sock.sendall(b"y") # nobody else has come
        assert sock.recv(1) == b"y"
        second.ctl("stop", "cat")
        second.wait_for(lambda line: TOLD in line, "who was left")
        assert sock.recv(1) == b""
    second.stop()


@pytest.mark.parametrize("served", [False, True], ids=["nobody served", "one served"])
def test_an_instance_of_a_service_that_no_longer_accepts_is_stopped_as_any(daemon, config, client, program, scratch, served):
    inetd(config, "web", ["/bin/cat"])
    daemon.start()
    if served:
        ask(client)
        eventually(lambda: not daemon.service("web")["connections"]["now"], what="the end of the connection")
    note = ["/bin/sh", "-c", f"sleep 0.3; kill -0 $MAINPID && echo alive >> {scratch}/note"]
    config.service("web", LISTEN, program("serve.py"), exec_stop=note)
    daemon.ctl("reload")
    for _ in range(2):
        daemon.ctl("start", "web")
        daemon.ctl("stop", "web")
    assert (scratch / "note").read_text().split() == ["alive", "alive"] # until ExecStop= was over
    assert "former connections" not in daemon.log()
    daemon.stop()
