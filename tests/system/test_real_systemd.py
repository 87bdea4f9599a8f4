"""swathed as a unit of a real systemd: its journal, its control group, its restarts."""

import json

import pytest

from answers import HTTP, tell
from daemon import ROOT, eventually, table
from serving import ask

SWATHECTL = "/opt/swathe/swathectl"


class Unit:
    """swathed.service, as it is installed but for the places of the programs."""

    def __init__(self, box):
        self.box = box
        text = (ROOT / "units/swathed.service").read_text()
        for name, path in (("@SWATHED@", "/opt/swathe/swathed"), ("@SWATHECTL@", SWATHECTL)):
            assert name in text
            text = text.replace(name, path)
        box.unit("swathed.service", text)

    def service(self, name, listen, exec_start, **keys):
        text = table("[[listen]]", listen) + table("[service]", {"exec_start": [str(word) for word in exec_start], **keys})
        self.box.write(f"/etc/swathe/services.d/{name}.toml", text)

    def ctl(self, *args, status=0):
        return self.box.run([SWATHECTL, *args], status=status)

    def view(self, name):
        return json.loads(self.ctl("status", name, "--json"))["services"][0]

    def main_pid(self):
        return int(self.box.show("swathed.service", "MainPID"))

    def group_of(self, pid):
        """The control group of a process inside, as the processes inside see it."""
        lines = self.box.run(["cat", f"/proc/{pid}/cgroup"]).splitlines()
        return next(line.removeprefix("0::") for line in lines if line.startswith("0::"))

    def processes(self):
        """All that the unit has, in whichever group."""
        top = self.box.path("/sys/fs/cgroup/system.slice/swathed.service")
        return sorted(pid for file in top.rglob("cgroup.procs") for pid in file.read_text().split()) if top.exists() else []


@pytest.fixture
def unit(box):
    return Unit(box)


def test_lines_are_found_in_the_journal_by_service_with_their_level_and_identifier(unit, box):
    unit.service("chatty", HTTP, ["/bin/sh", "-c", r"echo plain; echo '<3>bad'; printf 'a\tb \344 c\n' >&2; exec sleep 1000"],
                 activation="eager", syslog_identifier="talker")
    unit.service("other", {**HTTP, "ports": [8081]}, ["/bin/sh", "-c", "echo other; exec sleep 1000"], activation="eager")
    box.systemctl("start", "swathed.service")
    eventually(lambda: len(box.journal("SWATHE_SERVICE=chatty", "SYSLOG_IDENTIFIER=talker")) == 3, what="three lines in the journal")
    lines = box.journal("SWATHE_SERVICE=chatty", "SYSLOG_IDENTIFIER=talker")
    assert [line["MESSAGE"] for line in lines] == ["plain", "bad", list(b"a\tb \344 c")]
    assert [line["PRIORITY"] for line in lines] == ["6", "3", "6"]
    assert {line["SYSLOG_PID"] for line in lines} == {str(unit.view("chatty")["main_pid"])}
    assert {line["_SYSTEMD_UNIT"] for line in lines} == {"swathed.service"}
    assert {line["_PID"] for line in lines} == {str(unit.main_pid())}
    assert [line["MESSAGE"] for line in box.journal("SWATHE_SERVICE=other", "SYSLOG_IDENTIFIER=sh")] == ["other"]
    assert [line["MESSAGE"] for line in box.journal("--priority=err", "SWATHE_SERVICE=chatty")] == ["bad"]
    ready = box.journal("_SYSTEMD_UNIT=swathed.service", "SYSLOG_IDENTIFIER=swathed")
    assert [line["PRIORITY"] for line in ready if line["MESSAGE"].startswith("ready: 2 services")] == ["5"]


def test_services_have_groups_below_that_of_the_unit_and_end_with_it(unit, box, client, program):
    unit.service("web", HTTP, program("tell.py"))
    unit.service("strays", {**HTTP, "ports": [8081]}, ["/bin/sh", "-c", "setsid sleep 1000 & exec sleep 1000"], activation="eager")
    box.systemctl("start", "swathed.service")
    assert box.show("swathed.service", "ActiveState") == "active"
    web = tell(client, "192.0.2.7", 8080)["pid"]
    top = "/system.slice/swathed.service"
    assert unit.group_of(web) == f"{top}/swathe/web.service"
    assert unit.group_of(unit.view("strays")["main_pid"]) == f"{top}/swathe/strays.service"
    assert unit.group_of(unit.main_pid()) in (top, f"{top}/supervisor")
    eventually(lambda: len(unit.processes()) == 4, what="swathed, two services and a child")
    unit.ctl("stop", "strays")
    eventually(lambda: len(unit.processes()) == 2, what="the child has gone with its service")
    unit.ctl("start", "strays")
    box.systemctl("stop", "swathed.service")
    assert unit.processes() == []
    assert box.show("swathed.service", "Result") == "success"


