"""Limits of starts and of wake-ups: who comes beyond them waits, and nobody is refused unless the configuration wants that."""

import contextlib
import time

from answers import HTTP, starts, tell
from daemon import eventually


def times(log):
    return [float(line) for line in log.read_text().split()] if log.exists() else []


def unit(config, exec_start, **socket):
    """A service of unit files."""
    config.write("units/web.socket", "[Socket]\nListenStream=192.0.2.7:8080\n" +
                 "".join(f"{key}={value}\n" for key, value in socket.items()))
    config.write("units/web.service", "[Service]\nExecStart=" + " ".join(map(str, exec_start)) + "\n")


def test_a_trigger_limit_lets_traffic_wait_and_resumes_by_itself(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", {**HTTP, "trigger_limit_burst": 3, "trigger_limit_interval_sec": "4s"},
                   program("crash.py", log, 5, *program("tell.py")), start_limit_burst=0) # five ends without taking who waits
    daemon.start()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(client.connect("192.0.2.7", 8080, timeout=15)) for _ in range(10)]
        eventually(lambda: "trigger limit of listener http hit" in daemon.log(), what="the limit is hit")
        waiting += [stack.enter_context(client.connect("192.0.2.7", 8080, timeout=15)) for _ in range(10)]
        view = daemon.service("web")
        assert len(times(log)) == 3 and view["state"] == "idle" and view["listeners"][0]["sockets"][0]["queued"] == 20
        assert all(sock.recv(999) for sock in waiting)
    at = times(log)
    assert len(at) == 6 and at[3] - began >= 4 # the window begins as the daemon is woken
    daemon.stop()


def test_a_start_by_hand_overrules_a_trigger_limit(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", {**HTTP, "trigger_limit_burst": 2, "trigger_limit_interval_sec": "1h"},
                   program("crash.py", log, 2, *program("tell.py")), start_limit_burst=0)
    daemon.start()
    with client.connect("192.0.2.7", 8080, timeout=15) as waiting:
        eventually(lambda: "trigger limit of listener http hit" in daemon.log(), what="the limit is hit")
        daemon.ctl("start", "web")
        assert waiting.recv(999)
    daemon.stop()


def test_a_trigger_limit_of_unit_files_closes_the_listeners_as_systemd_does(daemon, config, client, program, scratch):
    log = scratch / "starts"
    unit(config, program("crash.py", log, 3, *program("tell.py")), TriggerLimitBurst=3, TriggerLimitIntervalSec="1h")
    daemon.start()
    with client.connect("192.0.2.7", 8080) as waiting:
        daemon.wait_state("web", "failed")
        assert daemon.service("web")["result"] == "trigger-limit-hit" and len(times(log)) == 3
        assert "trigger limit" in daemon.service("web")["failure"]
        assert client.refuses_tcp("192.0.2.7", 8080)
        with contextlib.suppress(ConnectionResetError):
            assert waiting.recv(999) == b"" # the backlog went with the listener
    daemon.ctl("start", "web")
    assert tell(client, "192.0.2.7", 8080)["pid"]
    daemon.stop()


def test_unit_files_may_ask_for_a_pause(daemon, config, client, program, scratch):
    log = scratch / "starts"
    unit(config, program("crash.py", log, 3, *program("tell.py")), TriggerLimitBurst=3, TriggerLimitIntervalSec="1s")
    config.write("units/web.socket.d/pause.conf", "[X-Swathe]\nTriggerLimitHit=pause\n")
    daemon.start()
    with client.connect("192.0.2.7", 8080, timeout=15) as waiting:
        assert waiting.recv(999)
    daemon.stop()


def test_a_poll_limit_lets_traffic_wait_until_its_window_has_passed(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", {**HTTP, "poll_limit_burst": 3, "poll_limit_interval_sec": "1s", "trigger_limit_burst": 0},
                   program("tell.py", "--log", log, "--once"), start_limit_burst=0)
    daemon.start()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(client.connect("192.0.2.7", 8080, timeout=15)) for _ in range(7)]
        assert all(sock.recv(999) for sock in waiting) # each wakes the daemon once: three, three, and one
    assert 1.9 <= time.monotonic() - began < 12
    assert starts(log) == 7 and daemon.service("web")["result"] == "success"
    daemon.stop()


def test_a_limit_of_one_listener_holds_no_other(daemon, config, client, program):
    limited = {"poll_limit_burst": 1, "poll_limit_interval_sec": "1h"}
    config.service("web", [{**HTTP, **limited}, {**HTTP, "name": "free", "ports": [8081]}], program("tell.py", "--once"),
                   start_limit_burst=0)
    daemon.start()
    assert tell(client, "192.0.2.7", 8080)["listener"] == "http"
    daemon.wait_state("web", "idle")
    with client.connect("192.0.2.7", 8080, timeout=15) as waiting:
        time.sleep(0.3)
        assert daemon.service("web")["starts"] == 1
        assert tell(client, "192.0.2.7", 8081)["listener"] == "free"
        assert waiting.recv(999) # of an instance that was started for others
    daemon.stop()


def test_a_crash_loop_that_pauses_never_closes_the_listener(daemon, config, client, program, scratch):
    log = scratch / "starts"
    limits = {"restart": "always", "restart_sec": "1ms", "start_limit_burst": 2, "start_limit_interval_sec": "1s"}
    config.service("web", HTTP, ["/bin/sh", "-c", f"echo 0 >> {log}; exit 1"], **limits) # twice a second, however busy the machine is
    daemon.start()
    home = daemon.listener("web", "http")["sockets"][0]["home"]
    with contextlib.ExitStack() as stack:
        waiting = []
        for pauses in (1, 2, 3): # somebody comes at every moment of the loop
            while daemon.log().count("start limit hit; traffic waits") < pauses:
                waiting.append(stack.enter_context(client.connect("192.0.2.7", 8080, timeout=15)))
                time.sleep(0.01)
        assert len(waiting) > 10 and len(times(log)) >= 6
        assert daemon.listener("web", "http")["sockets"][0]["home"] == home
        config.service("web", HTTP, program("tell.py"), **limits)
        daemon.reload()
        assert all(sock.recv(999) for sock in waiting)
    daemon.stop()


def test_a_program_that_is_not_there_is_tried_for_ever_without_limits_and_everyone_else_has_a_turn(daemon, config, client, program,
    scratch):
    missing = scratch / "web"
    config.service("web", {**HTTP, "trigger_limit_burst": 0, "poll_limit_burst": 0}, [missing], start_limit_burst=0)
    config.service("other", {**HTTP, "ports": [8081]}, program("tell.py"))
    daemon.start()
    with client.connect("192.0.2.7", 8080, timeout=15) as waiting:
        eventually(lambda: daemon.log().count("web: cannot be started") > 50, what="it is tried again and again")
        assert daemon.service("other")["state"] == "idle" and tell(client, "192.0.2.7", 8081)
        missing.write_text(f"#!/bin/sh\nexec {' '.join(program('tell.py'))}\n")
        missing.chmod(0o755)
        assert waiting.recv(999)
    daemon.stop()
