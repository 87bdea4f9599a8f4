"""signals.py LOG WORD...: has a child in a session of its own; both append the signals that come to LOG, and end once each WORD was one."""

import os
import signal
import sys

from inherited import notify

log, words = sys.argv[1], set(sys.argv[2:])
who = "main"


def heard(number, _):
    name = signal.Signals(number).name[3:]
    with open(log, "a") as lines:
        lines.write(f"{who} {name}\n")
    words.discard(name)
    if not words:
        os._exit(0)


for name in ("HUP", "INT", "QUIT", "USR1", "TERM"):
    signal.signal(getattr(signal, "SIG" + name), heard)
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    os.setsid()
    who = "child"
    os.write(writer, b"x")
else:
    os.read(reader, 1) # the child has its name
    notify(f"READY=1\nSTATUS={pid}")
while True:
    signal.pause()
