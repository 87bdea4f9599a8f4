"""Reads one datagram from descriptor 3, and says what that is: LISTEN_FDS, its type, its name and its peer's."""

import os
import socket

assert os.environ["LISTEN_PID"] == str(os.getpid())
sock = socket.socket(fileno=3)
assert sock.recv(65536) == b"hello"
name, peer = ("/".join(map(str, end[:2])) for end in (sock.getsockname(), sock.getpeername()))
sock.send(f"{os.environ['LISTEN_FDS']} {sock.type.name} {name} {peer}".encode())
