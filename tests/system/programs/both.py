"""both.py TAG: answers TCP connections and datagrams of all its sockets with {"tag": TAG}; datagrams by PKTINFO."""

import json
import select
import socket
import struct
import sys

from inherited import Drain, sockets

IPV6_PKTINFO = 50 # linux/in6.h

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
    control = [(level, kind, data[:16] + struct.pack("@I", 0)) for level, kind, data in ancillary
               if (level, kind) == (socket.IPPROTO_IPV6, IPV6_PKTINFO)]
    sock.sendmsg([answer], control, 0, peer)


while True:
    readable, _, _ = select.select([drain, *inherited], [], [])
    if drain in readable:
        raise SystemExit(0)
    for sock in readable:
        try:
            (stream if sock.type == socket.SOCK_STREAM else datagram)(sock)
        except (BlockingIOError, ConnectionError):
            pass
