"""Says READY=1, and answers each line on any number of TCP connections with its pid and its number among the workers.

--hold FILE: gets ready once FILE is there. --fail FILE: exits 7 instead if FILE is there. --watchdog: says WATCHDOG=1 in time.
--single: takes no second client beside the first.
--log FILE gets a line "ready NUMBER PID" and "term NUMBER PID". TERM: takes no more, and ends when its last client does."""

import argparse
import os
import pathlib
import select

from inherited import Drain, notify, sockets

options = argparse.ArgumentParser()
options.add_argument("--hold", type=pathlib.Path)
options.add_argument("--fail", type=pathlib.Path)
options.add_argument("--log", type=pathlib.Path, default="/dev/null")
options.add_argument("--single", action="store_true")
options.add_argument("--watchdog", action="store_true")
args = options.parse_args()
me = f"{os.environ.get('SWATHE_INSTANCE', '-')} {os.getpid()}"


def log(what):
    with open(args.log, "a") as file:
        file.write(f"{what} {me}\n")


drain = Drain()
listeners = [sock for _, sock in sockets()]
for listener in listeners:
    listener.setblocking(False) # another may be quicker
while args.hold and not args.hold.exists() and not select.select([drain], [], [], 0.01)[0]:
    pass
if args.fail and args.fail.exists():
    raise SystemExit(7)
log("ready")
if "NOTIFY_SOCKET" in os.environ:
    notify("READY=1")

every = int(os.environ["WATCHDOG_USEC"]) / 4e6 if args.watchdog else None
connections = []
while listeners or connections:
    busy = args.single and connections
    readable, _, _ = select.select([*([drain] if listeners else []), *([] if busy else listeners), *connections], [], [], every)
    if args.watchdog:
        notify("WATCHDOG=1")
    if drain in readable:
        log("term")
        listeners = []
        continue
    for sock in readable:
        if sock in listeners:
            try:
                connection, _ = sock.accept()
            except OSError:
                continue
            connection.setblocking(True)
            connections.append(connection)
        elif data := sock.recv(65536):
            sock.sendall(f"{os.getpid()} {os.environ.get('SWATHE_INSTANCE', '-')}\n".encode() * data.count(b"\n"))
        else:
            connections.remove(sock)
            sock.close()
