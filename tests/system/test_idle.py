"""idle_stop_sec: a service that nobody uses is stopped, and nobody who comes notices."""

import itertools
import pathlib
import threading
import time

import pytest

from answers import ECHO, HTTP, echo
from daemon import eventually
from netns import run
from serving import Talk, ask, marks

NO_LIMITS = {"trigger_limit_burst": 0, "poll_limit_burst": 0}


@pytest.fixture(scope="session")
def oneline(shared):
    """The command line of oneline.c."""
    source = pathlib.Path(__file__).parent / "programs/oneline.c"
    run("cc", "-O1", "-Wall", "-Wextra", "-o", shared / "oneline", source)
    return [shared / "oneline"]


def test_a_service_without_traffic_is_stopped_and_started_by_the_next(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", idle_stop_sec="200ms")
    daemon.start()
    pids = set()
    for number in (1, 2, 3):
        with Talk(client) as talk:
            pids.add(talk.ask()[0])
            assert daemon.service("web")["state"] == "running"
            began = time.monotonic()
        view = daemon.wait_state("web", "idle")
        assert time.monotonic() - began >= 0.2
        assert view["starts"] == number and view["main_pid"] is None and view["result"] == "success"
    assert len(pids) == 3
    daemon.stop()


def test_it_is_not_stopped_while_somebody_is_connected(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", idle_stop_sec="100ms")
    daemon.start()
    with Talk(client) as talk: # says nothing for six times as long
        pid, _ = talk.ask()
        time.sleep(0.6)
        assert daemon.service("web")["state"] == "running"
        assert talk.ask()[0] == pid
    daemon.wait_state("web", "idle")
    daemon.stop()


def test_who_waits_in_the_queue_of_a_busy_service_is_use(daemon, config, client, program, scratch):
    log = scratch / "log"
    config.service("web", HTTP, program("serve.py", "--single", "--log", log), type="notify", idle_stop_sec="100ms")
    daemon.start()
    with Talk(client) as first:
        pid, _ = first.ask()
        with Talk(client) as second:
            second.say()
            time.sleep(0.4)
            first.close()
            assert second.hear()[0] == pid
    daemon.wait_state("web", "idle")
    assert len(marks(log, "ready")) == 1
    daemon.stop()


def test_datagrams_keep_a_service_from_being_idle(daemon, config, client, program):
    config.service("echo", ECHO, program("echo.py"), idle_stop_sec="2s") # more than a busy machine lets anybody wait
    daemon.start()
    end = time.monotonic() + 4
    pids = set()
    while time.monotonic() < end:
        pids.add(echo(client, "192.0.2.7", 5300)["pid"])
        time.sleep(0.05)
    assert len(pids) == 1
    daemon.wait_state("echo", "idle")
    assert echo(client, "192.0.2.7", 5300)["pid"] not in pids
    daemon.stop()


def test_all_workers_go_and_come_together(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py", "--single"), type="notify", workers=2, idle_stop_sec="200ms")
    daemon.start()
    for number in (2, 4):
        with Talk(client) as one, Talk(client) as two:
            assert {one.ask()[1], two.ask()[1]} == {"1", "2"}
        eventually(lambda: daemon.service("web")["state"] == "idle", what="both are stopped")
        assert daemon.service("web")["starts"] == number
    daemon.stop()


def test_a_thousand_who_come_as_it_stops_are_all_answered(daemon, config, client, oneline):
    """Each of eight services is idle after 20 ms at least. Clients come in turn as the daemon says so, and 20 to 60 ms after another."""
    services, turns = range(8), range(125)
    for number in services:
        config.service(f"s{number}", {**HTTP, **NO_LIMITS, "ports": [8080 + number]}, oneline, idle_stop_sec="20ms", start_limit_burst=0)
    daemon.start()
    answers, errors = itertools.count(), []

    def wait_until_idle(number):
        """Until the instance that was started last stops, or has stopped before the last client's answer was read."""
        started = max((index for index, line in enumerate(daemon.lines) if line.startswith(f"s{number}: started")), default=0)
        daemon.wait_for(lambda line: line.startswith(f"s{number}: idle"), f"s{number} is idle", since=started)

    def knock(number, turn):
        if turn % 2 == 1:
            wait_until_idle(number)
        elif turn > 0:
            time.sleep(0.02 + 0.04 * turn / len(turns))
        with client.connect("192.0.2.7", 8080 + number, timeout=15) as sock:
            sock.sendall(b"?")
            assert sock.recv(99) == b"served\n"
        next(answers)

    def knock_on(number):
        for turn in turns:
            try:
                knock(number, turn)
            except Exception as error: # counted and shown, whatever it is
                errors.append((number, turn, repr(error)))

    threads = [threading.Thread(target=knock_on, args=(number,)) for number in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert errors == [] and next(answers) == len(services) * len(turns)
    starts = [daemon.service(f"s{number}")["starts"] for number in services]
    assert all(len(turns) // 3 < count <= len(turns) for count in starts), starts # else they came at other times
    daemon.stop()
