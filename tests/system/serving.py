"""Talking to serve.py."""

import contextlib
import pathlib

ADDRESS, PORT = "192.0.2.7", 8080


class Talk:
    """One connection."""

    def __init__(self, ns, timeout=15):
        self.sock = ns.connect(ADDRESS, PORT, timeout)
        self.stream = self.sock.makefile("rb")

    def say(self):
        self.sock.sendall(b"?\n")

    def hear(self):
        """(pid, number) of the instance that answers; None at the end of the connection."""
        with contextlib.suppress(ConnectionResetError):
            if line := self.stream.readline():
                pid, number = line.decode().split()
                return int(pid), number
        return None

    def ask(self):
        self.say()
        return self.hear()

    def close(self):
        self.stream.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(ns):
    """Who answers a new connection: (pid, number)."""
    with Talk(ns) as talk:
        return talk.ask()


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def marks(log, what):
    """(number, pid) of each line of serve.py --log LOG that says `what`, in order."""
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(number, int(pid)) for said, number, pid in lines if said == what]
