"""Units that systemd supervises get a swathe: a real systemd is PID 1, has the sockets and starts the service, and swathed is one of its
units."""

import json
import pathlib
import threading

import pytest

from answers import HTTP, tell
from daemon import eventually
from netns import Link

ANSWER = """
import os, selectors, socket
ready = selectors.DefaultSelector()
for fd in range(3, 3 + int(os.environ["LISTEN_FDS"])):
    ready.register(socket.socket(fileno=fd), selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        try:
            connection, _ = key.fileobj.accept()
        except OSError:
            continue # gone again
        with connection:
            host, port = connection.getsockname()[:2]
            connection.sendall(f"{os.environ['NAME']} {host} {port}".encode())
"""
SOCKET = "[Socket]\nListenStream=127.0.0.1:8080\nListenStream=[::1]:8080\n"
SERVICE = "[Service]\nEnvironment=NAME={}\nExecStart=/usr/bin/python3 -SE /opt/answer.py\n"
SWATHE = "[X-Swathe]\nListen=192.0.2.0/24:8000-8999 [2001:db8:1::/64]:8000-8999\n"
SWATHED = "[Service]\nType=notify\nExecStart=/opt/swathe/swathed\nExecReload=/opt/swathe/swathectl reload\nTimeoutStopSec=20\n"


class Beside:
    """swathed beside web.socket and web.service."""

    def __init__(self, box, client):
        self.box, self.client = box, client
        box.write("/opt/answer.py", ANSWER)
        box.write("/etc/systemd/system/web.socket", SOCKET)
        box.write("/etc/systemd/system/web.socket.d/swathe.conf", SWATHE)
        box.write("/etc/systemd/system/web.service", SERVICE.format("web"))
        box.unit("swathed.service", SWATHED)
        box.systemctl("start", "web.socket")
        self.flags = self.socket_flags()
        box.systemctl("start", "swathed.service")

    def ask(self, address="192.0.2.77", port=8123):
        return self.client.ask_tcp(address, port)

    def answers(self, address="192.0.2.77", port=8123):
        return self.ask(address, port) == f"web {address} {port}"

    def refuses(self, address="192.0.2.77", port=8123):
        return self.client.refuses_tcp(address, port)

    def ctl(self, *words, status=0):
        return self.box.run(["/opt/swathe/swathectl", *words], status=status)

    def status(self):
        """Whatever the exit status says of it."""
        return json.loads(self.ctl("status", "web.socket", "--json", status=None))["services"][0]

    def socket_flags(self):
        """Of all sockets that systemd has: among these O_NONBLOCK, which everybody shares."""
        process, found = pathlib.Path(f"/proc/{self.box.pid}"), {}
        for fd in (process / "fd").iterdir():
            try:
                target = fd.readlink()
                if str(target).startswith("socket:"):
                    found[str(target)] = (process / "fdinfo" / fd.name).read_text().split("flags:")[1].split()[0]
            except FileNotFoundError:
                pass
        return found

    def listening(self):
        """The sockets at the unit's addresses, by inode, with their flags."""
        lines = self.box.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).splitlines()
        inodes = {f"socket:[{line.split()[9]}]" for line in lines if ":1F90 " in line and " 0A " in line}
        return {inode: flags for inode, flags in self.socket_flags().items() if inode in inodes}


@pytest.fixture
def beside(box, client):
    return Beside(box, client)


class Clients:
    """They ask all the time; `wrong` has what nobody should have said."""

    def __init__(self, beside):
        self.beside, self.right, self.refused, self.wrong = beside, 0, 0, []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(3)]

    def _ask(self, number):
        port = 8000 + number
        while not self._end.is_set():
            address = f"192.0.2.{10 + port % 200}"
            try:
                if (said := self.beside.ask(address, port)) == f"web {address} {port}":
                    self.right += 1
                elif said: # else the service was stopped when it had just accepted
                    self.wrong.append(said)
            except ConnectionRefusedError:
                self.refused += 1
            except OSError as error: # a connection that waited in the queue of a socket that was closed
                if error.errno != 104:
                    self.wrong.append(repr(error))
            port = 8000 + (port + 7) % 1000

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()


def test_many_addresses_and_ports_lead_to_the_service_that_systemd_starts(beside):
    assert beside.box.show("web.service", "ActiveState") == "inactive"
    for address, port in (("192.0.2.1", 8000), ("192.0.2.254", 8999), ("2001:db8:1::5", 8080), ("2001:db8:1:0:ffff::", 8500)):
        assert beside.answers(address, port)
    assert beside.box.show("web.service", "ActiveState") == "active"
    assert beside.refuses("192.0.2.1", 7999) and beside.refuses("2001:db8:1::5", 9000)


