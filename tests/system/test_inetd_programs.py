"""Unmodified inetd programs of Debian, each over ranges of addresses and ports, with their usual clients across a veth pair; and the units
with Accept=yes that Debian's packages ship, as they are but for a drop-in with the range."""

import json
import pathlib
import threading

import pytest

from conftest import V4, V6
from inetd_programs import PROGRAMS, WAITING, MicroHttpd, Sshd, curl, prepared, url_host, words

UNITS = pathlib.Path("/lib/systemd/system")
ADDRESSES = {4: ["192.0.2.0", "192.0.2.77", "192.0.2.255"], 6: ["2001:db8:1::", "2001:db8:1:0:ffff::beef"]}


def ends(ports):
    """The first and the last port of each range."""
    for one in ports:
        first, _, last = str(one).partition("-")
        yield from {int(first), int(last or first)}


def configure(config, program):
    """What its line in inetd.conf would become."""
    prefixes = [prefix for family, prefix in ((4, V4), (6, V6)) if family in program.families]
    keys = {"standard_input": "socket", "accept": not program.wait, "user": program.user, "standard_error": program.standard_error}
    listen = {"name": "any", "protocol": program.protocol, "addresses": prefixes, "ports": program.ports}
    config.service("program", listen, program.command(), **{key: value for key, value in keys.items() if value})


@pytest.fixture
def place(open_directory):
    return open_directory("program")


@pytest.mark.parametrize("kind", PROGRAMS + WAITING, ids=lambda kind: kind.__name__)
def test_one(make_daemon, config, client, place, kind):
    with prepared(kind, place) as program:
        configure(config, program)
        daemon = make_daemon(inside=True).start()
        asked = 0
        for family in program.families:
            for address in ADDRESSES[family]:
                for port in sorted(ends(program.ports)):
                    program.ask(client, address, port)
                    asked += 1
        assert asked >= 3 * 2
        if not program.wait:
            assert daemon.service("program")["connections"]["accepted"] >= asked # some clients come more than once
        daemon.stop()


def test_many_clients_at_once(make_daemon, config, client, place):
    """Of one that ends with its connection, and of a port and an address that nobody else has."""
    with prepared(MicroHttpd, place) as program:
        configure(config, program)
        daemon = make_daemon(inside=True).start()
        failures = []

        def ask(number):
            try:
                for port in range(5000 + number, 5100, 10):
                    program.ask(client, f"192.0.2.{number * 20 + port % 20}", port)
            except AssertionError as failure:
                failures.append(failure)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        daemon.stop()


# units

class Pair:
    """foo.socket and foo@.service of a package. `ask(client, address, port)` fails if the answer is not its program's."""

    def __init__(self, name, ports, ask):
        self.name, self.ports, self.ask = name, ports, ask

    def put(self, config, more=""):
        for unit in (f"{self.name}.socket", f"{self.name}@.service"):
            if (UNITS / unit).exists():
                config.write(f"units/{unit}", (UNITS / unit).read_text())
        ranges = ",".join(map(str, self.ports))
        config.write(f"units/{self.name}.socket.d/50-range.conf",
                     f"[Socket]\nListenStream=\nListenStream={V4}:{ranges}\nListenStream=[{V6}]:{ranges}\n{more}")


def ask_tang(client, address, port):
    assert set(json.loads(curl(client, f"http://{url_host(address)}:{port}/adv"))) >= {"payload", "signature"}


def ask_tinyssh(client, address, port):
    assert "ssh-ed25519 " in client.run("ssh-keyscan", "-T", "20", "-t", "ed25519", "-p", port, address)


def ask_gopher(client, address, port):
    assert "gophernicus" in curl(client, f"gopher://{url_host(address)}:{port}/1/").lower()


def ask_http(client, address, port):
    assert "micro_httpd" in curl(client, f"http://{url_host(address)}:{port}/", "--include")


def ask_ident(client, address, port):
    assert words(client, address, port, "22, 23\r\n").startswith("22,23:ERROR:")


PAIRS = [Pair("tangd", [80, "8000-8099"], ask_tang), Pair("tinysshd", [22, "2200-2299"], ask_tinyssh),
         Pair("gophernicus", [70, "7000-7099"], ask_gopher), Pair("micro-httpd", [80, "8000-8099"], ask_http),
         Pair("oidentd", [113, "1130-1139"], ask_ident)]


@pytest.fixture
def keys_of_the_machine():
    """tangd and tinysshd make theirs where they have none: what the test has made them make goes again."""
    places = [pathlib.Path("/etc/tinyssh"), pathlib.Path("/var/lib/tang")]
    before = {path for place in places for path in place.rglob("*")}
    yield
    for path in sorted({path for place in places for path in place.rglob("*")} - before, reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.usefixtures("keys_of_the_machine")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_units_of_debian_as_they_are(make_daemon, config, client, pair):
    pair.put(config)
    daemon = make_daemon(inside=True).start()
    for address in ADDRESSES[4] + ADDRESSES[6]:
        for port in sorted(ends(pair.ports)):
            pair.ask(client, address, port)
    daemon.stop()


SSHD = """[Unit]
Description=SSH, one process per connection
[Service]
ExecStart=-/usr/sbin/sshd -i -f {} $SSHD_OPTS
EnvironmentFile=-/etc/default/ssh
StandardInput=socket
"""


def test_debians_ssh_socket_with_a_template_of_the_site(make_daemon, config, client, place):
    """Debian 12 no longer ships ssh@.service; sites that want it write it, and say so to the socket."""
    with prepared(Sshd, place) as program:
        Pair("ssh", [22, "2200-2299"], None).put(config, "Accept=yes\n")
        config.write("units/ssh@.service", SSHD.format(program.command()[-1]))
        daemon = make_daemon(inside=True).start()
        for address, port in (("192.0.2.0", 22), ("192.0.2.255", 2299), ("2001:db8:1::beef", 2200)):
            program.ask(client, address, port)
        daemon.stop()
