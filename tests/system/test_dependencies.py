"""after, requires and wants: who is started with whom, in which order, and who goes with whom."""

import pytest

from lone import Notes, lone, sh


@pytest.fixture
def notes(scratch):
    return Notes(scratch / "notes")


def told(notes, name):
    """A service that notes its start and its end."""
    return {"exec_start_pre": notes.note(f"{name} starts"), "exec_stop_post": notes.note(f"{name} ends")}


def test_what_a_service_requires_and_wants_is_started_before_it_and_stops_after_it(daemon, config, notes):
    lone(config, "a-front", requires=["z-back"], wants=["m-side"], after=["z-back", "m-side"], **told(notes, "front"))
    lone(config, "m-side", **told(notes, "side"))
    lone(config, "z-back", **told(notes, "back"))
    daemon.start()
    daemon.ctl("start", "a-front")
    assert notes.lines() == ["back starts", "side starts", "front starts"] or notes.lines() == ["side starts", "back starts", "front starts"]
    daemon.ctl("stop", "z-back") # who requires it goes first; who is only wanted stays
    assert notes.lines()[3:] == ["front ends", "back ends"]
    assert daemon.service("m-side")["state"] == "running"
    daemon.stop()


def test_a_service_whose_need_cannot_be_started_is_not_started_either(daemon, config, notes):
    lone(config, "front", requires=["back"], after=["back"], **told(notes, "front"))
    lone(config, "side", wants=["back"], after=["back"], **told(notes, "side"))
    lone(config, "back", exec_start_pre=["/bin/false"])
    daemon.start()
    said = daemon.ctl("start", "front", status=1).stderr
    assert "requires back" in said
    daemon.ctl("start", "side") # it only wanted it
    assert notes.lines() == ["side starts"]
    daemon.stop()


def test_eager_services_start_in_order_and_the_end_of_the_daemon_goes_through_them_in_reverse(daemon, config, notes):
    slow = {"exec_start_pre": sh("sleep 0.2")}
    lone(config, "a", activation="eager", after=["b"], exec_start_post=notes.note("a is up"), exec_stop_post=notes.note("a is down"))
    lone(config, "b", activation="eager", after=["c"], exec_start_post=notes.note("b is up"), exec_stop_post=notes.note("b is down"), **slow)
    lone(config, "c", activation="eager", exec_start_post=notes.note("c is up"), exec_stop_post=notes.note("c is down"), **slow)
    daemon.start()
    for name in "cba":
        daemon.wait_state(name, "running")
    assert notes.lines() == ["c is up", "b is up", "a is up"]
    daemon.stop()
    assert notes.lines()[3:] == ["a is down", "b is down", "c is down"]
