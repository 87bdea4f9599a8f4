#!/usr/bin/python3
"""Echoes datagrams from an inherited socket, each answer leaving from the address that was asked.

A socket that serves a whole prefix must say where an answer comes from, or the kernel chooses. swathed has set
IP_PKTINFO and IPV6_RECVPKTINFO: each datagram brings its destination, which goes back as the answer's source. This
sets the address, never the port, so it is for listeners with one port."""

import socket
import struct

IP_PKTINFO, IPV6_PKTINFO = 8, 50  # linux/in.h, linux/in6.h; not in every Python


def answer_from(ancillary):
    """The control message that makes the answer leave from where the datagram was sent to."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IPV6, IPV6_PKTINFO):  # a dual-stack socket: IPv4 comes as ::ffff:a.b.c.d
            return [(level, kind, data[:16] + struct.pack("@I", 0))]
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):  # interface, local address, destination
            return [(level, kind, struct.pack("@I", 0) + data[8:12] + bytes(4))]
    raise SystemExit("no PKTINFO: this socket does not come from swathed")


sock = socket.socket(fileno=3)  # LISTEN_FDS=1
sock.setblocking(True)
while True:
    payload, ancillary, _, client = sock.recvmsg(65536, 512)
    try:
        sock.sendmsg([payload], answer_from(ancillary), 0, client)
    except OSError as error:  # an unreachable client is not our end
        print(f"no answer to {client[0]}: {error}", flush=True)
