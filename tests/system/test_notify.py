"""What a service says and how its start is judged by type: notifications, pid files, the watchdog, stored descriptors."""

import os
import pathlib
import signal
import socket
import subprocess
import threading

import pytest

from answers import HTTP, tell
from daemon import eventually
from lone import SLEEP, Notes, Puppet, alive, lone, sh

READY = "notify('READY=1')"


@pytest.fixture
def stranger():
    """A process that is nobody's."""
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def notes(scratch):
    return Notes(scratch / "notes")


@pytest.fixture
def puppet(daemon, config, program, scratch):
    """puppet("web", EXPRESSION..., key=...): an eager service that does what the test says; the daemon runs then."""
    def make(name, *expressions, **keys):
        one = Puppet(scratch / f"{name}.puppet")
        lone(config, name, **{"type": "notify", "activation": "eager", "exec_start": program("puppet.py", one.path, *expressions), **keys})
        daemon.reload() if daemon.running() else daemon.start()
        return one
    return make


class Aside:
    """swathectl at work while the test goes on."""

    def __init__(self, daemon, *args):
        self.process = subprocess.Popen(daemon.ctl_argv(*args), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def waits(self):
        return self.process.poll() is None

    def status(self):
        self.error = self.process.communicate(timeout=15)[1]
        return self.process.returncode


# forking

def test_forking_takes_its_main_process_from_the_pid_file(daemon, config, scratch, notes):
    pid_file = scratch / "pid"
    lone(config, "web", type="forking", pid_file=str(pid_file), exec_start=sh(f"sleep 1000 & sleep 1000 & echo $! > {pid_file}"),
         exec_start_post=notes.note("$MAINPID"))
    daemon.start()
    daemon.ctl("start", "web")
    pid = int(pid_file.read_text())
    view = daemon.service("web")
    assert view["state"] == "running" and view["main_pid"] == pid and notes.lines() == [str(pid)]
    os.kill(pid, signal.SIGKILL) # the end of the main one is the end of all
    assert daemon.wait_state("web", "idle")["result"] == "signal"
    daemon.stop()


def test_forking_waits_for_a_pid_file_that_comes_late(daemon, config, scratch):
    pid_file, now, parent = scratch / "pid", scratch / "now", scratch / "parent"
    late = f"until [ -e {now} ]; do sleep 0.02; done; echo $$ > {pid_file}; exec sleep 1000"
    lone(config, "web", type="forking", pid_file=str(pid_file),
         exec_start=sh(f"sh -c '{late}' & echo $$ > {parent}.part; mv {parent}.part {parent}"))
    daemon.start()
    start = Aside(daemon, "start", "web")
    eventually(parent.exists, what="the parent")
    eventually(lambda: not pathlib.Path(f"/proc/{parent.read_text().strip()}").exists(), what="that the parent was reaped")
    assert start.waits() and daemon.service("web")["state"] == "starting"
    now.touch()
    assert start.status() == 0
    assert daemon.service("web")["main_pid"] == int(pid_file.read_text())
    daemon.stop()


@pytest.mark.parametrize("user", [None, "nobody"])
def test_a_pid_file_that_names_a_stranger_is_not_believed(daemon, config, scratch, stranger, user):
    pid_file = scratch / "pid"
    pid_file.write_text(f"{stranger.pid}\n")
    lone(config, "web", type="forking", pid_file=str(pid_file), exec_start=sh("sleep 1000 &"), timeout_start_sec="1s",
         **({"user": user} if user else {}))
    daemon.start()
    daemon.ctl("start", "web", status=1)
    view = daemon.service("web")
    assert view["state"] == "idle" and view["result"] == "timeout" and view["main_pid"] is None
    said = [line for line in daemon.lines if f"pid_file: pid {stranger.pid} is no process of this service" in line]
    assert len(said) == 1, daemon.log() # not at each look
    assert alive(stranger.pid)
    daemon.stop()


def test_a_forking_parent_that_fails_or_leaves_nobody_has_not_started(daemon, config):
    lone(config, "fails", type="forking", exec_start=sh("sleep 1000 & exit 3"))
    lone(config, "alone", type="forking", exec_start=sh("exit 0"))
    lone(config, "hangs", type="forking", exec_start=SLEEP, timeout_start_sec="300ms")
    daemon.start()
    for name, result in ("fails", "exit-code"), ("alone", "protocol"), ("hangs", "timeout"):
        daemon.ctl("start", name, status=1)
        view = daemon.service(name)
        assert (view["state"], view["result"]) == ("idle", result), name
    daemon.stop()


def test_forking_without_a_pid_file_runs_as_long_as_anybody_is_there(daemon, config, scratch):
    pids = scratch / "pids"
    lone(config, "web", type="forking", exec_start=sh(f"sleep 1000 & echo $! > {pids}; sleep 1000 & echo $! >> {pids}"))
    daemon.start()
    daemon.ctl("start", "web")
    one, two = map(int, pids.read_text().split())
    os.kill(one, signal.SIGTERM)
    eventually(lambda: not alive(one), what="the end of the first")
    assert daemon.service("web")["state"] == "running"
    os.kill(two, signal.SIGTERM)
    daemon.wait_state("web", "idle")
    daemon.stop()


# what may be said

def test_notify_that_ends_before_it_is_ready_has_not_started(daemon, config):
    lone(config, "web", type="notify", exec_start=sh("exit 0"))
    daemon.start()
    daemon.ctl("start", "web", status=1)
    assert daemon.service("web")["result"] == "protocol"
    daemon.stop()


def test_notify_reload_waits_for_reloading_and_ready(daemon, puppet):
    web = puppet("web", "catch('HUP')", READY, type="notify-reload")
    daemon.wait_state("web", "running")
    reload = Aside(daemon, "reload", "web")
    eventually(lambda: web("heard") == ["HUP"], what="the signal of a reload")
    web("notify('RELOADING=1\\nMONOTONIC_USEC=1')") # older than the signal: of another reload
    web("notify('READY=1\\nSTATUS=old')")
    eventually(lambda: daemon.service("web")["status_text"] == "old", what="that both were heard")
    assert reload.waits()
    web("notify(f'RELOADING=1\\nMONOTONIC_USEC={usec()}')")
    assert web("barrier()") and reload.waits()
    web("notify('READY=1')")
    assert reload.status() == 0
    assert web("heard") == ["HUP"] and daemon.service("web")["state"] == "running"
    daemon.stop()


def test_a_reload_that_is_not_answered_fails_and_the_service_goes_on(daemon, puppet):
    web = puppet("web", "catch('USR1')", READY, type="notify-reload", reload_signal="USR1", timeout_start_sec="4s")
    pid = daemon.wait_state("web", "running")["main_pid"]
    daemon.ctl("reload", "web", status=1)
    assert web("heard") == ["USR1"]
    view = daemon.service("web")
    assert view["state"] == "running" and view["main_pid"] == pid
    daemon.stop()


def test_mainpid_moves_to_a_child_which_goes_on_without_its_parent(daemon, puppet):
    web = puppet("web", READY)
    parent, child = web("os.getpid()"), web("child()")
    web(f"notify('MAINPID={child}')")
    eventually(lambda: daemon.service("web")["main_pid"] == child, what="the new main process")
    os.kill(parent, signal.SIGKILL)
    eventually(lambda: not pathlib.Path(f"/proc/{parent}").exists(), what="that the old one was reaped")
    view = daemon.service("web")
    assert (view["state"], view["main_pid"]) == ("running", child)
    os.kill(child, signal.SIGKILL)
    assert daemon.wait_state("web", "idle")["result"] == "signal"
    daemon.stop()


def test_mainpid_of_a_stranger_is_refused_unless_root_says_it(daemon, puppet, stranger):
    web = puppet("web", READY, user="nobody")
    pid = daemon.wait_state("web", "running")["main_pid"]
    for number in (stranger.pid, 1, daemon.process.pid, 0, -1, 4194305, 99999999999):
        web(f"notify('MAINPID={number}')")
    assert web("barrier()")
    assert daemon.service("web")["main_pid"] == pid
    daemon.wait_for(lambda line: f"MAINPID: pid {stranger.pid} is no process of this service" in line, "why it is refused")
    daemon.ctl("stop", "web")
    assert alive(stranger.pid)
    daemon.stop()


def test_stopping_is_a_stop_that_the_service_has_begun(daemon, puppet, notes):
    web = puppet("web", READY, exec_stop=notes.note("stop"), exec_stop_post=notes.note("$SERVICE_RESULT"))
    daemon.wait_state("web", "running")
    web("notify('STOPPING=1\\nREADY=1')")
    daemon.wait_for(lambda line: line == "web: stopping", "that it stops")
    pid = web("os.getpid()") # it lives: nobody has sent it a signal
    os.kill(pid, signal.SIGTERM)
    assert daemon.wait_state("web", "idle")["result"] == "success"
    assert notes.lines() == ["success"]
    daemon.stop()


def test_stopping_that_comes_to_no_end_is_ended(daemon, puppet):
    web = puppet("web", READY, timeout_stop_sec="300ms")
    daemon.wait_state("web", "running")
    web("notify('STOPPING=1')")
    assert daemon.wait_state("web", "idle")["result"] == "timeout"
    daemon.stop()


def test_extend_timeout_usec_gives_a_start_more_time(daemon, config, puppet):
    """The witness, which has as much time, starts later and is ended sooner."""
    web = puppet("web", "notify('EXTEND_TIMEOUT_USEC=60000000\\nSTATUS=longer')", timeout_start_sec="4s")
    eventually(lambda: daemon.service("web")["status_text"] == "longer", what="its wish")
    puppet("witness", timeout_start_sec="4s")
    assert daemon.wait_state("witness", "idle")["result"] == "timeout"
    assert daemon.service("web")["state"] == "starting"
    web(READY)
    daemon.wait_state("web", "running")
    daemon.stop()


def test_extend_timeout_usec_gives_a_run_more_time(daemon, puppet):
    web = puppet("web", READY, "notify('EXTEND_TIMEOUT_USEC=60000000\\nSTATUS=longer')", runtime_max_sec="2s")
    eventually(lambda: daemon.service("web")["status_text"] == "longer", what="its wish")
    puppet("witness", READY, runtime_max_sec="2s")
    assert daemon.wait_state("witness", "idle")["result"] == "timeout"
    assert daemon.service("web")["state"] == "running" and web("os.getpid()")
    daemon.stop()


# the watchdog

def test_a_watchdog_that_is_not_fed_aborts(daemon, puppet, notes):
    fed = puppet("fed", READY, "every(0.05, 'WATCHDOG=1')", watchdog_sec="2s")
    puppet("web", READY, watchdog_sec="2s", limit_core=0, exec_stop_post=notes.note("$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"))
    assert fed("os.environ['WATCHDOG_USEC'], os.environ['WATCHDOG_PID'] == str(os.getpid())") == ("2000000", True)
    assert daemon.wait_state("web", "idle")["result"] == "watchdog"
    assert notes.lines() == ["watchdog killed ABRT"]
    daemon.wait_for(lambda line: line.startswith("error: web: watchdog"), "that the watchdog was it")
    view = daemon.service("fed")
    assert view["state"] == "running" and view["starts"] == 1
    daemon.stop()


def test_a_service_may_pull_its_watchdog_itself(daemon, puppet, notes):
    web = puppet("web", READY, limit_core=0, exec_stop_post=notes.note("$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"))
    daemon.wait_state("web", "running")
    with pytest.raises((SyntaxError, ConnectionError)): # it may be gone before it can answer
        web("notify('WATCHDOG=trigger') or time.sleep(15)")
    assert daemon.wait_state("web", "idle")["result"] == "watchdog"
    assert notes.lines() == ["watchdog killed ABRT"]
    daemon.stop()


def test_a_service_may_change_its_watchdog(daemon, puppet):
    web = puppet("web", READY, watchdog_sec="1h")
    daemon.wait_state("web", "running")
    web("notify('WATCHDOG_USEC=1000000')")
    assert daemon.wait_state("web", "idle")["result"] == "watchdog"
    daemon.stop()


def test_an_aborted_service_that_hangs_is_killed(daemon, puppet, notes):
    puppet("web", "catch('ABRT')", READY, watchdog_sec="300ms", timeout_abort_sec="300ms",
           exec_stop_post=notes.note("$SERVICE_RESULT $EXIT_STATUS"))
    assert daemon.wait_state("web", "idle")["result"] == "watchdog"
    assert notes.lines() == ["watchdog KILL"]
    daemon.stop()


# stored descriptors

NAMES = "os.environ['LISTEN_FDNAMES']"


def test_stored_descriptors_come_back_after_a_restart_with_their_names(daemon, puppet):
    web = puppet("web", READY, file_descriptor_store_max=2)
    assert web(NAMES) == "web" and web("os.environ['FDSTORE']") == "2"
    web("notify_with('FDSTORE=1\\nFDNAME=state', memory(b'precious'))")
    assert web("barrier()")
    daemon.ctl("restart", "web")
    assert web(NAMES) == "web:state" and web("os.environ['LISTEN_FDS']") == "2"
    assert web("os.pread(4, 99, 0)") == b"precious"
    web("notify('FDSTOREREMOVE=1\\nFDNAME=state')")
    assert web("barrier()")
    daemon.ctl("restart", "web")
    assert web(NAMES) == "web"
    daemon.stop()


@pytest.mark.parametrize("preserve, after_restart, after_stop", [("no", "web", "web"), ("restart", "web:state", "web"),
                                                                  ("yes", "web:state", "web:state")])
def test_how_long_stored_descriptors_are_kept(daemon, puppet, preserve, after_restart, after_stop):
    web = puppet("web", READY, file_descriptor_store_max=1, file_descriptor_store_preserve=preserve)
    web("notify_with('FDSTORE=1\\nFDNAME=state', memory(b'x'))")
    assert web("barrier()")
    daemon.ctl("restart", "web")
    assert web(NAMES) == after_restart
    daemon.ctl("stop", "web")
    daemon.ctl("start", "web")
    assert web(NAMES) == after_stop
    daemon.stop()


def test_what_is_stored_survives_a_crash_but_no_more_than_may_be(daemon, puppet):
    web = puppet("web", READY, file_descriptor_store_max=1, restart="on-failure", restart_sec="1ms")
    web("notify_with('FDSTORE=1\\nFDNAME=a:b', memory(b'one'))") # no name: a colon separates names
    web("notify_with('FDSTORE=1\\nFDNAME=two', memory(b'two'), memory(b'three'))")
    assert web("barrier()")
    daemon.wait_for(lambda line: "file_descriptor_store_max (1)" in line, "that it is too much")
    pid = web("os.getpid()")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: daemon.service("web")["main_pid"] not in (None, pid), what="its successor")
    assert web(NAMES) == "web:stored" and web("os.pread(4, 99, 0)") == b"one"
    daemon.stop()


