"""stray.py LOG WORD...: ends at once, and leaves a child in a session of its own, whose pid it prints. That appends the signals that come
to LOG, and ends once each WORD was one."""

import os
import signal
import sys

from hearing import write_down

write_down(("HUP", "INT", "TERM"), sys.argv[1], sys.argv[2:], str)
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