def test_the_socket_stays_as_systemd_made_it(beside):
    before = {inode: flags for inode, flags in beside.flags.items() if inode in beside.listening()}
    assert len(before) == 2 and all(int(flags, 8) & 0o4000 for flags in before.values()) # O_NONBLOCK
    assert beside.listening() == before
    assert beside.answers() # NonBlocking=no: systemd clears it for the service
    active = beside.listening()
    beside.box.systemctl("restart", "swathed.service")
    assert beside.answers() and beside.listening() == active
    swathed = beside.box.show("swathed.service", "MainPID")
    held = beside.box.run(["sh", "-c", f"readlink /proc/{swathed}/fd/*"], status=None)
    assert not [inode for inode in before if inode in held]


def test_status_and_explain_name_the_unit_and_its_supervisor(beside):
    assert beside.answers()
    eventually(lambda: beside.status()["status_text"] == "running", what="systemd tells that the socket's service runs")
    status = beside.status()
    assert (status["supervisor"], status["state"]) == ("systemd", "active")
    sockets = status["listeners"][0]["sockets"]
    assert [socket["home"] for socket in sockets] == ["127.0.0.1:8080", "[::1]:8080"] and sockets[0]["steered"] == 1
    assert "Supervised by systemd" in beside.ctl("status", "web.socket")
    for options in ((), ("--kernel",), ("--live",)):
        told = json.loads(beside.ctl("explain", "tcp", "192.0.2.9", "8001", "--json", *options))
        assert (told["verdict"], told["service"], told["rule"]["file"]) == ("steer", "web.socket", "/etc/systemd/system/web.socket.d/swathe.conf")
        assert not told.get("disagreement")


def test_to_start_and_stop_it_is_systemds_business(beside):
    for verb in ("start", "stop", "restart", "pause", "resume"):
        with pytest.raises(AssertionError, match="systemd supervises web.socket"):
            beside.ctl(verb, "web.socket")
    assert beside.answers()


def test_while_the_unit_is_stopped_who_comes_is_refused_and_then_no_reload_is_needed(beside):
    assert beside.answers()
    for _ in range(3):
        beside.box.systemctl("stop", "web.socket", "web.service")
        eventually(beside.refuses, what="refused")
        assert eventually(lambda: beside.status()["state"] == "inactive", what="inactive")
        assert "web.socket is inactive" in json.loads(beside.ctl("explain", "tcp", "192.0.2.9", "8001", "--json", "--live"))["disagreement"]
        beside.box.systemctl("start", "web.socket")
        eventually(lambda: not beside.refuses(), what="connects")
        assert beside.answers() and beside.answers("2001:db8:1::5", 8080)
    assert beside.status()["listeners"][0]["sockets"][0]["assign_errors"] == 0


def test_restarts_of_the_unit_never_fail_for_us_and_nobody_gets_a_wrong_answer(beside):
    with Clients(beside) as clients:
        for _ in range(20):
            beside.box.systemctl("stop", "web.socket") # first: else who comes meanwhile starts the service again, and systemd
            beside.box.systemctl("stop", "web.service") # refuses a socket whose service runs
            beside.box.systemctl("start", "web.socket")
            eventually(lambda: not beside.refuses(), what="connects again")
        eventually(lambda: clients.right > 20, what="more than twenty answers")
    assert clients.wrong == [] and clients.refused > 0
    assert beside.box.show("web.socket", "NRestarts") in ("", "0") and beside.answers()


def test_nobody_is_refused_while_systemd_executes_itself_anew_or_swathed_reloads(beside):
    assert beside.answers()
    with Clients(beside) as clients:
        for _ in range(3):
            beside.box.systemctl("daemon-reexec")
            beside.box.systemctl("daemon-reload")
            beside.box.systemctl("reload", "swathed.service")
    assert (clients.wrong, clients.refused) == ([], 0) and clients.right > 0
    beside.box.systemctl("stop", "web.service", "web.socket") # the new connection to systemd tells, too
    eventually(beside.refuses, what="refused")
    beside.box.systemctl("start", "web.socket")
    eventually(lambda: not beside.refuses(), what="connects")


