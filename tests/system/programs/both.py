"""both.py TAG: answers TCP connections and datagrams of all its sockets with {"tag": TAG}; datagrams from where they were sent to."""

import json
import select
import socket
import sys

from datagrams import destination, reply
from inherited import Drain, sockets

answer = json.dumps({"tag": sys.argv[1]}).encode()
drain = Drain()
inherited = [sock for _, sock in sockets()]
for sock in inherited:
    sock.setblocking(False)


def stream(sock):
    connection, _ = sock.accept()
    with connection:
        connection.sendall(answer + b"\n")


def datagram(sock):
    _, ancillary, _, peer = sock.recvmsg(2048, 512)
    reply(sock, answer, destination(ancillary), peer)


while True:
    readable, _, _ = select.select([drain, *inherited], [], [])
    if drain in readable:
        raise SystemExit(0)
    for sock in readable:
        try:
            (stream if sock.type == socket.SOCK_STREAM else datagram)(sock)
        except (BlockingIOError, ConnectionError):
            pass
