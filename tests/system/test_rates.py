"""How many a listener lets in: rates, per listener and per source, blocked and excepted sources. Real packets across a veth pair."""

import concurrent.futures
import threading
import time

import pytest

from answers import ECHO, HTTP, echo, tell
from daemon import eventually
from netns import Link
from test_trace import Trace, begun

NEAR4 = [f"198.51.100.{n}" for n in range(10, 14)]  # in the /24 of the link
FAR4 = [f"198.51.101.{n}" for n in range(10, 14)]   # in the next one
NEAR6 = [f"2001:db8:ffff::{n}" for n in range(10, 14)]
FAR6 = [f"2001:db8:fffe::{n}" for n in range(10, 14)]


@pytest.fixture
def sources(server, client):
    """The client has more addresses, in two prefixes of each family."""
    for address in NEAR4 + FAR4:
        client.ip("addr", "add", f"{address}/32", "dev", "up0")
    for address in NEAR6 + FAR6:
        client.ip("-6", "addr", "add", f"{address}/128", "dev", "up0", "nodad")
    server.ip("route", "add", "198.51.101.0/24", "via", Link.CLIENT4)
    server.ip("-6", "route", "add", "2001:db8:fffe::/64", "via", Link.CLIENT6)
    return client


def let_in(client, address, source, times=1, port=8080):
    """How many of so many connections are. Those that are not are refused at once."""
    count = 0
    for _ in range(times):
        try:
            client.connect(address, port, source=source).close()
            count += 1
        except ConnectionRefusedError:
            pass
    return count


def refused(daemon, service="web"):
    (listener,) = daemon.ctl_json("status", service)["services"][0]["listeners"]
    (socket,) = listener["sockets"]
    assert socket["lookups"] == socket["steered"] + sum(socket["refused"][why] for why in ("rate", "source_rate", "blocked", "closed"))
    return socket["refused"]


def web(config, program, service=None, **keys):
    config.service("web", {**HTTP, **keys}, program("tell.py"), **(service or {}))


