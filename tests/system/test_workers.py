"""Services of which several instances run side by side."""

import os
import signal
import threading

import pytest

from answers import HTTP
from daemon import eventually
from serving import Talk, alive, marks


@pytest.fixture
def log(scratch):
    return scratch / "log"


@pytest.fixture
def crew(config, program, scratch, log):
    """crew(WORKERS, HOLD): a service whose instances take one client at a time, so that several clients have as many of them."""
    def write(workers, hold=None, **keys):
        holding = ["--hold", hold] if hold else []
        return config.service("web", HTTP, program("serve.py", "--single", "--log", log, *holding), type="notify", workers=workers,
                              restart="on-failure", restart_sec="20ms", **keys)
    return write


def at_work(log):
    """(number, pid) of those that live, in order of their numbers."""
    return sorted((number, pid) for number, pid in marks(log, "ready") if alive(pid))


def test_three_workers_share_the_queue(daemon, crew, client, log):
    crew(3)
    daemon.start()
    with Talk(client) as one, Talk(client) as two, Talk(client) as three: # each has an instance to itself
        answers = [talk.ask() for talk in (one, two, three)]
        assert sorted(number for _, number in answers) == ["1", "2", "3"]
        assert len({pid for pid, _ in answers}) == 3
        with Talk(client) as fourth: # waits in the queue for whoever is free
            fourth.say()
            two.close()
            assert fourth.hear() == answers[1]
    assert daemon.service("web")["starts"] == 3
    daemon.stop()


def test_a_worker_that_dies_is_restarted_alone(daemon, crew, client, log):
    crew(3)
    daemon.start()
    with Talk(client) as one, Talk(client) as two, Talk(client) as three:
        before = [talk.ask() for talk in (one, two, three)]
        pid, number = before[1]
        os.kill(pid, signal.SIGKILL)
        assert two.hear() is None
        with Talk(client) as again:
            new_pid, new_number = again.ask()
            assert new_number == number and new_pid != pid
            assert [one.ask(), three.ask()] == [before[0], before[2]]
    view = daemon.service("web")
    assert view["starts"] == 4 and view["restarts"] == 1
    daemon.stop()


@pytest.mark.parametrize("words", [[], ["--overlap"]])
def test_a_restart_takes_one_after_the_other(daemon, crew, client, scratch, log, words):
    ready = scratch / "ready"
    ready.touch()
    crew(3, hold=ready)
    daemon.start()
    daemon.ctl("start", "web")
    before = at_work(log)
    assert [number for number, _ in before] == ["1", "2", "3"]
    ready.unlink()
    restart = threading.Thread(target=lambda: daemon.ctl("restart", "web", *words))
    restart.start()
    eventually(lambda: daemon.service("web")["starts"] == 4, what="the first is replaced")
    left = before if words else before[1:]
    with Talk(client) as one, Talk(client) as two: # those that are left serve meanwhile
        answers = {one.ask(), two.ask()}
        assert len(answers) == 2 and answers <= {(pid, number) for number, pid in left}
    assert at_work(log) == left and daemon.service("web")["starts"] == 4
    ready.touch()
    restart.join(30)
    eventually(lambda: len(after := at_work(log)) == 3 and not set(after) & set(before), what="three new instances")
    lines = [line.split()[:2] for line in log.read_text().splitlines()[3:]]
    order = ["ready", "term"] if words else ["term", "ready"] # one is back, or ready beside the old one, before the next may go
    assert [number for said, number in lines if said == order[1]] == ["1", "2", "3"]
    assert words or lines == [[said, number] for number in "123" for said in order]
    daemon.stop()


def test_the_number_of_workers_changes_with_a_reload(daemon, crew, client, log):
    crew(3)
    daemon.start()
    daemon.ctl("start", "web")
    before = at_work(log)
    crew(1)
    daemon.reload()
    eventually(lambda: at_work(log) == before[:1], what="one is left")
    with Talk(client) as one:
        first = one.ask()
        assert first == (before[0][1], "1")
        crew(2)
        daemon.reload()
        with Talk(client) as two:
            assert two.ask()[1] == "2"
            assert one.ask() == first
    assert daemon.service("web")["starts"] == 4
    daemon.stop()


def test_a_worker_that_is_one_too_many_serves_its_client_first(daemon, crew, client, log):
    crew(2)
    daemon.start()
    with Talk(client) as one, Talk(client) as two:
        by_number = {answer[1]: (talk, answer) for talk in (one, two) for answer in [talk.ask()]}
        crew(1)
        daemon.reload()
        eventually(lambda: marks(log, "term"), what="the second is asked to end")
        for talk, answer in by_number.values():
            assert talk.ask() == answer
    eventually(lambda: [number for number, _ in at_work(log)] == ["1"], what="the second is gone")
    daemon.stop()


def test_stop_ends_all_workers_and_traffic_starts_all_again(daemon, crew, client, log):
    crew(2)
    daemon.start()
    for _ in range(2):
        with Talk(client) as one, Talk(client) as two:
            assert {one.ask()[1], two.ask()[1]} == {"1", "2"}
        daemon.ctl("stop", "web")
        assert at_work(log) == []
        daemon.ctl("start", "web")
    daemon.stop()
