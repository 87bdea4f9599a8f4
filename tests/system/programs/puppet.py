"""puppet.py SOCKET EXPRESSION...: evaluates the EXPRESSIONs, then each that is sent to SOCKET, and answers with its value."""

import array
import os
import pathlib
import select
import signal
import socket
import sys
import threading
import time

from inherited import notify

heard = [] # the signals that came


def catch(*names):
    for name in names:
        signal.signal(signal.Signals["SIG" + name], lambda number, _: heard.append(signal.Signals(number).name[3:]))


def usec():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def notify_with(text, *fds):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(os.environ["NOTIFY_SOCKET"])
        sock.sendmsg([text.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
    for fd in fds:
        os.close(fd)


def barrier():
    """True: all that was said before has been heard."""
    reader, writer = os.pipe()
    notify_with("BARRIER=1", writer)
    return select.select([reader], [], [], 10)[0] == [reader] and os.read(reader, 1) == b""


def memory(content):
    fd = os.memfd_create("stored")
    os.pwrite(fd, content, 0)
    return fd


def child(text=None):
    """The pid of a new process; it notifies `text` and ends when that was heard, or sleeps."""
    pid = os.fork()
    if pid == 0:
        if text:
            notify(text)
            barrier()
        else:
            time.sleep(1000)
        os._exit(0)
    if text:
        os.waitpid(pid, 0)
    return pid


def every(seconds, text):
    def repeat():
        while True:
            notify(text)
            time.sleep(seconds)
    threading.Thread(target=repeat, daemon=True).start()


pathlib.Path(sys.argv[1]).unlink(missing_ok=True)
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as orders:
    orders.bind(sys.argv[1])
    orders.listen()
    for expression in sys.argv[2:]:
        eval(expression)
    while True:
        order, _ = orders.accept()
        with order, order.makefile("rb") as text:
            order.sendall(repr(eval(text.read().decode())).encode())
            order.shutdown(socket.SHUT_RDWR) # a child may have it, too
