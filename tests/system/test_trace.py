"""swathectl trace and top: decisions as they are made, and rates. Real traffic across a veth pair."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from answers import ECHO, HTTP, echo, tell
from daemon import DEADLINE, eventually
from netns import Link

NOBODY = 65534


def program_name(daemon):
    (ours,) = [p for p in daemon.ctl_json("status")["daemon"]["programs"] if p["ours"]]
    return ours["name"]


def traced(daemon):
    return program_name(daemon) == "swathe_traced"


class Trace:
    """A running swathectl trace --json. Leaves when the block ends."""

    def __init__(self, daemon, *options):
        self.daemon, self.events, self.lost, self.before = daemon, [], 0, running(daemon)
        self.process = subprocess.Popen(daemon.ctl_argv("trace", "--json", *options), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if "lost" in event:
                self.lost += event["lost"]
            else:
                self.events.append(event)

    def wait(self, count):
        eventually(lambda: len(self.events) >= count, what=f"{count} events")
        return self.events

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def begun(trace):
    """Running as the daemon sees it: from now on nothing escapes it."""
    eventually(lambda: running(trace.daemon) > trace.before or trace.process.poll() is not None, what="a trace")
    return trace


def running(daemon):
    return daemon.ctl_json("status")["daemon"]["traces"]


@contextlib.contextmanager
def traces(daemon, *option_lists):
    """Several at once."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(begun(Trace(daemon, *options))) for options in option_lists]


def brief(event):
    rule = event["rule"] and event["rule"]["prefix"]
    return event["protocol"], event["destination"], event["verdict"], event["listener"], rule


@pytest.fixture
def world(daemon, config, program, client):
    """A TCP and a UDP listener, drop and pass rules, and a listener whose service is down and that refuses then."""
    config.service("web", HTTP, program("tell.py"))
    config.service("echo", ECHO, program("echo.py"))
    gone = {"name": "gone", "protocol": "tcp", "addresses": ["192.0.2.200"], "ports": [9000], "when_down": "drop"}
    config.service("down", gone, program("tell.py"))
    config.rules(drop=[{"addresses": ["192.0.2.66", "2001:db8:1::66"], "ports": "all"}],
                 **{"pass": [{"protocol": "tcp", "addresses": ["192.0.2.64/31"], "ports": [8080]}]})
    daemon.start()
    daemon.ctl("stop", "down")
    yield daemon
    daemon.stop()


