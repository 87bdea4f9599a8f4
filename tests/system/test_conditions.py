"""Conditions and assertions: what is looked at just before a start, and what becomes of who has come."""

import pytest

from answers import HTTP, starts, tell
from daemon import eventually
from lone import Notes, lone


@pytest.fixture
def notes(scratch):
    return Notes(scratch / "notes")


def test_a_condition_that_is_not_met_skips_the_start_and_status_says_which(daemon, config, client, program, scratch, notes):
    wanted = scratch / "wanted"
    config.service("web", HTTP, program("tell.py"), condition_path_exists=[str(wanted), "!/no/such/file"], condition_kernel_version=">=4.0",
                   exec_start_pre=notes.note("pre"), exec_stop_post=notes.note("post"), restart="always", restart_sec="1ms")
    daemon.start()
    why = f"condition ConditionPathExists={wanted} not met"
    assert daemon.ctl("start", "web").stdout == f"web: skipped: {why}\n"
    view = daemon.service("web")
    assert (view["state"], view["result"], view["failure"], view["main_pid"]) == ("idle", "condition", why, None)
    assert notes.lines() == [] # no command of it was run
    wanted.touch()
    assert tell(client, "192.0.2.7", 8080)["pid"]
    assert notes.lines() == ["pre"]
    wanted.unlink()
    assert daemon.ctl("restart", "web").stdout == f"web: skipped: {why}\n" # the old one has ended by then
    assert notes.lines() == ["pre", "post"]
    daemon.stop()


def test_who_comes_to_a_service_that_is_skipped_waits_and_does_not_keep_the_daemon_busy(daemon, config, client, program, scratch):
    wanted, log = scratch / "wanted", scratch / "log"
    config.service("web", HTTP, program("tell.py", "--log", str(log)), condition_path_exists=str(wanted), start_limit_interval_sec="3s",
                   start_limit_burst=4)
    daemon.start()
    with client.connect("192.0.2.9", 8080, timeout=20) as sock:
        paused = daemon.wait_state("web", "paused")
        assert paused["failure"].startswith(f"condition ConditionPathExists={wanted} not met; start limit hit")
        assert daemon.log().count("not started: condition") == 4
        wanted.touch()
        assert sock.recv(1) == b"{" # once the interval has passed
    assert starts(log) == 1
    daemon.stop()


def test_an_assertion_that_is_not_met_fails_the_start_and_nothing_starts_it_again(daemon, config, notes):
    lone(config, "web", assert_path_is_directory="/no/such", restart="always", restart_sec="1ms", on_failure=["alarm"])
    lone(config, "alarm", exec_start_pre=notes.note("alarm"))
    daemon.start()
    why = "assertion AssertPathIsDirectory=/no/such not met"
    assert why in daemon.ctl("start", "web", status=1).stderr
    view = daemon.service("web")
    assert (view["state"], view["result"], view["failure"], view["starts"]) == ("idle", "assert", why, 0)
    assert notes.lines() == []
    daemon.stop()


def test_both_files_of_a_unit_have_their_say(daemon, config, client, program, scratch):
    wanted = scratch / "wanted"
    config.write("units/web.socket", f"[Unit]\nConditionPathExists={wanted}\n[Socket]\nListenStream=192.0.2.0/24:8080\n"
                 "TriggerLimitBurst=0\nPollLimitBurst=0\n[X-Swathe]\nStartLimitHit=pause\n")
    config.write("units/web.service", f"[Unit]\nConditionPathExists=|/no/such\nConditionUser=|root\nStartLimitBurst=0\n"
                 f"[Service]\nExecStart={' '.join(program('tell.py'))}\n")
    daemon.start()
    assert daemon.ctl("start", "web").stdout == f"web: skipped: condition ConditionPathExists={wanted} not met\n"
    wanted.touch()
    assert tell(client, "192.0.2.200", 8080)["pid"]
    daemon.stop()


def test_a_restart_that_overlaps_leaves_the_old_one_where_a_condition_is_not_met(daemon, config, client, program, scratch):
    wanted = scratch / "wanted"
    wanted.touch()
    config.service("web", HTTP, program("tell.py"), condition_path_exists=str(wanted), restart_mode="overlap")
    daemon.start()
    pid = tell(client, "192.0.2.7", 8080)["pid"]
    wanted.unlink()
    assert "not met" in daemon.ctl("restart", "web", status=1).stderr
    assert tell(client, "192.0.2.7", 8080)["pid"] == pid
    eventually(lambda: daemon.service("web")["state"] == "running")
    daemon.stop()