def test_controllers_that_are_delegated_limit_services_and_those_that_are_not_are_named(unit, box, client, program):
    unit.service("web", HTTP, program("tell.py"), tasks_max=7)
    box.systemctl("start", "swathed.service")
    if "pids" in box.run(["cat", "/sys/fs/cgroup/cgroup.controllers"]).split():
        group = unit.group_of(tell(client, "192.0.2.7", 8080)["pid"])
        assert box.path(f"/sys/fs/cgroup{group}/pids.max").read_text() == "7\n"
        assert unit.group_of(unit.main_pid()).endswith("/supervisor")
    else:
        client.connect("192.0.2.7", 8080).close()
        said = eventually(lambda: box.journal("SWATHE_SERVICE=web", "--priority=err"), what="why it does not start")
        assert "tasks_max" in said[0]["MESSAGE"] and "pids" in said[0]["MESSAGE"]


def test_a_restart_begins_anew_and_leaves_nothing_of_the_old(unit, box, client, program):
    unit.service("web", HTTP, program("serve.py"), type="notify")
    box.systemctl("start", "swathed.service")
    supervisor, (old, _) = unit.main_pid(), ask(client)
    box.systemctl("restart", "swathed.service")
    assert unit.main_pid() != supervisor
    assert ask(client)[0] != old
    assert not box.path(f"/proc/{old}").exists() and not box.path(f"/proc/{supervisor}").exists()
    assert len(unit.processes()) == 2
    assert box.systemctl("is-active", "swathed.service") == "active\n"


def test_a_reload_through_systemd_fails_with_the_reason_and_changes_nothing(unit, box, client, program):
    unit.service("web", HTTP, program("serve.py"), type="notify")
    box.systemctl("start", "swathed.service")
    old, _ = ask(client)
    unit.service("web", {**HTTP, "ports": [8080, 8081]}, program("serve.py"), type="notify")
    box.systemctl("reload", "swathed.service")
    assert tell_port(client, 8081) == old
    unit.service("web", {**HTTP, "ports": [70000]}, program("serve.py"), type="notify")
    box.systemctl("reload", "swathed.service", status=1)
    assert any("70000" in str(line["MESSAGE"]) for line in box.journal("_SYSTEMD_UNIT=swathed.service"))
    assert ask(client)[0] == old and box.systemctl("is-active", "swathed.service") == "active\n"


def tell_port(client, port):
    """The pid that serve.py answers with at another port than ask() uses."""
    with client.connect("192.0.2.7", port) as sock, sock.makefile("rb") as stream:
        sock.sendall(b"?\n")
        return int(stream.readline().split()[0])


def test_systemd_starts_a_killed_swathed_again_and_services_with_it(unit, box, client, program):
    unit.service("web", HTTP, program("serve.py"), type="notify")
    box.systemctl("start", "swathed.service")
    supervisor, (old, _) = unit.main_pid(), ask(client)
    box.systemctl("kill", "--kill-whom=main", "--signal=KILL", "swathed.service")
    eventually(lambda: unit.main_pid() not in (0, supervisor), what="another swathed")
    eventually(lambda: box.show("swathed.service", "ActiveState") == "active", what="it is ready")
    new, _ = ask(client)
    assert new != old and not box.path(f"/proc/{old}").exists()
    assert unit.group_of(new) == "/system.slice/swathed.service/swathe/web.service"
    assert box.show("swathed.service", "NRestarts") == "1"
    assert len(unit.processes()) == 2


def test_a_wrong_configuration_is_not_tried_again_and_says_where(unit, box):
    box.write("/etc/swathe/services.d/web.toml", "[service]\nexec_start = 7\n")
    box.systemctl("start", "swathed.service", status=1)
    assert box.show("swathed.service", "ActiveState") == "failed" and box.show("swathed.service", "NRestarts") == "0"
    assert any("web.toml:2:" in line["MESSAGE"] for line in box.journal("_SYSTEMD_UNIT=swathed.service", "--priority=err"))
