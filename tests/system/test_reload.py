"""A change of rules touches nobody who is connected, and nobody who comes while it happens."""

import random
import subprocess
import threading
import time

import pytest

from answers import ECHO, HTTP, echo, starts, tell
from daemon import ROUTE_PROTOCOL, eventually, netns_links
from netns import run


class Conversation:
    """One connection to talk.py."""

    def __init__(self, ns, address, port):
        self.sock = ns.connect(address, port)
        self.pid = self.say("hello")

    def say(self, word):
        self.sock.sendall(word.encode() + b"\n")
        pid, answer = self.sock.recv(999).decode().split()
        assert answer == word
        return int(pid)

    def close(self):
        self.sock.close()


class TestEstablishedConnections:
    def test_live_through_a_reload(self, daemon, config, client, program):
        config.service("web", HTTP, program("talk.py"))
        daemon.start()
        old = Conversation(client, "192.0.2.200", 8080)
        for _ in range(5):
            daemon.reload()
            assert old.say("again") == old.pid
        young = Conversation(client, "192.0.2.200", 8080)
        assert young.pid == old.pid # the service was not touched either
        old.close()
        young.close()
        daemon.stop()

    def test_live_through_a_rule_change_that_takes_their_address_away(self, daemon, config, client, program):
        config.service("web", HTTP, program("talk.py"))
        daemon.start()
        old = Conversation(client, "192.0.2.200", 8080)
        six = Conversation(client, "2001:db8:1::9", 8080)
        config.service("web", {**HTTP, "addresses": ["192.0.2.0/25"]}, program("talk.py"))
        daemon.reload()
        assert client.refuses_tcp("192.0.2.200", 8080)
        assert client.refuses_tcp("2001:db8:1::9", 8080)
        assert old.say("still") == old.pid and six.say("still") == six.pid
        young = Conversation(client, "192.0.2.100", 8080)
        assert young.pid == old.pid
        for one in (old, six, young):
            one.close()
        daemon.stop()

    def test_live_through_an_address_that_moves_to_another_service(self, daemon, config, client, program):
        config.service("web", HTTP, program("talk.py"))
        daemon.start()
        old = Conversation(client, "192.0.2.200", 8080)
        config.service("other", {**HTTP, "addresses": ["192.0.2.200"]}, program("talk.py"))
        daemon.reload()
        new = Conversation(client, "192.0.2.200", 8080)
        assert new.pid != old.pid == old.say("still")
        old.close()
        new.close()
        daemon.stop()

    def test_live_through_the_dispatchers_detaching(self, daemon, config, server, client, program):
        config.service("web", HTTP, program("talk.py"))
        daemon.start()
        old = Conversation(client, "192.0.2.200", 8080)
        (link,) = netns_links(server.inode)
        run("bpftool", "link", "detach", "id", link["id"])
        assert client.refuses_tcp("192.0.2.200", 8080)
        assert old.say("still") == old.pid
        old.close()
        daemon.stop()

    def test_are_finished_by_a_child_that_drains_while_the_daemon_stops(self, daemon, config, client, program):
        config.service("web", HTTP, program("talk.py"))
        daemon.start()
        old = Conversation(client, "192.0.2.200", 8080)
        daemon.process.terminate()
        for _ in range(10):
            time.sleep(0.05)
            assert old.say("still") == old.pid
        old.close()
        assert daemon.process.wait(15) == 0
        assert daemon.leftovers() == []