class TestDecisions:
    def test_each_is_told_with_its_packet_and_its_rule(self, world, client):
        with begun(Trace(world)) as trace:
            with client.connect("192.0.2.9", 8080) as sock:
                source = sock.getsockname()
                sock.makefile("rb").read()
            tell(client, "2001:db8:1::9", 8080)
            echo(client, "192.0.2.9", 5300)
            echo(client, "2001:db8:1::9", 5300)
            assert client.refuses_tcp("192.0.2.66", 8080)
            assert client.refuses_udp("2001:db8:1::66", 5300)
            assert client.refuses_tcp("192.0.2.64", 8080)
            assert client.refuses_tcp("192.0.2.9", 8081)
            assert client.refuses_tcp("192.0.2.200", 9000)
            events = trace.wait(9)
        assert [brief(event) for event in events] == [
            ("tcp", "192.0.2.9:8080", "steer", "http", "192.0.2.0/24"),
            ("tcp", "[2001:db8:1::9]:8080", "steer", "http", "2001:db8:1::/64"),
            ("udp", "192.0.2.9:5300", "steer", "echo", "192.0.2.0/24"),
            ("udp", "[2001:db8:1::9]:5300", "steer", "echo", "2001:db8:1::/64"),
            ("tcp", "192.0.2.66:8080", "drop", None, "192.0.2.66/32"),
            ("udp", "[2001:db8:1::66]:5300", "drop", None, "2001:db8:1::66/128"),
            ("tcp", "192.0.2.64:8080", "pass", None, "192.0.2.64/31"),
            ("tcp", "192.0.2.9:8081", "pass", None, None),
            ("tcp", "192.0.2.200:9000", "drop", "gone", "192.0.2.200/32"),
        ]
        first = events[0]
        assert first["source"] == f"{source[0]}:{source[1]}" and first["interface"] == "up0" and first["netns"] is None # the daemon's own
        assert first["service"] == "web" and first["rule"]["ports"] == "8080" and first["error"] is None
        assert first["rule"]["file"].endswith("services.d/web.toml") and first["rule"]["line"] == 4 and first["rule"]["column"] > 0
        assert events[2]["source"].startswith(f"{Link.CLIENT4}:") and events[3]["source"].startswith(f"[{Link.CLIENT6}]:")
        assert events[4]["rule"]["file"].endswith("swathe.toml")
        assert events[-1]["error"] == "no socket"
        assert [e["time_usec"] for e in events] == sorted(e["time_usec"] for e in events)
        assert abs(events[0]["time_usec"] / 1e6 - time.time()) < 60

    def test_for_people_a_line_each_below_a_heading(self, world, client):
        process = subprocess.Popen(world.ctl_argv("trace", "--count", 2), stdout=subprocess.PIPE, text=True)
        eventually(lambda: traced(world), what="traced")
        tell(client, "192.0.2.9", 8080)
        assert client.refuses_tcp("192.0.2.9", 8081)
        lines = process.communicate(timeout=DEADLINE)[0].splitlines()
        assert process.returncode == 0
        assert lines[0].split() == ["TIME", "PROTO", "SOURCE", "DESTINATION", "INTERFACE", "VERDICT", "TARGET", "RULE"]
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{6} +tcp +198\.51\.100\.2:\d+ +192\.0\.2\.9:8080 +up0 +steer +web/http +"
                            r"192\.0\.2\.0/24 ports 8080 \S+/web\.toml:4:\d+", lines[1])
        assert "no rule" in lines[2] and len(lines) == 3

    def test_counters_are_the_same_as_without(self, world, client):
        with begun(Trace(world)):
            for _ in range(5):
                tell(client, "192.0.2.9", 8080)
        for _ in range(5):
            tell(client, "192.0.2.9", 8080)
        (sock,) = world.listener("web", "http")["sockets"]
        assert sock["lookups"] == sock["steered"] == 10


class TestFilters:
    def test_two_traces_get_what_each_asked_for(self, world, client):
        with traces(world, ["--listener", "web/http"], ["--drops"], ["--listener", "gone", "--drops"], ["--listener", "echo"]) as four:
            tell(client, "192.0.2.9", 8080)
            echo(client, "2001:db8:1::9", 5300)
            assert client.refuses_tcp("192.0.2.66", 1)
            assert client.refuses_tcp("192.0.2.9", 8081)
            assert client.refuses_tcp("192.0.2.200", 9000)
            four[1].wait(2)
            for trace in (four[0], four[2], four[3]):
                trace.wait(1)
            told = [[event["destination"] for event in trace.events] for trace in four]
        assert told == [["192.0.2.9:8080"], ["192.0.2.66:1", "192.0.2.200:9000"], ["192.0.2.200:9000"], ["[2001:db8:1::9]:5300"]]

    def test_a_sample_is_about_one_in_so_many_and_part_of_a_denser_one(self, world, client):
        with traces(world, [], ["--sample", 10]) as (all_, some), client.udp("192.0.2.9") as sock:
            for number in range(1000):
                sock.sendto(b"?", ("192.0.2.9", 5300))
                sock.recv(65536)
            all_.wait(1000)
            some.wait(100 - 75)
            one = [event["time_usec"] for event in some.events]
            assert len(all_.events) == 1000 and 100 - 76 < len(one) < 100 + 76 # eight standard deviations
            assert set(one) <= {event["time_usec"] for event in all_.events}

    def test_a_flood_is_told_as_far_as_it_can_be_and_the_rest_is_counted(self, world, client):
        with begun(Trace(world, "--listener", "echo")) as trace, client.udp("192.0.2.9") as sock:
            sock.connect(("192.0.2.9", 5300))
            before = sum(s["lookups"] for s in world.listener("echo", "echo")["sockets"])
            world.process.send_signal(signal.SIGSTOP) # who takes the events sleeps, so that some are lost on any machine
            for number in range(60_000):
                if number == 40_000:
                    world.process.send_signal(signal.SIGCONT)
                with contextlib.suppress(BlockingIOError):
                    sock.send(b"?", socket.MSG_DONTWAIT)
            eventually(lambda: len(trace.events) + trace.lost >= self.lookups(world) - before, what="all accounted for")
            assert len(trace.events) + trace.lost == self.lookups(world) - before
            assert trace.lost > 0 and len(trace.events) > 1000

    @staticmethod
    def lookups(world):
        return sum(s["lookups"] for s in world.listener("echo", "echo")["sockets"])


