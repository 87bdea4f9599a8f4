"""signals.py LOG WORD...: has a child in a session of its own; both append the signals that come to LOG, and end once each WORD was one."""

import os
import signal
import sys

from hearing import write_down
from inherited import notify

who = "main"
write_down(("HUP", "INT", "QUIT", "USR1", "TERM"), sys.argv[1], sys.argv[2:], lambda: f"{who} ")
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
