"""Whom a stop reaches, with which signals, and what becomes of who does not listen."""

import os
import signal

import pytest

from daemon import eventually
from lone import Notes, alive, lone


@pytest.fixture
def family(daemon, config, program, scratch):
    """family("TERM", key=...): starts a service whose main process and whose child, in another session, end by TERM; gives both pids."""
    def start(*words, **keys):
        (scratch / "signals").touch()
        lone(config, "web", type="notify", exec_start=program("signals.py", scratch / "signals", *words),
             exec_stop_post=Notes(scratch / "end").note("$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"), **keys)
        daemon.start()
        daemon.ctl("start", "web")
        view = daemon.service("web")
        pids = view["main_pid"], int(view["status_text"])
        assert os.getsid(pids[1]) == pids[1] and all(map(alive, pids))
        return pids
    return start


@pytest.fixture
def signals(scratch):
    return lambda: sorted(set((scratch / "signals").read_text().splitlines()))


@pytest.fixture
def end(scratch):
    return Notes(scratch / "end").lines


def kill_survivors(*pids):
    for pid in pids:
        assert alive(pid)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda p=pid: not alive(p), what=f"the end of {pid}")


def test_control_group_asks_all_and_waits_for_all(daemon, family, signals, end):
    pids = family("TERM")
    daemon.ctl("stop", "web")
    assert signals() == ["child TERM", "main TERM"]
    assert not any(map(alive, pids))
    assert end() == ["success exited 0"]
    daemon.stop()


def test_control_group_kills_who_does_not_listen(daemon, family, signals, end):
    pids = family("never", timeout_stop_sec="3s") # each has noted the first signal by then
    daemon.ctl("stop", "web")
    assert signals() == ["child TERM", "main TERM"]
    assert not any(map(alive, pids))
    assert end() == ["timeout killed KILL"]
    daemon.stop()


def test_a_child_does_not_outlive_a_main_process_that_is_killed(daemon, family, signals, end):
    pids = family("TERM")
    os.kill(pids[0], signal.SIGKILL)
    assert daemon.wait_state("web", "idle")["result"] == "signal"
    assert signals() == ["child TERM"]
    assert not any(map(alive, pids))
    assert end() == ["signal killed KILL"]
    daemon.stop()


def test_mixed_asks_the_main_process_and_kills_the_rest(daemon, family, signals, end):
    pids = family("TERM", kill_mode="mixed")
    daemon.ctl("stop", "web")
    assert signals() == ["main TERM"]
    assert not any(map(alive, pids))
    assert end() == ["success exited 0"]
    daemon.stop()


def test_process_leaves_the_others_alone(daemon, family, signals, end):
    main, child = family("TERM", kill_mode="process")
    daemon.ctl("stop", "web")
    assert signals() == ["main TERM"]
    assert not alive(main)
    assert end() == ["success exited 0"]
    kill_survivors(child)
    daemon.stop()


def test_none_sends_nothing(daemon, family, signals):
    pids = family("TERM", kill_mode="none")
    daemon.ctl("stop", "web")
    assert daemon.service("web")["state"] == "stopped"
    assert signals() == []
    daemon.wait_for(lambda line: "left behind" in line, "that processes are left behind")
    kill_survivors(*pids)
    daemon.stop()


def test_kill_signal_takes_the_place_of_term(daemon, family, signals):
    family("INT", kill_signal="INT", restart_kill_signal="USR1")
    daemon.ctl("stop", "web")
    assert signals() == ["child INT", "main INT"]
    daemon.stop()


def test_a_restart_has_a_kill_signal_of_its_own(daemon, family, signals):
    main, child = family("USR1", kill_signal="KILL", restart_kill_signal="USR1")
    daemon.ctl("restart", "web")
    assert signals() == ["child USR1", "main USR1"]
    assert not alive(main) and not alive(child) and daemon.service("web")["state"] == "running"
    daemon.stop()


def test_send_sighup_adds_one(daemon, family, signals, end):
    family("TERM", "HUP", send_sighup=True)
    daemon.ctl("stop", "web")
    assert signals() == ["child HUP", "child TERM", "main HUP", "main TERM"]
    assert end() == ["success exited 0"]
    daemon.stop()


def test_final_kill_signal_follows_when_the_time_has_passed(daemon, family, signals, end):
    pids = family("QUIT", final_kill_signal="QUIT", timeout_stop_sec="3s")
    daemon.ctl("stop", "web")
    assert signals() == ["child QUIT", "child TERM", "main QUIT", "main TERM"]
    assert not any(map(alive, pids))
    assert end() == ["timeout exited 0"]
    daemon.stop()


@pytest.mark.parametrize("kill_mode", ["control-group", "mixed", "process"])
def test_without_sigkill_who_does_not_listen_is_left_behind(daemon, family, signals, end, kill_mode):
    pids = family("never", send_sigkill=False, timeout_stop_sec="1s", kill_mode=kill_mode)
    daemon.ctl("stop", "web")
    view = daemon.service("web")
    assert view["state"] == "stopped" and view["result"] == "timeout"
    assert end() == ["timeout"]
    daemon.wait_for(lambda line: "left behind" in line, "that processes are left behind")
    kill_survivors(*pids)
    daemon.stop()


def test_a_stopped_process_wakes_up_to_end(daemon, family, signals):
    pids = family("TERM")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    daemon.ctl("stop", "web")
    assert signals() == ["child TERM", "main TERM"]
    daemon.stop()


def test_runtime_max_sec_stops_and_fails(daemon, family, signals, end):
    pids = family("TERM", runtime_max_sec="4s")
    assert daemon.wait_state("web", "idle")["result"] == "timeout"
    assert signals() == ["child TERM", "main TERM"]
    assert not any(map(alive, pids))
    assert end() == ["timeout exited 0"]
    daemon.stop()


@pytest.mark.parametrize("mode, by", [("terminate", "KILL"), ("abort", "USR2"), ("kill", "KILL")])
def test_timeout_stop_failure_mode(daemon, family, signals, end, mode, by):
    """USR2 as the watchdog's signal, since the program does not catch it."""
    family("never", timeout_stop_sec="3s", timeout_stop_failure_mode=mode, watchdog_signal="USR2")
    daemon.ctl("stop", "web")
    assert end() == [f"timeout killed {by}"]
    assert signals() == ["child TERM", "main TERM"]
    daemon.stop()


def test_processes_of_an_earlier_run_are_killed_before_the_next(daemon, family):
    """A stop without KILL left them; the next run has the group for itself."""
    pids = family("never", send_sigkill=False, timeout_stop_sec="200ms")
    daemon.ctl("stop", "web")
    assert all(map(alive, pids))
    daemon.ctl("start", "web")
    for pid in pids:
        eventually(lambda p=pid: not alive(p), what=f"the end of {pid}")
    new = daemon.service("web")
    daemon.ctl("stop", "web")
    kill_survivors(new["main_pid"], int(new["status_text"]))
    daemon.stop()
