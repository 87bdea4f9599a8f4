"""Accepts on every inherited stream socket. Answers one line of JSON: who it is, by which socket, and the values of the options that the
line that it is sent asks for: [[level, name, bytes], ...], of the connection. "shut" shuts the listener down, "end" ends the service."""

import json
import os
import select
import socket
import sys

from inherited import Drain, sockets

drain = Drain()
listeners = {sock: name for name, sock in sockets()}


def value_of(sock, level, name, size):
    return sock.getsockopt(level, name) if size == 0 else sock.getsockopt(level, name, size).rstrip(b"\0").decode()


def answer(listener):
    connection, _ = listener.accept()
    with connection, connection.makefile("rw") as stream:
        line = stream.readline().strip()
        if line == "shut":
            listener.shutdown(socket.SHUT_RDWR)
        asked = json.loads(line) if line.startswith("[") else []
        own = listener.getsockname() if listener.family == socket.AF_UNIX else ""
        stream.write(json.dumps({"pid": os.getpid(), "listener": listeners[listener], "own": str(own),
                                 "values": [value_of(connection, *one) for one in asked]}))
    if line == "end":
        sys.exit(0)


def receive(listener):
    payload, peer = listener.recvfrom(65536)
    if payload == b"end":
        sys.exit(0)
    if peer:
        listener.sendto(json.dumps({"pid": os.getpid(), "listener": listeners[listener]}).encode(), peer)


while True:
    readable, _, _ = select.select([drain, *listeners], [], [])
    if drain in readable:
        break
    for listener in readable:
        receive(listener) if listener.type == socket.SOCK_DGRAM else answer(listener)
