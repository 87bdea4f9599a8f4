"""Answers each datagram to the port of its sender that it names, and tells the sender what ICMP said to that.

One line of JSON an error, from IP_RECVERR's queue of the inherited socket."""

import errno
import json
import select
import socket
import struct

from datagrams import destination, source_control
from inherited import Drain, plain, sockets

IP_RECVERR, IPV6_RECVERR = 11, 25 # linux/in.h, linux/in6.h
ORIGINS = {2: "ICMP", 3: "ICMPv6"} # linux/errqueue.h


def error_of(listener):
    """What the queue has: sock_extended_err, and whom the answer was sent to."""
    _, ancillary, _, peer = listener.recvmsg(65536, 1024, socket.MSG_ERRQUEUE)
    for level, kind, data in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
            number, origin = struct.unpack("=IB", data[:5])
            return {"error": errno.errorcode[number], "origin": ORIGINS[origin], "sent_to": plain(peer)}
    return None


drain = Drain()
(listener,) = (sock for _, sock in sockets())
listener.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
if listener.family == socket.AF_INET6:
    listener.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
poll = select.poll()
poll.register(drain, select.POLLIN)
poll.register(listener, select.POLLIN)
asked = peer = None
while True:
    events = dict(poll.poll())
    if drain.fileno() in events:
        break
    if events[listener.fileno()] & select.POLLERR:
        answer = json.dumps(error_of(listener)).encode()
        listener.sendmsg([answer], source_control(listener, asked[0]), 0, peer)
    elif events[listener.fileno()] & select.POLLIN:
        payload, ancillary, _, peer = listener.recvmsg(65536, 1024)
        asked = destination(ancillary)
        listener.sendmsg([b"too late"], source_control(listener, asked[0]), 0, (peer[0], int(payload), *peer[2:]))