def test_when_swathed_ends_the_unit_is_as_before_and_a_new_one_steers_again(beside):
    assert beside.answers() # the service makes its socket blocking
    before = beside.listening()
    beside.box.systemctl("stop", "swathed.service")
    assert beside.refuses()
    assert beside.listening() == before
    assert beside.box.ns.ask_tcp("127.0.0.1", 8080) == "web 127.0.0.1 8080"
    beside.box.systemctl("start", "swathed.service")
    assert beside.answers()


def test_nobody_is_refused_while_swathed_is_killed_and_started_anew(beside):
    assert beside.answers()
    with Clients(beside) as clients:
        for _ in range(3):
            beside.box.systemctl("kill", "--signal=KILL", "--kill-whom=main", "swathed.service")
            eventually(lambda: beside.box.show("swathed.service", "ActiveState") == "failed", what="killed")
            beside.box.systemctl("start", "swathed.service")
    assert (clients.wrong, clients.refused) == ([], 0) and clients.right > 0


def test_a_drop_in_that_comes_changes_and_goes_is_in_force_after_a_reload(beside):
    assert beside.answers()
    beside.box.write("/etc/systemd/system/web.socket.d/swathe.conf", "[X-Swathe]\nListen=192.0.2.0/24:443\n")
    beside.box.systemctl("reload", "swathed.service")
    assert beside.answers("192.0.2.3", 443) and beside.refuses()
    beside.box.path("/etc/systemd/system/web.socket.d/swathe.conf").unlink()
    beside.box.systemctl("reload", "swathed.service")
    assert beside.refuses("192.0.2.3", 443)
    beside.box.write("/etc/systemd/system/web.socket.d/swathe.conf", SWATHE)
    beside.box.systemctl("reload", "swathed.service")
    assert beside.answers()


def test_a_unit_that_starts_one_service_for_each_connection(beside):
    box = beside.box
    box.write("/etc/systemd/system/each.socket", "[Socket]\nListenStream=127.0.0.1:70\nAccept=yes\n[X-Swathe]\nListen=192.0.2.0/24:70-79\n")
    box.unit("each@.service", "[Service]\nExecStart=/bin/echo each\nStandardOutput=socket\n")
    box.systemctl("start", "each.socket")
    box.systemctl("reload", "swathed.service")
    assert {beside.ask("192.0.2.200", port) for port in range(70, 80)} == {"each\n"}
    assert beside.answers()


NEAR, FAR = ["198.51.100.10", "198.51.100.200"], "198.51.101.10" # of one /24, and of the next one


@pytest.fixture
def sources(beside):
    """sources(LINES): the client has NEAR and FAR, and [X-Swathe] of the unit has these lines, too. Asks from one: is it let in?"""
    for address in [*NEAR, FAR]:
        beside.client.ip("addr", "add", f"{address}/32", "dev", "up0")
        beside.box.ns.ip("route", "replace", f"{address}/32", "via", Link.CLIENT4)

    def let_in(source, address="192.0.2.77", port=8123):
        try:
            return beside.client.ask_tcp(address, port, source=source) == f"web {address} {port}"
        except ConnectionRefusedError:
            return False

    def configure(lines):
        beside.box.write("/etc/systemd/system/web.socket.d/swathe.conf", SWATHE + lines)
        beside.box.systemctl("reload", "swathed.service")
        return let_in
    return configure


def refused(beside):
    return beside.status()["listeners"][0]["sockets"][0]["refused"]


def test_rates_hold_for_the_sockets_of_systemd_and_over_restarts_of_the_unit(beside, sources):
    let_in = sources("SourceRate=2/h\nSourcePrefixIPv4=24\nConnectionRate=3/h\n")
    assert [let_in(source) for source in (*NEAR, NEAR[0])] == [True, True, False]
    assert refused(beside)["source_rate"] == 1
    beside.box.systemctl("stop", "web.socket", "web.service")
    beside.box.systemctl("start", "web.socket") # has another socket
    eventually(lambda: beside.status()["listeners"][0]["sockets"][0]["home"], what="it is there")
    assert [let_in(source) for source in (NEAR[1], FAR, FAR)] == [False, True, False]
    assert (refused(beside)["source_rate"], refused(beside)["rate"]) == (2, 1)
    told = json.loads(beside.ctl("explain", "tcp", "192.0.2.9", "8001", "--from", FAR, "--json"))
    assert told["limits"] == "3 in 60min; of one source (/24, /64) 2 in 60min"
    let_in = sources("")
    assert [let_in(source) for source in (*NEAR, FAR)] == [True] * 3


