"""after, requires, conflicts and their kin: who is started with whom, in which order, and who goes with whom."""

import os
import signal
import subprocess
import time

import pytest

from accepting import ADDRESS, LISTEN, PORT, ask, inetd
from answers import HTTP, tell
from lone import Notes, lone, sh


@pytest.fixture
def notes(scratch):
    return Notes(scratch / "notes")


def told(notes, name):
    """A service that notes its start and its end."""
    return {"exec_start_pre": notes.note(f"{name} starts"), "exec_stop_post": notes.note(f"{name} ends")}


def test_what_a_service_requires_and_wants_is_started_before_it_and_stops_after_it(daemon, config, notes):
    lone(config, "a-front", requires=["z-back"], wants=["m-side"], after=["z-back", "m-side"], **told(notes, "front"))
    lone(config, "m-side", **told(notes, "side"))
    lone(config, "z-back", **told(notes, "back"))
    daemon.start()
    daemon.ctl("start", "a-front")
    assert notes.lines() in (["back starts", "side starts", "front starts"], ["side starts", "back starts", "front starts"])
    daemon.ctl("stop", "z-back") # who requires it goes first; who is only wanted stays
    assert notes.lines()[3:] == ["front ends", "back ends"]
    assert daemon.service("m-side")["state"] == "running"
    daemon.stop()


def test_a_service_whose_need_cannot_be_started_is_not_started_either(daemon, config, notes):
    lone(config, "front", requires=["back"], after=["back"], **told(notes, "front"))
    lone(config, "side", wants=["back"], after=["back"], **told(notes, "side"))
    lone(config, "back", exec_start_pre=["/bin/false"])
    daemon.start()
    said = daemon.ctl("start", "front", status=1).stderr
    assert "requires back" in said
    daemon.ctl("start", "side") # it only wanted it
    assert notes.lines() == ["side starts"]
    daemon.stop()


def test_a_stop_calls_off_a_start_that_waits_for_another_service(daemon, config, scratch):
    gate = scratch / "gate"
    ready = f"until test -e {gate}; do sleep 0.01; done; systemd-notify --ready; exec sleep 1000"
    lone(config, "base", type="notify", notify_access="all", exec_start=sh(ready))
    lone(config, "web", requires=["base"], after=["base"])
    daemon.start()
    start = subprocess.Popen(daemon.ctl_argv("start", "web"), stderr=subprocess.DEVNULL)
    daemon.wait_state("base", "starting")
    daemon.ctl("stop", "web")
    assert start.wait(15) == 1
    gate.touch()
    daemon.wait_state("base", "running")
    assert daemon.service("web")["state"] == "stopped"
    daemon.ctl("start", "web")
    daemon.wait_state("web", "running")
    daemon.stop()


def test_eager_services_start_in_order_and_the_end_of_the_daemon_goes_through_them_in_reverse(daemon, config, notes):
    slow = {"exec_start_pre": sh("sleep 0.2")}
    lone(config, "a", activation="eager", after=["b"], exec_start_post=notes.note("a is up"), exec_stop_post=notes.note("a is down"))
    lone(config, "b", activation="eager", after=["c"], exec_start_post=notes.note("b is up"), exec_stop_post=notes.note("b is down"),
         **slow)
    lone(config, "c", activation="eager", exec_start_post=notes.note("c is up"), exec_stop_post=notes.note("c is down"), **slow)
    daemon.start()
    for name in "cba":
        daemon.wait_state(name, "running")
    assert notes.lines() == ["c is up", "b is up", "a is up"]
    daemon.stop()
    assert notes.lines()[3:] == ["a is down", "b is down", "c is down"]


def test_before_is_after_the_other_way_round(daemon, config, notes):
    lone(config, "a", activation="eager", exec_start_post=notes.note("a is up"))
    lone(config, "z", activation="eager", before=["a"], exec_start_pre=sh("sleep 0.3"), exec_start_post=notes.note("z is up"))
    daemon.start()
    daemon.wait_state("a", "running")
    assert notes.lines() == ["z is up", "a is up"]
    daemon.stop()


