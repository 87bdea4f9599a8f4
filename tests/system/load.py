"""Clients that ask one thing after the other, each on a connection of its own, and note what was wrong."""

import itertools
import pathlib
import struct
import threading

from daemon import eventually
from netns import reset_on_close


class Load:
    """Threads that call `ask(number)`, which raises what is wrong."""

    def __init__(self, ask, threads=4):
        self.ask, self.going, self.served, self.wrong = ask, True, 0, []
        self.numbers, self.lock = itertools.count(), threading.Lock()
        self.threads = [threading.Thread(target=self._ask_on) for _ in range(threads)]

    def _ask_on(self):
        while self.going:
            try:
                self.ask(next(self.numbers))
                with self.lock:
                    self.served += 1
            except Exception as error: # counted and shown, whatever it is
                self.wrong.append(repr(error))

    def wait_for(self, number):
        eventually(lambda: self.served >= number or self.wrong, 60, f"{number} requests are served")

    def wait_for_more(self, number):
        self.wait_for(self.served + number)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        for thread in self.threads:
            thread.join(30)


def wait_until_it_hears(daemon, service):
    """haproxy says that it is ready, and then ignores its signals until it has set up their handlers: one that comes meanwhile is lost."""
    pid = daemon.service(service)["main_pid"]
    eventually(lambda: "SigBlk:\t0000000000000000\n" in pathlib.Path(f"/proc/{pid}/status").read_text(), what="it blocks no signal")


def get(ns, address, port):
    """The body of an answer 200 over HTTP."""
    with ns.connect(address, port, timeout=20) as sock:
        reset_on_close(sock)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n")
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\n"), answer
    return answer.partition(b"\r\n\r\n")[2]


def read_all(sock):
    answer = b""
    while data := sock.recv(65536):
        answer += data
    return answer


def fastcgi(ns, address, port, **variables):
    """What a FastCGI responder writes to its standard output. Records: the FastCGI specification, section 8."""
    def record(kind, content):
        return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content
    begin, params, stdin, stdout, end = 1, 4, 5, 6, 3
    pairs = b"".join(struct.pack("!BB", len(key), len(value)) + key + value
                     for key, value in ((name.encode(), str(text).encode()) for name, text in variables.items()))
    with ns.connect(address, port, timeout=20) as sock:
        reset_on_close(sock)
        sock.sendall(record(begin, struct.pack("!HB5x", 1, 0)) + record(params, pairs) + record(params, b"") + record(stdin, b""))
        answer = read_all(sock)
    said, kind = b"", None
    while answer:
        _, kind, _, length, padding = struct.unpack_from("!BBHHB", answer)
        said += answer[8:8 + length] if kind == stdout else b""
        answer = answer[8 + length + padding:]
    assert kind == end, f"cut off after {said!r}"
    return said
