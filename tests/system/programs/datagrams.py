"""Where a datagram was sent to, and how an answer leaves from there."""

import socket
import struct

from inherited import plain

IP_PKTINFO, IP_FREEBIND, IP_ORIGDSTADDR = 8, 15, 20 # linux/in.h
IPV6_PKTINFO, IPV6_ORIGDSTADDR, IPV6_FREEBIND = 50, 74, 78 # linux/in6.h


def destination(ancillary):
    """(address, port) of the datagram, and the same as an address to bind."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_ORIGDSTADDR):
            return socket.inet_ntoa(data[4:8]), struct.unpack("!H", data[2:4])[0]
        if (level, kind) == (socket.IPPROTO_IPV6, IPV6_ORIGDSTADDR):
            host = socket.inet_ntop(socket.AF_INET6, data[8:24])
            return plain((host, struct.unpack("!H", data[2:4])[0]))
    return None


def source_control(listener, host):
    """The control message that makes sendmsg() on `listener` leave from `host`."""
    if ":" in host:
        return [(socket.IPPROTO_IPV6, IPV6_PKTINFO, socket.inet_pton(socket.AF_INET6, host) + struct.pack("@I", 0))]
    if listener.family == socket.AF_INET6:
        return [(socket.IPPROTO_IPV6, IPV6_PKTINFO, b"\0" * 10 + b"\xff\xff" + socket.inet_aton(host) + struct.pack("@I", 0))]
    return [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("@I", 0) + socket.inet_aton(host) + b"\0" * 4)]


def reply_from_port(host, port, text, peer):
    """PKTINFO sets the address only: another port than the listener's needs a socket bound to it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        out.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        if family == socket.AF_INET6:
            out.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        out.bind((host, port))
        out.sendto(text, tuple(plain(peer)))


def reply(listener, text, asked, peer):
    """From `asked`, the destination of what is answered."""
    if asked is None: # the listener was not set up as it must be: the test will see an answer from elsewhere
        listener.sendto(text, peer)
    elif asked[1] == listener.getsockname()[1]:
        listener.sendmsg([text], source_control(listener, asked[0]), 0, peer)
    else:
        reply_from_port(*asked, text, peer)
