"""Echoes lines on any number of TCP connections, with its pid in front.

TERM: takes no more, makes the file that its argument names, and exits 0 when the last connection has been closed by its client."""

import os
import pathlib
import select
import sys

from inherited import Drain, sockets

drain = Drain()
listeners = [sock for _, sock in sockets()]
connections = []
while listeners or connections:
    readable, _, _ = select.select([drain, *listeners, *connections] if listeners else connections, [], [])
    if drain in readable:
        listeners = []
        for mark in sys.argv[1:]:
            pathlib.Path(mark).touch()
        continue
    for sock in readable:
        if sock in listeners:
            connections.append(sock.accept()[0])
            continue
        data = sock.recv(65536)
        if data:
            sock.sendall(f"{os.getpid()} ".encode() + data)
        else:
            connections.remove(sock)
            sock.close()
