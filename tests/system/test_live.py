"""explain --live: what the whole kernel does with a packet, and who is responsible where that is not what the rules say."""

import json
import os
import socket

import pytest

from answers import ECHO, HTTP, tell
from daemon import netns_links
from netns import Link, run

US = f"(pid {os.getpid()})"
SEVENS = {"name": "sevens", "protocol": "tcp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": [7777]}


@pytest.fixture
def web(config, program):
    """steered: web on 192.0.2.0/24:8080, echo on 5300; dropped: 192.0.2.66; passed: 192.0.2.67."""
    config.service("web", HTTP, program("tell.py"))
    config.service("echo", ECHO, program("echo.py"))
    config.rules(drop=[{"addresses": ["192.0.2.66"], "ports": "all"}],
                 **{"pass": [{"addresses": ["192.0.2.67"], "ports": "all"}]})
    return config


def live(daemon, *words):
    answer = daemon.explain(*words, "--live")
    assert answer["source"] == "live"
    return answer


class TestAgreement:
    def test_steered_dropped_and_passed_as_the_tables_say(self, daemon, web, server):
        daemon.start()
        for protocol, address, port, service in (("tcp", "192.0.2.9", 8080, "web"), ("tcp", "2001:db8:1::9", 8080, "web"),
                                                 ("udp", "192.0.2.9", 5300, "echo"), ("udp", "2001:db8:1::9", 5300, "echo")):
            answer = live(daemon, protocol, address, port)
            assert (answer["verdict"], answer["service"], answer["socket"], answer["disagreement"]) == ("steer", service, None, None)
            assert answer["rule"] == daemon.explain(protocol, address, port)["rule"]
        answer = live(daemon, "tcp", "192.0.2.66", 8080)
        assert (answer["verdict"], answer["rule"]["prefix"], answer["disagreement"]) == ("drop", "192.0.2.66/32", None)
        for port in (8080, 8081): # passed by a rule, or by none: nobody is there
            answer = live(daemon, "tcp", "192.0.2.67" if port == 8080 else "192.0.2.9", port)
            assert (answer["verdict"], answer["socket"], answer["disagreement"]) == ("drop", None, None)
        daemon.stop()

    @pytest.mark.parametrize("protocol, bound, asked", [("tcp", "192.0.2.67", "192.0.2.67"), ("tcp", "0.0.0.0", "192.0.2.67"),
                                                        ("udp", "192.0.2.67", "192.0.2.67"), ("tcp", "::", "2001:db8:1::9")])
    def test_what_is_passed_goes_to_the_process_that_has_it_bound(self, daemon, web, server, protocol, bound, asked):
        with server.listen(bound, 9000, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM):
            daemon.start()
            answer = live(daemon, protocol, asked, 9000)
            assert (answer["verdict"], answer["service"], answer["disagreement"]) == ("pass", None, None)
            where = f"[{bound}]:9000" if ":" in bound else f"{bound}:9000"
            assert answer["socket"]["pid"] == os.getpid() and answer["socket"]["address"] == where
            assert answer["socket"]["process"].startswith("python") or answer["socket"]["process"].startswith("pytest")
            shown = daemon.ctl("explain", protocol, asked, 9000, "--live").stdout
            assert f"-> pass to {answer['socket']['process']} {US} on {where}\n" in shown
            daemon.stop()

    def test_the_interface_is_simulated(self, daemon, config, server, client, program):
        config.service("up", {**HTTP, "interface": ["up0"]}, program("tell.py"))
        daemon.start()
        assert live(daemon, "tcp", "192.0.2.9", 8080)["verdict"] == "drop"
        answer = live(daemon, "tcp", "192.0.2.9", 8080, "--interface", "up0")
        assert (answer["service"], answer["disagreement"]) == ("up", None)
        assert live(daemon, "tcp", "192.0.2.9", 8080, "--interface", "lo")["verdict"] == "drop"
        daemon.stop()

    def test_a_lookup_is_counted_once_as_the_manual_says_and_starts_nothing(self, daemon, web):
        daemon.start()
        for _ in range(5):
            live(daemon, "tcp", "192.0.2.9", 8080)
        (sock,) = daemon.listener("web", "http")["sockets"]
        assert (sock["lookups"], sock["steered"], sock["queued"]) == (5, 5, 0)
        assert daemon.service("web")["starts"] == 0
        daemon.stop()

    def test_a_batch_asks_the_kernel_for_each_line(self, daemon, web, server):
        daemon.start()
        with server.listen("192.0.2.67", 9000):
            done = daemon.ctl("explain", "--batch", "--live", input="tcp 192.0.2.9 8080\ntcp 192.0.2.67 9000\nudp 192.0.2.66 1\n")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one["verdict"] for one in answers] == ["steer", "pass", "drop"]
        assert {one["source"] for one in answers} == {"live"}
        daemon.stop()

    @pytest.mark.parametrize("options", [["--kernel"], ["--config", "/nonexistent"]], ids=str)
    def test_it_cannot_be_asked_together_with_the_other_sources(self, daemon, options):
        assert "--live" in daemon.ctl("explain", "tcp", "192.0.2.9", 80, "--live", *options, status=2).stderr