class TestRates:
    def test_a_source_has_its_burst_and_leaves_the_others_theirs(self, daemon, config, program, sources):
        web(config, program, source_rate="3/h", source_burst=3, connection_rate="11/h")
        daemon.start()
        assert let_in(sources, "192.0.2.9", NEAR4[0], 3) == 3
        assert let_in(sources, "192.0.2.10", NEAR4[0], 20) == 0 # whatever address it asks
        assert let_in(sources, "192.0.2.9", NEAR4[1], 4) == 3
        assert let_in(sources, "2001:db8:1::9", NEAR6[0], 2) == 2
        assert let_in(sources, "2001:db8:1::9", NEAR6[1], 3) == 1 # of the same /64
        assert let_in(sources, "2001:db8:1::9", FAR6[0], 3) == 2  # all that is left of 11 for both families
        assert refused(daemon) == {"rate": 1, "source_rate": 23, "blocked": 0, "closed": 0, "unasked": 0, "new_sources": 4}

    @pytest.mark.parametrize("prefix,expected", [(32, [2, 2, 2]), (24, [2, 0, 2]), (16, [2, 0, 0])])
    def test_a_source_is_as_long_as_its_service_says(self, daemon, config, program, sources, prefix, expected):
        web(config, program, {"source_prefix_ipv4": prefix}, source_rate="2/h")
        daemon.start()
        assert [let_in(sources, "192.0.2.9", source, 3) for source in (NEAR4[0], NEAR4[1], FAR4[0])] == expected

    @pytest.mark.parametrize("prefix,expected", [(128, [2, 2, 2]), (64, [2, 0, 2]), (32, [2, 0, 0])])
    def test_so_it_is_in_ipv6(self, daemon, config, program, sources, prefix, expected):
        web(config, program, {"source_prefix_ipv6": prefix}, source_rate="2/h")
        daemon.start()
        assert [let_in(sources, "2001:db8:1::9", source, 3) for source in (NEAR6[0], NEAR6[1], FAR6[0])] == expected

    def test_many_at_once_are_counted_one_by_one(self, daemon, config, program, sources):
        web(config, program, source_rate="40/h", connection_rate="1000/h")
        daemon.start()
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            by_source = list(pool.map(lambda n: (n % 3, let_in(sources, "192.0.2.9", NEAR4[n % 3], 10)), range(24)))
        assert [sum(count for source, count in by_source if source == n) for n in range(3)] == [40, 40, 40]

    def test_time_lets_more_in(self, daemon, config, program, sources):
        web(config, program, source_rate="10/s", source_burst=50) # so many that a busy machine may sleep and lose none
        daemon.start()

        def until_refused(seconds):
            """All that are let in so long at least, and when the one that was not asked and heard so."""
            end, count = time.monotonic() + seconds, 0
            while True:
                asked = time.monotonic()
                if let_in(sources, "192.0.2.9", NEAR4[0]):
                    count += 1
                elif asked >= end:
                    return count, asked, time.monotonic()

        burst, asked, heard = until_refused(0)
        assert burst >= 50
        count, last_asked, last_heard = until_refused(2)
        assert 10 * (last_asked - heard) - 1 <= count <= 10 * (last_heard - asked) + 1

    def test_datagrams_count_each(self, daemon, config, program, sources):
        config.service("echo", {**ECHO, "source_rate": "5/h"}, program("echo.py"))
        daemon.start()
        for _ in range(5):
            echo(sources, "192.0.2.9", 5300)
        assert sources.refuses_udp("192.0.2.9", 5300)
        echo(sources, "2001:db8:1::9", 5300)
        assert refused(daemon, "echo")["source_rate"] == 1

    def test_a_reload_keeps_what_is_used_up_and_brings_new_limits(self, daemon, config, program, sources):
        web(config, program, source_rate="2/h")
        daemon.start()
        assert let_in(sources, "192.0.2.9", NEAR4[0], 3) == 2
        web(config, program, source_rate="2/h", source_burst=4, ports=[8080, 8081])
        daemon.ctl("reload")
        assert let_in(sources, "192.0.2.9", NEAR4[0], 4, port=8081) == 2 # the new burst is two more
        assert let_in(sources, "192.0.2.9", NEAR4[0], 2) == 0
        web(config, program)
        daemon.ctl("reload")
        assert let_in(sources, "192.0.2.9", NEAR4[0], 5) == 5

    def test_a_flood_from_one_prefix_leaves_the_others_at_full_speed(self, daemon, config, program, sources):
        web(config, program, {"source_prefix_ipv4": 24}, source_rate="5/s", connection_rate="2000/s")
        daemon.start()
        begin, over = time.monotonic(), threading.Event()

        def flood(source):
            return sum(let_in(sources, "192.0.2.9", source, 50) for _ in iter(over.is_set, True))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            floods = [pool.submit(flood, source) for source in NEAR4[:3]]
            try:
                for _ in range(12):
                    assert let_in(sources, "192.0.2.9", FAR4[0]) == 1 # each of them: its own bucket is never empty
                    time.sleep(0.25)
                eventually(lambda: daemon.listener("web", "http")["sockets"][0]["refused"]["source_rate"] > 100, what="a flood")
            finally:
                over.set()
            flooded = sum(one.result() for one in floods)
        assert 5 <= flooded <= 5 + 5 * (time.monotonic() - begin)
        assert refused(daemon)["source_rate"] > 100 and refused(daemon)["rate"] == 0


class TestNumbers:
    """max_connections and max_connections_per_source whose excess is dropped by the kernel."""

    SERVICE = {"accept": True, "standard_input": "socket"}

    def test_the_listener_is_closed_at_its_number_and_open_again_below_it(self, daemon, config, sources):
        config.service("web", HTTP, ["/bin/cat"], **self.SERVICE, max_connections=3, max_connections_hit="drop")
        daemon.start()
        held = [sources.connect("192.0.2.9", 8080) for _ in range(3)]
        eventually(lambda: let_in(sources, "192.0.2.9", NEAR4[0]) == 0, what="closed")
        assert refused(daemon)["closed"] > 0
        held.pop().close()
        eventually(lambda: let_in(sources, "192.0.2.9", NEAR4[0]) == 1, what="open again")
        for sock in held:
            sock.close()

    def test_one_source_is_shut_out_at_its_number_and_the_others_are_not(self, daemon, config, sources):
        config.service("web", HTTP, ["/bin/cat"], **self.SERVICE, source_prefix_ipv4=24, max_connections_per_source=2,
                       max_connections_per_source_hit="drop")
        daemon.start()
        held = [sources.connect("192.0.2.9", 8080, source=source) for source in NEAR4[:2]]
        held6 = [sources.connect("2001:db8:1::9", 8080, source=source) for source in NEAR6[:2]]
        eventually(lambda: let_in(sources, "192.0.2.9", NEAR4[2]) == 0, what="shut out")
        eventually(lambda: let_in(sources, "2001:db8:1::9", NEAR6[2]) == 0, what="shut out")
        assert let_in(sources, "192.0.2.9", FAR4[0]) == 1
        assert let_in(sources, "2001:db8:1::9", FAR6[0]) == 1
        assert refused(daemon)["blocked"] >= 2
        daemon.ctl("reload")
        assert let_in(sources, "192.0.2.9", NEAR4[3]) == 0
        held.pop().close()
        eventually(lambda: let_in(sources, "192.0.2.9", NEAR4[2]) == 1, what="let in again")
        for sock in held + held6:
            sock.close()


