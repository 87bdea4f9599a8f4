"""The commands around exec_start: when each is run, with what, and what its failure means."""

import pytest

from answers import HTTP, tell
from daemon import eventually
from lone import SLEEP, Notes, Puppet, alive, lone, sh


@pytest.fixture
def notes(scratch):
    return Notes(scratch / "notes")


def test_all_commands_run_in_their_order(daemon, config, notes):
    lone(config, "all", exec_condition=notes.note("condition"), exec_start_pre=[notes.note("pre 1"), notes.note("pre 2")],
         exec_start_post=[notes.note("post 1"), notes.note("post 2")], exec_reload=[notes.note("reload 1"), notes.note("reload 2")],
         exec_stop=[notes.note("stop 1"), notes.note("stop 2")], exec_stop_post=[notes.note("stop post 1"), notes.note("stop post 2")])
    daemon.start()
    daemon.ctl("start", "all")
    up = ["condition", "pre 1", "pre 2", "post 1", "post 2"]
    assert notes.lines() == up
    daemon.ctl("reload", "all")
    assert notes.lines() == up + ["reload 1", "reload 2"]
    daemon.ctl("stop", "all")
    assert notes.lines() == up + ["reload 1", "reload 2", "stop 1", "stop 2", "stop post 1", "stop post 2"]
    assert daemon.service("all")["result"] == "success"
    daemon.stop()


def test_a_condition_that_says_no_skips_the_start_and_the_next_client_asks_again(daemon, config, client, program, scratch, notes):
    wanted = scratch / "wanted"
    config.service("web", HTTP, program("tell.py"), exec_condition=["/usr/bin/test", "-e", str(wanted)], exec_start_pre=notes.note("pre"),
                   restart="always", restart_sec="1ms", exec_stop_post=notes.note("$SERVICE_RESULT"))
    daemon.start()
    assert daemon.ctl("start", "web").stdout == "web: skipped: its exec_condition says no\n"
    view = daemon.service("web")
    assert view["state"] == "idle" and view["result"] == "exec-condition" and view["main_pid"] is None and view["restarts"] == 0
    assert notes.lines() == ["exec-condition"]
    wanted.touch()
    assert tell(client, "192.0.2.7", 8080)["pid"]
    assert notes.lines() == ["exec-condition", "pre"]
    daemon.stop()


def test_all_conditions_must_agree(daemon, config, notes):
    lone(config, "web", exec_condition=[["/bin/true"], ["/bin/false"], notes.note("third")])
    lone(config, "none", exec_condition=MISSING) # systemd.service(5): any status from 1 to 254 is a no, 203/EXEC as well
    daemon.start()
    for name in ("web", "none"):
        assert daemon.ctl("start", name).stdout == f"{name}: skipped: its exec_condition says no\n"
        assert daemon.wait_state(name, "idle")["result"] == "exec-condition"
    assert daemon.ctl("restart", "web").stdout == "web: skipped: its exec_condition says no\n"
    assert notes.lines() == []
    daemon.stop()


MISSING = ["/no/such/program"]
FAILURES = { # name: (keys, result)
    "condition-255": ({"exec_condition": sh("exit 255")}, "exit-code"),
    "condition-killed": ({"exec_condition": sh("kill -KILL $$")}, "signal"),
    "pre-fails": ({"exec_start_pre": [["/bin/true"], ["/bin/false"]]}, "exit-code"),
    "pre-killed": ({"exec_start_pre": sh("kill -TERM $$")}, "signal"),
    "pre-hangs": ({"exec_start_pre": SLEEP, "timeout_start_sec": "200ms"}, "timeout"),
    "pre-missing": ({"exec_start_pre": MISSING}, "exit-code"),
    "start-fails": ({"type": "oneshot", "exec_start": [["/bin/true"], sh("exit 7"), SLEEP]}, "exit-code"),
    "start-killed": ({"type": "oneshot", "exec_start": sh("kill -TERM $$")}, "signal"),
    "start-missing": ({"exec_start": MISSING}, "exit-code"),
    "post-fails": ({"exec_start_post": [["/bin/false"], SLEEP]}, "exit-code"),
    "post-killed": ({"exec_start_post": sh("kill -KILL $$")}, "signal"),
    "post-hangs": ({"exec_start_post": SLEEP, "timeout_start_sec": "200ms"}, "timeout"),
    "post-missing": ({"exec_start_post": MISSING}, "exit-code"),
}


