"""Answers each datagram with one line of JSON from the address and port that it was sent to.

--log FILE appends one line per start; --count FILE, on TERM, the number of datagrams answered."""

import argparse
import json
import os
import select

from datagrams import destination, reply
from inherited import Drain, plain, sockets

options = argparse.ArgumentParser()
options.add_argument("--log")
options.add_argument("--count")
options.add_argument("--tag", default="")
args = options.parse_args()
if args.log:
    with open(args.log, "a") as log:
        log.write(f"{os.getpid()}\n")


def answer(listener, name):
    payload, ancillary, _, peer = listener.recvmsg(65536, 1024)
    asked = destination(ancillary)
    text = json.dumps({
        "pid": os.getpid(), "tag": args.tag, "listener": name, "bytes": len(payload), "asked": asked, "peername": plain(peer),
    }).encode()
    reply(listener, text, asked, peer)


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