def test_without_a_store_nothing_is_kept(daemon, puppet):
    web = puppet("web", READY)
    web("notify_with('FDSTORE=1\\nFDNAME=state', memory(b'x'))")
    assert web("barrier()")
    daemon.ctl("restart", "web")
    assert web(NAMES) == "web" and web("'FDSTORE' in os.environ") is False
    daemon.stop()


# who may say it

def said(daemon, name="web"):
    return daemon.service(name)["status_text"]


def test_a_barrier_falls_when_all_before_it_was_heard(daemon, puppet):
    web = puppet("web", READY)
    for number in range(20):
        web(f"notify('STATUS={number}')")
        assert web("barrier()")
        assert said(daemon) == str(number)
    daemon.stop()


@pytest.mark.parametrize("access, command, child", [("main", False, False), ("exec", True, False), ("all", True, True)])
def test_notify_access_says_whose_words_count(daemon, puppet, program, access, command, child):
    web = puppet("web", READY, notify_access=access, exec_reload=program("say.py", "STATUS=command"))
    daemon.wait_state("web", "running")
    web("notify('STATUS=main')")
    assert web("barrier()") and said(daemon) == "main"
    daemon.ctl("reload", "web")
    assert said(daemon) == ("command" if command else "main")
    web("notify('STATUS=main')")
    web("child('STATUS=child')")
    assert web("barrier()") and said(daemon) == ("child" if child else "main")
    refused = [line for line in daemon.lines if "no process that may speak for a service" in line]
    assert len(refused) == (not command) + (not child)
    daemon.stop()


