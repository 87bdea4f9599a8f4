"""How instances of a service with accept = true end: their places come back in whatever way; whom a stop reaches by each kill_mode."""

import concurrent.futures
import contextlib
import os
import pathlib
import signal
import socket
import time

import pytest

from accepting import ADDRESS, PORT, SH, UNLIMITED, ask, children, gone, inetd
from daemon import eventually
from load import read_all
from serving import alive

PLACES, CLIENTS, ROUNDS = 4, 12, 5


def closes(daemon, sock):
    """Our half, after which a program that reads has come to its end."""
    sock.shutdown(socket.SHUT_WR)


def asks(daemon, sock):
    sock.sendall(b"\n")


def waits(daemon, sock):
    """It ends by itself."""


def resets(daemon, sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def kills(daemon, sock):
    """From outside, by the pid that the program has said."""
    os.kill(int(sock.recv(20)), signal.SIGKILL)


WAYS = {
    "exit-0": (["/bin/cat"], closes, {}),
    "exit-1": ([*SH, "read line; exit 1"], asks, {}),
    "signal": ([*SH, "read line; kill -SEGV $$"], asks, {}),
    "killed": ([*SH, "echo $$; exec sleep 1000"], kills, {}),
    "reset": (["/bin/cat"], resets, {}),
    "runtime-max": (["/bin/sleep", "1000"], waits, {"runtime_max_sec": "50ms"}),
    "runtime-max-deaf": ([*SH, "trap '' TERM; while :; do sleep 1; done"], waits, {"runtime_max_sec": "50ms", "timeout_stop_sec": "50ms"}),
    "no-exec": (["{program}"], waits, {}),
    "no-directory": (["/bin/cat"], waits, {"working_directory": "{program}"}),
    "start-pre-fails": (["/bin/cat"], waits, {"exec_start_pre": ["/bin/false"]}),
    "start-post-fails": (["/bin/cat"], waits, {"exec_start_post": ["/bin/false"]}),
    "stop-post": (["/bin/cat"], closes, {"exec_stop_post": ["/bin/true"]}),
    "group-of-its-own": (["/bin/cat"], closes, {"delegate": True}),
    "main-leaves-another": ([*SH, "sleep 1000 & exec cat"], closes, {}),
}


def connections(daemon):
    return daemon.service("serve")["connections"]


@pytest.mark.parametrize("way", WAYS)
def test_a_place_comes_back_in_whatever_way_an_instance_ends(daemon, config, client, scratch, way):
    argv, end, keys = WAYS[way]
    program = scratch / "program" # is gone when it is to be started
    program.write_text("#!/bin/cat\n")
    program.chmod(0o755)

    def filled(value):
        return value.replace("{program}", str(program)) if isinstance(value, str) else value

    inetd(config, "serve", [filled(word) for word in argv], UNLIMITED, max_connections=PLACES, max_connections_hit="queue",
          max_connections_per_source=PLACES, standard_error="null", **{key: filled(value) for key, value in keys.items()})
    daemon.start()
    program.unlink()

    def attend(_):
        with client.connect(ADDRESS, PORT, 30) as sock, contextlib.suppress(ConnectionError):
            end(daemon, sock)
            if sock.fileno() >= 0:
                read_all(sock)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        attended = [pool.submit(attend, number) for number in range(CLIENTS * ROUNDS)]
        while not all(one.done() for one in attended):
            assert connections(daemon)["now"] <= PLACES
            time.sleep(0.05)
        for one in attended:
            one.result()
    eventually(lambda: connections(daemon)["now"] == 0, what="all places are free")
    shown = connections(daemon)
    assert shown["most_of_a_source"] == 0 and sum(shown["refused"].values()) == 0
    assert shown["accepted"] == CLIENTS * ROUNDS or way == "reset" # who has gone before is not counted
    gone(daemon)
    occupy(daemon, config, client)


def occupy(daemon, config, client):
    """All places are there again: exactly so many have one at once, and the next one waits."""
    inetd(config, "serve", ["/bin/cat"], UNLIMITED, max_connections=PLACES, max_connections_hit="queue", max_connections_per_source=PLACES)
    daemon.reload()
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(client.connect(ADDRESS, PORT, 15)) for _ in range(PLACES + 1)]
        for sock in socks:
            sock.sendall(b"x")
        assert [sock.recv(1) for sock in socks[:PLACES]] == [b"x"] * PLACES
        assert connections(daemon)["now"] == PLACES
        socks[0].close()
        assert socks[PLACES].recv(1) == b"x"


FAMILY = [*SH, "sleep 1000 <&- >&- & near=$!; setsid sleep 1000 <&- >&- & far=$!; echo $$ $near $far; exec cat"]
"""Three processes: the main one, one in its session, one that has left it."""


