"""crash.py FILE N COMMAND...: exits 1 the first N times it is started, then becomes COMMAND. FILE gets the time of each start."""

import os
import sys
import time

path, times, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
with open(path, "a+") as starts:
    starts.write(f"{time.monotonic()}\n")
    starts.seek(0)
    count = len(starts.readlines())
if count <= times:
    raise SystemExit(1)
os.execv(command[0], command) # the same pid, so that LISTEN_PID still holds
