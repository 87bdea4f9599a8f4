"""Network namespaces that a test makes and removes itself, and sockets inside them."""

import contextlib
import ctypes
import itertools
import os
import pathlib
import socket
import struct
import subprocess
import threading

CLONE_NEWNET = 0x40000000
IPV6_FREEBIND = 78 # linux/in6.h
PATIENCE = 15      # seconds until an answer: its program may have to be started first, on a machine that is busy

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def run(*argv, timeout=60, **options):
    """Runs a command that must succeed; its output is part of the failure."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class NetNs:
    """One namespace with lo up. Use `with ns:` to open sockets inside: they stay inside."""

    def __init__(self, label):
        self.name = f"swt-{os.getpid()}-{next(_numbers)}-{label}"
        self.path = f"/run/netns/{self.name}"
        self._outside = threading.local() # setns(2) is of one thread
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        self.inode = os.stat(self.path).st_ino
        with self: # else the seventh refused datagram in a row gets no answer
            for key in ("ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):
                pathlib.Path(f"/proc/sys/net/{key}").write_text("0")

    def remove(self):
        if os.path.exists(self.path):
            run("ip", "netns", "del", self.name)

    def ip(self, *args):
        return run("ip", "-n", self.name, *args)

    def route_locally(self, *prefixes):
        for prefix in prefixes:
            self.ip("route", "add", "local", prefix, "dev", "lo")

    def local_routes(self, protocol):
        """The local routes that carry this rtnetlink protocol number, both families."""
        lines = []
        for family in ("-4", "-6"):
            lines += self.ip(family, "route", "show", "table", "local", "proto", str(protocol)).splitlines()
        return [line.strip() for line in lines]

    def command(self, *argv):
        """`ip netns exec` would hide the bpffs."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(self, *argv, **options):
        return run(*self.command(*argv), **options)

    def __enter__(self):
        self._outside.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        inside = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(inside)
        finally:
            os.close(inside)
        return self

    def __exit__(self, *_):
        _setns(self._outside.fd)
        os.close(self._outside.fd)

    def open_socket(self, kind, address):
        with self:
            return socket.socket(family_of(address), kind | socket.SOCK_CLOEXEC)

    def listen(self, address, port, kind=socket.SOCK_STREAM, device=None):
        """A socket bound here by 'another process': the test."""
        sock = self.open_socket(kind, address)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1) # a local route is not enough, as it is for IPv4
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        sock.bind((address, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(128)
        sock.settimeout(PATIENCE)
        return sock

    def connect(self, address, port, timeout=PATIENCE, source=None):
        sock = self.open_socket(socket.SOCK_STREAM, address)
        sock.settimeout(timeout)
        try:
            if source:
                sock.bind((source, 0))
            sock.connect((address, port))
        except OSError:
            sock.close()
            raise
        return sock

    def ask_tcp(self, address, port, timeout=PATIENCE, source=None):
        """Everything that the server says until it closes."""
        with self.connect(address, port, timeout, source) as sock, contextlib.closing(sock.makefile("rb")) as stream:
            return stream.read().decode()

    def udp(self, address, timeout=PATIENCE, source=None):
        sock = self.open_socket(socket.SOCK_DGRAM, address)
        sock.settimeout(timeout)
        if source:
            sock.bind((source, 0))
        return sock

    def ask_udp(self, address, port, payload=b"?", timeout=PATIENCE):
        """The answer of a *connected* socket: it must come from the address and the port that were asked."""
        with self.udp(address, timeout) as sock:
            sock.connect((address, port))
            sock.send(payload)
            return sock.recv(65536).decode()

    def refuses_tcp(self, address, port):
        try:
            self.connect(address, port).close()
        except ConnectionRefusedError:
            return True
        return False

    def refuses_udp(self, address, port):
        try:
            self.ask_udp(address, port)
        except ConnectionRefusedError: # ICMP port unreachable
            return True
        return False


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def reset_on_close(sock):
    """Closing sends RST, so that a thousand connections leave no TIME_WAIT behind."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Link:
    """A veth pair between two namespaces: 198.51.100.1 and 2001:db8:ffff::1 are the server's side, ::2 the client's."""

    SERVER4, CLIENT4 = "198.51.100.1", "198.51.100.2"
    SERVER6, CLIENT6 = "2001:db8:ffff::1", "2001:db8:ffff::2"

    def __init__(self, server, client):
        server.ip("link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", client.name)
        for ns, v4, v6 in ((server, self.SERVER4, self.SERVER6), (client, self.CLIENT4, self.CLIENT6)):
            ns.ip("addr", "add", f"{v4}/24", "dev", "up0")
            ns.ip("addr", "add", f"{v6}/64", "dev", "up0", "nodad")
            ns.ip("link", "set", "up0", "up")
        client.ip("route", "add", "default", "via", self.SERVER4)
        client.ip("-6", "route", "add", "default", "via", self.SERVER6)
