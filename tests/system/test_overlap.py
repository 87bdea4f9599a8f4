"""Restarts whose successor is ready before the old instance goes."""

import contextlib
import os
import pathlib
import threading
import time

import pytest

from answers import HTTP
from daemon import eventually
from load import Load, get, wait_until_it_hears
from serving import Talk, alive, ask


@contextlib.contextmanager
def meanwhile(function):
    """Runs in a thread of its own; what it raises is raised here, at the end."""
    raised = []

    def run():
        try:
            function()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(30)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


@pytest.fixture
def ready(scratch):
    """serve.py gets ready while this file is there."""
    file = scratch / "ready"
    file.touch()
    return file


def test_one_that_is_starting_is_waited_for_since_it_may_serve_already(daemon, config, program, ready):
    ready.unlink()
    config.service("web", HTTP, program("serve.py", "--hold", ready), type="notify", activation="eager")
    daemon.start()
    daemon.wait_state("web", "starting")
    first = daemon.service("web")["main_pid"]
    with meanwhile(lambda: daemon.ctl("restart", "--overlap", "web")):
        time.sleep(0.3) # for the request to be there
        assert daemon.service("web")["starts"] == 1 and alive(first)
        ready.touch()
    view = daemon.service("web")
    assert view["state"] == "running" and view["starts"] == 2 and view["main_pid"] != first
    daemon.stop()


@pytest.mark.parametrize("words, mode", [(["--overlap"], "normal"), ([], "overlap")])
def test_the_old_instance_serves_until_the_new_one_is_ready(daemon, config, client, program, ready, words, mode):
    config.service("web", HTTP, program("serve.py", "--hold", ready), type="notify", restart_mode=mode)
    daemon.start()
    old, _ = ask(client)
    ready.unlink()
    with meanwhile(lambda: daemon.ctl("restart", "web", *words)) as restart:
        eventually(lambda: daemon.service("web")["starts"] == 2, what="the successor is started")
        for _ in range(10):
            assert ask(client)[0] == old
        assert restart.is_alive() and alive(old)
        assert daemon.service("web")["state"] == "running" and daemon.service("web")["main_pid"] == old
        ready.touch()
    new = daemon.service("web")["main_pid"]
    assert new != old
    eventually(lambda: not alive(old), what="the old instance is gone")
    assert ask(client)[0] == new
    daemon.stop()


