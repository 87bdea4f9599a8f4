"""Answers each TCP connection with one line of JSON: who I am, and what the kernel says of this connection.

--log FILE appends one line per start. TERM: finishes the connection at hand and exits 0. --once: exits after one."""

import argparse
import json
import os
import selectors

from inherited import Drain, plain, sockets

options = argparse.ArgumentParser()
options.add_argument("--log")
options.add_argument("--once", action="store_true")
options.add_argument("--tag", default="")
args = options.parse_args()
if args.log:
    with open(args.log, "a") as log:
        log.write(f"{os.getpid()}\n")

drain = Drain()
listeners = {sock: name for name, sock in sockets()}
selector = selectors.DefaultSelector()
for sock in listeners:
    sock.setblocking(False)
    selector.register(sock, selectors.EVENT_READ)
selector.register(drain, selectors.EVENT_READ)

while True:
    readable = [key.fileobj for key, _ in selector.select()]
    if drain in readable:
        raise SystemExit(0)
    for listener in readable:
        try:
            connection, peer = listener.accept()
        except OSError: # the client went away, or another instance took it
            continue
        with connection:
            connection.setblocking(True)
            try:
                connection.sendall(json.dumps({
                    "pid": os.getpid(), "tag": args.tag, "listener": listeners[listener],
                    "sockname": plain(connection.getsockname()), "peername": plain(peer),
                }).encode() + b"\n")
            except OSError:
                pass
        if args.once:
            raise SystemExit(0)