class TestLife:
    def test_a_reload_changes_what_is_told_and_not_that_it_is(self, world, config, program, client):
        with begun(Trace(world, "--listener", "http")) as trace:
            tell(client, "192.0.2.9", 8080)
            config.service("web", {**HTTP, "ports": [8080, 8090]}, program("tell.py"))
            world.reload()
            assert traced(world)
            tell(client, "192.0.2.9", 8090)
            config.remove("web")
            world.reload()
            assert client.refuses_tcp("192.0.2.9", 8090)
            config.service("web", HTTP, program("tell.py")) # another socket of the same name
            world.reload()
            tell(client, "192.0.2.10", 8080)
            events = trace.wait(3)
        assert [event["destination"] for event in events] == ["192.0.2.9:8080", "192.0.2.9:8090", "192.0.2.10:8080"]
        assert [event["rule"]["ports"] for event in events] == ["8080", "8090", "8080"]

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
    def test_when_the_last_one_goes_the_plain_program_is_back(self, world, client, how):
        assert program_name(world) == "swathe_dispatch"
        first, second = begun(Trace(world)), begun(Trace(world))
        assert first.end(how) == (-how if how == signal.SIGKILL else 0)
        tell(client, "192.0.2.9", 8080)
        second.wait(1)
        assert traced(world)
        assert second.end(how) == (-how if how == signal.SIGKILL else 0)
        eventually(lambda: program_name(world) == "swathe_dispatch", what="the plain program")
        tell(client, "192.0.2.9", 8080)

    def test_a_closed_pipe_ends_it_although_nothing_happens(self, world):
        process = subprocess.Popen(world.ctl_argv("trace"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE) == 0 and not process.stderr.read()
        eventually(lambda: not traced(world), what="the plain program")

    def test_a_reader_that_does_not_read_holds_up_nothing_and_learns_what_it_lost(self, world, client):
        unread, full = os.pipe()
        trace = subprocess.Popen(world.ctl_argv("trace", "--json"), stdout=full)
        eventually(lambda: traced(world), what="traced")
        with client.udp("192.0.2.9") as sock:
            def flood():
                for _ in range(5000):
                    with contextlib.suppress(BlockingIOError):
                        sock.sendto(b"?", socket.MSG_DONTWAIT, ("192.0.2.9", 5300))
            # Asked of the kernel: how many bytes fill a pipe depends on the pieces in which they came.
            eventually(lambda: flood() or not select.select([], [full], [], 0)[1], what="the pipe to be full")
            os.close(full)
            for _ in range(10):
                flood()
        tell(client, "192.0.2.9", 8080)
        world.reload()
        with open(unread, encoding="ascii") as told:
            lost = next(json.loads(line)["lost"] for line in told if "lost" in json.loads(line))
            assert lost > 0
            trace.terminate()
        assert trace.wait(DEADLINE) == 0

    def test_the_daemon_goes_away(self, make_daemon, config, program):
        config.service("web", HTTP, program("tell.py"))
        daemon = make_daemon().start()
        trace = begun(Trace(daemon))
        daemon.stop()
        assert trace.process.wait(DEADLINE) == 1 and "swathed" in trace.process.stderr.read()

    def test_a_daemon_that_was_killed_while_traced_comes_back_plain(self, world, client):
        trace = begun(Trace(world))
        world.process.kill()
        world.process.wait()
        assert trace.process.wait(DEADLINE) == 1
        world.start()
        assert program_name(world) == "swathe_dispatch"


class TestRefusals:
    def test_who_may_only_look_may_not_watch(self, make_daemon, config, program):
        config.service("web", HTTP, program("tell.py"))
        config.write("swathe.toml", 'control_group = "nogroup"\n')
        daemon = make_daemon().start()
        looker = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        assert daemon.ctl("list", **looker).returncode == 0
        refused = daemon.ctl("trace", status=1, **looker)
        assert "only root and the user of swathed" in refused.stderr and not traced(daemon)
        daemon.stop()

    def test_a_listener_that_is_not_there(self, world):
        for name in ("nobody", "web/echo", "http/web", "web/"):
            assert name in world.ctl("trace", "--listener", name, status=4).stderr
        assert not traced(world)

    def test_more_than_four_at_a_time(self, world):
        with traces(world, [], [], [], []) as four:
            assert "4 traces run already" in world.ctl("trace", status=1).stderr
            four[0].end()
            eventually(lambda: running(world) == 3, what="one has gone")
            with begun(Trace(world)):
                assert running(world) == 4

    @pytest.mark.parametrize("options", [["--sample", "0"], ["--sample", "1000001"], ["--count", "0"], ["--count", "x"],
                                         ["--sample", "-1"]], ids=" ".join)
    def test_numbers_out_of_range(self, world, options):
        assert options[0] in world.ctl("trace", *options, status=2).stderr


class TestTop:
    def test_rates_are_those_of_the_traffic(self, world, client):
        process = subprocess.Popen(world.ctl_argv("top", "--json", "--interval", "1"), stdout=subprocess.PIPE, text=True)
        for _ in range(20):
            echo(client, "192.0.2.9", 5300)
        assert client.refuses_tcp("192.0.2.200", 9000)
        tables, last = [], None
        for line in process.stdout:
            tables.append(json.loads(line))
            last = {one["listener"]: one for one in tables[-1]["listeners"]}
            if len(tables) > DEADLINE or (len(tables) >= 3 and last["gone"]["no_socket"] > 0): # it is the last that is asked for
                break
        process.terminate()
        assert process.wait(DEADLINE) == 0
        assert last["echo"]["lookups"] == last["echo"]["steered"] == 20
        assert last["gone"]["no_socket"] == 1 and last["gone"]["state"] == "stopped"
        told = sum(one["lookups_per_sec"] * table["interval_sec"] for table in tables for one in table["listeners"] if
                   one["listener"] == "echo")
        assert told < 20.5 # fewer, where some came before the first look
        busiest = [[one["lookups_per_sec"] for one in table["listeners"]] for table in tables]
        assert all(rates == sorted(rates, reverse=True) for rates in busiest)

    def test_tables_one_after_the_other_where_there_is_no_terminal(self, world):
        text = world.ctl("top", "--interval", "0.1", "--count", "2").stdout
        assert "\x1b" not in text and text.count("LISTENER") == 2 and text.count("web/http") == 2

    def test_on_a_terminal_it_draws_over_itself_and_a_signal_ends_it(self, world):
        ours, theirs = pty.openpty()
        env = {**os.environ, "TERM": "xterm"}
        process = subprocess.Popen(world.ctl_argv("top", "--interval", "0.1"), stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=env)
        os.close(theirs)
        text = b""
        while text.count(b"\x1b[H") < 3:
            text += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0 and not process.stderr.read()
        os.close(ours)
        assert text.count(b"\x1b[2J") == 1 and b"web/http" in text

    def test_it_survives_a_restart_of_the_daemon_and_not_its_end(self, world):
        process = subprocess.Popen(world.ctl_argv("top", "--json", "--interval", "2"), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        assert json.loads(process.stdout.readline())
        world.stop()
        assert process.wait(DEADLINE) == 3 and "not running" in process.stderr.read()
        world.start()
