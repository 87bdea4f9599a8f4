"""accept = true on a large scale: connections without end, and ten thousand at once."""

import pathlib
import subprocess

import pytest

from daemon import eventually
from netns import run
from test_accept import ADDRESS, LISTEN, PORT, inetd
from test_leaks import costs, memory_kb

STEP, WARM, ALL = 1000, 1000, 20_000
MOST_KB = 150 # of growth; 19,000 connections that leave eight bytes each are beyond it
LIVE = 10_000 # a pidfd each in the daemon; descriptors are 20,000 in many containers
MOST_BYTES = 4096 # of the daemon for each of them
WITHOUT_LIMITS = {**LISTEN, "trigger_limit_burst": 0, "poll_limit_burst": 0, "backlog": 1024}


@pytest.fixture(scope="session")
def crowd(shared):
    """crowd(WORD...): the command line of programs/crowd.c."""
    source = pathlib.Path(__file__).parent / "programs/crowd.c"
    run("cc", "-O1", "-static", "-Wall", "-Wextra", "-o", shared / "crowd", source) # the least that a start can cost
    return lambda *words: [str(shared / "crowd"), *map(str, words)]


def connections(daemon, name):
    return daemon.service(name)["connections"]


def instances(daemon):
    """Zombies, too."""
    return pathlib.Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()


def test_connections_one_after_another_leave_nothing(make_daemon, config, client, crowd):
    inetd(config, "say", crowd("say"), WITHOUT_LIMITS, max_connections="unlimited")
    daemon = make_daemon(inside=True).start()

    def serve_until(number):
        for _ in range(connections(daemon, "say")["accepted"], number, STEP):
            client.run(*crowd("ask", ADDRESS, PORT, STEP))
        eventually(lambda: connections(daemon, "say")["now"] == 0, what="all have ended")

    serve_until(WARM)
    before, memory = costs(daemon), memory_kb(daemon)
    serve_until(ALL)
    after, grown = costs(daemon), memory_kb(daemon) - memory
    assert after == before
    assert after["children"] == []
    assert grown < MOST_KB, f"{grown} kB more than the {memory} kB after {WARM} connections"
    assert (connections(daemon, "say")["accepted"], connections(daemon, "say")["failed"]) == (ALL, 0)
    daemon.stop()


def test_ten_thousand_at_once(make_daemon, config, client, crowd):
    inetd(config, "sit", crowd("sit"), WITHOUT_LIMITS, max_connections="unlimited")
    inetd(config, "say", crowd("say"), {**WITHOUT_LIMITS, "ports": [8000]})
    daemon = make_daemon(inside=True).start()
    client.run(*crowd("ask", ADDRESS, 8000, 10))
    client.run(*crowd("ask", ADDRESS, PORT, 10))
    daemon.ctl("stop", "sit")
    eventually(lambda: not instances(daemon), what="all have ended")
    before, memory = costs(daemon), memory_kb(daemon)
    daemon.ctl("start", "sit")
    hold = client.command(*crowd("hold", ADDRESS, PORT, LIVE))
    with subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert connections(daemon, "sit")["now"] == len(instances(daemon)) == LIVE
        each = (memory_kb(daemon) - memory) * 1024 / LIVE
        descriptors = costs(daemon)["descriptors"] - before["descriptors"]
        assert each < MOST_BYTES
        assert descriptors.pop("anon_inode:[pidfd]") == LIVE
        assert sum(descriptors.values()) < 10, f"each has its pidfd and nothing else: {descriptors}"
        client.run(*crowd("ask", ADDRESS, 8000, 10)) # others are served as ever
        daemon.ctl("stop", "sit")
        assert not instances(daemon)
        holder.stdin.close()
        assert holder.wait(15) == 0
    assert costs(daemon) == before
    daemon.stop()
