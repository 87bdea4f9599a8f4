"""Signals that a program writes down."""

import os
import signal


def write_down(names, log, words, prefix):
    """Each of the signals `names` that comes is a line of the file `log`, after prefix(). Ends the process once each of `words` was one."""
    left = set(words)

    def heard(number, _):
        name = signal.Signals(number).name[3:]
        with open(log, "a") as lines:
            lines.write(f"{prefix()}{name}\n")
        left.discard(name)
        if not left:
            os._exit(0)

    for name in names:
        signal.signal(getattr(signal, "SIG" + name), heard)
