"""Who is let in by a service with accept = true: by load, by time of day, by number and by source; and what greets who is."""

import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import time

import pytest

from accepting import ADDRESS, LISTEN, PORT, SH, UNLIMITED, ask, gone, held, inetd
from daemon import eventually, netns_links
from load import read_all
from netns import Link, run
from subreaper import strangers

BANNER_BYTES = 4096 # kBannerBytes, src/supervise/connections.cpp
FLOWS = {"name": "flows", "protocol": "udp", "addresses": ["192.0.2.0/24"], "ports": [5000]}


def refused(daemon, service="cat"):
    return daemon.service(service)["connections"]["refused"]


def serves(client, port=PORT):
    """Is a new connection served by `cat`?"""
    return ask(client, port=port, text=b"?") == b"?"


class TestLoad:
    @pytest.fixture
    def load(self, daemon, base, shared):
        """load(2.5): the load average that the daemon finds."""
        run("cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-o", shared / "loadavg.so", pathlib.Path(__file__).parent / "programs/loadavg.c")
        daemon.environment |= {"LD_PRELOAD": str(shared / "loadavg.so"), "LOADAVG": str(base / "loadavg")}

        def set_to(average):
            part = base / "loadavg.part" # never half a file
            part.write_text(str(average))
            part.rename(base / "loadavg")
        return set_to

    def test_above_max_load_whoever_comes_is_refused_and_who_is_there_stays(self, daemon, config, client, held, load):
        load(2.5)
        inetd(config, "cat", ["/bin/cat"], max_load=2.5)
        daemon.start()
        inside = held() # at the limit is not above it
        load(2.51)
        eventually(lambda: not serves(client), what="somebody is refused")
        daemon.wait_for(lambda line: "refused: max_load" in line, "the refusal")
        assert refused(daemon)["max_load"] == 1
        inside.sendall(b"y")
        assert inside.recv(1) == b"y"
        load(0)
        eventually(lambda: serves(client), what="somebody is served again")

    def test_it_holds_for_flows_too(self, daemon, config, client, load):
        load(9)
        config.service("flows", FLOWS, ["/bin/cat"], accept=True, standard_input="socket", max_load=8.99)
        daemon.start()
        with client.udp(ADDRESS, timeout=0.3) as sock:
            sock.connect((ADDRESS, 5000))
            sock.send(b"no")
            eventually(lambda: refused(daemon, "flows")["max_load"] == 1, what="it is refused")
            load(8.99)

            def answered():
                sock.send(b"yes")
                with contextlib.suppress(TimeoutError):
                    return sock.recv(10)
            assert eventually(answered, what="an answer") == b"yes"


class TestTimes:
    """The daemon's local time is what the test says: TZ shifts it by any number of seconds."""

    @staticmethod
    def at(daemon, hour, minute, second=0):
        east = (hour * 3600 + minute * 60 + second - int(time.time())) % 86400
        hours, rest = divmod(86400 - east, 3600) # POSIX counts them to the west
        daemon.environment["TZ"] = f"SWT{hours}:{rest // 60:02}:{rest % 60:02}"

    @staticmethod
    def services(config, *windows):
        """One for each, on a port of its own; its name is its port."""
        for port, times in enumerate(windows, 7000):
            inetd(config, f"s{port}", ["/bin/cat"], {**LISTEN, "ports": [port]}, access_times=times)

    def test_a_window_has_its_first_and_its_last_minute_and_goes_on_over_midnight(self, daemon, config, client):
        inside = [["12:00-12:00"], ["12:00-18:00"], ["06:00-12:00"], ["22:00-12:00"], ["12:00-02:00"], ["0:00-24:00"],
                  ["01:00-02:00", "11:59-12:01"]]
        outside = [["12:01-18:00"], ["06:00-11:59"], ["12:01-11:59"], ["01:00-02:00", "22:00-23:00"]]
        self.services(config, *inside, *outside)
        self.at(daemon, 12, 0, second=2) # so that the test has 58 seconds
        daemon.start()
        assert [serves(client, port) for port in range(7000, 7000 + len(inside + outside))] == [True] * len(inside) + [False] * len(outside)
        daemon.wait_for(lambda line: "refused: access_times" in line, "the refusal")
        assert refused(daemon, "s7007")["access_times"] == 1

    def test_a_window_opens_and_closes_with_the_minute_and_who_is_there_stays(self, daemon, config, client, held):
        self.services(config, ["12:00-13:00"], ["11:00-11:59"])
        self.at(daemon, 11, 59, second=42) # so that what comes first has 18 seconds
        daemon.start()
        stays = held(port=7001)
        assert (serves(client, 7000), serves(client, 7001)) == (False, True)
        eventually(lambda: serves(client, 7000), 40, "the window is open")
        assert not serves(client, 7001)
        stays.sendall(b"y")
        assert stays.recv(1) == b"y"


