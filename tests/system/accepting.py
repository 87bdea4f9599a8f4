"""Services with accept = true, behind a range of addresses and ports, and who connects to them."""

import contextlib
import errno
import pathlib
import socket

import pytest

from daemon import eventually
from load import read_all
from serving import alive

LISTEN = {"protocol": "tcp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": ["7000-7099"]}
UNLIMITED = {**LISTEN, "trigger_limit_burst": 0, "poll_limit_burst": 0}
ADDRESS, PORT = "192.0.2.7", 7042
SH = ["/bin/sh", "-c"]


def ask(ns, address=ADDRESS, port=PORT, text=b"", timeout=15, source=None):
    """What comes back on a connection of which our half is closed after `text`; b"" also for one that is reset."""
    try:
        with ns.connect(address, port, timeout, source) as sock:
            sock.sendall(text)
            sock.shutdown(socket.SHUT_WR)
            return read_all(sock)
    except OSError as error:
        if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
            raise
        return b""


def inetd(config, name, argv, listen=LISTEN, **keys):
    """A service of inetd's kind: the connection is standard input and output."""
    config.service(name, listen, argv, **{"accept": True, "standard_input": "socket", **keys})


@pytest.fixture
def held(client):
    """held(): a connection that stays until the test is over, and has been answered by `cat`."""
    with contextlib.ExitStack() as stack:
        def connect(address=ADDRESS, port=PORT):
            sock = stack.enter_context(client.connect(address, port, 15))
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
            return sock
        yield connect


def children(daemon):
    """Pids of the daemon's children, without zombies."""
    pids = pathlib.Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    return [int(pid) for pid in pids if alive(int(pid))]


def gone(daemon):
    eventually(lambda: not children(daemon), what="no instance is left")
