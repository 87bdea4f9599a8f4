"""Units as Debian 12 ships them, unchanged but for one drop-in that gives the socket a range.

tests/install-test-deps has put them below UNITS: what a package ships, with nothing of it installed; the packages of
the four that run are installed, too."""

import json
import pathlib
import re
import resource
import struct
import subprocess

import pytest

from conftest import V4
from daemon import BIN, eventually

UNITS = pathlib.Path("/var/cache/swathe-tests/debian-units")
NOT_OURS = re.compile(r"swathe does not implement this directive of systemd's; it is ignored|^[\"]?\w+[\"]?: unknown key")
WEAKER = re.compile(r"would weaken the service's protection")
MACHINE = re.compile(r"No such file or directory|no such (user|group)|not found") # what is not installed here

RANGE = "[Socket]\nListenStream=\nListenStream={}:{}\n"


class Pair:
    """A socket and its service. `ignored`: directives that a warning may name, and no others."""

    def __init__(self, package, socket, port, service=None, ignored=()):
        self.package, self.socket, self.port, self.service, self.ignored = package, socket, port, service or socket, list(ignored)

    def __str__(self):
        return self.socket

    def file(self, name):
        found = sorted((UNITS / self.package).rglob(f"system/{name}"))
        assert found, f"{name} of {self.package} is not below {UNITS}: run tests/install-test-deps"
        return found[0]

    def put(self, config):
        for name in (f"{self.socket}.socket", f"{self.service}.service"):
            config.write(f"units/{name}", self.file(name).read_text())
        config.write(f"units/{self.socket}.socket.d/50-range.conf", RANGE.format(V4, self.port))

    def directives(self):
        """Every assignment of both files as (section, key), but for [Install], which is for systemctl."""
        for name in (f"{self.socket}.socket", f"{self.service}.service"):
            section = None
            for line in re.sub(r"\\\n", " ", self.file(name).read_text()).splitlines():
                if line.startswith("["):
                    section = line.strip("[]")
                elif section != "Install" and (found := re.match(r"([A-Za-z]\w*)=", line)):
                    yield section, found[1]


PAIRS = [
    Pair("cockpit-ws", "cockpit", "9090-9099", ignored=["Wants"]),
    Pair("dovecot-core", "dovecot", "143", ignored=["KeepAlive"]),
    Pair("erlang-base", "epmd", "4369-4400"),
    Pair("gpsd", "gpsd", "2947"),
    Pair("libvirt-daemon-system", "libvirtd-tcp", "16509", "libvirtd", ignored=["BindsTo"]),
    Pair("mpd", "mpd", "6600-6699", ignored=["KeepAlive"]),
    Pair("openssh-server", "ssh", "22", ignored=[]),
    Pair("rpcbind", "rpcbind", "111", ignored=["RequiresMountsFor"]),
    Pair("systemd-journal-remote", "systemd-journal-gatewayd", "19531-19540"),
    Pair("systemd-journal-remote", "systemd-journal-remote", "19532"),
]
PER_CONNECTION = [("oidentd", "oidentd"), ("proftpd-core", "proftpd"), ("sane-utils", "saned"), ("tang", "tangd")]


def check(config):
    done = subprocess.run([BIN / "swathectl", "check", "--config", config.directory, "--json"], capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)


def key_of(diagnostic):
    return re.match(r"\"?(\w+)\"?: ", diagnostic["message"])[1]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_pair_of_debian_loads(config, pair):
    pair.put(config)
    said = [one for one in check(config) if not MACHINE.search(one["message"])]
    refused = [one for one in said if one["severity"] == "error"]
    assert not refused, refused
    ignored = [key_of(one) for one in said if NOT_OURS.search(one["message"])]
    honoured = {key for _, key in pair.directives()} - set(ignored)
    print(f"{pair.package}: honoured: {' '.join(sorted(honoured))}; ignored with a warning: {' '.join(ignored) or 'none'}")
    assert set(ignored) <= set(pair.ignored)
    assert {"ListenStream", "ExecStart"} <= honoured