class TestSources:
    def test_blocked_ones_are_refused_where_the_rule_wins(self, daemon, config, program, sources):
        web(config, program, blocked=["198.51.101.0/24", f"{NEAR6[0]}/128"])
        config.service("wide", {**HTTP, "name": "wide", "addresses": ["192.0.0.0/16"]}, program("tell.py"))
        daemon.start()
        assert let_in(sources, "192.0.2.9", FAR4[0]) == 0
        assert let_in(sources, "192.0.2.9", NEAR4[0]) == 1
        assert let_in(sources, "2001:db8:1::9", NEAR6[0]) == 0
        assert let_in(sources, "2001:db8:1::9", NEAR6[1]) == 1
        assert refused(daemon)["blocked"] == 2
        for options in ((), ("--kernel",), ("--live",)):
            answer = daemon.ctl_json("explain", "tcp", "192.0.2.9", "8080", "--from", FAR4[0], *options)
            assert answer["verdict"] == "drop" and answer["disagreement"] is None, options
        answer = daemon.ctl_json("explain", "tcp", "192.0.2.9", "8080", "--from", FAR4[0])
        assert answer["service"] == "web" and "blocked" in answer["reason"] and answer["rule"]["prefix"] == "192.0.2.0/24"

    def test_excepted_ones_go_to_the_next_rule(self, daemon, config, program, sources):
        config.service("web", {**HTTP, "except_from": ["198.51.101.0/24", "2001:db8:fffe::/64"]}, program("tell.py", "--tag", "web"))
        config.service("rest", {**HTTP, "name": "rest", "addresses": ["192.0.0.0/16"]}, program("tell.py", "--tag", "rest"))
        daemon.start()
        assert tell(sources, "192.0.2.9", 8080, source=NEAR4[0])["tag"] == "web"
        assert tell(sources, "192.0.2.9", 8080, source=FAR4[0])["tag"] == "rest"
        assert tell(sources, "2001:db8:1::9", 8080, source=NEAR6[0])["tag"] == "web"
        assert let_in(sources, "2001:db8:1::9", FAR6[0]) == 0 # nobody else's
        rules = daemon.ctl_json("rules")
        assert {rule.get("except_from") for rule in rules if rule["service"] == "web"} == {"198.51.101.0/24,2001:db8:fffe::/64"}

    def test_asking_takes_no_token_and_says_what_the_limits_are(self, daemon, config, program, sources):
        web(config, program, source_rate="2/h", connection_rate="100/min", connection_burst=5)
        daemon.start()
        for options in ((), ("--kernel",), ("--live",)) * 3:
            answer = daemon.ctl_json("explain", "tcp", "192.0.2.9", "8080", "--from", NEAR4[0], *options)
            assert answer["verdict"] == "steer" and answer["disagreement"] is None, options
            assert answer["limits"] == "100 in 1min, 5 at once; of one source (/32, /64) 2 in 60min"
        assert let_in(sources, "192.0.2.9", NEAR4[0], 3) == 2
        text = daemon.ctl("status", "web").stdout
        assert "refused: rate 0  source rate 1  blocked 0  too many 0  sources 1" in text
        answer = daemon.ctl_json("explain", "tcp", "192.0.2.9", "8080", "--from", NEAR4[0], "--live", "--interface", "up0")
        assert answer["verdict"] == "drop" and "limits" in answer["disagreement"] # that one counts like a packet

    def test_the_trace_names_the_limit(self, daemon, config, program, sources):
        web(config, program, source_rate="1/h", connection_rate="2/h", blocked=[FAR4[3]])
        daemon.start()
        with begun(Trace(daemon, "--listener", "http")) as trace:
            let_in(sources, "192.0.2.9", NEAR4[0], 2)
            let_in(sources, "192.0.2.9", NEAR4[1], 1)
            let_in(sources, "192.0.2.9", NEAR4[2], 1)
            let_in(sources, "192.0.2.9", FAR4[3], 1)
            events = trace.wait(5)
        assert [(event["verdict"], event["error"]) for event in events] == [
            ("steer", None), ("drop", "source rate limit"), ("steer", None), ("drop", "rate limit"), ("drop", "source blocked")]
