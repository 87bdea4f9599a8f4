"""swathe-echo under all its names, over all ways of start: each service by inetd's nowait and wait, by LISTEN_FDS, and behind swathed."""

import ctypes
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import V4, V6
from daemon import BIN, eventually

SERVICES = ["echo", "discard", "chargen", "daytime", "time"]
WORDS = b"one two three"
EPOCH = 2208988800 # 1970, in seconds since 1900
LIBC = ctypes.CDLL(None)


class Served:
    """One process of a service. What is passed to it is closed here."""

    def __init__(self, service, *sockets, as_listen_fds=False, idle=60, stderr=None):
        def become():
            LIBC.prctl(1, 9) # PR_SET_PDEATHSIG, SIGKILL
            if not as_listen_fds:
                for fd in ((0, 1) if stderr else (0, 1, 2)): # as inetd does it
                    os.dup2(sockets[0].fileno(), fd)
                return
            for at, sock in enumerate(sockets): # above 100 nothing is in the way
                os.dup2(sock.fileno(), 100 + at)
            for at in range(len(sockets)):
                os.dup2(100 + at, 3 + at)
            os.closerange(3 + len(sockets), 200)
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)))
            os.execv(BIN / f"swathe-{service}", [f"swathe-{service}", "--idle", str(idle)])

        self.process = subprocess.Popen([BIN / f"swathe-{service}", "--idle", str(idle)], preexec_fn=become,
                                        stdin=subprocess.DEVNULL, stderr=stderr, close_fds=not as_listen_fds)
        for sock in sockets:
            sock.close()

    def ends(self, status=0, timeout=15):
        assert self.process.wait(timeout) == status
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()


# what each service has to say

