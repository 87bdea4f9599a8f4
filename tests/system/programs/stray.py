"""stray.py LOG WORD...: ends at once, and leaves a child in a session of its own, whose pid it prints. That appends the signals that come to LOG,
and ends once each WORD was one."""

import os
import signal
import sys

log, words = sys.argv[1], set(sys.argv[2:])


def heard(number, _):
    name = signal.Signals(number).name[3:]
    with open(log, "a") as lines:
        lines.write(f"{name}\n")
    words.discard(name)
    if not words:
        os._exit(0)


for name in ("HUP", "INT", "TERM"):
    signal.signal(getattr(signal, "SIG" + name), heard)
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.write(writer, b"x")
    while True:
        signal.pause()
os.read(reader, 1) # the child has its session
print(pid, flush=True)
