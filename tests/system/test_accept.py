"""accept = true: one instance of a program for each connection, behind a range of addresses and ports."""

import pytest

from load import read_all

LISTEN = {"protocol": "tcp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": ["7000-7099"]}


def ask(ns, address, port, text=b"", timeout=15):
    """What comes back on a connection of which our half is closed after `text`."""
    with ns.connect(address, port, timeout) as sock:
        sock.sendall(text)
        sock.shutdown(1)
        return read_all(sock)


def inetd(config, name, argv, listen=LISTEN, **keys):
    """A service of inetd's kind: the connection is standard input and output."""
    config.service(name, listen, argv, **{"accept": True, "standard_input": "socket", **keys})


def test_cat_answers_at_every_address_and_port(daemon, config, client):
    inetd(config, "echo", ["/bin/cat"])
    daemon.start()
    for address in ("192.0.2.1", "192.0.2.254", "2001:db8:1::7"):
        for port in (7000, 7042, 7099):
            text = f"{address} {port}".encode()
            assert ask(client, address, port, text) == text
