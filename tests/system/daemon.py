"""swathed and swathectl as an administrator has them, with everything private to one test."""

import json
import os
import pathlib
import select
import signal
import subprocess
import threading
import time

import subreaper
from netns import run

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SWATHE_BIN", ROOT / "build/release/bin"))
ROUTE_PROTOCOL = 115 # kRouteProtocol, src/socket/local_routes.h
DEADLINE = 15.0      # seconds; generous, since a machine with two busy cores is the rule in CI


def eventually(question, timeout=DEADLINE, what="condition"):
    """Polls until `question()` is true and returns its value; fails with the last value seen."""
    end = time.monotonic() + timeout
    while True:
        value = question()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s, last seen {value!r}")
        time.sleep(0.01)


def to_toml(value):
    """As much of TOML as service files need; JSON's strings, numbers, booleans and lists are TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {to_toml(v)}" for key, v in value.items()) + " }"
    return json.dumps(value)


def table(header, keys):
    return f"{header}\n" + "".join(f"{key} = {to_toml(value)}\n" for key, value in keys.items()) + "\n"


class Config:
    """A configuration directory. Services are written under temporary names and renamed: never half a file."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        (self.directory / "services.d").mkdir(parents=True)

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(text)
        part.rename(path)
        return path

    def service(self, name, listen, exec_start, description=None, **keys):
        """One TOML service. `listen`: the keys of one [[listen]] block, or a list of them."""
        blocks = [listen] if isinstance(listen, dict) else listen
        text = table("", {"description": description}) if description else ""
        text += "".join(table("[[listen]]", block) for block in blocks)
        text += table("[service]", {"exec_start": [str(word) for word in exec_start], **keys})
        return self.write(f"services.d/{name}.toml", text)

    def rules(self, **kinds):
        """Global rules: rules(drop=[{...}], **{"pass": [{...}]}) into swathe.toml."""
        text = "".join(table(f"[[{kind}]]", rule) for kind, rules in kinds.items() for rule in rules)
        return self.write("swathe.toml", text)

    def remove(self, name):
        (self.directory / f"services.d/{name}.toml").unlink()


class Output:
    """What a process says on a pipe, line by line. Who looks at `lines` finds all that was said before he looks."""

    PIPE = 1 << 16 # bytes that one has, pipe(7)

    def __init__(self, stream):
        self.stream, self.news, self.over = stream, threading.Condition(), False
        self._lines, self._rest = [], b""
        os.set_blocking(stream.fileno(), False)
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    @property
    def lines(self):
        self._take()
        return self._lines

    def _follow(self):
        readable = select.poll()
        readable.register(self.stream, select.POLLIN)
        while not self.over:
            readable.poll()
            self._take()

    def _take(self):
        with self.news:
            try:
                said = os.read(self.stream.fileno(), self.PIPE)
            except BlockingIOError: # another thread has taken it
                return
            self.over = not said
            *whole, self._rest = (self._rest + (said or b"\n" * bool(self._rest))).split(b"\n")
            self._lines += [line.decode(errors="replace") for line in whole]
            self.news.notify_all()