class TestForeignPrograms:
    @pytest.mark.parametrize("order, name", [("before", "foreign"), ("after", "foreign_replace")])
    def test_one_that_chooses_another_socket_is_named_with_its_place_and_its_socket(
            self, daemon, config, server, client, program, foreign, foreign_listener, order, name):
        config.service("web", [HTTP, SEVENS], program("tell.py"))
        if order == "before":
            foreign.attach(server, foreign_listener, name)
        daemon.start()
        if order == "after":
            foreign.attach(server, foreign_listener, name)
        (number,) = [one["id"] for one in daemon.ctl_json("status")["daemon"]["programs"] if not one["ours"]]

        answer = live(daemon, "tcp", "192.0.2.9", 7777)
        assert (answer["verdict"], answer["service"], answer["rule"]) == ("pass", None, None)
        assert answer["socket"]["pid"] == os.getpid() and answer["socket"]["address"] == "127.0.0.1:1"
        assert answer["others"][0]["listener"] == "sevens" # the rule that was not followed
        text = answer["disagreement"]
        assert text.startswith("the tables say steer to web/sevens, but ")
        assert f'program "{name}" (id {number}), attached {order} ours, chose another socket: ' in text
        assert text.endswith(f"{US} on tcp 127.0.0.1:1")
        assert text in daemon.ctl("explain", "tcp", "192.0.2.9", 7777, "--live").stdout

        with client.connect("192.0.2.9", 7777): # and so it is
            foreign_listener.accept()[0].close()
        assert live(daemon, "tcp", "192.0.2.9", 8080)["disagreement"] is None
        daemon.expected_links = 1
        daemon.stop()

    def test_of_two_the_counters_tell_which_it_was(self, daemon, config, server, program, foreign, foreign_listener):
        config.service("web", SEVENS, program("tell.py"))
        foreign.attach(server, foreign_listener, "foreign")
        daemon.start()
        foreign.attach(server, foreign_listener, "foreign_drop")
        text = live(daemon, "tcp", "192.0.2.9", 7777)["disagreement"]
        assert 'program "foreign" ' in text and "foreign_drop" not in text
        daemon.expected_links = 2
        daemon.stop()

    def test_a_drop_does_not_undo_our_choice(self, daemon, config, server, client, program, foreign, foreign_listener):
        config.service("web", SEVENS, program("tell.py"))
        daemon.start()
        foreign.attach(server, foreign_listener, "foreign_drop")
        answer = live(daemon, "tcp", "192.0.2.9", 7777)
        assert (answer["verdict"], answer["disagreement"]) == ("steer", None)
        assert tell(client, "192.0.2.9", 7777)["listener"] == "sevens"
        daemon.expected_links = 1
        daemon.stop()

    @pytest.mark.parametrize("verdict", ["pass", "drop"])
    def test_one_that_takes_what_we_pass_or_drop_is_named(self, daemon, web, server, client, foreign, foreign_listener, verdict):
        daemon.start()
        foreign.attach(server, foreign_listener)
        address = {"pass": "192.0.2.67", "drop": "192.0.2.66"}[verdict]
        answer = live(daemon, "tcp", address, 7777)
        assert answer["verdict"] == "pass" and answer["socket"]["pid"] == os.getpid()
        assert answer["disagreement"].startswith(f'the tables say {verdict}, but program "foreign" (id ')
        with client.connect(address, 7777):
            foreign_listener.accept()[0].close()
        daemon.expected_links = 1
        daemon.stop()

    def test_one_that_refuses_what_a_process_listens_for_is_named_with_the_process(self, daemon, web, server, client, foreign,
                                                                                    foreign_listener):
        daemon.start()
        foreign.attach(server, foreign_listener, "foreign_drop")
        assert live(daemon, "tcp", "192.0.2.67", 7777)["disagreement"] is None # nobody loses anything
        with server.listen("0.0.0.0", 7777):
            text = live(daemon, "tcp", "192.0.2.67", 7777)["disagreement"]
            assert "attached after ours, refuses it: " in text and f"{US} on tcp 0.0.0.0:7777 does not get it" in text
            assert client.refuses_tcp("192.0.2.67", 7777)
        daemon.expected_links = 1
        daemon.stop()

    @pytest.mark.parametrize("order", ["before", "after"])
    @pytest.mark.parametrize("name", ["foreign", "foreign_replace", "foreign_drop"])
    def test_each_with_each_of_our_verdicts(self, daemon, config, server, client, program, foreign, foreign_listener, name, order):
        """What the kernel does, what explain --live says of it, and whom it names: the foreign program where it changes
        something, else nobody."""
        server.route_locally("203.0.113.0/24")
        config.service("web", [HTTP, SEVENS], program("tell.py"))
        config.rules(drop=[{"addresses": ["192.0.2.66"], "ports": "all"}], **{"pass": [{"addresses": ["192.0.2.67"], "ports": "all"}]})
        addresses = {"steer": "192.0.2.9", "drop": "192.0.2.66", "pass": "192.0.2.67", "none": "203.0.113.5"}
        theirs = dict.fromkeys(addresses, "theirs")
        expected = {
            ("foreign", "before"): theirs,
            ("foreign", "after"): {**theirs, "steer": "ours"},
            ("foreign_replace", "before"): theirs,
            ("foreign_replace", "after"): theirs,
            ("foreign_drop", "before"): {"steer": "ours", "drop": "refused", "pass": "refused", "none": "refused"},
            ("foreign_drop", "after"): {"steer": "ours", "drop": "refused", "pass": "refused", "none": "refused"},
        }[name, order]
        agreed = {"steer": "ours", "drop": "refused"}
        with server.listen("0.0.0.0", 7777): # whom the kernel finds without any program
            if order == "before":
                foreign.attach(server, foreign_listener, name)
            daemon.start()
            if order == "after":
                foreign.attach(server, foreign_listener, name)
            programs = daemon.ctl_json("status")["daemon"]["programs"]
            assert [one["ours"] for one in programs] == ([False, True] if order == "before" else [True, False])
            assert [one["name"] for one in programs if not one["ours"]] == [name]
            for verdict, address in addresses.items():
                answer = live(daemon, "tcp", address, 7777)
                said = {"steer": "ours", "drop": "refused", "pass": "theirs"}[answer["verdict"]]
                assert said == expected[verdict], (verdict, answer)
                if said == "theirs":
                    assert answer["socket"]["address"] == "127.0.0.1:1"
                told = answer["disagreement"]
                named = f'program "{name}" (id ' in (told or "")
                assert named == (agreed.get(verdict) != said) and (named or told is None), (verdict, told)
                if said == "ours":
                    assert tell(client, address, 7777)["listener"] == "sevens"
                elif said == "theirs":
                    with client.connect(address, 7777):
                        foreign_listener.accept()[0].close()
                else:
                    assert client.refuses_tcp(address, 7777)
        daemon.expected_links = 1
        daemon.stop()