class Flood:
    """Clients that ask without pause, in threads. Whoever gets no answer, or the answer of another service, is noted."""

    def __init__(self, ns, ask, targets, threads):
        self.ns, self.ask, self.targets = ns, ask, targets # targets: (address, port, tag)
        self.asked, self.wrong = 0, []
        self.over = threading.Event()
        self.lock = threading.Lock()
        seed = time.time_ns()
        print(f"seed {seed}")
        self.threads = [threading.Thread(target=self._run, args=(random.Random(seed + n),)) for n in range(threads)]

    def _run(self, dice):
        while not self.over.is_set():
            address, port, tag = dice.choice(self.targets)
            with self.lock:
                self.asked += 1
            try:
                answer = self.ask(self.ns, address, port, timeout=10)
                if answer["tag"] != tag:
                    self.wrong.append(f"{address}:{port} was answered by {answer['tag']}, not {tag}")
            except Exception as error: # counted and shown, whatever it is
                self.wrong.append(f"{address}:{port}: {error!r}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


def udp_no_ports(ns):
    """Datagrams that the namespace refused because nobody had them: IPv4 and IPv6."""
    head, values = (line.split() for line in ns.run("cat", "/proc/net/snmp").splitlines() if line.startswith("Udp:"))
    six = dict(line.split() for line in ns.run("cat", "/proc/net/snmp6").splitlines())
    return int(values[head.index("NoPorts")]) + int(six["Udp6NoPorts"])


def test_reloads_under_a_flood_misdirect_and_refuse_nothing(daemon, config, server, client, program):
    """Three rule sets in turn. The flood asks only for what all three give to the same service."""
    host = {"addresses": ["192.0.2.7", "2001:db8:1::7"]}
    many = [f"192.0.2.{n}" for n in range(100, 200)]

    def services(extra_ports, extra_addresses):
        config.service("net", [{**HTTP, "ports": [8080, *extra_ports]}, {**ECHO, "ports": [5300]}], program("both.py", "net"))
        config.service("host", [{**HTTP, **host}, {**ECHO, **host}], program("both.py", "host"))
        if extra_addresses:
            config.service("extra", {"protocol": "tcp", "addresses": extra_addresses, "ports": ["1-1000"]}, program("tell.py"))
        elif (config.directory / "services.d/extra.toml").exists():
            config.remove("extra")

    variants = [([], []), (["8081-8999"], many), ([1, 9999], many[:1])]
    services(*variants[0])
    daemon.start()
    tcp = [(a, 8080, "host" if a.endswith("7") else "net") for a in ("192.0.2.7", "192.0.2.8", "192.0.2.150", "2001:db8:1::7",
                                                                     "2001:db8:1::8")]
    udp = [(a, 5300, tag) for a, _, tag in tcp]
    for address, port, _ in tcp: # both run before the flood, which is about steering
        tell(client, address, port)
    before = udp_no_ports(server)
    generation = daemon.generation()
    with Flood(client, tell, tcp, 2) as streams, Flood(client, echo, udp, 2) as datagrams:
        number = 0
        while number < 30 or (min(streams.asked, datagrams.asked) <= 500 and number < 1000):
            number += 1
            services(*variants[number % 3])
            daemon.reload()
    assert streams.wrong == [] and datagrams.wrong == []
    assert streams.asked > 500 and datagrams.asked > 500, (streams.asked, datagrams.asked) # else it was no flood
    assert daemon.generation() >= generation + 30
    assert udp_no_ports(server) == before
    for name in ("net", "host"):
        for listener in daemon.service(name)["listeners"]:
            for sock in listener["sockets"]:
                assert sock["no_socket"] == 0 and sock["assign_errors"] == 0
    daemon.stop()


def test_a_reload_that_changes_nothing_touches_nothing(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    before = tell(client, "192.0.2.9", 8080)["pid"]
    homes = [s["home"] for s in daemon.listener("web", "http")["sockets"]]
    daemon.reload()
    assert tell(client, "192.0.2.9", 8080)["pid"] == before
    assert [s["home"] for s in daemon.listener("web", "http")["sockets"]] == homes
    assert daemon.service("web")["starts"] == 1
    daemon.stop()


def test_who_waits_in_the_backlog_is_served_after_a_reload(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", HTTP, program("tell.py", "--log", log))
    daemon.start()
    daemon.ctl("stop", "web")
    waiting = [client.connect(f"192.0.2.{n}", 8080) for n in range(20)]
    config.service("web", {**HTTP, "ports": ["8080-8090"]}, program("tell.py", "--log", log))
    daemon.reload()
    daemon.ctl("start", "web")
    for sock in waiting:
        assert sock.recv(999)
        sock.close()
    assert starts(log) == 1
    daemon.stop()


def test_services_come_and_go(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    config.service("echo", ECHO, program("echo.py"))
    daemon.reload()
    assert echo(client, "192.0.2.9", 5300)["asked"] == ["192.0.2.9", 5300]
    pid = tell(client, "192.0.2.9", 8080)["pid"]
    config.remove("web")
    daemon.reload()
    assert client.refuses_tcp("192.0.2.9", 8080)
    eventually(lambda: not running(pid), what="the removed service has ended")
    assert daemon.ctl("status", "web", status=4)
    assert echo(client, "192.0.2.9", 5300)["asked"] == ["192.0.2.9", 5300]
    daemon.stop()


def running(pid):
    return subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode == 0


def test_a_new_command_line_is_used_by_the_next_start(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py", "--tag", "old"))
    daemon.start()
    assert tell(client, "192.0.2.9", 8080)["tag"] == "old"
    config.service("web", HTTP, program("tell.py", "--tag", "new"))
    daemon.reload()
    assert tell(client, "192.0.2.9", 8080)["tag"] == "old"
    daemon.ctl("restart", "web")
    assert tell(client, "192.0.2.9", 8080)["tag"] == "new"
    daemon.stop()


@pytest.mark.parametrize("how", ["signal", "swathectl"])
def test_a_wrong_configuration_changes_nothing_and_says_why(daemon, config, client, program, how):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    pid, generation, seen = tell(client, "192.0.2.9", 8080)["pid"], daemon.generation(), len(daemon.lines)
    path = config.service("web", {**HTTP, "ports": ["9000-8000"]}, program("tell.py"))
    other = config.service("other", {**HTTP, "adresses": ["192.0.2.1"]}, program("tell.py"))
    if how == "signal":
        daemon.hang_up()
    else:
        done = daemon.reload(status=1)
        assert f"{path}:" in done.stderr + done.stdout
    daemon.wait_for(lambda line: f"{path}:" in line and "ports" in line, "what is wrong with web.toml", since=seen)
    daemon.wait_for(lambda line: f"{other}:" in line and "adresses" in line, "what is wrong with other.toml", since=seen)
    assert daemon.generation() == generation
    assert tell(client, "192.0.2.9", 8080)["pid"] == pid

    config.service("web", {**HTTP, "ports": [8080, 9000]}, program("tell.py"))
    config.remove("other")
    daemon.hang_up()
    eventually(lambda: daemon.generation() > generation, what="the repaired configuration is in force")
    assert tell(client, "192.0.2.9", 9000)["pid"] == pid
    daemon.stop()


def test_a_new_listener_that_cannot_be_opened_leaves_the_old_world(daemon, config, server, client, program):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    pid, generation = tell(client, "192.0.2.9", 8080)["pid"], daemon.generation()
    with server.listen("192.0.2.9", 9000):
        config.service("new", {"protocol": "tcp", "addresses": ["192.0.2.9"], "ports": [9000]}, program("tell.py"))
        done = daemon.reload(status=1)
        assert "new.toml" in done.stdout + done.stderr
    assert daemon.generation() == generation
    assert tell(client, "192.0.2.9", 8080)["pid"] == pid
    assert [s["name"] for s in daemon.ctl_json("status")["services"]] == ["web"]
    daemon.stop()


def test_what_a_running_child_has_inherited_locks_nobody_out(daemon, config, client, program):
    """A listener that gets a new socket leaves the old one to the child; later reloads must not take it for a stranger's."""
    config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"]}, program("tell.py"))
    daemon.start()
    tell(client, "192.0.2.9", 8080)
    config.service("web", HTTP, program("tell.py"))
    assert "swathectl restart web" in daemon.reload().stdout
    daemon.reload()
    daemon.ctl("restart", "web")
    assert tell(client, "192.0.2.9", 8080) and tell(client, "2001:db8:1::9", 8080)
    daemon.stop()


def test_a_removed_service_may_come_back_while_its_child_drains(daemon, config, client, program):
    config.service("web", HTTP, program("stubborn.py"), timeout_stop_sec="3s")
    daemon.start()
    old = int(client.ask_tcp("192.0.2.9", 8080)) # it ignores TERM by now
    config.remove("web")
    daemon.reload()
    assert running(old)
    config.service("web", HTTP, program("tell.py"))
    daemon.reload()
    assert tell(client, "192.0.2.9", 8080)["pid"] != old
    eventually(lambda: not running(old), what="the removed service has ended")
    daemon.stop()


def test_a_failed_service_that_gets_a_new_listener_can_be_started(daemon, config, client, program):
    config.service("web", HTTP, ["/bin/false"], start_limit_hit="fail", start_limit_burst=1, start_limit_interval_sec="60s")
    daemon.start()
    client.connect("192.0.2.9", 8080).close()
    daemon.wait_state("web", "failed")
    config.service("web", [{**HTTP, "home": "192.0.2.1:8080"}, ECHO], program("both.py", "web")) # a new socket for both
    daemon.reload()
    assert client.refuses_tcp("192.0.2.9", 8080)
    daemon.ctl("start", "web")
    assert tell(client, "192.0.2.9", 8080)["tag"] == "web"
    assert echo(client, "192.0.2.9", 5300)["tag"] == "web"
    daemon.stop()


def test_a_refused_reload_leaves_no_local_routes(daemon, config, server, client, program):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    server.run("ip", "route", "add", "table", "local", "203.0.113.0/25", "dev", "lo")
    config.service("new", {"protocol": "tcp", "addresses": ["198.51.100.0/25", "203.0.113.0/25"], "ports": [80], "local_routes": True},
                   program("tell.py"))
    assert "203.0.113.0/25" in daemon.reload(status=1).stderr
    assert server.local_routes(ROUTE_PROTOCOL) == []
    daemon.stop()


def test_a_new_backlog_is_that_of_the_next_connections(daemon, config, server, client, program):
    config.service("web", {**HTTP, "backlog": 7}, program("tell.py"))
    daemon.start()
    config.service("web", {**HTTP, "backlog": 9}, program("tell.py"))
    daemon.reload()
    assert [line.split()[2] for line in server.run("ss", "-Hltn").splitlines()] == ["9"]
    daemon.stop()


def test_a_socket_on_an_address_that_is_steered_already_keeps_no_reload_from_succeeding(daemon, config, server, client, program):
    """Any local user can open one (IP_FREEBIND); what it would lose by the reload it never had."""
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    with server.listen("192.0.2.9", 8080):
        config.service("web", {**HTTP, "ports": [8080, 8081]}, program("tell.py"))
        daemon.reload()
        assert tell(client, "192.0.2.9", 8081)
    with server.listen("192.0.2.9", 8082):
        config.service("web", {**HTTP, "ports": [8080, 8081, 8082]}, program("tell.py"))
        assert "192.0.2.9:8082" in daemon.reload(status=1).stderr # this one would be locked out
    daemon.stop()


def test_a_new_log_level_is_in_force(daemon, config, program):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    config.write("swathe.toml", 'log_level = "warning"\n')
    daemon.reload()
    daemon.ctl("stop", "web")
    config.write("swathe.toml", 'log_level = "info"\n')
    daemon.reload()
    daemon.wait_for(lambda line: line.startswith("reloaded"), "that it has reloaded")
    assert not any("web: stopped" in line for line in daemon.lines)
    daemon.stop()


def test_a_family_that_is_added_stops_nobody(daemon, config, client, program):
    """The running service goes on with its IPv4 socket; who comes by IPv6 waits for its next start."""
    config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"]}, program("tell.py"))
    daemon.start()
    assert tell(client, "192.0.2.9", 8080)
    pid = daemon.service("web")["main_pid"]
    config.service("web", {**HTTP, "addresses": ["192.0.2.0/24", "2001:db8:1::/64"]}, program("tell.py"))
    assert "swathectl restart web" in daemon.reload().stdout
    assert tell(client, "192.0.2.10", 8080) and daemon.service("web")["main_pid"] == pid
    assert any("swathectl restart web" in line for line in daemon.ctl_json("status")["daemon"]["warnings"])
    with client.connect("2001:db8:1::9", 8080):
        daemon.ctl("restart", "web")
        assert tell(client, "2001:db8:1::9", 8080)["sockname"] == ["2001:db8:1::9", 8080]
        assert tell(client, "192.0.2.11", 8080)["sockname"] == ["192.0.2.11", 8080]
    assert not any("swathectl restart web" in line for line in daemon.ctl_json("status")["daemon"]["warnings"])
    daemon.stop()


def test_a_stopped_service_that_is_to_queue_from_now_on_is_reached_when_it_runs_again(daemon, config, client, program):
    config.service("web", {**HTTP, "when_down": "drop"}, program("tell.py"))
    daemon.start()
    assert tell(client, "192.0.2.9", 8080)
    daemon.ctl("stop", "web")
    assert client.refuses_tcp("192.0.2.9", 8080)
    config.service("web", {**HTTP, "when_down": "queue"}, program("tell.py"))
    daemon.reload()
    waiting = client.connect("192.0.2.9", 8080) # in the backlog
    daemon.ctl("start", "web")
    assert waiting.recv(1) and tell(client, "192.0.2.9", 8080)
    waiting.close()
    daemon.stop()
