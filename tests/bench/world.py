"""What the benchmarks of a whole daemon share. Import it when $SWATHE_BIN says where swathed and swathectl are."""

import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

sys.path.insert(0, str(ROOT / "tests/system"))
from daemon import Config, Daemon
from netns import NetNs, run


class World:
    """A namespace, a bpffs, a directory and a daemon in them; all end with the block."""

    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="swb-"))
        self.ns = self.daemon = None
        self.bpffs = self.base / "bpf"

    def __enter__(self):
        self.bpffs.mkdir()
        run("mount", "-t", "bpf", "bpf", self.bpffs)
        self.ns = NetNs("bench")
        self.ns.route_locally("10.0.0.0/8")
        self.config = Config(self.base / "etc")
        self.daemon = Daemon(self.config, self.ns, self.base, self.bpffs)
        return self

    def __exit__(self, *_):
        if self.daemon:
            self.daemon.end()
        if self.ns:
            self.ns.remove()
        if self.bpffs.is_mount():
            run("umount", self.bpffs)
        shutil.rmtree(self.base)


def memory_mb(pid):
    """Resident now, and at most so far."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