def test_a_service_may_change_its_notify_access(daemon, puppet):
    web = puppet("web", READY)
    web("notify('NOTIFYACCESS=all\\nSTATUS=main')")
    web("child('STATUS=child')")
    assert web("barrier()") and said(daemon) == "child"
    web("notify('NOTIFYACCESS=none')")
    web("notify('STATUS=nobody')")
    assert web("barrier()") and said(daemon) == "child"
    daemon.stop()


FORGED = ["READY=1", "STATUS=forged", "STOPPING=1", "WATCHDOG=trigger", "MAINPID={stranger}", "NOTIFYACCESS=all", "FDSTORE=1",
          "RELOADING=1"]


def test_forged_messages_change_nothing_and_cost_one_line_each(daemon, config, client, program, puppet, base):
    """From a stranger as root, from one as another user, and from another service."""
    config.service("http", HTTP, program("tell.py"))
    victim = puppet("web", "notify('STATUS=mine')", file_descriptor_store_max=1)
    other = puppet("other", READY, user="nobody")
    path = victim("os.environ['NOTIFY_SOCKET']")
    pid, http = daemon.service("web")["main_pid"], tell(client, "192.0.2.7", 8080)["pid"]
    say = "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(sys.argv[1]); s.send(sys.argv[2].encode())"
    text = "\n".join(FORGED).format(stranger=os.getpid())
    for identity in ({}, {"user": 65534, "group": 65534, "extra_groups": []}):
        since = len(daemon.lines)
        forger = subprocess.Popen(["/usr/bin/python3", "-SEc", say, path, text], **identity)
        assert forger.wait(15) == 0
        line = daemon.wait_for(lambda one: "notification of pid" in one, "who it was", since=since)
        assert f"(uid {identity.get('user', 0)}) ignored" in line and f"pid {forger.pid} " in line
        assert len([one for one in daemon.lines[since:] if "notification" in one]) == 1
    other(f"notify('MAINPID={pid}\\nSTATUS=its own')") # of another service: that is not its own
    assert other("barrier()")
    daemon.wait_for(lambda line: f"other: MAINPID: pid {pid} is no process of this service" in line, "why it is refused")
    view = daemon.service("web")
    assert (view["state"], view["main_pid"], view["status_text"]) == ("starting", pid, "mine")
    assert daemon.service("other")["main_pid"] == other("os.getpid()") and said(daemon, "other") == "its own"
    assert tell(client, "192.0.2.7", 8080)["pid"] == http
    daemon.stop()


