"""What the protocols have beside the plain packet: it is steered as any other. Each over IPv4 and IPv6 into one dual-stack socket."""

import json
import pathlib
import socket
import struct

import pytest

from answers import ECHO, HTTP, echo, tell
from daemon import eventually
from netns import PATIENCE

V4, V6 = "192.0.2.9", "2001:db8:1::9"
BOTH = pytest.mark.parametrize("address", [V4, V6])
MSG_FASTOPEN = 0x20000000 # linux/socket.h
FASTOPEN_CLIENT, FASTOPEN_LISTENERS = 1, 0x402 # net.ipv4.tcp_fastopen: all listeners, asked or not


def sysctl(ns, key, value):
    with ns:
        pathlib.Path(f"/proc/sys/net/{key}").write_text(str(value))


def counters(ns):
    """What /proc/net counts in the namespace, by "Group.Name"."""
    found = {}
    for name in ("snmp", "netstat"):
        lines = ns.run("cat", f"/proc/net/{name}").splitlines()
        for head, values in zip(lines[::2], lines[1::2]):
            group, *names = head.split()
            found |= {group + key: int(value) for key, value in zip(names, values.split()[1:])}
    six = (line.split() for line in ns.run("cat", "/proc/net/snmp6").splitlines())
    return found | {key: int(value) for key, value in six}


def grown(ns, before, key):
    return counters(ns)[key] - before[key]


def socket_of(daemon, service, listener):
    (one,) = daemon.listener(service, listener)["sockets"]
    return one


@BOTH
def test_syn_cookies(daemon, config, server, client, program, address):
    """The last packet of the handshake is looked up again, since nothing is kept of the first one."""
    sysctl(server, "ipv4/tcp_syncookies", 2) # always
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    before = counters(server)
    for _ in range(5):
        assert tell(client, address, 8080)["sockname"] == [address, 8080]
    assert grown(server, before, "TcpExt:SyncookiesSent") >= 5
    assert grown(server, before, "TcpExt:SyncookiesRecv") == 5
    assert socket_of(daemon, "web", "http")["steered"] == 10
    assert client.refuses_tcp(address, 8081)
    daemon.stop()


@BOTH
def test_fast_open(daemon, config, server, client, program, address):
    """The second connection brings the cookie of the first, and its data in the SYN. Cookies are of an address: another one asks anew."""
    sysctl(server, "ipv4/tcp_fastopen", FASTOPEN_LISTENERS)
    sysctl(client, "ipv4/tcp_fastopen", FASTOPEN_CLIENT)
    config.service("web", HTTP, program("talk.py"))
    daemon.start()
    sibling = address[:-1] + "8"
    before, sent = counters(server), counters(client)
    for number, (target, accepted) in enumerate([(address, 0), (address, 1), (address, 2), (sibling, 2), (sibling, 3)]):
        with client.open_socket(socket.SOCK_STREAM, target) as sock:
            # a blocking socket: else there is no waiting for the cookie in sendto()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", PATIENCE, 0))
            sock.sendto(b"hello\n", MSG_FASTOPEN, (target, 8080))
            pid, word = sock.recv(99).split()
            assert word == b"hello" and int(pid) == daemon.service("web")["main_pid"]
        assert grown(server, before, "TcpExt:TCPFastOpenPassive") == accepted, number
        assert grown(client, sent, "TcpExt:TCPFastOpenActive") == accepted, number
    assert socket_of(daemon, "web", "http")["steered"] == 5
    assert grown(server, before, "TcpExt:TCPFastOpenPassiveFail") == 0
    daemon.stop()