def test_sources_that_are_blocked_or_excepted_are_so_for_the_sockets_of_systemd(beside, sources):
    let_in = sources(f"Blocked={NEAR[0]}\nExceptFrom=198.51.101.0/24\n")
    assert [let_in(source) for source in (*NEAR, FAR)] == [False, True, False]
    assert refused(beside)["blocked"] == 1 # the other one's packets are nobody's
    beside.box.write("/etc/systemd/system/rest.socket", "[Socket]\nListenStream=127.0.0.1:81\n[X-Swathe]\nListen=192.0.0.0/16:8000-8999\n")
    beside.box.unit("rest.service", SERVICE.format("rest"))
    beside.box.systemctl("start", "rest.socket")
    beside.box.systemctl("reload", "swathed.service")
    assert beside.client.ask_tcp("192.0.2.77", 8123, source=FAR) == "rest 192.0.2.77 8123"


def test_datagrams(beside):
    box = beside.box
    box.write("/opt/print.py", "import socket\ns = socket.socket(fileno=3)\ns.setblocking(True)\nwhile True: print('got', s.recv(100).decode(), flush=True)\n")
    box.write("/etc/systemd/system/log.socket", "[Socket]\nListenDatagram=127.0.0.1:514\n[X-Swathe]\nListen=192.0.2.0/24:514,5140\n")
    box.unit("log.service", "[Service]\nExecStart=/usr/bin/python3 -SE /opt/print.py\n")
    box.systemctl("start", "log.socket")
    box.systemctl("reload", "swathed.service")
    for address, port in (("192.0.2.1", 514), ("192.0.2.2", 5140)):
        with beside.client.udp(address) as sock:
            sock.sendto(address.encode(), (address, port))
    got = lambda: {entry["MESSAGE"] for entry in box.journal("_SYSTEMD_UNIT=log.service")}
    assert eventually(lambda: got() >= {"got 192.0.2.1", "got 192.0.2.2"}, what="both datagrams")


def test_a_range_that_has_the_units_own_address_locks_nobody_out_but_who_else_listens_there(beside):
    box = beside.box
    box.write("/etc/systemd/system/own.socket", "[Socket]\nListenStream=198.51.100.1:90\n[X-Swathe]\nListen=198.51.100.0/24:90\n")
    box.unit("own.service", SERVICE.format("own"))
    box.systemctl("start", "own.socket")
    box.systemctl("reload", "swathed.service")
    assert beside.ask("198.51.100.1", 90) == "own 198.51.100.1 90"
    with box.ns.listen("198.51.100.1", 91):
        box.write("/etc/systemd/system/own.socket.d/more.conf", "[X-Swathe]\nListen=198.51.100.0/24:91\n")
        beside.ctl("reload", status=1)
        assert "would take over tcp 198.51.100.1:91" in box.log()
    assert beside.ask("198.51.100.1", 90) == "own 198.51.100.1 90"


def test_a_unit_that_systemd_does_not_know_and_one_with_another_socket_are_told(beside):
    box = beside.box
    box.write("/etc/systemd/system/new.socket", "[Socket]\nListenStream=127.0.0.1:60\n[X-Swathe]\nListen=192.0.2.0/24:60\n")
    box.write("/etc/systemd/system/web.socket.d/moved.conf", "[Socket]\nListenStream=\nListenStream=127.0.0.1:8081\nListenStream=[::1]:8081\n")
    box.systemctl("reload", "swathed.service") # systemd has not read the files
    assert beside.answers() # it has the sockets that it has
    box.systemctl("stop", "web.service", "web.socket")
    box.systemctl("daemon-reload")
    box.systemctl("start", "web.socket")
    eventually(lambda: not beside.refuses(), what="connects")
    assert beside.answers()
    assert beside.status()["listeners"][0]["sockets"][0]["home"] == "127.0.0.1:8081"


def test_without_systemd_one_line_says_so_and_all_else_works(daemon, server, client, program):
    daemon.config.write("systemd/web.socket", SOCKET)
    daemon.config.write("systemd/web.socket.d/swathe.conf", SWATHE)
    daemon.config.service("edge", HTTP, program("tell.py"))
    daemon.start()
    told = [line for line in daemon.log().splitlines() if "web.socket" in line]
    assert len(told) == 1 and "systemd" in told[0]
    assert tell(client, "192.0.2.7", 8080)
    assert client.refuses_tcp("192.0.2.7", 8001)