@pytest.mark.parametrize("message, why", [
    (b"READY=1\nX_PADDING=" + b"x" * 4096, "too long"),
    (b"READY=1\0STATUS=x", "NUL"),
    (b"BARRIER=1", "descriptor"),
    (b"BARRIER=1\nREADY=1", "beside other keys"),
], ids=["long", "nul", "barrier-alone", "barrier-in-company"])
def test_a_message_that_is_none_is_refused_whole(daemon, puppet, message, why):
    web = puppet("web", "notify('STATUS=mine')")
    eventually(lambda: said(daemon) == "mine", what="its status")
    web(f"notify({message.decode()!r})")
    assert web("barrier()")
    view = daemon.service("web")
    assert view["state"] == "starting" and view["status_text"] == "mine"
    lines = [line for line in daemon.lines if "notification" in line]
    assert len(lines) == 1 and why in lines[0] and f"pid {view['main_pid']} (uid 0) refused" in lines[0]
    web(READY)
    daemon.wait_state("web", "running")
    daemon.stop()


def test_a_flood_of_forged_messages_fills_no_log_and_stops_nobody(daemon, client, config, program, puppet):
    config.service("http", HTTP, program("tell.py"))
    web = puppet("web", READY)
    path = web("os.environ['NOTIFY_SOCKET']")
    over = threading.Event()

    def flood():
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(path)
            sock.settimeout(10)
            for _ in range(5000):
                sock.send(b"READY=1\nSTATUS=forged")
        over.set()

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    assert tell(client, "192.0.2.7", 8080)["pid"]
    web("notify('STATUS=heard')")
    eventually(lambda: said(daemon) == "heard", what="the service in spite of it")
    thread.join(30)
    assert over.is_set() and web("barrier()") and said(daemon) == "heard"
    assert len([line for line in daemon.lines if "notification" in line]) < 100
    daemon.stop()
