"""ready.py DELAY: notifies READY=1 after DELAY seconds ("never" sends nothing), then answers each connection with its pid."""

import os
import sys
import time

from inherited import notify, sockets

listener = sockets()[0][1]
notify("STATUS=warming up")
if sys.argv[1] == "never":
    time.sleep(1000)
time.sleep(float(sys.argv[1]))
notify("READY=1\nSTATUS=serving")
while True:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(f"{os.getpid()}\n".encode())
