"""Fixtures. Every test has its own namespaces, bpffs, runtime directory and configuration, and leaves none of them."""

import os
import pathlib
import shutil
import tempfile

import pytest

import subreaper
from daemon import BIN, ROOT, Config, Daemon
from foreign import Foreign
from netns import Link, NetNs, run
from real_systemd import RealSystemd

PYTHON = ["/usr/bin/python3", "-SE"] # without site-packages: half the start-up time
EXAMPLES, INSTALLED = ROOT / "units/examples", "/usr/share/doc/swathe/examples" # where they are, and where they say they are
V4, V6 = "192.0.2.0/24", "2001:db8:1::/64" # what the world's server side delivers locally


@pytest.fixture(scope="session", autouse=True)
def machine():
    """What cannot be done without is an error, never a skip."""
    assert os.geteuid() == 0, "the system tests need root"
    for name in ("swathed", "swathectl", "swathe-echo"):
        assert (BIN / name).exists(), f"{BIN / name} is not built: cmake --preset release && cmake --build --preset release"
    subreaper.become()


@pytest.fixture(scope="session")
def shared():
    """A directory that services of any user can read: the checkout may lie in root's home."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="swt-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def program(shared):
    """program("tell.py", ARG...) is the command line of one of programs/."""
    shutil.copytree(pathlib.Path(__file__).parent / "programs", shared / "programs")
    return lambda name, *args: [*PYTHON, str(shared / "programs" / name), *map(str, args)]


@pytest.fixture
def base():
    """Short, since a Unix socket's path must be."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="swt-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def open_directory(base):
    """open_directory("name") is one for services of any user; where they may write it is with mode 0o777."""
    def make(name, mode=0o755):
        directory = base / name
        directory.mkdir()
        directory.chmod(mode) # whatever the umask is
        return directory
    return make


@pytest.fixture
def scratch(open_directory):
    """Where services of any user may write."""
    return open_directory("scratch", 0o777)


@pytest.fixture
def bpffs(base):
    directory = base / "bpf"
    directory.mkdir()
    run("mount", "-t", "bpf", "bpf", directory)
    yield directory
    run("umount", directory)


@pytest.fixture
def namespace():
    """namespace("label") makes one."""
    made = []

    def make(label):
        made.append(NetNs(label))
        return made[-1]

    yield make
    for ns in made:
        ns.remove()


@pytest.fixture
def server(namespace):
    """The daemon's side: V4 and V6 are delivered locally, and it is one hop away from `client`."""
    ns = namespace("server")
    ns.route_locally(V4, V6)
    return ns


@pytest.fixture
def client(namespace, server):
    """Across a veth pair: on loopback a wrong source address would look right."""
    ns = namespace("client")
    Link(server, ns)
    return ns


@pytest.fixture
def config(base):
    return Config(base / "etc")


@pytest.fixture
def example(config, shared):
    """example("name"): the configuration directory becomes that of the example; its other files lie where their user reads them."""
    def use(name, replace=()):
        place = shared / "examples"
        shutil.copytree(EXAMPLES, place, dirs_exist_ok=True)
        for path in place.rglob("*"):
            if path.is_file():
                path.write_text(path.read_text().replace(INSTALLED, str(place)))
        for folder in ("services.d", "systemd"):
            for file in (place / name / folder).rglob("*"):
                if not file.is_file():
                    continue
                text = file.read_text()
                for old, new in replace:
                    assert old in text
                    text = text.replace(old, new)
                config.write(str(file.relative_to(place / name)), text)
        return config
    return use


@pytest.fixture
def make_daemon(request, config, server, base, bpffs):
    """make_daemon(inside=..., options=...): a Daemon that is not started yet."""
    request.node.daemons = made = []

    def make(**kwargs):
        made.append(Daemon(kwargs.pop("config", config), kwargs.pop("ns", server), kwargs.pop("base", base),
                           kwargs.pop("bpffs", bpffs), **kwargs))
        return made[-1]

    yield make
    for one in reversed(made):
        one.end()
    subreaper.kill_strangers()


@pytest.fixture
def daemon(make_daemon):
    return make_daemon()


@pytest.fixture
def box(server, shared):
    """A systemd whose network is the daemon's side, with the programs under test at /opt/swathe and those of program() where they are."""
    with RealSystemd(server, {BIN: "/opt/swathe", shared: shared}) as one:
        yield one


@pytest.fixture
def foreign(base):
    one = Foreign(base / "foreign")
    yield one
    one.close()


@pytest.fixture
def foreign_listener(server):
    """It listens on a port that nobody asks for; its program brings it port 7777."""
    with server.listen("127.0.0.1", 1) as listener:
        yield listener


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for number, one in enumerate(getattr(item, "daemons", [])):
            report.sections.append((f"swathed {number}", one.log()))
