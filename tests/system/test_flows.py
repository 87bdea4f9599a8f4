"""accept = true over UDP: one instance per flow, with programs that know nothing of ranges, and a client across a veth pair."""

import contextlib
import os
import pathlib
import resource
import select
import socket
import struct
import time

import pytest

from daemon import eventually
from netns import PATIENCE

SO_RCVBUFFORCE = 33 # asm-generic/socket.h
FIRST, LAST = 5000, 5999
RANGE = {"name": "flows", "protocol": "udp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": [f"{FIRST}-{LAST}"],
         "trigger_limit_burst": 0, "poll_limit_burst": 0, "receive_buffer": "8M"}
EVERY = ["/bin/cat"]                                                 # answers each datagram with itself; an empty one ends it
ONE = ["/bin/dd", "bs=65536", "count=1", "status=none"]              # answers one, and exits
ANSWERS = [("192.0.2.0", FIRST), ("192.0.2.7", 5432), ("192.0.2.255", LAST), ("2001:db8:1::7", FIRST), ("2001:db8:1::ffff", LAST)]


@pytest.fixture
def serve(daemon, config, server):
    """serve(EVERY, max_connections=...): a service with the range, whose kernel asks strictly where packets come from."""
    def make(program, listen=None, **keys):
        with server:
            for path in pathlib.Path("/proc/sys/net/ipv4/conf").glob("*/rp_filter"):
                path.write_text("1")
        config.service("flows", RANGE | (listen or {}), program,
                       **{"accept": True, "standard_input": "socket", "standard_error": "null", "max_connections": "infinity", **keys})
        daemon.start()
        return daemon
    return make


def text(sock, patience=PATIENCE):
    """What comes next; nothing, if nothing does."""
    sock.settimeout(patience)
    with contextlib.suppress(TimeoutError):
        return sock.recv(65536)
    return None


def dial(client, address, port=FIRST):
    """A socket that hears only from the address and port that it asks."""
    sock = client.udp(address)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.connect((address, port))
    return sock


def children(daemon, name):
    """Pids of the instances of a program that live."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            comm, _, rest = path.read_text().partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            if comm == name and int(parent) == daemon.process.pid and state != "Z":
                found.append(int(path.parent.name))
    return found


def numbered(first, count):
    """So many different (address, port) of the IPv4 range from number `first` on."""
    ports = LAST - FIRST + 1
    return [(f"192.0.2.{n // ports}", FIRST + n % ports) for n in range(first, first + count)]


def ask_all(sock, ends, payload):
    """One datagram to each, from one socket; the answers by whom they came from."""
    for end in ends:
        sock.sendto(payload(end), end)
    answers = {}
    while len(answers) < len(ends) and select.select([sock], [], [], 30)[0]:
        data, source = sock.recvfrom(65536)
        assert source not in answers, f"{source} has answered twice"
        answers[source] = data
    return answers


@pytest.mark.parametrize("address,port", ANSWERS)
def test_answers_come_from_the_address_and_port_asked(serve, client, address, port):
    serve(EVERY)
    with dial(client, address, port) as sock:
        for question in (b"one", b"two", b"x" * 60000):
            sock.send(question)
            assert text(sock) == question


def test_each_client_and_each_end_asked_has_an_instance_of_its_own(serve, client):
    daemon = serve(EVERY)
    socks = [dial(client, address, port) for address, port in ANSWERS for _ in range(3)]
    for n, sock in enumerate(socks):
        sock.send(f"{n}".encode())
    for n, sock in enumerate(socks):
        assert text(sock) == f"{n}".encode()
    assert len(children(daemon, "cat")) == len(socks)
    for sock in socks:
        sock.send(b"") # cat's end of input
        sock.close()
    eventually(lambda: not children(daemon, "cat"), what="the instances end")


def test_ten_thousand_flows_are_neither_mixed_nor_lost(serve, client):
    """One process each, from one port of the client, in batches that a socket's buffer holds."""
    daemon = serve(ONE)
    with client.udp("192.0.2.1") as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        sock.bind(("", 40000))
        for first in range(0, 10000, 500):
            ends = numbered(first, 500)
            answers = ask_all(sock, ends, lambda end: f"{end[0]}:{end[1]}".encode())
            assert answers == {end: f"{end[0]}:{end[1]}".encode() for end in ends}
    assert "lost" not in daemon.log()
    eventually(lambda: not children(daemon, "dd"), what="the instances end")
    before = open_descriptors(daemon)
    with dial(client, "192.0.2.99") as one:
        one.send(b"once more")
        assert text(one) == b"once more"
    eventually(lambda: open_descriptors(daemon) <= before, what="no descriptor stays")


def test_a_thousand_flows_live_side_by_side(serve, client):
    daemon = serve(EVERY)
    ends = numbered(0, 1000)
    with client.udp("192.0.2.1") as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        for turn in range(3):
            answers = ask_all(sock, ends, lambda end: f"{turn} {end}".encode())
            assert answers == {end: f"{turn} {end}".encode() for end in ends}
        assert len(children(daemon, "cat")) == 1000
        for end in ends:
            sock.sendto(b"", end)
        eventually(lambda: not children(daemon, "cat"), timeout=60, what="the instances end")
    assert "lost" not in daemon.log()