def pattern(size):
    lines = b"".join(bytes(32 + (line + column) % 95 for column in range(72)) + b"\r\n" for line in range(95))
    return (lines * (size // len(lines) + 1))[:size]


def is_now(text):
    return abs(time.mktime(time.strptime(text.decode(), "%a %b %d %H:%M:%S %Y\r\n")) - time.time()) < 30


def is_time(data):
    return len(data) == 4 and abs(struct.unpack(">I", data)[0] - EPOCH - time.time()) < 30


def rest_of(sock):
    with sock.makefile("rb") as stream:
        return stream.read()


def use_stream(service, sock):
    """One client's conversation, at whose end the server has nothing more to do for it."""
    sock.settimeout(10)
    with sock:
        if service == "echo":
            large = os.urandom(1 << 22) # more than all buffers hold
            sender = threading.Thread(target=sock.sendall, args=(large,))
            sender.start()
            with sock.makefile("rb") as stream:
                assert stream.read(len(large)) == large
            sender.join()
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
        elif service == "discard":
            sock.sendall(WORDS * 10000)
            sock.shutdown(socket.SHUT_WR)
            assert rest_of(sock) == b""
        elif service == "chargen":
            sock.sendall(WORDS) # is not heard
            with sock.makefile("rb") as stream:
                assert stream.read(1 << 20) == pattern(1 << 20)
        else:
            sock.sendall(WORDS * 1000)
            said = rest_of(sock)
            assert is_now(said) if service == "daytime" else is_time(said)


def use_datagrams(service, sock):
    """`sock` is connected: an answer from elsewhere would not be seen."""
    sock.settimeout(10)
    if service == "discard":
        sock.send(WORDS)
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(100)
        return
    if service == "echo":
        for payload in (WORDS, b"", b"x" * 60000):
            sock.send(payload)
            assert sock.recv(65536) == payload
        return
    sock.send(WORDS)
    said = sock.recv(65536)
    if service == "chargen":
        sizes = {len(said)}
        for _ in range(40):
            sock.send(b"")
            said = sock.recv(65536)
            assert said == pattern(len(said))
            sizes.add(len(said))
        assert max(sizes) <= 512 and len(sizes) > 20
    else:
        assert is_now(said) if service == "daytime" else is_time(said)


# sockets

def listening(family=socket.AF_INET):
    sock = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
    return sock, sock.getsockname()


def connected():
    """Both ends of a connection."""
    listener, at = listening()
    with listener:
        client = socket.create_connection(at)
        return listener.accept()[0], client


def datagrams():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock, sock.getsockname()


def flow():
    """Both ends, each connected to the other."""
    (ours, here), (theirs, there) = datagrams(), datagrams()
    ours.connect(there)
    theirs.connect(here)
    return ours, theirs


def udp_to(at):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(at)
    return sock


# every way of start

@pytest.mark.parametrize("as_listen_fds", [False, True], ids=["inetd", "LISTEN_FDS"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_connection_is_served_and_is_the_end(service, as_listen_fds):
    ours, client = connected()
    with Served(service, ours, as_listen_fds=as_listen_fds) as served:
        use_stream(service, client)
        assert served.ends()


@pytest.mark.parametrize("as_listen_fds", [False, True], ids=["inetd", "LISTEN_FDS"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_flow_is_served_until_it_is_idle(service, as_listen_fds):
    ours, client = flow()
    with client, Served(service, ours, as_listen_fds=as_listen_fds, idle=1) as served:
        use_datagrams(service, client)
        assert served.process.poll() is None
        assert served.ends()


@pytest.mark.parametrize("as_listen_fds", [False, True], ids=["inetd", "LISTEN_FDS"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_listener_is_served_until_nobody_comes(service, as_listen_fds):
    listener, at = listening()
    with Served(service, listener, as_listen_fds=as_listen_fds, idle=1) as served:
        early = [socket.create_connection(at) for _ in range(3)] # who says nothing keeps nobody waiting
        for _ in range(2):
            use_stream(service, socket.create_connection(at))
        assert served.process.poll() is None
        for sock in early:
            sock.close()
        assert served.ends()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(at)


@pytest.mark.parametrize("as_listen_fds", [False, True], ids=["inetd", "LISTEN_FDS"])
@pytest.mark.parametrize("service", SERVICES)
def test_datagrams_of_all_are_served_until_nobody_comes(service, as_listen_fds):
    sock, at = datagrams()
    with Served(service, sock, as_listen_fds=as_listen_fds, idle=1) as served:
        for _ in range(2):
            with udp_to(at) as client:
                use_datagrams(service, client)
        assert served.process.poll() is None
        assert served.ends()


@pytest.mark.parametrize("service", SERVICES)
def test_many_sockets_of_all_kinds_are_served_at_once(service):
    (tcp4, at4), (tcp6, at6), (udp, at_udp) = listening(), listening(socket.AF_INET6), datagrams()
    (ours, client), (one, other) = connected(), flow()
    with other, Served(service, tcp4, ours, udp, one, tcp6, as_listen_fds=True, idle=2) as served:
        use_stream(service, client)
        use_datagrams(service, other)
        use_stream(service, socket.create_connection(at6[:2]))
        with udp_to(at_udp) as asking:
            use_datagrams(service, asking)
        use_stream(service, socket.create_connection(at4))
        assert served.process.poll() is None
        assert served.ends()


def test_unix_sockets_are_served_too(base):
    stream, datagram = (socket.socket(socket.AF_UNIX, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
    stream.bind(str(base / "stream"))
    stream.listen()
    datagram.bind(str(base / "datagram"))
    with Served("echo", stream, datagram, as_listen_fds=True):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(base / "stream"))
            client.sendall(WORDS)
            assert client.recv(100) == WORDS
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.bind(str(base / "client"))
            client.sendto(WORDS, str(base / "datagram"))
            assert client.recv(100) == WORDS


# how it ends, and what it refuses

def test_an_idle_connection_is_closed_and_a_busy_one_is_not():
    listener, at = listening()
    with Served("echo", listener, idle=2):
        with socket.create_connection(at, timeout=10) as idle, socket.create_connection(at, timeout=10) as busy:
            until = time.monotonic() + 4
            while time.monotonic() < until:
                busy.sendall(b"x")
                assert busy.recv(1) == b"x"
                time.sleep(0.2)
            assert idle.recv(1) == b""
            busy.sendall(b"x")
            assert busy.recv(1) == b"x"


def test_chargen_goes_on_after_its_client_has_said_all():
    ours, client = connected()
    with client, Served("chargen", ours) as served:
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as stream:
            assert stream.read(1 << 20) == pattern(1 << 20)
        assert served.process.poll() is None


def test_a_flow_ends_when_its_client_is_gone():
    ours, client = flow()
    with Served("echo", ours) as served:
        client.send(WORDS)
        client.close()
        assert served.ends()


def test_who_comes_when_there_is_no_descriptor_left_waits_for_one():
    listener, at = listening()
    with Served("echo", listener, stderr=subprocess.PIPE) as served:
        subprocess.run(["prlimit", f"--pid={served.process.pid}", "--nofile=6"], check=True)
        clients = [socket.create_connection(at, timeout=10) for _ in range(6)]
        clients[0].sendall(b"x")
        assert clients[0].recv(1) == b"x"
        clients[-1].sendall(WORDS)
        assert b"who comes has to wait: accept: Too many open files" in served.process.stderr.readline()
        ticks = cpu_ticks(served.process.pid)
        clients[-1].settimeout(1)
        with pytest.raises(TimeoutError):
            clients[-1].recv(100)
        assert cpu_ticks(served.process.pid) - ticks < 20 # it waits, and does not spin
        clients[-1].settimeout(10)
        for client in clients[:-1]:
            client.close()
        assert clients[-1].recv(100) == WORDS
        clients[-1].close()


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "discard"])
def test_nobody_is_answered_who_might_answer_in_turn(namespace, service):
    """Two of the small services, told of each other by a forged datagram, would go on for ever."""
    ns = namespace("loop")
    with ns:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 5000))
    with Served(service, sock), ns:
        for at in (("127.0.0.2", 7), ("127.0.0.2", 19), ("127.0.0.2", 13), ("127.0.0.2", 37), ("127.0.0.2", 1023), ("127.0.0.2", 5000)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.bind(at)
                client.settimeout(0.2)
                client.sendto(WORDS, ("127.0.0.1", 5000))
                with pytest.raises(TimeoutError):
                    client.recv(1000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.2", 1024))
            client.settimeout(10)
            client.sendto(WORDS, ("127.0.0.1", 5000))
            assert client.recvfrom(1000)[1] == ("127.0.0.1", 5000)


def test_broadcasts_are_not_answered(namespace):
    ns = namespace("many")
    with ns:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", 5000))
    with Served("echo", sock), ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.settimeout(0.5)
        client.sendto(WORDS, ("127.255.255.255", 5000))
        with pytest.raises(TimeoutError):
            client.recv(1000)


@pytest.mark.parametrize("words, status", [(["--idle"], 2), (["--idle", "x"], 2), (["--idle", "-1"], 2), (["--idle", "1000001"], 2),
                                           (["--idle", "1 "], 2), (["more"], 2), (["--port", "7"], 2), (["--help"], 0), (["--version"], 0),
                                           ([], 1), (["--idle", "1000000"], 1)])
def test_the_command_line(words, status):
    done = subprocess.run([BIN / "swathe-time", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    assert done.returncode == status
    if status == 2 or words == ["--help"]:
        assert "usage: swathe-time [--idle SECONDS]" in (done.stdout if status == 0 else done.stderr)
    elif words == ["--version"]:
        assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)
    else:
        assert done.stderr == "swathe-time: no socket to be served was passed: Socket operation on non-socket\n"


def test_a_name_that_is_no_service_is_refused(base):
    (base / "swathe-qotd").symlink_to(BIN / "swathe-echo")
    ours, client = connected()
    with client, ours:
        assert subprocess.run([base / "swathe-qotd"], stdin=ours, capture_output=True, timeout=10).returncode == 2


def test_one_that_inetd_started_never_complains_to_its_client(namespace):
    """Standard error is the client's socket, too."""
    ours, client = connected()
    with client, Served("echo", ours) as served:
        client.shutdown(socket.SHUT_WR)
        assert served.ends()
        assert client.recv(100) == b""


# behind swathed

@pytest.fixture(scope="session")
def tool(shared):
    """tool("echo") is its path, for any user."""
    place = shared / "tools"
    place.mkdir()
    shutil.copy(BIN / "swathe-echo", place)
    for name in SERVICES[1:]:
        (place / f"swathe-{name}").symlink_to("swathe-echo")
    return lambda service: place / f"swathe-{service}"


ASKED = [("192.0.2.0", 5000), ("192.0.2.77", 5999), ("192.0.2.255", 5001), ("2001:db8:1::", 5000), ("2001:db8:1::beef", 5555)]


RANGES = [{"name": protocol, "protocol": protocol, "addresses": [V4, V6], "ports": ["5000-5999"]} for protocol in ("tcp", "udp")]


def ask_all(client, service):
    for address, port in ASKED:
        with client.udp(address) as sock:
            sock.connect((address, port))
            use_datagrams(service, sock)
        use_stream(service, client.connect(address, port))


@pytest.mark.parametrize("service", SERVICES)
def test_ranges_are_answered_from_the_address_and_the_port_that_were_asked(make_daemon, config, client, tool, service):
    config.service(service, RANGES, [tool(service)], user="nobody")
    daemon = make_daemon(inside=True).start()
    ask_all(client, service)
    assert daemon.service(service)["starts"] == 1
    daemon.stop()


@pytest.mark.parametrize("service", SERVICES)
def test_ranges_are_served_by_one_process_for_each_connection_and_flow(make_daemon, config, client, tool, service):
    config.service(service, RANGES, [tool(service), "--idle", "5"], user="nobody", accept=True, standard_input="socket")
    daemon = make_daemon(inside=True).start()
    ask_all(client, service)
    assert daemon.service(service)["connections"]["accepted"] == 2 * len(ASKED)
    daemon.stop()


def test_the_example(make_daemon, example, client, tool):
    example("small-services", replace=[('exec_start = ["swathe-', f'exec_start = ["{tool("echo").parent}/swathe-')])
    daemon = make_daemon(inside=True).start()
    for address in ("192.0.2.0", "192.0.2.255", "2001:db8:1::beef"):
        for port in (7, 7000, 7999):
            assert client.ask_udp(address, port, b"hello") == "hello"
            use_stream("echo", client.connect(address, port))
        assert is_now(client.ask_tcp(address, 13).encode())
    daemon.stop()


def test_it_ends_when_idle_and_is_started_again(make_daemon, config, client, tool):
    config.service("echo", {"name": "udp", "protocol": "udp", "addresses": [V4], "ports": ["5000-5999"]},
                   [tool("echo"), "--idle", "1"], user="nobody")
    daemon = make_daemon(inside=True).start()
    assert client.ask_udp("192.0.2.9", 5432, b"first") == "first"
    daemon.wait_state("echo", "idle")
    assert client.ask_udp("192.0.2.10", 5433, b"second") == "second"
    assert eventually(lambda: daemon.service("echo")["starts"] == 2)
    daemon.stop()


def test_from_another_network_namespace_a_port_that_cannot_be_answered_is_said(daemon, config, client):
    """The service stays outside the listener's namespace: a socket of its own would be in the wrong one."""
    config.service("echo", {"name": "udp", "protocol": "udp", "addresses": [V4], "ports": ["5000-5999"], "home": "192.0.2.0:5000"},
                   [BIN / "swathe-echo"])
    daemon.start()
    assert client.ask_udp("192.0.2.9", 5000, b"home") == "home"
    with client.udp("192.0.2.9", timeout=0.5) as sock:
        sock.connect(("192.0.2.9", 5001))
        sock.send(WORDS)
        with pytest.raises(TimeoutError):
            sock.recv(100)
    daemon.wait_for(lambda line: "cannot answer from where the datagram was sent to: Machine is not on the network" in line, "why")
    daemon.stop()