def test_a_command_that_fails_ends_the_start_with_its_result(daemon, config, notes):
    for name, (keys, _) in FAILURES.items():
        lone(config, name, **keys, exec_stop=notes.note(f"{name} exec_stop"), exec_stop_post=notes.note(f"{name} $SERVICE_RESULT"))
    lone(config, "bystander", activation="eager")
    daemon.start()
    bystander = daemon.wait_state("bystander", "running")["main_pid"]
    for name in FAILURES:
        assert name in daemon.ctl("start", name, status=1).stderr
    views = {view["name"]: view for view in daemon.ctl_json("status")["services"]}
    assert {name: views[name]["result"] for name in FAILURES} == {name: result for name, (_, result) in FAILURES.items()}
    assert [name for name in FAILURES if views[name]["main_pid"] is not None or views[name]["state"] != "idle"] == []
    assert [name for name in FAILURES if not views[name]["failure"] and views[name]["result"] != "timeout"] == []
    assert notes.lines() == [f"{name} {result}" for name, (_, result) in FAILURES.items()] # exec_stop_post always, exec_stop never
    assert views["bystander"]["main_pid"] == bystander and alive(bystander)
    daemon.stop()


SET_UP = [({"exec_start": MISSING}, "203/EXEC"), ({"exec_start": ["/etc/passwd"]}, "203/EXEC"), ({"user": "nobody-at-all"}, "217/USER"),
          ({"group": "none-at-all"}, "216/GROUP"), ({"working_directory": "/no/such"}, "200/CHDIR")]


@pytest.mark.parametrize("keys, status", SET_UP)
def test_a_step_of_the_set_up_that_fails_has_the_status_that_systemd_gives_it(daemon, config, notes, keys, status):
    lone(config, "web", **keys, exec_stop_post=notes.note("$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"))
    daemon.start()
    assert f"(status {status})" in daemon.ctl("start", "web", status=1).stderr
    view = daemon.service("web")
    assert view["result"] == "exit-code" and f"(status {status})" in view["failure"]
    if "exec_start" in keys: # the others hold for exec_stop_post, too
        assert notes.lines() == ["exit-code exited 203"]
    daemon.stop()


def test_a_failure_that_is_ignored_counts_as_success(daemon, config, notes):
    lone(config, "web", exec_condition="-/bin/sh -c 'exit 255'", exec_start_pre="-/bin/false ; -/no/such/program",
         exec_start_post="-/bin/sh -c 'kill -KILL $$$$'", exec_stop="-/bin/false", exec_stop_post=notes.note("$SERVICE_RESULT"))
    lone(config, "main", exec_start="-/bin/sh -c 'exit 7'", exec_stop_post=notes.note("$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"))
    daemon.start()
    daemon.ctl("start", "web")
    daemon.ctl("stop", "web")
    assert daemon.service("web")["result"] == "success"
    daemon.ctl("start", "main", status=None)
    assert daemon.wait_state("main", "idle")["result"] == "success"
    assert notes.lines() == ["success", "success exited 7"]
    daemon.stop()


def test_a_command_runs_as_its_prefix_says(daemon, config, scratch):
    who, said = scratch / "who", scratch / "said"
    who.write_text(f"#!/bin/sh\necho $1 $(id -u) $(ulimit -n) >> {said}\n")
    who.chmod(0o755)
    said.touch()
    said.chmod(0o666)
    lone(config, "web", user="nobody", limit_nofile=77, exec_start_pre=f"{who} plain ; !{who} privileged ; +{who} full ; @{who} other name")
    daemon.start()
    daemon.ctl("start", "web")
    lines = said.read_text().splitlines()
    assert lines[:2] == ["plain 65534 77", "privileged 0 77"]
    name, uid, files = lines[2].split()
    assert (name, uid) == ("full", "0") and files != "77"
    assert lines[3] == "name 65534 77" # the word behind the program is its name, not an argument
    daemon.stop()


def test_a_oneshot_runs_its_commands_and_remains(daemon, config, notes):
    lone(config, "web", type="oneshot", remain_after_exit=True, exec_start=[notes.note("one"), notes.note("two"), notes.note("three")],
         exec_stop=notes.note("stop"), exec_stop_post=notes.note("stop post"))
    daemon.start()
    daemon.ctl("start", "web") # answers when all have ended
    assert notes.lines() == ["one", "two", "three"]
    view = daemon.service("web")
    assert view["state"] == "running" and view["main_pid"] is None
    daemon.ctl("start", "web") # it runs already
    daemon.ctl("stop", "web")
    assert notes.lines() == ["one", "two", "three", "stop", "stop post"]
    daemon.stop()


def test_a_oneshot_that_does_not_remain_is_over_when_it_is_done(daemon, config, notes):
    lone(config, "web", type="oneshot", exec_start=notes.note("one"), exec_stop=notes.note("stop"), exec_stop_post=notes.note("stop post"))
    daemon.start()
    daemon.ctl("start", "web")
    assert daemon.wait_state("web", "idle")["result"] == "success"
    assert notes.lines() == ["one", "stop", "stop post"]
    daemon.stop()