def open_descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8:1::7"])
def test_the_order_holds_for_a_client_who_never_pauses(serve, client, address):
    serve(EVERY)
    for attempt in range(5):
        with dial(client, address, FIRST + attempt) as sock:
            for n in range(400):
                sock.send(n.to_bytes(4, "big"))
            heard = [text(sock) for _ in range(400)]
        assert [int.from_bytes(one, "big") for one in heard if one is not None] == list(range(400))


def test_a_program_that_answers_one_datagram_and_exits_answers_each(serve, client):
    daemon = serve(ONE)
    for address, port in ANSWERS:
        with dial(client, address, port) as sock:
            for n in range(20):
                sock.send(f"{n}".encode())
            assert [text(sock) for _ in range(20)] == [f"{n}".encode() for n in range(20)]
    assert "lost" not in daemon.log()


def test_the_environment_tells_both_ends(serve, client):
    words = "PROTO REMOTE_ADDR REMOTE_PORT LOCAL_ADDR LOCAL_PORT UDPREMOTEIP UDPREMOTEPORT UDPLOCALIP UDPLOCALPORT".split()
    serve(["/bin/sh", "-c", f"dd bs=64k count=1 status=none >/dev/null; exec printenv {' '.join(words)}"], environment_style="ucspi")
    for address, port in ANSWERS:
        with dial(client, address, port) as sock:
            sock.send(b"?")
            own_address, own_port = sock.getsockname()[:2]
            remote, local = [own_address, str(own_port)], [address, str(port)]
            assert text(sock).decode().split() == ["UDP", *remote, *local, *remote, *local]


def test_without_standard_input_it_is_descriptor_three(serve, client, program):
    serve(program("flow.py"), standard_input="null")
    for address, port in ANSWERS:
        with dial(client, address, port) as sock:
            sock.send(b"hello")
            fds, kind, name, peer = text(sock).decode().split()
            assert (fds, kind) == ("1", "SOCK_DGRAM")
            assert name == f"{address}/{port}"
            assert peer == "/".join(map(str, sock.getsockname()[:2]))


def test_a_flow_without_datagrams_is_ended_and_one_with_some_is_not(serve, client):
    daemon = serve(EVERY, flow_idle_sec="3s") # more than a busy machine lets the test wait
    with dial(client, "192.0.2.7") as busy, dial(client, "2001:db8:1::7") as idle:
        for sock in (busy, idle):
            sock.send(b"first")
            assert text(sock) == b"first"
        both = set(children(daemon, "cat"))
        assert len(both) == 2

        def left():
            busy.send(b"again")
            assert text(busy) == b"again"
            time.sleep(0.1)
            pids = children(daemon, "cat")
            return pids if len(pids) < 2 else None

        [survivor] = eventually(left, timeout=30, what="one ends")
        assert survivor in both
        idle.send(b"back") # a flow anew
        assert text(idle) == b"back"
        assert set(children(daemon, "cat")) - both
    eventually(lambda: not children(daemon, "cat"), timeout=30, what="both end")


def test_beyond_max_connections_new_flows_are_refused_and_the_others_go_on(serve, client):
    daemon = serve(EVERY, max_connections=3)
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(dial(client, "192.0.2.7", FIRST + n)) for n in range(4)]
        for sock in socks[:3]:
            sock.send(b"in")
            assert text(sock) == b"in"
        socks[3].send(b"out")
        assert text(socks[3], 0.5) is None
        socks[0].send(b"still in")
        assert text(socks[0]) == b"still in"
        socks[1].send(b"")
        eventually(lambda: len(children(daemon, "cat")) == 2, what="one ends")
        eventually(lambda: (socks[3].send(b"now"), text(socks[3], 0.2) == b"now")[1], what="its place is free")


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8:1::7"])
def test_beyond_max_connections_new_flows_may_wait_with_all_that_they_send(serve, client, address):
    daemon = serve(EVERY, max_connections=2, max_connections_hit="queue")
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(dial(client, address, FIRST + n)) for n in range(4)]
        for sock in socks[:2]:
            sock.send(b"in")
            assert text(sock) == b"in"
        for sock in socks[2:]:
            for word in (b"one", b"two", b"three"):
                sock.send(word)
        assert text(socks[2], 0.5) is None
        socks[0].send(b"")
        assert [text(socks[2]) for _ in range(3)] == [b"one", b"two", b"three"]
        assert text(socks[3], 0.5) is None
        socks[1].send(b"")
        assert [text(socks[3]) for _ in range(3)] == [b"one", b"two", b"three"]
        assert len(children(daemon, "cat")) == 2


def test_what_a_program_never_reads_is_lost_and_said(serve, client):
    daemon = serve(["/bin/true"])
    with dial(client, "192.0.2.7") as sock:
        sock.send(b"?")
        daemon.wait_for(lambda line: "1 datagram lost: the process ended without reading any" in line, "what was lost")
        assert text(sock, 0.3) is None