def test_who_is_connected_is_served_to_the_end_by_the_old_instance(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", drain_timeout_sec="60s", timeout_stop_sec="50ms")
    daemon.start()
    with Talk(client) as first, Talk(client) as second:
        old, _ = first.ask()
        assert second.ask()[0] == old
        daemon.ctl("restart", "--overlap", "web")
        new = daemon.service("web")["main_pid"]
        assert new != old
        first.close()
        time.sleep(0.2) # beyond timeout_stop_sec, which is not what counts
        assert second.ask()[0] == old and ask(client)[0] == new
    eventually(lambda: not alive(old), what="the old instance is gone with its last client")
    daemon.stop()


def test_an_old_instance_that_drains_for_too_long_is_killed(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", drain_timeout_sec="300ms", timeout_stop_sec="60s")
    daemon.start()
    with Talk(client) as talk:
        old, _ = talk.ask()
        began = time.monotonic()
        daemon.ctl("restart", "--overlap", "web")
        assert talk.hear() is None
        assert 0.3 <= time.monotonic() - began < 10
    eventually(lambda: not alive(old), what="the old instance is gone")
    assert ask(client)[0] == daemon.service("web")["main_pid"] != old
    daemon.stop()


def test_a_second_overlap_while_the_first_still_drains_leaves_both_their_clients(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", drain_timeout_sec="60s")
    daemon.start()
    with Talk(client) as first:
        one, _ = first.ask()
        daemon.ctl("restart", "--overlap", "web")
        eventually(lambda: ask(client)[0] != one, what="the first takes no more")
        with Talk(client) as second:
            two, _ = second.ask()
            daemon.ctl("restart", "--overlap", "web")
            assert first.ask()[0] == one and second.ask()[0] == two
    eventually(lambda: not alive(one) and not alive(two), what="both are gone")
    daemon.stop()


@pytest.mark.parametrize("how, reason", [("exits", "exited with status 7"), ("is late", "timeout")])
def test_a_successor_that_fails_leaves_the_old_one_and_says_why(daemon, config, client, program, ready, scratch, how, reason):
    fail = scratch / "fail"

    def write(timeout):
        config.service("web", HTTP, program("serve.py", "--hold", ready, "--fail", fail), type="notify", timeout_start_sec=timeout)
    write("60s")
    daemon.start()
    with Talk(client) as talk:
        old, _ = talk.ask()
        if how == "exits":
            fail.touch()
        else:
            ready.unlink()
            write("1s")
            daemon.reload()
        failed = daemon.ctl("restart", "--overlap", "web", status=1)
        assert reason in failed.stderr
        assert talk.ask()[0] == old and ask(client)[0] == old
        view = daemon.service("web")
        assert view["state"] == "running" and view["main_pid"] == old
        fail.unlink(missing_ok=True) # and the next may succeed
        ready.touch()
        write("60s")
        daemon.reload()
        daemon.ctl("restart", "--overlap", "web")
        assert talk.ask()[0] == old
    assert daemon.service("web")["main_pid"] != old
    daemon.stop()


def test_a_successor_that_the_start_limit_refuses_leaves_the_old_one_and_says_why(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py"), type="notify", start_limit_burst=2, start_limit_interval_sec="1h")
    daemon.start()
    ask(client)
    daemon.ctl("restart", "--overlap", "web")
    pid = daemon.service("web")["main_pid"]
    assert "web: start-limit-hit" in daemon.ctl("restart", "--overlap", "web", status=1).stderr
    view = daemon.service("web")
    assert view["state"] == "running" and view["main_pid"] == pid
    daemon.stop()


def is_nonblocking(pid):
    """Its first inherited socket."""
    flags = pathlib.Path(f"/proc/{pid}/fdinfo/3").read_text().split("flags:")[1].split()[0]
    return bool(int(flags, 8) & os.O_NONBLOCK)


def test_a_successor_does_not_make_its_predecessor_block(daemon, config, client, program):
    """O_NONBLOCK is of the socket that both have: without it the old one may wait in accept(2) for whom the new one has taken."""
    config.service("web", HTTP, program("serve.py"), type="notify")
    daemon.start()
    old, _ = ask(client)
    assert is_nonblocking(old)
    config.service("web", HTTP, ["/bin/sleep", "1000"], type="notify", timeout_start_sec="1s")
    daemon.reload()
    daemon.ctl("restart", "--overlap", "web", status=1)
    assert daemon.service("web")["main_pid"] == old and is_nonblocking(old)
    config.service("web", HTTP, ["/bin/sleep", "1000"])
    daemon.reload()
    daemon.ctl("restart", "web") # with nobody beside it
    assert not is_nonblocking(daemon.service("web")["main_pid"])
    daemon.stop()


@pytest.mark.parametrize("name, service, signal", [("http-haproxy", "edge", "USR1"), ("http-lighttpd", "web", "INT")])
def test_ten_thousand_requests_across_ten_overlapping_restarts_of_a_real_server(daemon, example, client, name, service, signal):
    """Each server is told to end as its manual says that it serves to the end who is there."""
    keys = f'kill_signal = "{signal}"\nkill_mode = "mixed"\nstart_limit_burst = 0\nrestart_mode = "overlap"'
    example(name, replace=[("[service]", f"[service]\n{keys}")])
    daemon.start()
    with Load(lambda _: get(client, "192.0.2.7", 8080)) as clients:
        for number in range(1, 11):
            clients.wait_for(number * 900)
            daemon.ctl("restart", service)
            wait_until_it_hears(daemon, service)
        clients.wait_for(10_000)
    assert clients.wrong == [] and clients.served >= 10_000
    assert daemon.service(service)["starts"] == 11
    daemon.stop(timeout=60) # the server may wait for a client that it has not seen go


def test_a_reload_replaces_who_has_changed_and_leaves_the_others(daemon, config, client, program, ready):
    config.service("web", HTTP, program("serve.py", "--hold", ready), type="notify", restart_mode="overlap")
    config.service("other", {**HTTP, "ports": [8081]}, program("serve.py"), type="notify", restart_mode="overlap", activation="eager")
    daemon.start()
    old, _ = ask(client)
    other = daemon.wait_state("other", "running")["main_pid"]
    config.service("web", HTTP, program("serve.py", "--hold", ready), type="notify", restart_mode="overlap", environment={"NEW": "1"})
    with Talk(client) as talk:
        assert talk.ask()[0] == old
        daemon.reload()
        new = eventually(lambda: (pid := daemon.service("web")["main_pid"]) != old and pid, what="a successor has taken over")
        assert talk.ask()[0] == old
    assert ask(client)[0] == new
    assert daemon.service("other")["main_pid"] == other
    daemon.stop()
