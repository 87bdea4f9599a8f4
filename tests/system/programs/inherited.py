"""What a service does with LISTEN_FDS, without a library."""

import os
import signal
import socket


def sockets():
    """The inherited sockets by name, in order. Refuses what was meant for another process, as sd_listen_fds(3) does."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise SystemExit("LISTEN_PID is not me")
    names = os.environ["LISTEN_FDNAMES"].split(":")
    if len(names) != int(os.environ["LISTEN_FDS"]):
        raise SystemExit("LISTEN_FDNAMES does not fit LISTEN_FDS")
    found = [(name, socket.socket(fileno=3 + number)) for number, name in enumerate(names)]
    for _, sock in found:
        sock.setblocking(True)
        os.set_inheritable(sock.fileno(), False)
    return found


def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(os.environ["NOTIFY_SOCKET"])
        sock.send(text.encode())


class Drain:
    """Turns TERM into a readable descriptor, so that a loop can finish what it has begun."""

    def __init__(self):
        self.reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGTERM, lambda *_: None)

    def fileno(self):
        return self.reader


def plain(address):
    """(host, port) with an IPv4-mapped address as IPv4."""
    host = address[0]
    return [host[7:] if host.startswith("::ffff:") else host, address[1]]
