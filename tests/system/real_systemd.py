"""A real systemd as PID 1, in namespaces of its own, with its journal and its bus.

    with RealSystemd(ns) as box:
        box.unit("hello.service", "[Service]\\nType=oneshot\\nExecStart=/bin/echo hello\\n")
        box.systemctl("start", "hello.service")
        assert box.journal("_SYSTEMD_UNIT=hello.service")[0]["MESSAGE"] == "hello"
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from daemon import eventually

BOOT = pathlib.Path(__file__).parent / "boot_systemd"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _cgroup_mount():
    """Where a cgroup v2 tree is that we may make groups in: without one systemd cannot be PID 1, and the test is skipped."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.split()[0] == "cgroup2" and os.access(left.split()[4], os.W_OK):
            return pathlib.Path(left.split()[4])
    pytest.skip("no cgroup v2 tree that can be written: systemd cannot be PID 1 here")


class RealSystemd:
    """The files inside are those of the machine's root file system, but /dev, /run and all units; what is written inside is gone with it.
    `ns`: a NetNs that becomes its network. `binds`: {outside: inside}, directories that are one on both sides."""

    def __init__(self, ns, binds=()):
        self.ns, self.binds = ns, dict(binds)
        self.pid = self.directory = self.cgroup = self.process = None

    def start(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="swt-box-"))
        self.cgroup = _cgroup_mount() / self.directory.name
        self.cgroup.mkdir()
        enter = 'echo 0 >"$1/cgroup.procs" && shift && exec unshare --cgroup -- "$@"' # the group becomes the root of what it sees
        self.process = subprocess.Popen(
            self.ns.command("unshare", "--mount", "--propagation", "private", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
                            "sh", "-c", enter, "sh", self.cgroup, BOOT, self.directory,
                            *(f"{outside}:{inside}" for outside, inside in self.binds.items())),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        eventually(self._is_there, what="systemd is PID 1")
        self.run(["systemctl", "is-system-running", "--wait"])
        return self

    def _is_there(self):
        assert self.process.poll() is None, f"systemd did not start: {self.process.stdout.read()}"
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.pid = int(children[0]) if children else None
        try: # before it is systemd, it has the machine's root
            return (self.pid and pathlib.Path(f"/proc/{self.pid}/comm").read_text() == "systemd\n" and
                    self.path("/run/systemd/private").exists())
        except FileNotFoundError:
            return False

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL) # and so all that is in its namespace
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        if self.cgroup and self.cgroup.exists():
            eventually(lambda: "populated 0" in (self.cgroup / "cgroup.events").read_text(), what="nothing is left of the box")
            for directory, _, _ in os.walk(self.cgroup, topdown=False):
                os.rmdir(directory)
        if self.directory:
            shutil.rmtree(self.directory)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    # what is done inside

    def path(self, inside):
        """A file inside, as seen from here. Symbolic links with absolute targets lead out."""
        return pathlib.Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def command(self, argv):
        return ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--",
                "/usr/bin/env", "-i", f"PATH={PATH}", *map(str, argv)]

    def run(self, argv, status=0, **options):
        """Runs a command inside, as root and beside all units; its standard output. `status` None: whatever it exits with."""
        done = subprocess.run(self.command(argv), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **options)
        assert status is None or done.returncode == status, \
            f"{' '.join(map(str, argv))}: exit {done.returncode}, not {status}\n{done.stdout}{done.stderr}\n{self.log()}"
        return done.stdout

    def systemctl(self, *args, status=0):
        return self.run(["systemctl", *args], status=status)

    def write(self, inside, text, mode=0o644):
        """A file that is not there yet, and the directories on the way to it."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def unit(self, name, text):
        """A unit file; `name` may be that of a drop-in, "NAME.service.d/X.conf"."""
        self.write(f"/etc/systemd/system/{name}", text)
        self.systemctl("daemon-reload")

    def show(self, unit, key):
        return self.systemctl("show", "--value", "--property", key, unit).strip()

    def journal(self, *words):
        """The entries that `words`, matches and options of journalctl(1), choose, as dictionaries."""
        self.run(["journalctl", "--sync"])
        return [json.loads(line) for line in self.run(["journalctl", "--output=json", "--all", *words]).splitlines()]

    def log(self):
        """The end of the journal, for the message of a failure."""
        done = subprocess.run(self.command(["journalctl", "--no-pager", "--lines=60"]), capture_output=True, text=True, timeout=60)
        return done.stdout