def from_port(ns, address, port):
    """A connection from a port of the client's choice, which may have been used just before."""
    sock = ns.open_socket(socket.SOCK_STREAM, address)
    sock.settimeout(PATIENCE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    sock.connect((address, 8080))
    return sock


def in_time_wait(ns, port):
    return [line for line in ns.run("ss", "-Htan", "state", "time-wait").splitlines() if f":{port}" in line]


@BOTH
@pytest.mark.parametrize("reuse", [0, 1])
def test_the_same_connection_again_while_the_server_has_the_old_one_in_time_wait(daemon, config, server, client, program, address, reuse):
    """It is a new one, and goes where the rules say now."""
    sysctl(server, "ipv4/tcp_tw_reuse", reuse)
    config.service("web", HTTP, program("tell.py", "--tag", "web"))
    daemon.start()
    for tag in ("web", "web", "other"):
        if tag == "other":
            config.service("other", {**HTTP, "addresses": [address]}, program("tell.py", "--tag", "other"))
            daemon.reload()
        with from_port(client, address, 50000) as sock, sock.makefile("rb") as stream:
            answer = json.loads(stream.read()) # to the end: the server closes first
        assert answer["tag"] == tag and answer["peername"][1] == 50000 and answer["sockname"] == [address, 8080]
        eventually(lambda: in_time_wait(server, 50000), what="the server's side is in TIME_WAIT")
        assert not in_time_wait(client, 50000)
    assert socket_of(daemon, "web", "http")["steered"] == 2
    assert socket_of(daemon, "other", "http")["steered"] == 1
    daemon.stop()


@BOTH
def test_the_same_connection_again_that_a_client_takes_out_of_its_time_wait(daemon, config, server, client, program, address):
    sysctl(client, "ipv4/tcp_tw_reuse", 1)
    sysctl(client, "ipv4/ip_local_port_range", "50000 50000") # there is no other port to take
    config.service("web", HTTP, program("talk.py"))
    daemon.start()
    for number in range(2):
        before = counters(client)
        # the port may be taken again after a second
        sock = eventually(lambda: connect_or_none(client, address), what="a connection from the one port")
        sock.sendall(b"hello\n")
        assert sock.recv(99).split()[1] == b"hello" and sock.getsockname()[1] == 50000
        sock.close()
        eventually(lambda: in_time_wait(client, 50000), what="the client's side is in TIME_WAIT")
        assert grown(client, before, "TcpExt:TWRecycled") == number
    assert socket_of(daemon, "web", "http")["steered"] == 2
    daemon.stop()


def connect_or_none(ns, address):
    try:
        return ns.connect(address, 8080)
    except OSError: # EADDRNOTAVAIL
        return None


@BOTH
@pytest.mark.parametrize("size", [1472, 1473, 20000, 65507])
def test_fragmented_datagrams_arrive_whole_and_are_looked_up_once(daemon, config, server, client, program, address, size):
    config.service("echo", ECHO, program("echo.py"))
    daemon.start()
    before = counters(server)
    size = min(size, 65487 if address == V6 else size)
    assert echo(client, address, 5300, payload=b"x" * size)["bytes"] == size
    header = 40 + 8 if address == V6 else 20 + 8
    whole = size + header <= 1500
    assert grown(server, before, "Ip6ReasmOKs" if address == V6 else "Ip:ReasmOKs") == (0 if whole else 1)
    counted = socket_of(daemon, "echo", "echo")
    assert (counted["lookups"], counted["steered"]) == (1, 1)
    daemon.stop()


@BOTH
@pytest.mark.parametrize("why", ["a drop rule", "a stopped service that does not queue", "a hole"])
def test_a_refused_datagram_is_told_to_the_clients_connected_socket(daemon, config, server, client, program, address, why):
    refused = 5301
    holes = [f"{V4}:5302", f"[{V6}]:5302"]
    config.service("echo", {**ECHO, "when_down": "drop", "ports": ["5300-5310"], "except": holes}, program("echo.py"))
    config.rules(drop=[{"protocol": "udp", "addresses": [V4, V6], "ports": [5301]}])
    daemon.start()
    if why == "a stopped service that does not queue":
        refused = 5300
        assert echo(client, address, refused)
        daemon.ctl("stop", "echo")
    if why == "a hole":
        refused = 5302
    with client.udp(address) as sock:
        sock.connect((address, refused))
        for _ in range(3):
            sock.send(b"?")
            with pytest.raises(ConnectionRefusedError):
                sock.recv(99)
    daemon.stop()


@BOTH
def test_what_icmp_says_to_an_answer_goes_to_the_service_that_sent_it(daemon, config, server, client, program, address):
    config.service("echo", ECHO, program("errors.py"))
    daemon.start()
    with client.udp(address) as sock:
        sock.connect((address, 5300))
        with client.udp(address) as closed:
            closed.bind(("", 0))
            port = closed.getsockname()[1]
        sock.send(str(port).encode())
        answer = json.loads(sock.recv(999))
        origin = "ICMPv6" if address == V6 else "ICMP"
        assert answer == {"error": "ECONNREFUSED", "origin": origin, "sent_to": [sock.getsockname()[0], port]}
    daemon.stop()
