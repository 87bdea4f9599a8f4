"""Output in masses, and where it goes: a file that is rotated, a disk that is full, a journald that reads nothing."""

import contextlib
import os
import re
import socket

import pytest

from answers import HTTP
from daemon import Daemon, eventually
from netns import run



def shell(config, script, **keys):
    config.service("edge", HTTP, ["/bin/sh", "-c", script], activation="eager", **keys)


@pytest.fixture
def logs(base):
    """A directory that only root may write to: log files in others are refused."""
    directory = base / "logs"
    directory.mkdir()
    return directory


# Lines with their numbers, a million at least, and as many more as come until somebody says that it is enough.
WRITE = """n=0
until test $n -ge 1000000 -a -e {0}/enough; do seq -f %09.0f $((n + 1)) $((n + 10000)); n=$((n + 10000)); done
echo $n > {0}/part; mv {0}/part {0}/all; exec sleep 1000"""


def test_a_million_lines_are_whole_and_in_order_across_rotations(daemon, config, logs, scratch):
    log = logs / "edge"
    shell(config, WRITE.format(scratch), standard_output=f"log:{log}")
    daemon.start()
    parts = []
    for size in (100_000, 1_000_000, 2_000_000):
        eventually(lambda: log.exists() and log.stat().st_size > size, 60, what=f"{size} bytes")
        parts.append(log.rename(logs / f"edge.{len(parts) + 1}"))
        daemon.hang_up()
        eventually(log.exists, what="the file is opened anew")
    parts.append(log)
    (scratch / "enough").touch()
    eventually((scratch / "all").exists, 60, what="all has been said")
    count = int((scratch / "all").read_text())
    eventually(lambda: sum(part.stat().st_size for part in parts) >= 10 * count, 60, what="all of it is written")
    texts = [part.read_bytes() for part in parts]
    assert all(text.endswith(b"\n") for text in texts) and all(texts)
    assert b"".join(texts) == b"".join(b"%09d\n" % number for number in range(1, count + 1))
    assert "lost" not in daemon.log()
    daemon.stop()


@pytest.fixture
def small_disk(base):
    """A file system of one megabyte."""
    place = base / "small"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", place)
    yield place
    run("umount", place)


def told_lost(daemon):
    """How many lines the daemon has said were lost."""
    return sum(int(count) for count in re.findall(r"edge: (\d+) lines? of its output lost: .*No space left on device", daemon.log()))


def test_a_full_disk_loses_lines_that_are_counted_and_the_service_goes_on(daemon, config, small_disk, scratch):
    log, filler, fifo, wrote = small_disk / "edge", small_disk / "filler", scratch / "fifo", scratch / "wrote"
    filler.write_bytes(bytes(900_000))
    os.mkfifo(fifo)
    shell(config, f"seq -f %07.0f 50000; touch {wrote}; read go < {fifo}; echo go; exec sleep 1000", standard_output=f"log:{log}")
    daemon.start()
    eventually(wrote.exists, what="the service has written all that it had to say")
    pid = daemon.service("edge")["main_pid"]
    daemon.wait_for(lambda line: re.search(r"edge: its output cannot be written: .*edge: No space left on device", line),
                    "that the disk is full")
    filler.unlink()
    fifo.write_text("go\n")
    eventually(lambda: log.read_text().endswith("go\n"), what="a line is written once there is room")
    *lines, last = log.read_text().splitlines()
    whole = [line for line in lines if len(line) == 7]
    assert last == "go" and len(lines) - len(whole) <= 1 # one may have been cut where the disk ended
    assert 0 < len(whole) < 50_000 and whole == sorted(set(whole))
    lost = 50_000 - len(whole)
    eventually(lambda: told_lost(daemon) == lost, 30, what=f"{lost} lines are said to be lost")
    assert daemon.service("edge")["main_pid"] == pid
    daemon.stop()


class JournaldDaemon(Daemon):
    """With a /run of its own, in which `journal` is journald's directory, and standard error that passes for the journal."""

    journal = None

    def argv(self):
        script = 'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind "$1" /run/systemd/journal && shift && ' \
                 'JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) exec "$@"'
        inside = super().argv()
        at = inside.index("--") + 1
        return [*inside[:at], "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", str(self.journal), *inside[at:]]


@pytest.fixture
def journald(base):
    """A journald that is there, and reads nothing until it is asked to."""
    (base / "journal").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(base / "journal/socket"))
        sock.setblocking(False)
        yield sock


def entries(journald):
    """All that is waiting in its socket."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(journald.recv(1 << 20).decode(errors="replace"))
    return found


def test_a_journald_that_reads_nothing_holds_neither_services_nor_the_daemon(config, server, base, bpffs, journald, scratch):
    wrote = scratch / "wrote"
    shell(config, f"seq -f %01000.0f 2000; touch {wrote}; exec sleep 1000") # long lines: few of them wait in the pipe
    daemon = JournaldDaemon(config, server, base, bpffs, inside=True)
    daemon.journal = base / "journal"
    try:
        daemon.launch()
        eventually(wrote.exists, 30, what="the service has written all that it had to say")
        assert daemon.service("edge")["state"] == "running"
        for _ in range(3): # each says several things of its own
            daemon.ctl("restart", "edge")
        first = entries(journald)
        assert any("SWATHE_SERVICE=edge" in entry and f"MESSAGE={1:01000}" in entry for entry in first)
        daemon.ctl("stop", "edge")

        def told():
            daemon.reload() # it says something
            return any(re.search(r"MESSAGE=\d+ lines of this log were lost", entry) for entry in entries(journald))
        eventually(told, what="journald is told what it has missed")
        daemon.stop()
    finally:
        daemon.end()