def test_ten_packages_and_what_protects_their_services_is_honoured(config):
    assert len({pair.package for pair in PAIRS} | {package for package, _ in PER_CONNECTION}) >= 10
    protections = {key for pair in PAIRS for _, key in pair.directives()} - {key for pair in PAIRS for key in pair.ignored}
    assert {"DynamicUser", "RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID",
            "MemoryDenyWriteExecute", "LockPersonality", "ProtectProc", "ProtectClock", "ProtectHostname", "ProtectSystem",
            "NonBlocking"} <= protections


@pytest.mark.parametrize("package, name", PER_CONNECTION, ids=[name for _, name in PER_CONNECTION])
def test_one_that_starts_for_each_connection_loads_with_its_template(config, package, name):
    pair = Pair(package, name, "1000")
    for unit in (f"{name}.socket", f"{name}@.service"):
        config.write(f"units/{unit}", pair.file(unit).read_text())
    refused = [one for one in check(config) if one["severity"] == "error" and not MACHINE.search(one["message"])]
    assert not refused, refused


def test_a_protection_that_is_not_there_yet_is_refused_and_a_drop_in_takes_it_back(config):
    pair = PAIRS[2]
    pair.put(config)
    config.write("units/epmd.service.d/more.conf", "[Service]\nPrivateUsers=yes\n")
    assert [key_of(one) for one in check(config) if WEAKER.search(one["message"])] == ["PrivateUsers"]
    config.write("units/epmd.service.d/site.conf", "[Service]\nPrivateUsers=no\n")
    assert not [one for one in check(config) if WEAKER.search(one["message"])]


def run_pair(daemon, config, name):
    pair = next(pair for pair in PAIRS if pair.socket == name)
    pair.put(config)
    wanted = re.search(r"^LimitNOFILE=(\d+)", pair.file(f"{pair.service}.service").read_text(), re.M)
    if wanted and int(wanted[1]) > resource.getrlimit(resource.RLIMIT_NOFILE)[1]: # a container may not raise it
        config.write(f"units/{pair.service}.service.d/limit.conf", "[Service]\nLimitNOFILE=\n")
    return daemon.start()


def test_the_journal_gateway_runs_as_a_user_that_is_only_there_while_it_runs(daemon, config, client):
    run_pair(daemon, config, "systemd-journal-gatewayd")
    for address, port in (("192.0.2.0", 19531), ("192.0.2.255", 19540)):
        page = client.run("curl", "--silent", "--show-error", "--max-time", "20", f"http://{address}:{port}/browse")
        assert "<title>Journal</title>" in page
    pid = daemon.service("systemd-journal-gatewayd")["main_pid"]
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    uid = int(status["Uid"].split()[0])
    assert 61184 <= uid <= 65519 and status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    assert (pathlib.Path("/run/systemd/dynamic-uid") / str(uid)).read_text() == "systemd-journal-gateway"
    daemon.stop()
    assert not (pathlib.Path("/run/systemd/dynamic-uid") / str(uid)).exists()


def test_openssh_answers(daemon, config, client):
    run_pair(daemon, config, "ssh")
    for address in ("192.0.2.1", "192.0.2.200"):
        with client.connect(address, 22, timeout=20) as sock:
            assert sock.recv(64).startswith(b"SSH-2.0-OpenSSH")
    pid = daemon.service("ssh")["main_pid"]
    eventually(lambda: pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text() == "", what="its children saw the clients go")
    daemon.stop() # KillMode=process leaves children


def test_the_port_mapper_of_erlang_names_no_ports(daemon, config, client):
    run_pair(daemon, config, "epmd")
    for address, port in (("192.0.2.0", 4369), ("192.0.2.9", 4400)):
        with client.connect(address, port, timeout=20) as sock:
            sock.sendall(b"\0\1n") # NAMES_REQ
            assert sock.recv(4) == (4369).to_bytes(4, "big")
    daemon.stop()


def test_rpcbind_answers(daemon, config, client):
    run_pair(daemon, config, "rpcbind")
    call = struct.pack(">10I", 7, 0, 2, 100000, 2, 0, 0, 0, 0, 0) # RFC 5531: procedure 0 of the port mapper, no credentials
    for address in ("192.0.2.0", "192.0.2.111"):
        with client.connect(address, 111, timeout=20) as sock:
            sock.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)
            assert struct.unpack(">7I", sock.recv(64)) == (0x80000000 | 24, 7, 1, 0, 0, 0, 0) # accepted, success
    daemon.stop()