def test_what_cannot_be_answered_is_lost_and_said(serve, client):
    daemon = serve(EVERY)
    with client, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        for _ in range(2): # from port 0
            raw.sendto(struct.pack("!HHHH", 0, FIRST, 9, 0) + b"?", ("192.0.2.7", 0))
    daemon.wait_for(lambda line: "lost: they cannot be answered" in line, "what was lost")
    eventually(lambda: counts(daemon)[1]["lost"] == 2, what="both are counted")
    assert counts(daemon)[0]["accepted"] == 0


def test_what_waits_at_a_listener_that_goes_is_lost_and_said(serve, daemon, config, client):
    serve(EVERY, max_connections=1, max_connections_hit="queue")
    with dial(client, "192.0.2.7") as served, dial(client, "192.0.2.8") as waiting:
        served.send(b"in")
        assert text(served) == b"in"
        waiting.send(b"?")

        def is_read():
            [sock] = daemon.service("flows")["listeners"][0]["sockets"]
            return sock["steered"] == 2 and sock["queued"] == 0

        eventually(is_read, what="it waits in the daemon")
        config.service("flows", RANGE | {"name": "others"}, EVERY, accept=True, standard_input="socket", standard_error="null")
        daemon.reload()
    daemon.wait_for(lambda line: "1 datagram lost: they waited at a listener that is no more" in line, "what was lost")
    assert counts(daemon)[1]["lost"] == 1


def counts(daemon):
    """Of the service: what status tells of its connections, and of these as flows."""
    shown = daemon.service("flows")["connections"]
    return shown, shown["flows"]


def test_status_tells_of_flows(serve, client):
    daemon = serve(ONE, max_connections=2)
    with dial(client, "192.0.2.7") as sock:
        for n in range(3): # three instances, one after the other
            sock.send(b"?")
        assert [text(sock) for _ in range(3)] == [b"?"] * 3
        eventually(lambda: counts(daemon)[0]["now"] == 0, what="they end")
    connections, flows = counts(daemon)
    assert connections["accepted"] == 3
    assert connections["limit"] == 2
    assert flows == {"continued": 2, "idle": 0, "lost": 0}


def test_a_stop_ends_all_flows_and_a_start_has_new_ones(serve, client):
    daemon = serve(EVERY)
    with dial(client, "192.0.2.7") as one, dial(client, "2001:db8:1::7") as other:
        for sock in (one, other):
            sock.send(b"before")
            assert text(sock) == b"before"
        before = open_descriptors(daemon)
        daemon.ctl("stop", "flows")
        assert not children(daemon, "cat")
        daemon.ctl("start", "flows")
        for sock in (one, other):
            sock.send(b"after")
            assert text(sock) == b"after"
        assert len(children(daemon, "cat")) == 2
        eventually(lambda: open_descriptors(daemon) <= before, what="no descriptor stays")


def test_an_instance_that_is_killed_gives_its_place_and_its_client_back(serve, client):
    daemon = serve(EVERY, max_connections=1)
    with dial(client, "192.0.2.7") as sock:
        for word in (b"one", b"two", b"three"):
            sock.send(word)
            assert text(sock) == word
            [pid] = children(daemon, "cat")
            os.kill(pid, 9)
            eventually(lambda: counts(daemon)[0]["now"] == 0, what="its place is free")
    assert counts(daemon)[1]["lost"] == 0


def test_without_descriptors_flows_wait(serve, client):
    daemon = serve(EVERY)
    with dial(client, "192.0.2.7") as first, dial(client, "192.0.2.8") as second:
        first.send(b"one")
        assert text(first) == b"one"
        soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
        taken = {int(name) for name in os.listdir(f"/proc/{daemon.process.pid}/fd")}
        free = next(n for n in range(soft) if n not in taken)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (free, hard)) # no new one is below it
        for word in (b"two", b"three"):
            second.send(word)
        daemon.wait_for(lambda line: "Too many open files" in line, "that there is no descriptor")
        first.send(b"meanwhile")
        assert text(first) == b"meanwhile"
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert [text(second) for _ in range(2)] == [b"two", b"three"]
    assert counts(daemon)[1]["lost"] == 0


def test_flows_go_on_over_a_reload_and_new_ones_are_as_it_says(serve, daemon, config, client):
    serve(EVERY)
    with dial(client, "192.0.2.7") as old, dial(client, "192.0.2.8") as new:
        old.send(b"before")
        assert text(old) == b"before"
        config.service("flows", RANGE, ["/bin/sh", "-c", "dd bs=64k count=1 status=none >/dev/null; echo other"], accept=True,
                       standard_input="socket", standard_error="null")
        daemon.reload()
        old.send(b"after")
        assert text(old) == b"after"
        new.send(b"?")
        assert text(new) == b"other\n"


def test_a_client_on_the_same_host_is_served(serve, server):
    serve(EVERY)
    for address, port in ANSWERS:
        with dial(server, address, port) as sock:
            for word in (b"one", b"two"):
                sock.send(word)
                assert text(sock) == word
