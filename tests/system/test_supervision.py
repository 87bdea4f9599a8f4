"""Starting, restarting, stopping; what a child is given; and that nobody who connects meanwhile is refused."""

import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from answers import ECHO, HTTP, starts, tell
from daemon import BIN, eventually
from netns import reset_on_close
from serving import alive


class Knockers:
    """Threads that connect again and again, and count what they are told."""

    def __init__(self, ns, address, port, threads, total):
        self.ns, self.address, self.port, self.left = ns, address, port, total
        self.answers, self.errors = [], []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._knock) for _ in range(threads)]

    def _take(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def _knock(self):
        while self._take():
            try:
                answer = tell(self.ns, self.address, self.port, timeout=30)
                with self.lock:
                    self.answers.append(answer)
            except Exception as error: # counted and shown, whatever it is
                with self.lock:
                    self.errors.append(repr(error))

    def count(self):
        return len(self.answers) + len(self.errors)

    def wait_for_more(self, number):
        enough = self.count() + number
        eventually(lambda: self.count() >= enough, 60, f"{number} more connections")

    def join(self):
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive(), f"still waiting for an answer; {len(self.answers)} answers, errors {self.errors[:5]}"

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        if kind: # the test has failed already: no more of this
            self.left = 0
        self.join()


def test_cold_start_a_hundred_connections_at_once_start_it_once(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", HTTP, program("tell.py", "--log", log))
    daemon.start()
    connections = []
    for _ in range(100): # none is waited for: all come before the service can answer the first
        sock = client.open_socket(socket.SOCK_STREAM, "192.0.2.7")
        sock.setblocking(False)
        sock.connect_ex(("192.0.2.7", 8080))
        connections.append(sock)
    pids = set()
    for sock in connections:
        sock.settimeout(15)
        with sock, sock.makefile("rb") as stream:
            pids.add(stream.read().split(b",")[0])
    assert len(pids) == 1
    assert starts(log) == 1
    assert daemon.service("web")["starts"] == 1
    daemon.stop()


def test_cold_start_a_hundred_datagrams_at_once_start_it_once(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("echo", ECHO, program("echo.py", "--log", log))
    daemon.start()
    socks = []
    for number in range(100):
        sock = client.udp("192.0.2.7")
        sock.connect((f"192.0.2.{number}", 5300))
        sock.send(b"?")
        socks.append(sock)
    for sock in socks:
        assert sock.recv(999)
        sock.close()
    assert starts(log) == 1
    daemon.stop()


def test_a_thousand_connections_across_twenty_restarts_none_refused(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", HTTP, program("tell.py", "--log", log), start_limit_burst=0)
    daemon.start()
    with Knockers(client, "192.0.2.7", 8080, threads=8, total=10**9) as knockers:
        for _ in range(20):
            knockers.wait_for_more(50) # each instance serves some, and some come while there is none
            daemon.ctl("restart", "web")
        knockers.wait_for_more(50)
        eventually(lambda: knockers.count() >= 1000, 60, "1,000 connections")
        knockers.left = 0
    assert knockers.errors == []
    assert len(knockers.answers) >= 1000
    assert starts(log) == 21
    assert len({answer["pid"] for answer in knockers.answers}) == 21
    daemon.stop()


def test_connections_wait_in_the_backlog_while_a_service_that_crashes_is_down(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", HTTP, program("tell.py", "--log", log, "--once"), restart="always", restart_sec="20ms",
                   start_limit_burst=0)
    daemon.start()
    with Knockers(client, "192.0.2.7", 8080, threads=4, total=30) as knockers:
        pass
    assert knockers.errors == []
    assert len({answer["pid"] for answer in knockers.answers}) == 30 # each was another instance
    daemon.stop()


def test_a_service_that_ends_is_started_again_by_the_next_connection(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", HTTP, program("tell.py", "--log", log, "--once"))
    daemon.start()
    first = tell(client, "192.0.2.7", 8080)["pid"]
    daemon.wait_state("web", "idle")
    assert starts(log) == 1
    assert tell(client, "192.0.2.7", 8080)["pid"] != first
    daemon.stop()


def test_a_child_that_drains_on_term_finishes_its_own_connections(daemon, config, client, program, scratch):
    draining = scratch / "draining"
    config.service("web", HTTP, program("talk.py", draining))
    daemon.start()
    with client.connect("192.0.2.7", 8080) as old:
        old.sendall(b"one\n")
        old_pid, word = old.recv(99).split()
        assert word == b"one"
        restart = threading.Thread(target=lambda: daemon.ctl("restart", "web"))
        restart.start()
        eventually(draining.exists, what="the old instance takes no more")
        assert daemon.service("web")["state"] == "stopping"
        with client.connect("192.0.2.7", 8080) as young: # waits in the backlog
            young.sendall(b"hello\n")
            old.sendall(b"two\n")
            assert old.recv(99).split() == [old_pid, b"two"]
            old.close() # drained: now the old one ends and the new one starts
            new_pid, word = young.recv(99).split()
            assert word == b"hello" and new_pid != old_pid
            restart.join()
    daemon.stop()


def test_the_child_is_given_what_compat_says(daemon, config, client, program, scratch, server):
    config.service("web", [HTTP, {"name": "admin", "protocol": "tcp", "addresses": ["192.0.2.9"], "ports": [9000]},
                           {**ECHO, "name": "udp"}],
                   program("report.py", "one", "two words"), user="nobody", group="daemon", supplementary_groups=["mail"],
                   environment={"GREETING": "hello world"}, working_directory=str(scratch), umask="0027", limit_nofile=77,
                   limit_core="1K:2K", limit_cpu="59min 1ms", limit_stack="4M:64M",
                   nice=7, oom_score_adjust=700, no_new_privileges=True)
    daemon.start()
    report = json.loads(client.ask_tcp("192.0.2.7", 8080))
    environment = report["environment"]
    assert report["argv"] == ["one", "two words"]
    assert environment["LISTEN_FDS"] == "3"
    assert environment["LISTEN_PID"] == str(report["pid"])
    assert environment["LISTEN_FDNAMES"] == "http:admin:udp" # the order of the file
    assert environment["GREETING"] == "hello world"
    assert environment["PATH"]
    assert "NOTIFY_SOCKET" not in environment # type = simple
    assert environment["USER"] == "nobody"
    assert report["uid"] == [65534] * 3 and report["gid"] == [1] * 3 and report["groups"] == [1, 8]
    assert report["umask"] == 0o027
    assert report["cwd"] == str(scratch)
    assert report["limits"]["NOFILE"] == [77, 77]
    assert report["limits"]["CORE"] == [1024, 2048]
    assert report["limits"]["CPU"] == [3541, 3541]
    assert report["limits"]["STACK"] == [4 << 20, 64 << 20]
    assert report["oom_score_adj"] == 700
    assert pathlib.Path(f"/proc/{daemon.process.pid}/oom_score_adj").read_text() == pathlib.Path("/proc/self/oom_score_adj").read_text()
    assert report["nice"] == 7 and report["status"]["NoNewPrivs"] == "1"
    assert report["session"] == report["pid"]
    assert report["blocking"] # systemd's NonBlocking=no
    assert report["netns"] == os.stat("/proc/self/ns/net").st_ino != server.inode # the service stays where the daemon is
    assert report["pid"] == daemon.service("web")["main_pid"]
    daemon.stop()


def test_environment_files_are_read_at_each_start(daemon, config, client, program, scratch):
    file = scratch / "web.env"
    config.service("web", HTTP, program("report.py"), environment={"A": "own", "B": "own"},
                   environment_file=[f"-{scratch}/none", str(file)])
    daemon.start() # the file is missing: this service's own affair
    client.connect("192.0.2.7", 8080).close()
    eventually(lambda: f'environment_file: "{file}": No such file or directory' in daemon.log(), what="the log names the file")
    for value in ("first", "second"):
        file.write_text(f"# comment\nA='{value}'\nno name=1\n")
        daemon.ctl("restart", "web")
        environment = json.loads(client.ask_tcp("192.0.2.7", 8080))["environment"]
        assert environment["A"] == value and environment["B"] == "own"
    assert "line 3: \"no name\" is no name of an environment variable" in daemon.log()
    daemon.stop()


def test_a_step_that_is_refused_fails_the_start_and_is_named(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py"), limit_nofile="infinity") # more than fs.nr_open can be
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    eventually(lambda: "(step LIMITS): limit_nofile of infinity:infinity: Operation not permitted" in daemon.log(),
               what="the log names step and key")
    assert daemon.service("web")["main_pid"] is None
    daemon.stop()


def test_no_descriptor_leaks_into_a_child(daemon, config, client, program):
    config.service("other", {"protocol": "tcp", "addresses": ["192.0.2.9"], "ports": [9000]}, program("tell.py"))
    config.service("web", HTTP, program("report.py"), user="nobody")
    daemon.start()
    tell(client, "192.0.2.9", 9000)
    report = json.loads(client.ask_tcp("192.0.2.7", 8080))
    assert sorted(map(int, report["descriptors"])) == [0, 1, 2, 3], report["descriptors"]
    assert report["descriptors"]["0"] == "/dev/null"
    assert report["descriptors"]["3"].startswith("socket:")
    daemon.stop()


@pytest.mark.parametrize("ignore_sigpipe", [True, False])
def test_a_child_starts_with_default_signals_whatever_the_daemon_has(daemon, config, client, scratch, ignore_sigpipe):
    out = scratch / "status"
    config.service("sh", HTTP, ["/bin/sh", "-c", f"cat /proc/self/status > {out}.part; mv {out}.part {out}; sleep 1000"],
                   ignore_sigpipe=ignore_sigpipe)
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    eventually(out.exists, what="the shell has written its status")
    status = dict(line.split(":\t", 1) for line in out.read_text().splitlines() if ":\t" in line)
    assert int(status["SigBlk"], 16) == 0
    assert int(status["SigIgn"], 16) == (1 << (signal.SIGPIPE - 1) if ignore_sigpipe else 0)
    daemon.stop()


def test_stop_sends_term_and_then_kill(daemon, config, client, program):
    config.service("web", HTTP, program("stubborn.py"), timeout_stop_sec="500ms")
    daemon.start()
    pid = int(client.ask_tcp("192.0.2.7", 8080))
    began = time.monotonic()
    daemon.ctl("stop", "web")
    assert 0.45 <= time.monotonic() - began < 15
    assert not pathlib.Path(f"/proc/{pid}").exists() # reaped, too
    view = daemon.service("web")
    assert view["state"] == "stopped" and view["main_pid"] is None and view["result"] == "timeout"
    daemon.stop()


def test_a_stopped_service_is_not_started_by_traffic_but_by_hand(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", HTTP, program("tell.py", "--log", log))
    daemon.start()
    tell(client, "192.0.2.7", 8080)
    daemon.ctl("stop", "web")
    with client.connect("192.0.2.7", 8080) as waiting: # the backlog takes it
        time.sleep(0.3)
        assert starts(log) == 1
        daemon.ctl("start", "web")
        assert waiting.recv(999)
    assert starts(log) == 2
    daemon.stop()


def test_what_a_child_has_forked_goes_with_it(daemon, config, client, scratch):
    pids = scratch / "pids"
    config.service("sh", HTTP, ["/bin/sh", "-c", f"sleep 1000 & echo $! $$ > {pids}.part; mv {pids}.part {pids}; wait"])
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    eventually(pids.exists, what="the shell has forked")
    daemon.ctl("stop", "sh")
    for pid in pids.read_text().split():
        eventually(lambda p=pid: not alive(p), what=f"process {pid} is gone")
    daemon.stop()


def test_no_zombie_is_left(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py", "--once"), restart="always", restart_sec="10ms", start_limit_burst=0)
    daemon.start()
    for _ in range(10):
        tell(client, "192.0.2.7", 8080, timeout=15)
    daemon.ctl("stop", "web")
    pid = daemon.process.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert children == []
    daemon.stop()


def test_restart_on_failure_backs_off_as_the_steps_say(daemon, config, client, program, scratch):
    log = scratch / "crashes"
    config.service("web", HTTP, program("crash.py", log, 4, *program("tell.py")), restart="on-failure", restart_sec="100ms",
                   restart_steps=2, restart_max_delay_sec="400ms", start_limit_burst=0)
    daemon.start()
    assert tell(client, "192.0.2.7", 8080, timeout=15)["pid"] # the one connection waited through four crashes
    times = [float(line) for line in log.read_text().split()]
    assert len(times) == 5
    for gap, least in zip((b - a for a, b in zip(times, times[1:])), (0.1, 0.2, 0.4, 0.4)): # 100ms * 4^(n/2), at most 400ms
        assert least <= gap < least + 3, times
    view = daemon.service("web")
    assert view["restarts"] == 4 and view["starts"] == 5
    daemon.stop()


def test_a_start_limit_pauses_and_keeps_who_waits(daemon, config, client, program, scratch):
    log = scratch / "crashes"
    config.service("web", HTTP, program("crash.py", log, 3, *program("tell.py")), restart="on-failure", restart_sec="1ms",
                   start_limit_burst=3, start_limit_interval_sec="6s") # more than a busy machine needs for three starts
    daemon.start()
    with client.connect("192.0.2.7", 8080, timeout=15) as waiting:
        daemon.wait_state("web", "paused")
        assert len(log.read_text().split()) == 3
        assert daemon.service("web")["result"] == "start-limit-hit"
        assert waiting.recv(999) # served after the window, by the fourth
    daemon.stop()


def test_a_start_limit_that_fails_closes_the_listeners_until_started_by_hand(daemon, config, client, program, scratch):
    log = scratch / "crashes"
    config.service("web", HTTP, program("crash.py", log, 2, *program("tell.py")), restart="on-failure", restart_sec="1ms",
                   start_limit_burst=2, start_limit_interval_sec="60s", start_limit_hit="fail")
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    daemon.wait_state("web", "failed")
    assert client.refuses_tcp("192.0.2.7", 8080)
    daemon.ctl("start", "web")
    assert tell(client, "192.0.2.7", 8080)["pid"]
    daemon.stop()


@pytest.mark.parametrize("policy, status, again", [
    ("no", 1, False), ("always", 0, True), ("on-failure", 0, False), ("on-failure", 1, True), ("on-success", 0, True),
    ("on-success", 1, False), ("on-abnormal", 1, False),
])
def test_restart_policies(daemon, config, client, scratch, policy, status, again):
    log = scratch / "starts"
    config.service("sh", HTTP, ["/usr/bin/python3", "-SEc", "import os, socket, sys; socket.socket(fileno=3).accept(); "
                                f"open({str(log)!r}, 'a').write('x'); sys.exit({status})"], restart=policy, restart_sec="10ms")
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    eventually(lambda: log.exists() and log.read_text() == "x", what="the first run has ended")
    if again:
        eventually(lambda: daemon.service("sh")["starts"] == 2, what="a second run")
    else:
        daemon.wait_state("sh", "idle")
        time.sleep(0.2)
        assert daemon.service("sh")["starts"] == 1
    daemon.stop()


def test_eager_services_run_before_anyone_asks(daemon, config, program, scratch):
    log = scratch / "starts"
    config.service("web", HTTP, program("tell.py", "--log", log), activation="eager")
    daemon.start()
    eventually(lambda: starts(log) == 1, what="started")
    assert daemon.service("web")["state"] == "running"
    daemon.stop()


def test_type_notify_is_running_only_when_it_has_said_so(daemon, config, client, program, scratch):
    config.service("web", HTTP, program("ready.py", scratch / "go"), type="notify")
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    warming = eventually(lambda: (view := daemon.service("web"))["status_text"] == "warming up" and view, what="what it says meanwhile")
    assert warming["state"] == "starting" and warming["main_pid"]
    time.sleep(0.2)
    assert daemon.service("web")["state"] == "starting"
    (scratch / "go").touch()
    running = daemon.wait_state("web", "running")
    assert running["status_text"] == "serving"
    daemon.ctl("restart", "web") # answers when the new one is ready
    assert daemon.service("web")["state"] == "running"
    daemon.stop()


def test_a_service_that_never_gets_ready_is_stopped_after_its_time(daemon, config, client, program):
    config.service("web", HTTP, program("ready.py", "never"), type="notify", timeout_start_sec="300ms", start_limit_burst=1,
                   start_limit_interval_sec="60s")
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    view = eventually(lambda: (v := daemon.service("web"))["main_pid"] is None and v["starts"] == 1 and v, what="it was ended")
    assert view["result"] in ("timeout", "start-limit-hit") # traffic still waits, so that the start limit may be next
    daemon.stop()


def test_readiness_from_a_stranger_is_not_believed(daemon, config, client, program, base):
    config.service("web", HTTP, program("ready.py", "never"), type="notify")
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    pid = daemon.wait_state("web", "starting")["main_pid"]
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    path = next(e for e in environment if e.startswith(b"NOTIFY_SOCKET=")).partition(b"=")[2].decode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.connect(path)
        stranger.send(b"READY=1\nMAINPID=%d\nSTATUS=hello from nobody" % pid)
        stranger.send(b"\0\xff\xfe")        # no notification at all
        stranger.send(b"READY=1" + b"x" * 8000) # longer than one may be
    daemon.ctl("list") # the daemon has gone round its loop
    view = daemon.service("web")
    assert view["state"] == "starting" and view["status_text"] != "hello from nobody"
    assert daemon.running()
    daemon.stop()


def test_a_program_that_cannot_be_run_is_reported_and_the_daemon_lives(daemon, config, client, program, scratch):
    broken = scratch / "broken"
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(0o755)
    config.service("broken", {"protocol": "tcp", "addresses": ["192.0.2.9"], "ports": [9000]}, [broken], start_limit_burst=2)
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    client.connect("192.0.2.9", 9000).close()
    daemon.wait_for(lambda line: "broken" in line and "EXEC" in line, "that broken cannot be executed")
    daemon.wait_state("broken", "paused", "idle", "failed")
    assert tell(client, "192.0.2.7", 8080)["pid"]
    daemon.stop()


def test_a_service_killed_from_outside_comes_back(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py"), restart="on-failure", restart_sec="10ms")
    daemon.start()
    pid = tell(client, "192.0.2.7", 8080)["pid"]
    os.kill(pid, signal.SIGKILL)
    assert tell(client, "192.0.2.7", 8080)["pid"] != pid
    assert daemon.service("web")["restarts"] == 1
    daemon.wait_for(lambda line: "SIGKILL" in line, "by which signal it was killed")
    daemon.stop()


def test_a_client_that_resets_while_it_waits_hurts_nobody(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    for _ in range(50):
        sock = client.connect("192.0.2.7", 8080)
        reset_on_close(sock)
        sock.close()
    assert tell(client, "192.0.2.7", 8080)["pid"]
    daemon.stop()


def test_the_control_socket_answers_nobody_but_root(daemon, config, program, scratch):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    assert stat.S_ISSOCK((daemon.runtime / "control").stat().st_mode)
    command = shutil.copy(BIN / "swathectl", scratch) # the checkout may be closed to others
    for verb in (["status"], ["list"], ["stop", "web"], ["reload"]):
        done = subprocess.run([command, "--runtime-dir", daemon.runtime, *verb], capture_output=True, text=True,
                              user=65534, group=65534, extra_groups=[])
        assert done.returncode != 0 and "web" not in done.stdout, verb
    assert daemon.service("web")["state"] == "idle"
    daemon.stop()


def test_a_failed_service_whose_home_was_taken_says_so(daemon, config, server, client, program):
    config.service("web", {**HTTP, "home": "192.0.2.1:8080"}, ["/bin/false"], start_limit_burst=1, start_limit_interval_sec="60s",
                   start_limit_hit="fail")
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    daemon.wait_state("web", "failed")
    with server.listen("192.0.2.1", 8080):
        said = daemon.ctl("start", "web", status=1).stderr
    assert said.startswith("swathectl: web: ") and said.count("web: ") == 1 # the place names web.toml, too
    assert "192.0.2.1:8080" in said and "in use" in said and "start limit" not in said
    daemon.stop()


@pytest.mark.parametrize("home", ["192.0.2.0:8080", None], ids=["home-in-range", "home-by-the-kernel"])
def test_a_listener_that_its_service_shuts_down_listens_again(daemon, config, server, client, home):
    """As some servers do when they end."""
    code = "import os, socket; s = socket.socket(fileno=3); c, _ = s.accept(); s.shutdown(2); c.sendall(b'%d' % os.getpid()); os._exit(0)"
    config.service("once", {**HTTP, "addresses": ["192.0.2.0/24"], **({"home": home} if home else {"except": ["192.0.2.0:8080"]})},
                   ["/usr/bin/python3", "-SEc", code])
    daemon.start()
    answers = set()
    for number in (1, 2, 3):
        answers.add(client.ask_tcp("192.0.2.9", 8080))
        daemon.wait_for(lambda line: "listening again" in line, "that it listens again")
        daemon.wait_state("once", "idle")
        daemon.lines.clear()
    assert len(answers) == 3
    daemon.stop()


def test_status_says_in_words_why_a_start_failed(daemon, config, client, program):
    config.service("web", HTTP, ["/no/such/program"])
    daemon.start()
    assert "/no/such/program" in daemon.ctl("start", "web", status=1).stderr
    view = daemon.service("web")
    assert view["result"] == "exit-code" and "/no/such/program" in view["failure"] and "203/EXEC" in view["failure"]
    assert "/no/such/program" in daemon.ctl("status").stdout
    config.service("web", HTTP, program("tell.py"))
    daemon.reload()
    daemon.ctl("start", "web")
    assert daemon.service("web")["failure"] == ""
    daemon.stop()
