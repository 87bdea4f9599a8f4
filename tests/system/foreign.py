"""Attaches foreign.bpf.c to a namespace, as another administrator's tool would."""

import ctypes
import os
import pathlib
import platform
import struct

from netns import run

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
MAP_UPDATE_ELEM, OBJ_GET, LINK_CREATE = 2, 7, 28
ATTACH_SK_LOOKUP = 36
SOURCE = pathlib.Path(__file__).with_name("foreign.bpf.c")

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    result = _libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def _open_pin(path):
    name = ctypes.create_string_buffer(os.fsencode(path))
    return _bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))


class Foreign:
    """Loaded and pinned in a bpffs of its own. attach() begins, close() ends it."""

    def __init__(self, directory):
        self.mount = pathlib.Path(directory)
        self.mount.mkdir()
        run("mount", "-t", "bpf", "bpf", self.mount)
        self.links = []
        include = f"-I/usr/include/{platform.machine()}-linux-gnu"
        code = self.mount.with_suffix(".o")
        run("clang", "-O2", "-g", "-target", "bpf", include, "-c", SOURCE, "-o", code)
        run("bpftool", "prog", "loadall", code, self.mount / "programs", "pinmaps", self.mount / "maps")

    def attach(self, ns, listener, name="foreign"):
        """`name`: foreign chooses `listener` unless somebody has chosen before, foreign_replace in any case, foreign_drop refuses."""
        key, value = ctypes.c_uint32(0), ctypes.c_uint64(listener.fileno())
        sockets = _open_pin(self.mount / "maps/foreign_socket")
        _bpf(MAP_UPDATE_ELEM, struct.pack("=IIQQQ", sockets, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
        program = _open_pin(self.mount / "programs" / name)
        namespace = os.open(ns.path, os.O_RDONLY)
        self.links.append(_bpf(LINK_CREATE, struct.pack("=IIII", program, namespace, ATTACH_SK_LOOKUP, 0)))
        for fd in (sockets, program, namespace):
            os.close(fd)

    def close(self):
        while self.links:
            os.close(self.links.pop())
        run("umount", self.mount)
