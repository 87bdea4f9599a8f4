"""ready.py WHEN: notifies READY=1 at once ("now"), once the file WHEN is there, or not at all ("never"); answers then each connection with
its pid."""

import os
import pathlib
import sys
import time

from inherited import notify, sockets

listener = sockets()[0][1]
notify("STATUS=warming up")
if sys.argv[1] == "never":
    time.sleep(1000)
while sys.argv[1] != "now" and not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
notify("READY=1\nSTATUS=serving")
while True:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(f"{os.getpid()}\n".encode())