def test_a_oneshot_may_have_nothing_but_its_stop(daemon, config, notes):
    path = lone(config, "web", type="oneshot", remain_after_exit=True, exec_stop=notes.note("stop"))
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("exec_start ")))
    daemon.start()
    daemon.ctl("start", "web")
    assert daemon.service("web")["state"] == "running"
    daemon.ctl("stop", "web")
    assert notes.lines() == ["stop"]
    daemon.stop()


def test_exec_reload_finds_the_main_process(daemon, config, program, scratch):
    puppet = Puppet(scratch / "puppet")
    lone(config, "web", exec_start=program("puppet.py", puppet.path, "catch('USR1')"), exec_reload="/bin/kill -USR1 $MAINPID")
    daemon.start()
    daemon.ctl("start", "web")
    pid = puppet("os.getpid()")
    daemon.ctl("reload", "web")
    eventually(lambda: puppet("heard") == ["USR1"], what="the signal of exec_reload")
    assert daemon.service("web")["state"] == "running" and daemon.service("web")["main_pid"] == pid
    daemon.stop()


def test_a_reload_that_fails_is_told_and_hurts_nobody(daemon, config, notes):
    lone(config, "web", exec_reload=[["/bin/false"], notes.note("second")])
    lone(config, "none")
    daemon.start()
    for name in ("web", "none"):
        assert name in daemon.ctl("reload", name, status=1).stderr # not running
        daemon.ctl("start", name)
        assert name in daemon.ctl("reload", name, status=1).stderr
        assert daemon.service(name)["state"] == "running" and daemon.service(name)["result"] == "success"
    assert notes.lines() == []
    daemon.stop()


def test_exec_stop_may_end_the_service_itself(daemon, config, notes):
    lone(config, "web", exec_stop="/bin/kill -KILL $MAINPID", success_exit_status="SIGKILL",
         exec_stop_post=notes.note("$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"))
    daemon.start()
    daemon.ctl("start", "web")
    daemon.ctl("stop", "web")
    assert notes.lines() == ["success killed KILL"]
    daemon.stop()


def test_an_exec_stop_that_hangs_is_given_up(daemon, config, notes):
    lone(config, "web", exec_stop=SLEEP, timeout_stop_sec="1s", exec_stop_post=notes.note("$SERVICE_RESULT"))
    daemon.start()
    daemon.ctl("start", "web")
    daemon.ctl("stop", "web")
    assert notes.lines() == ["timeout"]
    assert daemon.service("web")["result"] == "timeout"
    daemon.stop()


def test_exec_stop_post_is_told_how_the_service_ended(daemon, config, notes):
    ends = {"clean": ("exit 0", "success exited 0"), "code": ("exit 3", "exit-code exited 3"),
            "term": ("kill -TERM $$", "success killed TERM"), "kill": ("kill -KILL $$", "signal killed KILL")}
    for name, (script, _) in ends.items():
        lone(config, name, exec_start=sh(script), activation="eager",
             exec_stop_post=notes.note(f"{name} $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"))
    daemon.start()
    wanted = sorted(f"{name} {said}" for name, (_, said) in ends.items())
    eventually(lambda: sorted(notes.lines()) == wanted, what=f"{wanted}")
    daemon.stop()


BAD = { # name: (keys, what the line must say)
    "user": ({"user": "no-such-user"}, "no-such-user"),
    "group": ({"group": "no-such-group"}, "no-such-group"),
    "binary": ({"exec_start": ["/no/such/program"]}, "/no/such/program"),
    "not-executable": ({"exec_start": ["/etc/passwd"]}, "/etc/passwd"),
    "directory": ({"exec_start": ["/etc"]}, "/etc"),
    "environment": ({"environment_file": ["/no/such/file"]}, "/no/such/file"),
    "environment-directory": ({"environment_file": ["/etc"]}, "/etc"),
    "cwd": ({"working_directory": "/no/such/directory"}, "/no/such/directory"),
    "root": ({"root_directory": "/no/such/root"}, "/no/such/root"),
}


def test_what_cannot_be_is_said_in_one_clear_line_and_disturbs_nobody(daemon, config, client, program):
    for name, (keys, _) in BAD.items():
        lone(config, name, **keys)
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    pid = tell(client, "192.0.2.7", 8080)["pid"]
    for name, (_, words) in BAD.items():
        since = len(daemon.lines)
        said = daemon.ctl("start", name, status=1).stderr
        assert name in said and words in said and said.count("\n") == 1, said
        daemon.wait_for(lambda line, n=name, w=words: f"{n}: " in line and w in line, f"what is wrong with {name}", since=since)
        view = daemon.service(name)
        assert view["main_pid"] is None and view["result"] in ("resources", "exit-code") and words in view["failure"], view
    assert tell(client, "192.0.2.7", 8080)["pid"] == pid
    daemon.stop()
