"""swathectl pause and resume: who connects waits, and nobody is refused."""

import pathlib
import threading
import time

import pytest

from answers import ECHO, HTTP, echo
from daemon import eventually
from serving import Talk, alive, ask


def stands_still(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def hears_nothing(talk, seconds=0.3):
    talk.sock.settimeout(seconds)
    try:
        talk.sock.recv(99)
        return False
    except TimeoutError:
        return True
    finally:
        talk.sock.settimeout(15)


def test_a_service_that_nobody_uses_is_not_started_while_it_is_paused(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify")
    daemon.start()
    daemon.ctl("pause", "web")
    talks = [Talk(client) for _ in range(20)]
    for talk in talks:
        talk.say()
    assert hears_nothing(talks[0])
    view = daemon.service("web")
    assert view["starts"] == 0 and sum(sock["queued"] for sock in view["listeners"][0]["sockets"]) == 20
    daemon.ctl("resume", "web")
    assert len({talk.hear() for talk in talks}) == 1
    for talk in talks:
        talk.close()
    assert daemon.service("web")["starts"] == 1
    daemon.stop()


def test_a_service_that_runs_stands_still_and_goes_on_with_what_it_has(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify")
    daemon.start()
    with Talk(client) as old:
        pid, _ = old.ask()
        daemon.ctl("pause", "web")
        eventually(lambda: stands_still(pid), what="it stands still")
        with Talk(client) as new:
            old.say()
            new.say()
            assert hears_nothing(new) and hears_nothing(old, 0.01)
            daemon.ctl("resume", "web")
            assert old.hear()[0] == pid and new.hear()[0] == pid
    assert not stands_still(pid)
    daemon.stop()


def test_all_workers_stand_still(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py", "--single"), type="notify", workers=2)
    daemon.start()
    with Talk(client) as one, Talk(client) as two:
        pids = [talk.ask()[0] for talk in (one, two)]
        daemon.ctl("pause", "web")
        eventually(lambda: all(map(stands_still, pids)), what="both stand still")
        daemon.ctl("resume", "web")
        assert [talk.ask()[0] for talk in (one, two)] == pids
    daemon.stop()


def test_datagrams_wait_too(daemon, config, client, program):
    config.service("echo", ECHO, program("echo.py"))
    daemon.start()
    daemon.ctl("pause", "echo")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(echo(client, "192.0.2.7", 5300, timeout=15)))
    asking.start()
    time.sleep(0.3)
    assert answers == [] and daemon.service("echo")["starts"] == 0
    daemon.ctl("resume", "echo")
    asking.join(15)
    assert len(answers) == 1
    daemon.stop()


@pytest.mark.parametrize("runs", [False, True])
def test_a_pause_with_a_longest_time_ends_by_itself(daemon, config, client, program, runs):
    config.service("web", HTTP, program("serve.py"), type="notify")
    daemon.start()
    pid = ask(client)[0] if runs else None
    began = time.monotonic()
    daemon.ctl("pause", "web", "--max", "1")
    with Talk(client) as talk:
        answer, _ = talk.ask()
    assert 1 <= time.monotonic() - began < 10
    assert not runs or answer == pid
    daemon.stop()


def test_a_later_pause_is_the_one_that_counts(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify")
    daemon.start()
    daemon.ctl("pause", "web", "--max", "1")
    daemon.ctl("pause", "web")
    with Talk(client) as talk:
        talk.say()
        assert hears_nothing(talk, 1.3)
        daemon.ctl("resume", "web")
        assert talk.hear()
    daemon.stop()


@pytest.mark.parametrize("words", [["stop"], ["restart"]])
def test_a_service_that_stands_still_can_be_told_to_end(daemon, config, client, program, words):
    config.service("web", HTTP, program("serve.py"), type="notify", timeout_stop_sec="60s")
    daemon.start()
    pid, _ = ask(client)
    daemon.ctl("pause", "web")
    eventually(lambda: stands_still(pid), what="it stands still")
    began = time.monotonic()
    daemon.ctl(*words, "web")
    assert time.monotonic() - began < 15 # it was woken for the signal, not killed after its time
    assert not alive(pid)
    daemon.ctl("resume", "web")
    daemon.ctl("start", "web")
    assert ask(client)[0] != pid
    daemon.stop()


def test_the_daemon_ends_with_a_service_that_stands_still(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", timeout_stop_sec="60s")
    daemon.start()
    pid, _ = ask(client)
    daemon.ctl("pause", "web")
    eventually(lambda: stands_still(pid), what="it stands still")
    daemon.stop()


def test_a_reload_does_not_end_a_pause(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify")
    daemon.start()
    daemon.ctl("pause", "web")
    config.service("web", {**HTTP, "ports": [8080, 8081]}, program("serve.py"), type="notify")
    daemon.reload()
    with Talk(client) as talk:
        talk.say()
        assert hears_nothing(talk)
        daemon.ctl("resume", "web")
        assert talk.hear()
    daemon.stop()


def test_the_watchdog_waits_while_a_service_stands_still(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py", "--watchdog"), type="notify", watchdog_sec="2s") # it says so four times as often
    daemon.start()
    pid, _ = ask(client)
    daemon.ctl("pause", "web")
    time.sleep(2.5)
    assert stands_still(pid)
    daemon.ctl("resume", "web")
    assert ask(client)[0] == pid
    time.sleep(2.5) # and it is watched again: it says that it lives
    assert ask(client)[0] == pid
    daemon.stop()


def test_the_watchdog_bites_again_after_a_pause(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", watchdog_sec="1s", watchdog_signal="KILL") # which never says so
    daemon.start()
    daemon.ctl("start", "web")
    daemon.ctl("pause", "web")
    daemon.ctl("resume", "web")
    eventually(lambda: daemon.service("web")["result"] == "watchdog", what="the watchdog has run out")
    daemon.stop()


def test_a_pause_keeps_an_idle_service_from_being_stopped(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", idle_stop_sec="2s") # not before it is paused
    daemon.start()
    pid, _ = ask(client)
    daemon.ctl("pause", "web")
    time.sleep(3)
    assert stands_still(pid) and daemon.service("web")["state"] == "running"
    daemon.ctl("resume", "web")
    daemon.wait_state("web", "idle")
    daemon.stop()