class TestBanner:
    @pytest.fixture
    def file(self, scratch):
        return scratch / "banner"

    def test_it_comes_before_what_the_program_says(self, daemon, config, client):
        inetd(config, "cat", ["/bin/cat"], banner="authorised use only\r\n")
        daemon.start()
        for address in (ADDRESS, "2001:db8:1::7"):
            assert ask(client, address, text=b"said") == b"authorised use only\r\nsaid"

    def test_who_is_refused_gets_none(self, daemon, config, client, held):
        inetd(config, "cat", ["/bin/cat"], banner="x", max_connections=1)
        daemon.start()
        held() # its x is the banner's
        assert ask(client) == b""

    def test_a_file_is_read_anew_for_each(self, daemon, config, client, file):
        inetd(config, "cat", ["/bin/cat"], banner_file=str(file))
        daemon.start()
        for text in (b"first\n", b"", b"\0\xff binary \r\n", b"last"):
            file.write_bytes(text)
            assert ask(client, text=b"said") == text + b"said"

    @pytest.mark.parametrize("size", [BANNER_BYTES, BANNER_BYTES + 1, 100000])
    def test_of_a_large_file_comes_the_beginning(self, daemon, config, client, file, size):
        text = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        file.write_bytes(text)
        inetd(config, "cat", ["/bin/cat"], banner_file=str(file))
        daemon.start()
        assert ask(client, text=b"said") == text[:BANNER_BYTES] + b"said"

    @pytest.mark.parametrize("kind, why", [("missing", "No such file or directory"), ("pipe", "not a regular file"),
                                           ("directory", "not a regular file")])
    def test_without_a_file_that_can_be_read_the_program_starts_and_that_is_told(self, daemon, config, client, file, kind, why):
        inetd(config, "cat", ["/bin/cat"], banner_file=str(file))
        {"missing": lambda: None, "pipe": lambda: os.mkfifo(file), "directory": file.mkdir}[kind]()
        daemon.start()
        began = time.monotonic()
        for _ in range(20):
            assert serves(client)
        told = [line for line in daemon.lines if "banner_file" in line]
        assert 1 <= len(told) <= 5 * (1 + (time.monotonic() - began) // 10) # five in ten seconds
        assert str(file) in told[0] and why in told[0], told


class TestSources:
    """Sources at the edges of a prefix, many at once: exactly so many are let in, whatever the kernel keeps out before."""

    # None is of the link's own prefix, whose last address is no source: it is for broadcasts.
    IN = {"24": ["198.51.101.0", "198.51.101.255"], "64": ["2001:db8:ffff::3", "2001:db8:ffff:0:ffff:ffff:ffff:ffff"]}
    NEXT = {"24": ["198.51.102.0"], "64": ["2001:db8:ffff:1::"]}

    @pytest.fixture
    def sources(self, server, client):
        """Addresses that the client has besides its own; the server has a route to each."""
        for address in [one for family in (self.IN, self.NEXT) for group in family.values() for one in group]:
            length = 128 if ":" in address else 32
            client.ip("addr", "add", f"{address}/{length}", "dev", "up0", *(["nodad"] if ":" in address else []))
            server.ip("route", "replace", f"{address}/{length}", "via", Link.CLIENT6 if ":" in address else Link.CLIENT4)
        return client

    @staticmethod
    def let_in(client, sources, each):
        """How many connections of so many from each source are served at once: {source: number}. All stay until the end."""
        with contextlib.ExitStack() as stack:
            def attempt(source):
                try:
                    sock = client.connect(ADDRESS if "." in source else "2001:db8:1::7", PORT, 15, source)
                except ConnectionRefusedError:
                    return source, False
                stack.callback(sock.close)
                with contextlib.suppress(ConnectionError):
                    sock.sendall(b"x")
                    return source, sock.recv(1) == b"x"
                return source, False
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                results = list(pool.map(attempt, sources * each))
        served = collections.Counter(source for source, was_served in results if was_served)
        return {source: served[source] for source in sources}

    @pytest.mark.parametrize("hit", ["refuse", "drop"])
    @pytest.mark.parametrize("key, prefix, together", [("24", {"source_prefix_ipv4": 24}, True), ("24", {}, False),
                                                       ("64", {}, True), ("64", {"source_prefix_ipv6": 128}, False)],
                             ids=["24", "32", "64", "128"])
    def test_each_has_exactly_so_many(self, daemon, config, sources, key, prefix, together, hit):
        inetd(config, "cat", ["/bin/cat"], UNLIMITED, max_connections="unlimited", max_connections_per_source=5,
              max_connections_per_source_hit=hit, **prefix)
        daemon.start()
        both, beside = self.IN[key], self.NEXT[key]
        for _ in range(2): # the second time all have left, and have their places back
            served = self.let_in(sources, both + beside, 12)
            of_both = [served[source] for source in both]
            assert sum(of_both) == 5 if together else of_both == [5, 5], served
            assert [served[source] for source in beside] == [5]
            gone(daemon)
            eventually(lambda: daemon.service("cat")["connections"]["now"] == 0, what="all places are free")

    @pytest.mark.parametrize("hit", ["refuse", "drop"])
    def test_all_together_have_exactly_so_many(self, daemon, config, sources, hit):
        inetd(config, "cat", ["/bin/cat"], UNLIMITED, max_connections=20, max_connections_hit=hit)
        daemon.start()
        everybody = [source for group in self.IN.values() for source in group]
        for _ in range(2):
            assert sum(self.let_in(sources, everybody, 20).values()) == 20
            gone(daemon)
            eventually(lambda: daemon.service("cat")["connections"]["now"] == 0, what="all places are free")


class TestTop:
    """What `swathectl top` tells of those who are not let in, by the kernel and by the daemon."""

    def test_it_counts_who_is_served_who_fails_and_who_is_refused(self, daemon, config, client):
        inetd(config, "cat", [*SH, "read line; exit 1"], {**LISTEN, "source_rate": "9/h"}, max_connections=1)
        daemon.start()
        with subprocess.Popen(daemon.ctl_argv("top", "--json", "--interval", "0.5"), stdout=subprocess.PIPE, text=True) as top:
            with client.connect(ADDRESS, PORT, 15) as inside:
                eventually(lambda: daemon.service("cat")["connections"]["now"] == 1, what="it is served")
                assert [ask(client) for _ in range(8)] == [b""] * 8
                assert [client.refuses_tcp(ADDRESS, PORT) for _ in range(5)] == [True] * 5
                inside.sendall(b"\n")
                assert read_all(inside) == b""
            eventually(lambda: daemon.service("cat")["connections"]["failed"] == 1, what="it has failed")
            self.check(top)
            top.terminate()
        text = daemon.ctl("top", "--interval", "0.1", "--count", "1").stdout
        assert text.splitlines()[-1].split() == ["cat", "0", "1", "0", "0", "0", "1", "1", "8"]

    @staticmethod
    def check(top):
        """From here on the numbers are final; the rates of all tables together are of no more than that."""
        told = {"listeners": 0, "services": 0}
        for line in top.stdout:
            table = json.loads(line)
            (listener,), (service,) = table["listeners"], table["services"]
            for kind, shown in (("listeners", listener), ("services", service)):
                told[kind] += shown["refused_per_sec"] * table["interval_sec"]
            if service["failed"] == 1:
                break
        assert (listener["steered"], listener["refused"]) == (9, 5)
        assert {key: service[key] for key in ("service", "now", "limit", "accepted", "failed", "refused")} == {
            "service": "cat", "now": 0, "limit": 1, "accepted": 1, "failed": 1, "refused": 8}
        assert told["listeners"] < 5.5 and told["services"] < 8.5 # fewer, where some came before the first look


class TestAfterAKill:
    """What the kernel was told to keep out is in a program that stays attached; its sockets are gone with their daemon."""

    @staticmethod
    def occupied(stack, client):
        """Two are served, and so the kernel refuses the next one."""
        socks = [stack.enter_context(client.connect(ADDRESS, PORT, 15)) for _ in range(2)]
        for sock in socks:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
        eventually(lambda: client.refuses_tcp(ADDRESS, PORT), what="the kernel refuses")
        return socks

    @pytest.mark.parametrize("limit", [{"max_connections": 2, "max_connections_hit": "drop"},
                                       {"max_connections_per_source": 2, "max_connections_per_source_hit": "drop"}],
                             ids=["gate", "source"])
    def test_the_next_daemon_lets_in_at_once_whom_the_killed_one_kept_out(self, make_daemon, config, server, client, limit):
        inetd(config, "cat", ["/bin/cat"], **limit)
        first = make_daemon().start()
        with contextlib.ExitStack() as stack:
            [inside, _] = self.occupied(stack, client)
            first.process.kill()
            first.process.wait()
            assert len(netns_links(server.inode)) == 1 # still attached
            assert client.refuses_tcp(ADDRESS, PORT)
            inside.sendall(b"y")
            assert inside.recv(1) == b"y"
            second = make_daemon().start()
            with contextlib.ExitStack() as more:
                self.occupied(more, client)
                (listener,) = second.service("cat")["listeners"]
                (kept,) = listener["sockets"]
                assert kept["refused"]["closed"] + kept["refused"]["blocked"] >= 1
            eventually(lambda: not client.refuses_tcp(ADDRESS, PORT), what="there is room again")
            inside.sendall(b"z")
            assert inside.recv(1) == b"z"
        eventually(lambda: not strangers(), what="those of the first daemon end")
        second.stop()
