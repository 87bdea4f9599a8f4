"""The commands around the sockets of a service: when each is run, what its failure means, and that nobody else waits for it."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from answers import HTTP, tell
from daemon import DEADLINE, eventually, netns_links
from lone import Notes, alive, lone, sh

OTHER = {"name": "other", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [9090]}
STAGES = ("start_pre", "start_post", "stop_pre", "stop_post")


@pytest.fixture
def notes(scratch):
    return Notes(scratch / "notes")


def all_stages(notes, name):
    return {f"socket_{stage}": notes.note(f"{name} {stage}") for stage in STAGES}


def starts(name):
    return [f"{name} start_pre", f"{name} start_post"]


def stops(name):
    return [f"{name} stop_pre", f"{name} stop_post"]


def listening(words):
    """For a daemon inside of the namespace: `words`, and how many sockets listen on port 8080."""
    return f"{words} $(cat /proc/self/net/tcp /proc/self/net/tcp6 | grep -c ':1F90 [^ ]* 0A ')"


def wait_for(gate):
    return sh(f"until test -e {gate}; do sleep 0.01; done")


class TestOrder:
    def test_they_run_around_the_bind_and_the_close(self, make_daemon, config, client, program, notes):
        daemon = make_daemon(inside=True)
        config.service("web", HTTP, program("tell.py"), **{f"socket_{stage}": notes.note(listening(stage)) for stage in STAGES})
        daemon.start()
        eventually(lambda: len(notes.lines()) == 2, what="two notes")
        assert notes.lines() == ["start_pre 0", "start_post 1"]
        assert tell(client, "192.0.2.7", 8080)["pid"] # it holds the socket, too
        daemon.stop()
        assert notes.lines()[2:] == ["stop_pre 1", "stop_post 0"]

    def test_nobody_is_served_before_the_commands_after_the_bind_have_ended(self, daemon, config, client, program, scratch):
        gate = scratch / "gate"
        config.service("web", HTTP, program("tell.py"), socket_start_post=wait_for(gate))
        daemon.start()
        with client.connect("192.0.2.7", 8080): # it waits in the backlog
            started = subprocess.Popen(daemon.ctl_argv("start", "web"))
            time.sleep(0.3)
            assert daemon.service("web")["main_pid"] is None and started.poll() is None
            gate.touch()
            assert started.wait(15) == 0
            assert daemon.wait_state("web", "running")["main_pid"]
        daemon.stop()

    def test_all_of_a_list_run_in_order_and_a_failure_ends_it(self, daemon, config, notes):
        lone(config, "web", socket_start_pre=[notes.note("one"), notes.note("two")],
             socket_stop_pre=[notes.note("three"), ["/bin/false"], notes.note("never")], socket_stop_post=notes.note("four"))
        daemon.start()
        daemon.stop()
        assert notes.lines() == ["one", "two", "three", "four"]
        assert "web: " in daemon.log() and "socket_stop_pre: pid" in daemon.log()

    def test_unit_files_say_the_same(self, daemon, config, notes):
        command = " ".join(["/bin/sh", "-c", f"'echo %n $$0 >> {notes.path}'"])
        config.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:8080\n" + "".join(
            f"Exec{stage}=-{command} {stage}\n" for stage in ("StartPre", "StartPost", "StopPre", "StopPost")) + "TimeoutSec=10\n")
        config.write("units/web.service", "[Service]\nExecStart=/bin/sleep 1000\n")
        daemon.start()
        eventually(lambda: len(notes.lines()) == 2, what="the commands of the start")
        daemon.stop()
        assert notes.lines() == [f"web.socket {stage}" for stage in ("StartPre", "StartPost", "StopPre", "StopPost")]

    def test_of_a_unit_that_systemd_supervises_none_is_run(self, daemon, config, notes):
        config.write("systemd/web.socket", "[Socket]\nListenStream=192.0.2.1:8080\n" + "".join(
            f"Exec{stage}=/bin/sh -c 'echo {stage} >> {notes.path}'\n" for stage in ("StartPre", "StartPost", "StopPre", "StopPost")) +
            "[X-Swathe]\nListen=192.0.2.0/24:8080\n")
        daemon.start()
        daemon.reload()
        daemon.stop()
        assert notes.lines() == []


class TestSurroundings:
    def test_they_are_roots_and_have_nothing_of_the_service(self, daemon, config, scratch, program):
        said = scratch / "said"
        config.service("web", HTTP, program("tell.py"), user="nobody", environment={"MINE": "1"}, limit_nofile=77, no_new_privileges=True,
                       socket_start_pre=sh(f"echo $(id -u) $(ulimit -n) mine=$MINE fds=$LISTEN_FDS $(grep NoNewPrivs /proc/self/status)"
                                           f" > {said}"))
        daemon.start()
        uid, files, *rest = said.read_text().split()
        assert uid == "0" and files != "77" and rest == ["mine=", "fds=", "NoNewPrivs:", "0"]
        daemon.stop()

    def test_variables_and_prefixes_are_those_of_all_commands(self, daemon, config, scratch):
        said = scratch / "said"
        script = scratch / "script"
        script.write_text(f"#!/bin/sh\necho \"$0 $1\" >> {said}\n")
        script.chmod(0o755)
        lone(config, "web", socket_start_pre=f"{script} $PATH ; :{script} $PATH ; +{script} $$X ; -/no/such/program ; "
                                             f"@/bin/sh own -c 'echo $$0 >> {said}'")
        daemon.start()
        lines = said.read_text().splitlines()
        assert lines[0].startswith(f"{script} /usr/local/sbin:") and lines[1:] == [f"{script} $PATH", f"{script} $X", "own"]
        daemon.stop()

    def test_their_output_is_in_the_log_of_the_service(self, daemon, config):
        lone(config, "web", socket_start_pre=sh("echo before the bind"), socket_start_post=sh("echo after the bind >&2"),
             socket_stop_post=sh("echo after the close"))
        daemon.start()
        eventually(lambda: "after the bind" in daemon.ctl("logs", "web").stdout, what="what the commands say")
        assert "before the bind" in daemon.ctl("logs", "web").stdout
        daemon.stop()
        daemon.wait_quiet()
        assert any("after the close" in line for line in daemon.lines)


class TestFailureBefore:
    def test_the_daemon_does_not_start_and_says_why_in_one_line(self, daemon, config, notes):
        path = lone(config, "web", socket_start_pre=[notes.note("one"), sh("exit 3"), notes.note("never")],
                    socket_start_post=notes.note("never"), socket_stop_post=notes.note("never"))
        lone(config, "good", **all_stages(notes, "good"))
        daemon.launch()
        assert daemon.process.wait(15) == 1 # what fails here and now may be better at the next try
        daemon.wait_quiet()
        said = [line for line in daemon.lines if "socket_start_pre" in line]
        assert len(said) == 1 and f"{path}:" in said[0] and "exited with status 3" in said[0]
        assert sorted(notes.lines()) == sorted(["one", "good start_pre", *stops("good")])
        assert daemon.leftovers() == []

    def test_a_reload_changes_nothing(self, daemon, config, client, program, notes):
        config.service("web", HTTP, program("tell.py"), **all_stages(notes, "web"))
        daemon.start()
        pid, generation = tell(client, "192.0.2.7", 8080)["pid"], daemon.generation()
        config.service("web", {**HTTP, "ports": [8080, 8081]}, program("tell.py"), **all_stages(notes, "web"))
        path = lone(config, "bad", socket_start_pre=["/bin/false"], socket_stop_post=notes.note("never"))
        lone(config, "good", **all_stages(notes, "good"))
        said = daemon.reload(status=1).stderr
        assert f"{path}:" in said and "socket_start_pre: pid" in said and "exited with status 1" in said
        assert daemon.generation() == generation and [s["name"] for s in daemon.ctl_json("status")["services"]] == ["web"]
        assert tell(client, "192.0.2.7", 8080)["pid"] == pid
        assert notes.lines() == starts("web") + ["good start_pre", *stops("good")] # as if it had never been
        config.remove("bad")
        daemon.reload()
        eventually(lambda: notes.lines()[-2:] == starts("good"), what="the commands of good")
        daemon.stop()

    def test_what_is_refused_later_takes_back_what_they_have_done(self, daemon, config, server, notes):
        lone(config, "web", **all_stages(notes, "web"))
        daemon.start()
        with server.listen("192.0.2.1", 7070): # the lock-out guard refuses this one
            listen = {"protocol": "tcp", "addresses": ["192.0.2.1"], "ports": [7070]}
            config.service("thief", listen, ["/bin/sleep", "1000"], **all_stages(notes, "thief"))
            daemon.reload(status=1)
        assert notes.lines() == starts("web") + ["thief start_pre", *stops("thief")]
        daemon.stop()

    def test_a_program_that_is_not_there_is_a_failure(self, daemon, config):
        lone(config, "web")
        daemon.start()
        lone(config, "bad", socket_start_pre=["/no/such/program"])
        assert "/no/such/program" in daemon.reload(status=1).stderr
        daemon.stop()

    def test_with_a_minus_it_is_none(self, daemon, config, notes):
        lone(config, "web", socket_start_pre="-/bin/false ; -/no/such/program ; -/bin/sh -c 'kill -KILL $$$$'",
             socket_start_post="-/bin/false", socket_stop_pre="-/bin/false", socket_stop_post=notes.note("post"))
        daemon.start()
        daemon.ctl("start", "web")
        daemon.stop()
        assert notes.lines() == ["post"] and "that is ignored" in daemon.log()


@pytest.mark.parametrize("keys", [{}, {"socket_stop_post": "/bin/true"}])
def test_one_after_the_bind_that_cannot_be_run_fails_each_start_once(daemon, config, client, program, keys):
    config.service("web", HTTP, program("tell.py"), socket_start_post="/no/such/program", **keys)
    config.service("other", OTHER, program("tell.py"))
    daemon.start()
    daemon.wait_state("web", "failed")
    for _ in range(2):
        assert "/no/such/program" in daemon.ctl("start", "web", status=1).stderr
    assert tell(client, "192.0.2.7", 9090)["pid"]
    assert sum("cannot be started" in line for line in daemon.lines) == 2
    daemon.stop()


def test_a_failure_after_the_bind_closes_the_sockets_until_a_start_by_hand(daemon, config, client, server, program, scratch, notes):
    wanted = scratch / "wanted"
    keys = all_stages(notes, "web") | {"socket_start_post": f"/usr/bin/test -e {wanted}"}
    config.service("web", HTTP, program("tell.py"), **keys)
    config.service("other", OTHER, program("tell.py"))
    daemon.start()
    view = daemon.wait_state("web", "failed")
    assert "socket_start_post" in view["failure"] and view["result"] == "resources"
    eventually(lambda: notes.lines() == ["web start_pre", *stops("web")], what="the commands of a stop")
    assert tell(client, "192.0.2.7", 9090)["pid"]
    assert "socket_start_post" in daemon.ctl("start", "web", status=1).stderr
    eventually(lambda: notes.lines() == 2 * ["web start_pre", *stops("web")], what="those of another start, and of its end")
    wanted.touch()
    daemon.ctl("start", "web")
    assert tell(client, "192.0.2.7", 8080)["pid"]
    daemon.stop()
    assert notes.lines() == 2 * ["web start_pre", *stops("web")] + ["web start_pre", *stops("web")]


def test_at_a_limit_that_closes_the_sockets_they_run_and_at_a_start_by_hand_again(daemon, config, notes):
    lone(config, "web", exec_start=["/bin/false"], restart="always", restart_sec="1ms", start_limit_burst=2, start_limit_hit="fail",
         activation="eager", **all_stages(notes, "web"))
    daemon.start()
    daemon.wait_state("web", "failed")
    eventually(lambda: notes.lines() == starts("web") + stops("web"), what="all commands")
    daemon.ctl("start", "web", status=None)
    eventually(lambda: notes.lines() == 2 * (starts("web") + stops("web")), what="all commands again")
    daemon.stop()
    assert notes.lines() == 2 * (starts("web") + stops("web")) # they were closed already


class TestTimeout:
    STUBBORN = ("trap '' TERM; echo $$ >> {pids}; sh -c 'trap \"\" TERM; echo $$ >> {pids}; while :; do sleep 0.05; done' & "
                "while :; do sleep 0.05; done")

    def test_the_whole_group_is_asked_and_killed(self, daemon, config, scratch):
        pids = scratch / "pids"
        lone(config, "web")
        daemon.start()
        lone(config, "slow", socket_timeout_sec="1s", socket_start_pre=sh(self.STUBBORN.format(pids=pids)))
        began = time.monotonic()
        said = daemon.reload(status=1).stderr
        assert 2 <= time.monotonic() - began < 20 # once until TERM, once until KILL
        assert "takes longer than 1 s" in said
        left = [int(pid) for pid in pids.read_text().split()]
        assert len(left) == 2
        eventually(lambda: not any(alive(pid) for pid in left), what="nobody left")
        daemon.stop()

    def test_who_ends_at_the_term_is_not_killed_and_a_minus_does_not_help(self, daemon, config, notes):
        lone(config, "web")
        daemon.start()
        willing = f"-/bin/sh -c 'trap \"echo asked >> {notes.path}; exit 0\" TERM; sleep 1000 & wait'"
        lone(config, "slow", socket_timeout_sec="1s", socket_start_pre=willing)
        began = time.monotonic()
        assert "takes longer than" in daemon.reload(status=1).stderr
        assert 1 <= time.monotonic() - began < 20
        assert notes.lines() == ["asked"] and "killed" not in daemon.log()
        daemon.stop()

    def test_a_stop_goes_on(self, daemon, config, scratch, notes):
        pids = scratch / "pids"
        lone(config, "web", socket_timeout_sec="1s", socket_stop_pre=sh(self.STUBBORN.format(pids=pids)),
             socket_stop_post=notes.note("post"))
        daemon.start()
        daemon.stop()
        assert notes.lines() == ["post"] and "takes longer than 1 s" in daemon.log()
        assert not any(alive(int(pid)) for pid in pids.read_text().split())


class TestReload:
    def test_sockets_that_stay_have_none_run(self, daemon, config, notes):
        config.service("web", HTTP, ["/bin/sleep", "1000"], **all_stages(notes, "web"))
        daemon.start()
        eventually(lambda: notes.lines() == starts("web"), what="those of the start")
        changed = {**HTTP, "ports": [8080, "9000-9010"], "backlog": 7}
        config.service("web", changed, ["/bin/sleep", "1001"], "another one", **all_stages(notes, "new"))
        daemon.reload()
        daemon.reload()
        assert notes.lines() == starts("web")
        daemon.stop()
        assert notes.lines() == starts("web") + stops("new") # those that hold now

    def test_who_comes_and_who_goes_has_its_own(self, daemon, config, notes):
        lone(config, "stays", **all_stages(notes, "stays"))
        daemon.start()
        eventually(lambda: notes.lines() == starts("stays"), what="those of the start")
        lone(config, "web", **all_stages(notes, "web"))
        daemon.reload()
        eventually(lambda: notes.lines() == starts("stays") + starts("web"), what="those of the one that came")
        daemon.ctl("start", "web")
        config.remove("web")
        daemon.reload()
        eventually(lambda: notes.lines() == starts("stays") + starts("web") + stops("web"), what="those of the one that went")
        daemon.stop()
        assert notes.lines()[6:] == stops("stays")

    def test_a_listener_more_has_those_before_and_after_the_bind(self, daemon, config, notes):
        config.service("web", HTTP, ["/bin/sleep", "1000"], **all_stages(notes, "web"))
        daemon.start()
        config.service("web", [HTTP, OTHER], ["/bin/sleep", "1000"], **all_stages(notes, "web"))
        daemon.reload()
        eventually(lambda: notes.lines() == 2 * starts("web"), what="those of a new socket")
        config.service("web", HTTP, ["/bin/sleep", "1000"], **all_stages(notes, "web"))
        daemon.reload()
        daemon.stop()
        assert notes.lines() == 2 * starts("web") + stops("web") # when the last one goes

    def test_who_comes_back_waits_for_its_own_end(self, daemon, config, scratch, notes):
        gate = scratch / "gate"
        path = f"{scratch}/socket"
        keys = all_stages(notes, "web") | {"exec_stop_post": wait_for(gate)}
        listen = {"protocol": "unix-stream", "path": path, "remove_on_stop": True}
        config.service("web", listen, ["/bin/sleep", "1000"], **keys)
        config.service("other", OTHER, ["/bin/sleep", "1000"])
        daemon.start()
        daemon.ctl("start", "web")
        config.remove("web")
        daemon.reload()
        config.service("web", listen, ["/bin/sleep", "1000"], **keys)
        again = subprocess.Popen(daemon.ctl_argv("reload"), stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        assert again.poll() is None and notes.lines() == starts("web")
        gate.touch()
        assert again.wait(15) == 0
        eventually(lambda: notes.lines() == starts("web") + stops("web") + starts("web"), what="one after the other")
        assert os.path.exists(path)
        daemon.stop()


class TestNobodyWaits:
    def test_a_reload_with_a_slow_command_stalls_nothing(self, daemon, config, client, program, scratch, notes):
        gate = scratch / "gate"
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        tell(client, "192.0.2.7", 8080)
        lone(config, "slow", socket_start_pre=[notes.note("begun"), wait_for(gate)], **{"socket_start_post": wait_for(gate)})
        reload = subprocess.Popen(daemon.ctl_argv("reload"), stdout=subprocess.DEVNULL)
        eventually(lambda: notes.lines() == ["begun"], what="the slow command")
        for _ in range(20):
            began = time.monotonic()
            assert tell(client, "192.0.2.7", 8080)["pid"]
            assert [s["name"] for s in daemon.ctl_json("status")["services"]] == ["web"]
            assert time.monotonic() - began < DEADLINE
        daemon.ctl("restart", "web")
        assert reload.poll() is None
        gate.touch()
        assert reload.wait(15) == 0
        assert daemon.wait_state("slow", "idle")
        daemon.stop()

    def test_a_start_of_the_daemon_answers_and_can_be_ended(self, daemon, config, scratch, notes):
        pids = scratch / "pids"
        lone(config, "slow", socket_start_pre=sh(f"echo $$ > {pids}; exec sleep 1000"), socket_start_post=notes.note("never"),
             socket_stop_post=notes.note("never"))
        lone(config, "done", **all_stages(notes, "done"))
        daemon.launch()
        pid = int(eventually(lambda: pids.exists() and pids.read_text().strip(), what="the slow command"))
        assert daemon.ctl_json("status")["services"] == []
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(15) == 0
        assert not alive(pid) and daemon.leftovers() == []
        assert notes.lines() == ["done start_pre", *stops("done")]

    def test_one_that_is_ended_leaves_nothing_of_a_killed_predecessor_either(self, make_daemon, config, server, scratch):
        pids = scratch / "pids"
        lone(config, "web")
        first = make_daemon().start()
        first.process.kill()
        first.process.wait()
        assert len(netns_links(server.inode)) == 1 # the pin keeps it
        lone(config, "slow", socket_start_pre=sh(f"echo $$ > {pids}; exec sleep 1000"))
        second = make_daemon()
        second.launch()
        eventually(lambda: pids.exists() and pids.read_text().strip(), what="the slow command")
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(15) == 0
        assert netns_links(server.inode) == [] and second.pins() == []

    def test_a_reload_that_is_asked_for_during_the_start_follows_it(self, daemon, config, scratch):
        gate = scratch / "gate"
        lone(config, "slow", socket_start_pre=wait_for(gate))
        daemon.launch()
        eventually(lambda: (pathlib.Path(daemon.runtime) / "control").exists(), what="the control socket")
        lone(config, "late")
        reload = subprocess.Popen(daemon.ctl_argv("reload"), stdout=subprocess.DEVNULL)
        time.sleep(0.2)
        assert reload.poll() is None
        gate.touch()
        assert reload.wait(15) == 0
        assert sorted(s["name"] for s in daemon.ctl_json("status")["services"]) == ["late", "slow"]
        daemon.stop()

    def test_the_end_of_the_daemon_waits_for_a_reload_no_longer_than_its_command_ends(self, daemon, config, scratch):
        pids = scratch / "pids"
        lone(config, "web")
        daemon.start()
        lone(config, "slow", socket_start_pre=sh(f"echo $$ > {pids}; exec sleep 1000"))
        daemon.hang_up()
        pid = int(eventually(lambda: pids.exists() and pids.read_text().strip(), what="the slow command"))
        daemon.stop()
        assert not alive(pid)
