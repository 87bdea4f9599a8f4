"""Makes the test process the reaper of every service whose daemon is gone, so that none can hide."""

import ctypes
import os
import pathlib
import signal
import subprocess

PR_SET_CHILD_SUBREAPER = 36


def become():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _children():
    found = set()
    for task in pathlib.Path("/proc/self/task").iterdir():
        try:
            found.update(int(pid) for pid in (task / "children").read_text().split())
        except FileNotFoundError:
            pass # a thread that has ended has none
    return found


_started = set()
_init = subprocess.Popen.__init__


def _remember(self, *args, **kwargs):
    _init(self, *args, **kwargs)
    _started.add(self.pid)


subprocess.Popen.__init__ = _remember # what the tests start themselves is known by pid


def strangers():
    """Adopted processes, zombies reaped on the way."""
    alive = []
    for pid in sorted(_children() - _started):
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                alive.append(pid)
        except ChildProcessError:
            pass
    return alive


def kill_strangers():
    for pid in strangers():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
