"""fall.py WHEN [LOG]: serves one client as {"pid": PID} and makes its own listener unusable: streams are shut down, datagram sockets connected.

WHEN: exit - and exits; stay - and lives on until TERM; later - exits first, and a child that it leaves behind does the deed, five times a
second for three seconds, and makes the file LOG.over. LOG gets a line for each start."""

import json
import os
import select
import socket
import sys
import time

from inherited import Drain, sockets

when = sys.argv[1]
if len(sys.argv) > 2:
    with open(sys.argv[2], "a") as log:
        log.write(f"{os.getpid()}\n")
drain = Drain()
(_, listener), = sockets()
answer = json.dumps({"pid": os.getpid()}).encode()
readable, _, _ = select.select([drain, listener], [], [])
if drain in readable:
    raise SystemExit(0)


def fall(peer):
    if listener.type == socket.SOCK_STREAM:
        listener.shutdown(socket.SHUT_RDWR)
    else:
        listener.connect(peer)


if listener.type == socket.SOCK_STREAM:
    connection, peer = listener.accept()
    connection.sendall(answer)
    connection.close()
else:
    _, peer = listener.recvfrom(99)
    listener.sendto(answer, peer)

if when == "later":
    if os.fork() == 0:
        os.setsid() # the group ends with the service
        for _ in range(15):
            time.sleep(0.2)
            try:
                fall(peer)
            except OSError: # it lies there still
                pass
        open(f"{sys.argv[2]}.over", "w").close()
        os._exit(0)
    raise SystemExit(0)
fall(peer)
if when == "stay":
    select.select([drain], [], [])
