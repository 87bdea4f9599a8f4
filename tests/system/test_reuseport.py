"""listener_mode = "reuseport": workers with a socket each, all behind one rule."""

import collections
import os
import random
import select
import signal
import threading
import time

import pytest

from answers import ECHO, echo
from daemon import eventually
from serving import Talk, alive, marks

PORTS = range(8080, 8088)
HTTP = {"name": "http", "protocol": "tcp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": ["8080-8087"],
        "listener_mode": "reuseport"}


@pytest.fixture
def log(scratch):
    return scratch / "log"


@pytest.fixture
def crew(config, program, log):
    """crew(WORKERS, OPTION...): serve.py with these options."""
    def write(workers, *options, listen=(), **keys):
        usual = {"type": "notify", "workers": workers, "restart": "on-failure", "restart_sec": "20ms"}
        return config.service("web", HTTP | dict(listen), program("serve.py", "--log", log, *options), **(usual | keys))
    return write


def at_work(log):
    """{number: pid} of those that live."""
    return {number: pid for number, pid in marks(log, "ready") if alive(pid)}


def inherited(pid):
    """The socket that it listens on: its first descriptor beyond the standard streams (sd_listen_fds(3))."""
    return os.readlink(f"/proc/{pid}/fd/3")


def waiting(daemon):
    """How many nobody has accepted yet, at all members together."""
    return daemon.listener("web", "http")["sockets"][0]["queued"]


def anywhere():
    host = random.randrange(1, 255)
    return random.choice([f"192.0.2.{host}", f"2001:db8:1::{host:x}"]), random.choice(PORTS)


def request(ns):
    """(pid, number) of who answers one request on a connection of its own, anywhere; none may fail."""
    with ns.connect(*anywhere(), timeout=30) as sock:
        sock.sendall(b"?\n")
        answer = sock.makefile("rb").readline().split()
        assert answer, "the connection ended without an answer"
    return int(answer[0]), answer[1].decode()


class Requests:
    """Two clients that ask all the time, while the body runs. `answers`: who did."""

    def __init__(self, ns, may_fail=0):
        self.ns, self.may_fail, self.answers, self.failed, self.over = ns, may_fail, [], [], threading.Event()

    def ask(self):
        while not self.over.is_set():
            try:
                self.answers.append(request(self.ns))
            except (OSError, AssertionError) as error:
                self.failed.append(repr(error))

    def more(self, count=50):
        before = len(self.answers)
        eventually(lambda: len(self.answers) >= before + count, timeout=30, what="requests are answered")

    def __enter__(self):
        self.threads = [threading.Thread(target=self.ask) for _ in range(2)]
        for thread in self.threads:
            thread.start()
        self.more()
        return self

    def __exit__(self, *raised):
        if not raised[0]:
            self.more()
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        if not raised[0]:
            assert len(self.failed) <= self.may_fail, self.failed


def all_up(daemon, log, workers):
    """Until then, whoever is ready gets everything."""
    daemon.ctl("start", "web")
    assert sorted(at_work(log)) == [str(number + 1) for number in range(workers)]


def test_ten_thousand_requests_to_a_range_reach_all_workers_each_at_a_socket_of_its_own(daemon, crew, client, log):
    crew(4)
    daemon.start()
    all_up(daemon, log, 4)
    answers = collections.Counter(request(client) for _ in range(10_000))
    assert sorted(number for _, number in answers) == ["1", "2", "3", "4"]
    assert all(2_000 < count < 3_000 for count in answers.values()), answers
    assert len({inherited(pid) for pid, _ in answers}) == 4
    sockets = daemon.listener("web", "http")["sockets"]
    assert len(sockets) == 1 and sockets[0]["steered"] == 10_000
    daemon.stop()


@pytest.mark.parametrize("words", [[], ["--overlap"]])
def test_a_rolling_restart_loses_no_request(daemon, crew, client, log, words):
    crew(4)
    daemon.start()
    all_up(daemon, log, 4)
    with Requests(client) as requests:
        before = at_work(log)
        daemon.ctl("restart", "web", *words)
        eventually(lambda: len(after := at_work(log)) == 4 and not set(after.values()) & set(before.values()), what="all are new")
        requests.more(200)
    assert {number for pid, number in requests.answers if pid not in before.values()} == {"1", "2", "3", "4"}
    daemon.stop()


def test_while_a_worker_is_dead_the_others_get_what_would_be_its(daemon, crew, client, log):
    crew(4, restart_sec="60s")
    daemon.start()
    all_up(daemon, log, 4)
    os.kill(at_work(log)["3"], signal.SIGKILL)
    eventually(lambda: len(daemon.service("web")["instances"]) == 3, what="the daemon knows")
    assert {number for _, number in (request(client) for _ in range(400))} == {"1", "2", "4"}
    daemon.ctl("start", "web")
    assert {number for _, number in (request(client) for _ in range(400))} == {"1", "2", "3", "4"}
    daemon.stop()


def test_a_worker_that_is_killed_while_requests_come_is_back_with_what_waited_for_it(daemon, crew, client, log):
    crew(4, "--single") # each has accepted one at most
    daemon.start()
    all_up(daemon, log, 4)
    with Requests(client, may_fail=1) as requests: # whom it has accepted; the other one waits
        dead = at_work(log)["2"]
        os.kill(dead, signal.SIGSTOP)
        eventually(lambda: waiting(daemon) > 0, what="somebody waits for it")
        os.kill(dead, signal.SIGKILL)
        eventually(lambda: at_work(log).get("2", dead) != dead, what="its successor")
        requests.more(200)
        new = at_work(log)["2"]
    assert any(pid == new for pid, _ in requests.answers)
    daemon.stop()