@pytest.fixture
def families(daemon, config, client):
    """families(count, key=...): so many connections to a service of FAMILY; [(sock, main, near, far), ...]."""
    with contextlib.ExitStack() as stack:
        def connect(count, **keys):
            inetd(config, "serve", FAMILY, UNLIMITED, max_connections="unlimited", standard_error="null", **keys)
            daemon.start()
            socks = [stack.enter_context(client.connect(ADDRESS, PORT, 15)) for _ in range(count)]
            told = [[int(word) for word in stack.enter_context(sock.makefile("rb")).readline().split()] for sock in socks]
            assert all(alive(pid) for pids in told for pid in pids)
            for _, _, far in told:
                eventually(lambda pid=far: os.getsid(pid) == pid, what="it has left the session")
            return [(sock, *pids) for sock, pids in zip(socks, told)]
        yield connect


def left(families):
    """How many of each kind live: (main, near, far)."""
    return tuple(sum(alive(pids[kind]) for _, *pids in families) for kind in range(3))


def kill_all(families):
    for _, *pids in families:
        for pid in filter(alive, pids):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: left(families) == (0, 0, 0), what="their end")


MANY = 40
STAY = {"control-group": (0, 0, 0), "mixed": (0, 0, 0), "process": (0, MANY, MANY), "none": (MANY, MANY, MANY)}


@pytest.mark.parametrize("own_group", [False, True], ids=["one-group", "group-each"])
@pytest.mark.parametrize("kill_mode", STAY)
def test_a_stop_of_many_reaches_whom_its_kill_mode_says(daemon, families, kill_mode, own_group):
    served = families(MANY, kill_mode=kill_mode, **({"delegate": True} if own_group else {}))
    daemon.ctl("stop", "serve")
    assert daemon.service("serve")["state"] == "stopped" and connections(daemon)["now"] == 0
    eventually(lambda: left(served) == STAY[kill_mode], what=f"those that {kill_mode} leaves: {left(served)}")
    for sock, *_ in served: # who is left is served, and who is not has been told
        sock.sendall(b"?") if STAY[kill_mode][0] else None
        assert sock.recv(1) == (b"?" if STAY[kill_mode][0] else b"")
    kill_all(served)
    daemon.ctl("start", "serve")
    daemon.stop()


@pytest.mark.parametrize("kill_mode, stays", [("control-group", (0, 0)), ("mixed", (0, 0)), ("process", (1, 1)), ("none", (1, 1))])
@pytest.mark.parametrize("own_group", [False, True], ids=["one-group", "group-each"])
def test_the_end_of_one_connection_leaves_the_others_alone(daemon, families, kill_mode, stays, own_group):
    """In a group that is shared a process that has left the session goes on until the service is stopped."""
    served = families(3, kill_mode=kill_mode, **({"delegate": True} if own_group else {}))
    first, *others = served
    first[0].shutdown(socket.SHUT_WR)
    eventually(lambda: connections(daemon)["now"] == 2, what="it has ended")
    near, far = stays if own_group else (stays[0], 1)
    eventually(lambda: left([first]) == (0, near, far), what=f"what {kill_mode} leaves of it: {left([first])}")
    assert left(others) == (2, 2, 2)
    for sock, *_ in others:
        sock.sendall(b"?")
        assert sock.recv(1) == b"?"
    daemon.ctl("stop", "serve")
    kill_all(served)
    daemon.stop()


@pytest.mark.parametrize("kill_mode", ["control-group", "mixed"])
def test_who_does_not_listen_is_killed_together_with_all_others(daemon, config, client, kill_mode):
    """One timeout for all of them, not one after the other."""
    inetd(config, "serve", [*SH, "trap '' TERM; echo $$; while :; do sleep 1; done"], UNLIMITED, max_connections="unlimited",
          kill_mode=kill_mode, timeout_stop_sec="1s")
    daemon.start()
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(client.connect(ADDRESS, PORT, 15)) for _ in range(MANY)]
        pids = [int(sock.recv(20)) for sock in socks]
        begin = time.monotonic()
        daemon.ctl("stop", "serve")
        assert 1 <= time.monotonic() - begin < 10
        assert not any(map(alive, pids)) and not children(daemon)
    daemon.stop()


def test_five_hundred_are_stopped_and_their_places_are_there_again(daemon, config, client):
    inetd(config, "serve", ["/bin/cat"], UNLIMITED, max_connections=500)
    daemon.start()
    for _ in range(2):
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(client.connect(ADDRESS, PORT, 15)) for _ in range(500)]
            for sock in socks:
                sock.sendall(b"x")
            assert [sock.recv(1) for sock in socks] == [b"x"] * 500
            assert ask(client, text=b"no") == b""
            daemon.ctl("stop", "serve")
            assert connections(daemon)["now"] == 0 and not children(daemon)
            assert [sock.recv(1) for sock in socks] == [b""] * 500
            daemon.ctl("start", "serve")
    assert pathlib.Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text() == ""
    daemon.stop()
