"""Services that nobody connects to: started by hand or eagerly, made of shell commands or of a puppet."""

import itertools
import pathlib
import socket

from daemon import eventually, table

SLEEP = ["/bin/sleep", "1000"]
_ports = itertools.count(20000)


def lone(config, name, **keys):
    """One service; `exec_start` and its neighbours in whichever form TOML has for them."""
    listen = {"name": name, "protocol": "tcp", "addresses": ["192.0.2.1"], "ports": [next(_ports)]}
    return config.write(f"services.d/{name}.toml", table("[[listen]]", listen) + table("[service]", {"exec_start": SLEEP, **keys}))


def sh(script):
    return ["/bin/sh", "-c", script]


class Notes:
    """A file to which commands append a line each; variables that are not set leave nothing."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def note(self, words):
        """The command that does; the shell replaces variables in `words`."""
        return sh(f'echo "{words}" >> {self.path}')

    def lines(self):
        return [line.rstrip() for line in self.path.read_text().splitlines()] if self.path.exists() else []


class Puppet:
    """puppet("os.getpid()"): what programs/puppet.py, which listens at `path`, thinks of the expression."""

    def __init__(self, path):
        self.path = str(path)

    def _connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(self.path)
        except OSError: # it is not there yet
            sock.close()
            return None
        return sock

    def __call__(self, expression):
        with eventually(self._connect, what=f"a puppet at {self.path}") as sock, sock.makefile("rb") as answer:
            sock.settimeout(15)
            sock.sendall(expression.encode())
            sock.shutdown(socket.SHUT_WR)
            return eval(answer.read()) # its repr()


def alive(pid):
    """Zombies are not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