def crowd(daemon, client, log):
    """20 clients of two workers that take one at a time: 18 wait, some at each."""
    talks = [Talk(client) for _ in range(20)]
    for talk in talks:
        talk.say()
    eventually(lambda: len(at_work(log)) == 2 and waiting(daemon) == 18, what="two are served, 18 wait")
    return talks


def hear_all(talks):
    """What they are told, as they are served, each of whom makes room for the next; None: nothing."""
    answers = []
    while talks:
        readable, _, _ = select.select([talk.sock for talk in talks], [], [], 30)
        assert readable, f"{len(talks)} are not served"
        for talk in [talk for talk in talks if talk.sock in readable]:
            answers.append(talk.hear())
            talks.remove(talk)
            talk.close()
    return answers


def test_who_has_come_to_a_worker_that_ended_for_good_starts_it_again(daemon, crew, client, log):
    crew(2, "--single", restart="no")
    daemon.start()
    talks = crowd(daemon, client, log)
    os.kill(at_work(log)["2"], signal.SIGKILL)
    answers = hear_all(talks)
    assert answers.count(None) <= 1 # whom it had accepted
    assert len(answers) == 20 and len(marks(log, "ready")) == 3
    daemon.stop()


def test_reloads_to_fewer_and_to_more_workers_reset_nobody(daemon, crew, client, log):
    crew(4)
    daemon.start()
    all_up(daemon, log, 4)
    with Requests(client) as requests:
        one = Talk(client)
        first = one.ask()
        before = at_work(log)
        assert len(before) == 4
        crew(2)
        daemon.reload()
        eventually(lambda: len(at_work(log)) == (2 if first[1] in "12" else 3), what="the third and the fourth are gone")
        assert one.ask() == first
        one.close()
        eventually(lambda: at_work(log) == {number: before[number] for number in "12"}, what="two are left")
        requests.more(200)
        crew(6)
        daemon.reload()
        eventually(lambda: len(at_work(log)) == 6, what="six")
        requests.more(400)
        now = at_work(log)
        assert [now[number] for number in "12"] == [before[number] for number in "12"]
    assert {number for pid, number in requests.answers[-400:]} == {"1", "2", "3", "4", "5", "6"}
    assert not [line for line in daemon.lines if "swathectl restart" in line] # all have the sockets that they need
    assert len(daemon.listener("web", "http")["sockets"]) == 1
    daemon.stop()


def test_what_a_superfluous_worker_has_not_accepted_goes_to_the_others(daemon, crew, client, log):
    crew(2, "--single")
    daemon.start()
    talks = crowd(daemon, client, log)
    crew(1, "--single")
    daemon.reload()
    second = at_work(log)["2"]
    eventually(lambda: marks(log, "term") == [("2", second)], what="the second is asked to end")
    answers = hear_all(talks)
    assert len(answers) == 20 and None not in answers
    assert [number for _, number in answers].count("2") == 1
    eventually(lambda: not alive(second), what="it is gone")
    daemon.stop()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_first_to_come_starts_all_and_nobody_for_a_while_stops_all(daemon, config, crew, client, program, protocol):
    if protocol == "tcp":
        crew(3, idle_stop_sec="300ms", listen={"trigger_limit_burst": 0, "poll_limit_burst": 0})
    else:
        config.service("web", ECHO | {"listener_mode": "reuseport"}, program("echo.py"), workers=3, idle_stop_sec="300ms")
    daemon.start()
    for turn in (1, 2):
        served = request(client) if protocol == "tcp" else echo(client, "192.0.2.9", 5300)
        assert served
        eventually(lambda: daemon.service("web")["starts"] == 3 * turn, what="all are started")
        daemon.wait_state("web", "idle")
    daemon.stop()


def test_a_connection_of_any_worker_is_use(daemon, crew, client, log):
    crew(3, idle_stop_sec="200ms")
    daemon.start()
    talks = {}
    while len(talks) < 3:
        talk = Talk(client)
        talks.setdefault(talk.ask()[1], talk)
    for number in "12":
        talks[number].close()
    time.sleep(1)
    assert daemon.service("web")["state"] == "running"
    talks["3"].close()
    daemon.wait_state("web", "idle")
    daemon.stop()


def test_datagrams_reach_all_workers_and_those_of_one_client_the_same(daemon, config, client, program):
    config.service("echo", ECHO | {"listener_mode": "reuseport"}, program("echo.py"), workers=3)
    daemon.start()
    daemon.ctl("start", "echo")
    pids = set()
    for number in range(60):
        with client.udp("192.0.2.1", timeout=15) as sock:
            sock.connect((f"192.0.2.{number + 1}", 5300))
            answers = set()
            for _ in range(3):
                sock.send(b"?")
                answers.add(sock.recv(65536))
            assert len(answers) == 1
            pids |= {answer.split(b'"pid": ')[1].split(b",")[0] for answer in answers}
    assert len(pids) == 3
    daemon.stop()


def test_another_mode_opens_the_sockets_anew(daemon, crew, client, log):
    crew(2, listen={"listener_mode": "shared"})
    daemon.start()
    before = request(client)
    crew(2)
    daemon.reload()
    assert any("swathectl restart web" in warning for warning in daemon.ctl_json("status")["daemon"]["warnings"])
    daemon.ctl("restart", "web")
    answers = {request(client) for _ in range(100)}
    assert len(answers) == 2 and before not in answers
    daemon.stop()