class TestOtherCauses:
    def test_a_connected_udp_socket_comes_before_the_rules(self, daemon, web, server, client):
        with server.listen("192.0.2.9", 5400, socket.SOCK_DGRAM) as native:
            native.connect((Link.CLIENT4, 9))
            web.service("wide", {**ECHO, "name": "wide", "ports": ["5400-5499"], "addresses": ["192.0.2.0/24"]}, ["/bin/true"])
            daemon.start()
            answer = live(daemon, "udp", "192.0.2.9", 5400, "--from", f"{Link.CLIENT4}:9")
            assert (answer["verdict"], answer["socket"]["pid"]) == ("pass", os.getpid())
            assert answer["disagreement"] == f"the tables say steer to wide/wide, but a connection comes before all rules: " \
                f"{answer['socket']['process']} {US} on udp 192.0.2.9:5400"
            assert live(daemon, "udp", "192.0.2.9", 5400, "--from", f"{Link.CLIENT4}:8")["disagreement"] is None
            daemon.stop()

    def test_an_open_connection_is_found_with_the_process_that_serves_it(self, daemon, config, client, program):
        config.service("web", HTTP, program("talk.py"))
        daemon.start()
        with client.connect("192.0.2.9", 8080) as open_one:
            open_one.sendall(b"hello\n")
            pid = int(open_one.recv(99).split()[0])
            host, port = open_one.getsockname()[:2]
            answer = live(daemon, "tcp", "192.0.2.9", 8080, "--from", f"{host}:{port}")
            assert answer["socket"]["pid"] == pid and "a connection comes before all rules" in answer["disagreement"]
        daemon.stop()

    @pytest.mark.parametrize("when_down, verdict", [("drop", "drop"), ("pass", "pass")])
    def test_a_service_that_is_stopped_and_does_not_queue(self, daemon, config, server, program, when_down, verdict):
        config.service("web", {**HTTP, "when_down": when_down, "steal": True}, program("tell.py"))
        daemon.start()
        assert live(daemon, "tcp", "192.0.2.9", 8080)["disagreement"] is None
        daemon.ctl("stop", "web")
        with server.listen("192.0.2.9", 8080):
            answer = live(daemon, "tcp", "192.0.2.9", 8080)
        assert answer["verdict"] == verdict
        assert "the socket of web/http is of no use: the service is stopped; " in answer["disagreement"]
        assert answer["disagreement"].endswith("nobody gets it" if verdict == "drop" else f"{US} on tcp 192.0.2.9:8080 gets it")
        daemon.stop()

    def test_a_program_of_ours_that_somebody_has_detached(self, daemon, web, server):
        daemon.start()
        (link,) = netns_links(server.inode)
        run("bpftool", "link", "detach", "id", link["id"])
        answer = live(daemon, "tcp", "192.0.2.9", 8080)
        assert answer["verdict"] == "drop"
        assert "our program is not attached to the network namespace: nobody gets it" in answer["disagreement"]
        daemon.reload()
        assert live(daemon, "tcp", "192.0.2.9", 8080)["disagreement"] is None
        daemon.stop()
