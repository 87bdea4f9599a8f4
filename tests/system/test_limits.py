"""Limits that are reached: the message says which one and how to raise it, and what runs goes on."""

import os
import pathlib
import re
import resource
import threading

import pytest

from answers import ECHO, HTTP, echo, tell
from daemon import eventually


def wide(listeners, prefix="10.0"):
    """So many listeners of one address each; they need a socket each."""
    return [{"name": f"l{n}", "protocol": "tcp", "addresses": [f"{prefix}.{n // 250}.{n % 250}"], "ports": [80]} for n in range(listeners)]


class Traffic:
    """Asks without pause while a reload is tried; whoever is not answered is counted."""

    def __init__(self, client):
        self.client, self.over, self.asked, self.wrong = client, threading.Event(), 0, []
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over.is_set():
            try:
                assert tell(self.client, "192.0.2.9", 8080)["tag"] == "web"
                assert echo(self.client, "2001:db8:1::9", 5300)["tag"] == "echo"
            except Exception as error: # shown, whatever it is
                self.wrong.append(repr(error))
            self.asked += 1

    def __enter__(self):
        self.thread.start()
        eventually(lambda: self.asked, what="somebody who asks")
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(30)


@pytest.fixture
def running(daemon, config, client, program):
    """A daemon with two services that run."""
    config.service("web", HTTP, program("tell.py", "--tag", "web"))
    config.service("echo", ECHO, program("echo.py", "--tag", "echo"))
    daemon.start()
    tell(client, "192.0.2.9", 8080), echo(client, "192.0.2.9", 5300)
    return daemon


def limit(daemon, which, value):
    """Of the running daemon; gives the former limit back."""
    return resource.prlimit(daemon.process.pid, which, (value, resource.RLIM_INFINITY if which == resource.RLIMIT_AS else 20000))


def virtual_size(daemon):
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(r"VmSize:\s+(\d+) kB", status)[1]) * 1024


def open_descriptors(daemon):
    return len(list(pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir()))


def check_refused(daemon, client, *wanted):
    """A reload fails for a reason that says all of `wanted`; old services are served before, meanwhile and after it."""
    pid, generation = daemon.service("web")["main_pid"], daemon.generation()
    descriptors = open_descriptors(daemon)
    with Traffic(client) as traffic:
        said = daemon.reload(status=1).stderr
    for words in wanted:
        assert words in said, said
    assert traffic.wrong == [] and traffic.asked > 0
    assert daemon.running() and daemon.generation() == generation
    assert [one["name"] for one in daemon.ctl_json("status")["services"]] == ["echo", "web"]
    assert daemon.service("web")["main_pid"] == pid
    eventually(lambda: open_descriptors(daemon) <= descriptors, what="what was opened in vain is closed")


def test_too_few_descriptors(running, config, client, program):
    """With room for less and less: files, namespaces, netlink, sockets, maps and programs are what cannot be opened."""
    config.service("many", wide(1500), program("tell.py"))
    for spare in (1000, 100, 30, 12, 8, 4):
        limit(running, resource.RLIMIT_NOFILE, open_descriptors(running) + spare)
        check_refused(running, client, "Too many open files", "LimitNOFILE=")
    limit(running, resource.RLIMIT_NOFILE, 20000)
    running.reload()
    assert len(running.ctl_json("status")["services"]) == 3
    assert tell(client, "192.0.2.9", 8080)["tag"] == "web"
    running.stop()


def test_too_little_memory(running, config, server, client, program):
    """With room for more and more: it is the text, the rules, the tables, the map in the kernel that is too much."""
    server.route_locally("10.0.0.0/8")
    lines = config.write("many.txt", "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(0, 400000, 2)))
    config.service("many", {"protocol": "tcp", "addresses_file": str(lines), "ports": [80]}, program("tell.py"))
    for spare in (2, 6, 12, 18, 24, 30):
        limit(running, resource.RLIMIT_AS, virtual_size(running) + (spare << 20))
        check_refused(running, client, "emory", "LimitAS=")
    limit(running, resource.RLIMIT_AS, resource.RLIM_INFINITY)
    running.reload()
    assert running.ctl_json("explain", "tcp", "10.0.0.2", 80)["service"] == "many"
    assert tell(client, "192.0.2.9", 8080)["tag"] == "web"
    running.stop()


def test_too_many_programs_in_the_namespace(daemon, config, server, client, program, foreign, foreign_listener):
    config.service("web", HTTP, program("tell.py"))
    for _ in range(64):
        foreign.attach(server, foreign_listener)
    daemon.expected_links = 64
    daemon.launch()
    assert daemon.process.wait(15) == 1
    daemon.wait_quiet()
    assert any("64 sk_lookup programs" in line and "bpftool link list" in line for line in daemon.lines), daemon.log()
    assert daemon.leftovers() == []
    os.close(foreign.links.pop())
    daemon.expected_links = 63
    daemon.start()
    assert tell(client, "192.0.2.9", 8080)
    daemon.reload() # takes no second place
    daemon.stop()
