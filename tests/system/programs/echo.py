"""Answers each datagram with one line of JSON from the address and port that it was sent to.

--log FILE appends one line per start; --count FILE, on TERM, the number of datagrams answered."""

import argparse
import json
import os
import select
import socket

from datagrams import IP_FREEBIND, IPV6_FREEBIND, destination, source_control
from inherited import Drain, plain, sockets

options = argparse.ArgumentParser()
options.add_argument("--log")
options.add_argument("--count")
options.add_argument("--tag", default="")
args = options.parse_args()
if args.log:
    with open(args.log, "a") as log:
        log.write(f"{os.getpid()}\n")


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


def answer(listener, name):
    payload, ancillary, _, peer = listener.recvmsg(65536, 1024)
    asked = destination(ancillary)
    text = json.dumps({
        "pid": os.getpid(), "tag": args.tag, "listener": name, "bytes": len(payload), "asked": asked, "peername": plain(peer),
    }).encode()
    if asked is None: # the listener was not set up as it must be: the test will see null
        listener.sendto(text, peer)
    elif asked[1] == listener.getsockname()[1]:
        listener.sendmsg([text], source_control(listener, asked[0]), 0, peer)
    else:
        reply_from_port(*asked, text, peer)


drain = Drain()
listeners = {sock: name for name, sock in sockets()}
answered = 0
while True:
    readable, _, _ = select.select([drain, *listeners], [], [])
    if drain in readable:
        break
    for listener in readable:
        answer(listener, listeners[listener])
        answered += 1
if args.count:
    with open(args.count, "a") as count:
        count.write(f"{answered}\n")