def test_a_requisite_must_run_already(daemon, config, notes):
    lone(config, "front", requisite=["back"], **told(notes, "front"))
    lone(config, "back", **told(notes, "back"))
    daemon.start()
    assert "requisite back is not running" in daemon.ctl("start", "front", status=1).stderr
    assert notes.lines() == []
    daemon.ctl("start", "back")
    daemon.ctl("start", "front")
    assert notes.lines() == ["back starts", "front starts"]
    daemon.stop()


def test_who_is_bound_ends_with_the_other_however_that_ends_and_traffic_brings_both_back(daemon, config, client, program, notes):
    config.service("front", HTTP, program("tell.py"), binds_to=["back"], restart="always", **told(notes, "front"))
    lone(config, "back", restart="no", **told(notes, "back"))
    daemon.start()
    first = tell(client, "192.0.2.7", 8080)["pid"]
    assert notes.lines() == ["back starts", "front starts"]
    os.kill(daemon.service("back")["main_pid"], signal.SIGKILL)
    daemon.wait_state("front", "idle")
    assert notes.lines()[2:] == ["back ends", "front ends"]
    assert tell(client, "192.0.2.7", 8080)["pid"] != first
    assert notes.lines()[4:] == ["back starts", "front starts"]
    daemon.stop()


def test_parts_of_a_service_are_stopped_and_restarted_with_it_and_not_started(daemon, config, notes):
    lone(config, "whole", **told(notes, "whole"))
    lone(config, "part", part_of=["whole"], **told(notes, "part"))
    lone(config, "idle", part_of=["whole"], **told(notes, "idle"))
    daemon.start()
    daemon.ctl("start", "whole", "part")
    before = daemon.service("part")["main_pid"]
    daemon.ctl("restart", "whole")
    assert daemon.wait_state("part", "running")["main_pid"] != before
    assert notes.lines() == ["whole starts", "part starts", "part ends", "whole ends", "whole starts", "part starts"]
    daemon.ctl("stop", "whole")
    assert notes.lines()[6:] == ["part ends", "whole ends"]
    assert daemon.service("idle")["starts"] == 0
    daemon.stop()


def test_the_start_of_one_of_two_in_conflict_ends_the_other_first(daemon, config, notes):
    lone(config, "new", conflicts=["old"], **told(notes, "new"))
    lone(config, "old", restart="always", **told(notes, "old"))
    daemon.start()
    daemon.ctl("start", "old")
    daemon.ctl("start", "new")
    assert daemon.service("old")["state"] == "idle"
    daemon.ctl("start", "old") # it says nothing of new, but new does of it
    assert daemon.service("new")["state"] == "idle"
    assert notes.lines() == ["old starts", "old ends", "new starts", "new ends", "old starts"]
    daemon.stop()


def test_a_failure_that_nothing_mends_calls_for_help_and_a_good_end_for_what_follows(daemon, config, notes):
    bad = {"type": "oneshot", "exec_start": sh("exit 3"), "restart": "on-failure", "restart_sec": "10ms"}
    lone(config, "bad", on_failure=["alarm"], on_success=["report"], start_limit_burst=3, **bad)
    lone(config, "good", type="oneshot", exec_start=["/bin/true"], on_failure=["alarm"], on_success=["report"])
    lone(config, "front", requires=["bad"], on_failure=["second"])
    for name in ("alarm", "report", "second"):
        lone(config, name, exec_start_pre=notes.note(name))
    daemon.start()
    daemon.ctl("start", "bad", status=1)
    daemon.wait_state("bad", "paused")
    daemon.wait_state("alarm", "running")
    assert daemon.service("bad")["starts"] == 3 and notes.lines() == ["alarm"] # not at each end, but when it is given up
    daemon.ctl("start", "good")
    daemon.wait_state("report", "running")
    daemon.ctl("start", "front", status=1) # what it requires cannot be started: it has failed, too
    daemon.wait_state("second", "running")
    assert notes.lines() == ["alarm", "report", "second"]
    daemon.stop()


