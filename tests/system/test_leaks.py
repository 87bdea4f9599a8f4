"""Ten thousand starts and stops, of every kind, and what they cost the daemon for good: nothing."""

import collections
import contextlib
import os
import pathlib
import re
import time

import pytest

from answers import HTTP
from daemon import eventually
from lone import SLEEP
from netns import run

NO_LIMITS = {"trigger_limit_burst": 0, "poll_limit_burst": 0}
BY_HAND = [f"hand{number}" for number in range(8)]
WARM, ALL = 1000, 10_000
MOST_KB = 300 # of memory; 9,000 starts that leave a list node or a short string each are beyond it


@pytest.fixture
def blink(shared):
    """The command line of blink.c."""
    run("cc", "-O1", "-Wall", "-Wextra", "-o", shared / "blink", pathlib.Path(__file__).parent / "programs/blink.c")
    return [shared / "blink"]


@pytest.fixture
def busy(config, blink, base):
    """Their names. They leave who connects waiting, so each end is followed by a start."""
    (base / "logs").mkdir()
    kinds = {
        f"simple-{base.name}": {"exec_start": ["/bin/true"], "private_tmp": True}, # its /tmp has its name, beside those of other tests
        "notify": {"exec_start": blink, "type": "notify", "file_descriptor_store_max": 4, "standard_output": f"log:{base}/logs/notify"},
        "steps": {"exec_start": blink, "exec_start_pre": ["/bin/true"], "exec_stop_post": ["/bin/true"],
                  "runtime_directory": base.name, "limit_nofile": 64, "no_new_privileges": True},
        "forking": {"exec_start": [*blink, base / "pid"], "type": "forking", "pid_file": f"{base}/pid"},
        "missing": {"exec_start": [base / "not-there"]}, # costs next to nothing, so it gets a limit
    }
    for number, (name, keys) in enumerate(kinds.items()):
        limits = {**NO_LIMITS, "trigger_limit_burst": 20, "trigger_limit_interval_sec": "100ms"} if name == "missing" else NO_LIMITS
        config.service(name, {**HTTP, **limits, "ports": [8080 + number]}, keys.pop("exec_start"), start_limit_burst=0, log_ring_bytes=1024,
                       **keys)
    for number, name in enumerate(BY_HAND):
        config.service(name, {**HTTP, "ports": [9000 + number]}, SLEEP, start_limit_burst=0)
    return list(kinds)


def kind_of(target):
    """What a descriptor is, without what tells it from others of its kind."""
    return re.sub(r"\[\d+\]|\d+", "N", target)


def costs(daemon):
    """What the daemon holds, and has left anywhere, once it has seen the end of the last swathectl: when two looks see the same."""
    daemon.ctl("status")
    looks = [None]

    def settled():
        time.sleep(0.2)
        looks.append(look_at(daemon))
        return looks[-1] == looks[-2] and looks[-1]
    return eventually(settled, what="all is at rest")


def look_at(daemon):
    proc = pathlib.Path(f"/proc/{daemon.process.pid}")
    own_group = next((line.rpartition(":")[2] for line in (proc / "cgroup").read_text().splitlines() if line.startswith("0::")), None)
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    trees = [pathlib.Path(mount[1] + own_group) for mount in mounts if mount[2] == "cgroup2" and own_group]
    label = str(daemon.runtime).strip("/").replace("/", "-")
    descriptors = []
    for entry in (proc / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError): # closed meanwhile
            descriptors.append(os.readlink(entry))
    return {
        "descriptors": collections.Counter(kind_of(str(target)) for target in descriptors),
        "children": (proc / f"task/{daemon.process.pid}/children").read_text().split(),
        "unix sockets": len((proc / "net/unix").read_text().splitlines()),
        "groups": [str(group) for tree in trees for top in tree.glob(f"swathe@{label}") for group in top.iterdir() if group.is_dir()],
        "runtime": sorted(path.name for path in daemon.runtime.rglob("*")),
        "directories": [str(path) for path in (pathlib.Path("/run") / daemon.base.name,) if path.exists()],
        "private /tmp": sorted(pathlib.Path("/tmp").glob(f"swathe-private-*{daemon.base.name}*")),
        "mounts": [mount[1] for mount in mounts if str(daemon.base) in mount[1]],
    }


def memory_kb(daemon):
    """Of its own: what it has read from files comes and goes."""
    text = pathlib.Path(f"/proc/{daemon.process.pid}/smaps_rollup").read_text()
    return int(re.search(r"Anonymous: +(\d+) kB", text)[1])


def starts(daemon):
    return sum(service["starts"] for service in daemon.ctl_json("status")["services"])


def test_ten_thousand_starts_and_stops_leave_nothing(make_daemon, config, client, busy):
    daemon = make_daemon(inside=True).start()

    def rest():
        daemon.ctl("stop", *busy, *BY_HAND)

    def work_until(number):
        daemon.ctl("start", *busy, status=None) # not all succeed
        while starts(daemon) < number:
            daemon.ctl("restart", *BY_HAND)
        rest()

    with contextlib.ExitStack() as stack:
        for number in range(len(busy)):
            stack.enter_context(client.connect("192.0.2.7", 8080 + number))
        work_until(WARM)
        before, memory = costs(daemon), memory_kb(daemon)
        work_until(ALL)
        after, grown = costs(daemon), memory_kb(daemon) - memory
    assert after == before
    assert before["children"] == before["groups"] == before["directories"] == before["private /tmp"] == []
    assert grown < MOST_KB, f"{grown} kB more than the {memory} kB after {WARM} starts"
    assert all(daemon.service(name)["starts"] > 200 for name in busy)
    daemon.stop()
