"""systemd-socket-proxyd under load, between a swathe and a server behind a Unix socket.

It handles no signal: TERM ends it at once, and with it the connections that it carries. It has no way to stop accepting while it
serves who is there, either. What it can do is end by itself once it has carried nothing for --exit-idle-time; and it never accepts whom
it then leaves. So TERM costs those on their way and nobody else, and a kill_signal that does nothing costs nobody."""

import contextlib
import re
import socketserver
import threading
import time

import pytest

from load import Load, read_all

THREADS = 4
LISTEN = {"name": "any", "protocol": "tcp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": ["8000-8999"]}
ENDS = 5 # of an instance, in replace()


class Shout(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError): # the proxy may be gone
            line = self.rfile.readline()
            time.sleep(0.005) # long enough for somebody to be on the way whenever the proxy ends
            self.wfile.write(line.upper())


class Backend(socketserver.ThreadingUnixStreamServer):
    request_queue_size, daemon_threads = 128, True


@pytest.fixture
def backend(base):
    """A server behind `base`/behind that answers a line in capitals, each client in a thread of its own."""
    with Backend(str(base / "behind"), Shout) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield base / "behind"
        server.shutdown()
        thread.join()


def proxy(config, backend, *options, **keys):
    config.service("proxy", LISTEN, ["/lib/systemd/systemd-socket-proxyd", *options, backend], start_limit_burst=0, **keys)


class CutOff(Exception):
    """The connection was there, and ended without an answer."""


def ask(ns, number):
    """One request on a connection of its own, to one of the addresses and ports."""
    address = f"192.0.2.{number % 256}" if number % 2 else f"2001:db8:1::{number % 4096:x}"
    with ns.connect(address, 8000 + number % 1000, timeout=20) as sock:
        try:
            sock.sendall(b"hello %d\n" % number)
            answer = read_all(sock)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise CutOff from error
    if not answer:
        raise CutOff
    assert answer == b"HELLO %d\n" % number, answer


def replace(daemon, load):
    """Ends the proxy in every way, each in the midst of requests."""
    for words in [("restart", "--overlap")] * 3 + [("restart",), ("stop",), ("start",)]:
        daemon.ctl(*words, "proxy")
        if words != ("stop",):
            load.wait_for_more(200)


def test_term_cuts_off_those_on_their_way_and_nobody_else(daemon, config, client, backend):
    proxy(config, backend)
    cut = []

    def ask_or_be_cut_off(number):
        try:
            ask(client, number)
        except CutOff:
            cut.append(number)
    daemon.start()
    with Load(ask_or_be_cut_off, THREADS) as load:
        load.wait_for(200)
        replace(daemon, load)
    assert load.wrong == [] and len(cut) <= THREADS * ENDS
    view = daemon.service("proxy")
    assert view["state"] == "running" and view["starts"] == 1 + ENDS
    daemon.stop()


def test_nobody_is_cut_off_where_it_ends_by_itself(daemon, config, client, backend):
    proxy(config, backend, "--exit-idle-time=1ms", kill_signal="CONT", timeout_stop_sec="60s", drain_timeout_sec="60s")

    def ask_now_and_then(number):
        ask(client, number)
        time.sleep(0.02) # it needs a moment without anybody
    daemon.start()
    with Load(ask_now_and_then, THREADS) as load:
        load.wait_for(200)
        replace(daemon, load)
    assert load.wrong == []
    ended = [line for line in daemon.lines if re.fullmatch(r"proxy: pid \d+ (exited|was killed).*", line)]
    assert len(ended) >= ENDS and all(line.endswith(" exited with status 0") for line in ended)
    daemon.stop()