def test_two_that_call_each_other_when_they_fail_do_so_as_often_as_the_start_limit_lets_them(daemon, config):
    for name, other in (("a", "b"), ("b", "a")):
        lone(config, name, type="oneshot", exec_start=["/bin/false"], on_failure=[other], start_limit_burst=4)
    daemon.start()
    daemon.ctl("start", "a", status=1)
    daemon.wait_state("a", "paused")
    assert daemon.service("a")["starts"] == 4 and daemon.service("b")["starts"] == 4
    daemon.stop()


class TestConnections:
    """accept = true: what holds for a start holds for the first of those who are served."""

    @staticmethod
    def front(config, **keys):
        inetd(config, "front", ["/bin/cat"], max_connections="unlimited", **keys)

    @staticmethod
    def served(client, patience=15):
        try:
            return ask(client, text=b"?", timeout=patience) == b"?"
        except TimeoutError:
            return False

    @pytest.mark.parametrize("kind", ["requires", "wants", "binds_to"])
    def test_the_first_one_starts_what_is_needed_and_waits_for_it(self, daemon, config, client, notes, kind):
        self.front(config, **{kind: ["back"]}, after=["back"])
        lone(config, "back", type="oneshot", remain_after_exit=True, exec_start=sh("sleep 0.3"), exec_start_post=notes.note("back is up"))
        daemon.start()
        assert self.served(client) and notes.lines() == ["back is up"]
        assert self.served(client) and daemon.service("back")["starts"] == 1
        daemon.stop()

    def test_what_waits_is_not_flushed(self, daemon, config, client):
        inetd(config, "front", ["/bin/cat"], {**LISTEN, "flush_pending": True}, requires=["back"], after=["back"])
        lone(config, "back", exec_start_pre=sh("sleep 0.3"))
        daemon.start()
        assert self.served(client)
        daemon.stop()

    def test_it_waits_for_a_requisite_without_keeping_the_daemon_busy(self, daemon, config, client):
        self.front(config, requisite=["back"])
        lone(config, "back")
        daemon.start()
        with client.connect(ADDRESS, PORT, 15) as sock:
            sock.sendall(b"?")
            daemon.wait_for(lambda line: "nobody is served: requisite back is not running" in line, "why")
            time.sleep(1)
            assert len([line for line in daemon.lines if "nobody is served" in line]) < 20
            daemon.ctl("start", "back")
            assert sock.recv(1) == b"?"
        daemon.stop()

    def test_it_ends_who_is_in_conflict_and_is_ended_by_it(self, daemon, config, client):
        self.front(config, conflicts=["old"])
        lone(config, "old")
        daemon.start()
        daemon.ctl("start", "old")
        with client.connect(ADDRESS, PORT, 15) as sock:
            sock.sendall(b"?")
            assert sock.recv(1) == b"?"
            assert daemon.service("old")["state"] == "idle"
            daemon.ctl("start", "old")
            assert sock.recv(1) == b""
        daemon.stop()

    def test_it_ends_with_whom_it_is_bound_to_and_the_next_one_brings_both_back(self, daemon, config, client):
        self.front(config, binds_to=["back"], after=["back"])
        lone(config, "back")
        daemon.start()
        for _ in range(2):
            with client.connect(ADDRESS, PORT, 15) as sock:
                sock.sendall(b"?")
                assert sock.recv(1) == b"?"
                os.kill(daemon.service("back")["main_pid"], signal.SIGKILL)
                assert sock.recv(1) == b""
        assert daemon.service("back")["starts"] == 2
        daemon.stop()