class Daemon:
    """One swathed. `inside`: the daemon, and so its services, live in the namespace, too; else it is given --netns."""

    def __init__(self, config, ns, base, bpffs, inside=False, options=()):
        self.config, self.ns, self.base, self.bpffs, self.inside = config, ns, pathlib.Path(base), bpffs, inside
        self.runtime = self.base / "run"
        self.options = list(options)
        self.process = None
        self.output = None
        self.environment = {}   # on top of the test's own
        self.expected_links = 0 # of others, in the same namespace
        self.expected_pins = 0  # of others, in the same bpffs

    # life

    def argv(self):
        argv = [str(BIN / "swathed"), "--config", str(self.config.directory), "--runtime-dir", str(self.runtime),
                "--bpffs", str(self.bpffs), *self.options]
        return self.ns.command(*argv) if self.inside else [*argv, "--netns", self.ns.name]

    def launch(self):
        env = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "JOURNAL_STREAM")} | self.environment
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=env)
        self.output = Output(self.process.stderr)

    def start(self):
        self.launch()
        self.wait_for(lambda line: line.startswith("ready"), "the line 'ready'")
        return self

    def stop(self, timeout=DEADLINE):
        """TERM; the daemon must go with status 0 and leave nothing behind."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout)
        assert status == 0, f"swathed exited with {status} on TERM\n{self.log()}"
        left = self.leftovers()
        assert not left, f"left behind: {left}\n{self.log()}"

    def end(self):
        """For the fixture: whatever state a failed test left it in."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def leftovers(self):
        """What a stopped daemon must not leave: processes, an attached program, pins, routes, its control socket."""
        left = [f"process {pid}: {command(pid)}" for pid in subreaper.strangers()]
        left += [f"link {link['id']}" for link in netns_links(self.ns.inode)[self.expected_links:]]
        left += [f"pin {path}" for path in self.pins()[self.expected_pins:]]
        left += [f"route {route}" for route in self.ns.local_routes(ROUTE_PROTOCOL)]
        left += ["control socket"] if (self.runtime / "control").exists() else []
        return left

    def pins(self):
        kernels = {"maps.debug", "progs.debug"} # in every bpffs
        return sorted(path for path in pathlib.Path(self.bpffs).rglob("*") if not path.is_dir() and path.name not in kernels)

    # what it says

    @property
    def lines(self):
        return self.output.lines if self.output else []

    def log(self):
        return "\n".join(self.lines)

    def wait_quiet(self):
        """After its end: until all that it said has been read."""
        self.output.thread.join(DEADLINE)

    def wait_for(self, wanted, what, timeout=DEADLINE, since=0):
        """The first line from number `since` on that `wanted` accepts."""
        end = time.monotonic() + timeout
        with self.output.news:
            while True:
                running = self.running() # asked first: what it said before its end counts
                for line in self.lines[since:]:
                    if wanted(line):
                        return line
                if not running:
                    raise AssertionError(f"swathed exited with {self.process.returncode} before {what}\n{self.log()}")
                if not self.output.news.wait(min(0.2, max(0.0, end - time.monotonic()))) and time.monotonic() > end:
                    raise AssertionError(f"swathed did not say {what} within {timeout} s\n{self.log()}")

    # what an administrator does

    def ctl_argv(self, *args):
        return [str(BIN / "swathectl"), "--runtime-dir", str(self.runtime), *map(str, args)]

    def ctl(self, *args, status=0, **options):
        done = subprocess.run(self.ctl_argv(*args), capture_output=True, text=True, timeout=60, **options)
        assert status is None or done.returncode == status, \
            f"swathectl {' '.join(map(str, args))}: exit {done.returncode}, not {status}\n{done.stdout}{done.stderr}\n{self.log()}"
        return done

    def ctl_json(self, *args, status=0):
        return json.loads(self.ctl(*args, "--json", status=status).stdout)

    def reload(self, status=0):
        return self.ctl("reload", status=status)

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def generation(self):
        return self.ctl_json("status")["daemon"]["generation"]

    def service(self, name):
        return next(s for s in self.ctl_json("status", name, status=None)["services"] if s["name"] == name)

    def listener(self, service, name):
        return next(one for one in self.service(service)["listeners"] if one["name"] == name)

    def wait_state(self, name, *states):
        return eventually(lambda: (s := self.service(name))["state"] in states and s, what=f"{name} is {' or '.join(states)}")

    def explain(self, *words):
        return self.ctl_json("explain", *words)


def netns_links(inode):
    """The BPF links that are attached to the namespace with this inode, in order of their ids."""
    links = json.loads(run("bpftool", "-j", "link", "list") or "[]")
    return [link for link in links if link.get("type") == "netns" and link.get("netns_ino") == inode]


def command(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "?"
