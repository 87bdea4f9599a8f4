"""The daemon as an administrator and a supervisor see it."""

import contextlib
import os
import signal
import socket
import stat
import subprocess

import pytest

from answers import HTTP, tell
from conftest import EXAMPLES
from daemon import BIN, ROUTE_PROTOCOL, eventually, netns_links
from netns import run

SWATHED = BIN / "swathed"


def swathed(*args, **options):
    return subprocess.run([SWATHED, *map(str, args)], capture_output=True, text=True, timeout=30, **options)


class TestCommandLine:
    @pytest.mark.parametrize("option", ["--help", "--version"])
    def test_help_and_version(self, option):
        done = swathed(option)
        assert done.returncode == 0 and "swathed" in done.stdout and done.stderr == ""

    @pytest.mark.parametrize("args", [["--nonsense"], ["--config"], ["operand"], ["--netns"]])
    def test_a_wrong_command_line_is_status_2(self, args):
        done = swathed(*args)
        assert done.returncode == 2 and done.stderr and not done.stdout

    def test_check_says_all_that_is_wrong_and_starts_nothing(self, config, server, base, program):
        one = config.service("one", {**HTTP, "ports": [0]}, program("tell.py"))
        two = config.service("two", {**HTTP, "addresses": ["192.0.2.1/24"]}, ["relative/path"], user="no-such-user-here")
        done = swathed("--check", "--config", config.directory, "--netns", server.name, "--runtime-dir", base / "run")
        assert done.returncode == 3
        text = done.stderr + done.stdout
        assert f"{one}:" in text and text.count(f"{two}:") >= 2
        assert netns_links(server.inode) == [] and not (base / "run/control").exists()

    def test_check_of_a_good_configuration(self, config, server, program):
        config.service("web", HTTP, program("tell.py"))
        done = swathed("--check", "--config", config.directory, "--netns", server.name)
        assert done.returncode == 0, done.stderr
        assert netns_links(server.inode) == []


    def test_check_beside_a_running_daemon_does_not_take_its_sockets_for_a_strangers(self, daemon, config, server, client, program):
        config.service("web", {**HTTP, "addresses": ["192.0.2.0/24"]}, program("tell.py"))
        daemon.start()
        tell(client, "192.0.2.9", 8080) # a child has inherited the socket
        args = ["--config", str(config.directory), "--netns", server.name]
        done = swathed("--check", *args)
        assert done.returncode == 0, done.stderr
        done = subprocess.run([BIN / "swathectl", "check", *args], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        with server.listen("192.0.2.9", 8080):
            done = swathed("--check", *args)
            assert done.returncode == 3 and "192.0.2.9:8080" in done.stderr
        daemon.stop()


def test_a_wrong_configuration_is_status_3_and_touches_nothing(daemon, config, program):
    path = config.service("web", {**HTTP, "port": [1]}, program("tell.py"))
    daemon.launch()
    assert daemon.process.wait(15) == 3
    daemon.wait_quiet()
    assert any(f"{path}:" in line and "port" in line for line in daemon.lines)
    assert daemon.leftovers() == []


def test_a_namespace_that_is_not_there_is_named(config, base, bpffs, program):
    config.service("web", HTTP, program("tell.py"))
    done = swathed("--config", config.directory, "--netns", "no-such-namespace", "--runtime-dir", base / "run", "--bpffs", bpffs)
    assert done.returncode in (1, 3) and "no-such-namespace" in done.stderr


class TestSecondDaemon:
    """Two in one network namespace: the second refuses, naming the first."""

    @pytest.mark.parametrize("own", ["nothing", "runtime-dir", "runtime-dir and bpffs"])
    def test_is_refused(self, make_daemon, config, base, client, program, own):
        config.service("web", HTTP, program("tell.py"))
        first = make_daemon().start()
        with contextlib.ExitStack() as cleanup:
            options = {}
            if "runtime-dir" in own:
                options["base"] = base / "second"
                options["base"].mkdir()
            if "bpffs" in own:
                options["bpffs"] = base / "bpf2"
                options["bpffs"].mkdir()
                run("mount", "-t", "bpf", "bpf", options["bpffs"])
                cleanup.callback(run, "umount", options["bpffs"])
            second = make_daemon(**options)
            second.launch()
            assert second.process.wait(15) == 1
            second.wait_quiet()
            assert str(first.process.pid) in second.log()
        assert tell(client, "192.0.2.9", 8080) # the first was not disturbed
        first.ctl("status")
        first.stop()

    def test_may_start_when_the_first_has_stopped(self, make_daemon, config, client, program):
        config.service("web", HTTP, program("tell.py"))
        for _ in range(2):
            daemon = make_daemon().start()
            assert tell(client, "192.0.2.9", 8080)
            daemon.stop()

    def test_may_start_when_the_first_was_killed(self, make_daemon, config, client, server, program):
        config.service("web", HTTP, program("tell.py"))
        first = make_daemon().start()
        first.process.kill()
        first.process.wait()
        assert len(netns_links(server.inode)) == 1 # the pin keeps it
        second = make_daemon().start()
        assert len(netns_links(server.inode)) == 1 # taken over, not added
        assert tell(client, "192.0.2.9", 8080)["sockname"] == ["192.0.2.9", 8080]
        second.stop()


class TestPins:
    def test_only_the_link_and_only_for_root(self, daemon, config, server, bpffs, program):
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        link = bpffs / "swathe" / str(server.inode) / "link"
        assert daemon.pins() == [link] # never the program
        assert stat.S_IMODE(link.stat().st_mode) == 0o600
        for directory in (link.parent, link.parent.parent):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        daemon.stop()

    def test_a_bpffs_is_mounted_where_there_is_none_and_it_is_said(self, make_daemon, config, base, client, program):
        place = base / "empty"
        place.mkdir()
        config.service("web", HTTP, program("tell.py"))
        daemon = make_daemon(bpffs=place)
        try:
            daemon.start()
            assert run("stat", "-f", "-c", "%T", place).strip() == "bpf_fs"
            assert any(str(place) in line and "mount" in line for line in daemon.lines)
            assert tell(client, "192.0.2.9", 8080)
            daemon.stop()
        finally:
            daemon.end()
            subprocess.run(["umount", place], capture_output=True)


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_term_and_int_stop_it(self, daemon, config, client, program, number):
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        tell(client, "192.0.2.9", 8080)
        daemon.process.send_signal(number)
        assert daemon.process.wait(15) == 0
        assert daemon.leftovers() == []
        assert client.refuses_tcp("192.0.2.9", 8080)

    def test_hup_reloads(self, daemon, config, client, program):
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        config.service("web", {**HTTP, "ports": [8080, 8081]}, program("tell.py"))
        generation = daemon.generation()
        daemon.hang_up()
        eventually(lambda: daemon.generation() > generation, what="a new generation")
        assert tell(client, "192.0.2.9", 8081)
        daemon.stop()

    def test_a_service_that_will_not_go_delays_the_stop_by_its_own_timeout_only(self, daemon, config, client, program):
        ports = range(8080, 8086)
        for port in ports:
            config.service(f"s{port}", {**HTTP, "ports": [port]}, program("stubborn.py"), timeout_stop_sec="1s")
        daemon.start()
        for port in ports:
            client.ask_tcp("192.0.2.9", port)
        daemon.stop(timeout=4) # all at once, not one after the other


def test_it_notifies_its_own_readiness_reload_and_end(daemon, config, base, program):
    config.service("web", HTTP, program("report.py"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(base / "notify"))
        manager.settimeout(15)

        def wait_for(*wanted):
            while not all(word in (message := manager.recv(4096).decode().splitlines()) for word in wanted):
                assert message

        daemon.environment = {"NOTIFY_SOCKET": str(base / "notify")}
        daemon.start()
        wait_for("READY=1")
        daemon.hang_up()
        wait_for("RELOADING=1")
        wait_for("READY=1")
        daemon.process.terminate()
        wait_for("STOPPING=1")
        assert daemon.process.wait(15) == 0


class TestLocalRoutes:
    def test_are_added_and_removed_again(self, make_daemon, config, namespace, program):
        ns = namespace("bare")
        config.service("web", {**HTTP, "addresses": ["203.0.113.0/24", "2001:db8:9::/64"], "local_routes": True}, program("tell.py"))
        daemon = make_daemon(ns=ns).start()
        assert len(ns.local_routes(ROUTE_PROTOCOL)) == 2
        for address in ("203.0.113.9", "2001:db8:9::9"):
            assert tell(ns, address, 8080)["sockname"] == [address, 8080]
        config.service("web", {**HTTP, "addresses": ["203.0.113.0/24"], "local_routes": True}, program("tell.py"))
        daemon.reload()
        assert len(ns.local_routes(ROUTE_PROTOCOL)) == 1
        daemon.stop() # checks that none is left

    def test_of_others_are_left_alone(self, make_daemon, config, namespace, program):
        ns = namespace("bare")
        ns.route_locally("203.0.113.0/24")
        config.service("web", {**HTTP, "addresses": ["203.0.113.0/25", "192.0.2.0/24"], "local_routes": True}, program("tell.py"))
        daemon = make_daemon(ns=ns).start()
        assert [route.split()[1] for route in ns.local_routes(ROUTE_PROTOCOL)] == ["192.0.2.0/24"]
        daemon.stop()
        assert "203.0.113.0/24" in ns.ip("route", "show", "table", "local")


class TestSearchPath:
    def test_unit_files_and_toml_stand_side_by_side(self, daemon, config, client, program):
        command = " ".join(program("tell.py", "--tag", "unit"))
        config.write("units/web.socket", "[Socket]\nListenStream=192.0.2.0/24:8000-8999 [2001:db8:1::/64]:8080\nFileDescriptorName=http\n")
        config.write("units/web.service", f"[Service]\nExecStart={command}\n")
        config.service("other", {**HTTP, "addresses": ["192.0.2.9"]}, program("tell.py", "--tag", "toml"))
        daemon.start()
        answer = tell(client, "192.0.2.8", 8123)
        assert answer["tag"] == "unit" and answer["listener"] == "http" and answer["sockname"] == ["192.0.2.8", 8123]
        assert tell(client, "2001:db8:1::8", 8080)["tag"] == "unit"
        assert tell(client, "192.0.2.9", 8080)["tag"] == "toml"
        daemon.stop()

    def test_drop_ins_change_a_service(self, daemon, config, client, program):
        config.service("web", HTTP, program("tell.py", "--tag", "old"), user="nobody")
        command = ", ".join(f'"{word}"' for word in program("tell.py", "--tag", "new"))
        config.write("services.d/web.toml.d/50-command.toml", f"[service]\nexec_start = [{command}]\n")
        daemon.start()
        assert tell(client, "192.0.2.8", 8080)["tag"] == "new"
        daemon.stop()


def test_many_listeners_in_one_service(make_daemon, config, base, client, program):
    """A thousand sockets inherited by one child, each with its own name."""
    blocks = [{"name": f"p{n}", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [10000 + n]} for n in range(1000)]
    config.service("web", blocks, program("tell.py"), limit_nofile=4096)
    daemon = make_daemon().start()
    for n in (0, 1, 499, 999):
        answer = tell(client, "192.0.2.9", 10000 + n)
        assert answer["listener"] == f"p{n}" and answer["sockname"] == ["192.0.2.9", 10000 + n]
    daemon.stop()


def test_it_survives_a_reader_that_goes_away_and_keeps_descriptors_in_check(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py", "--once"), restart="always", restart_sec="1ms", start_limit_burst=0)
    daemon.start()
    tell(client, "192.0.2.9", 8080)
    before = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
    for _ in range(50):
        tell(client, "192.0.2.9", 8080, timeout=15)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as rude: # connects to the control socket and leaves
            rude.connect(str(daemon.runtime / "control"))
    daemon.reload()
    eventually(lambda: len(os.listdir(f"/proc/{daemon.process.pid}/fd")) <= before + 2, what="no descriptor was lost")
    daemon.stop()


def test_the_installed_tree_is_complete(base):
    build = BIN.parent
    env = {**os.environ, "DESTDIR": str(base)}
    subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], check=True, capture_output=True, env=env)
    for path in ("sbin/swathed", "bin/swathectl", "lib/systemd/system/swathed.service", "share/man/man8/swathed.8",
                 "share/man/man1/swathectl.1", "share/man/man5/swathe.toml.5", "share/man/man5/swathe.service.5",
                 "share/man/man7/swathe-dispatch.7",
                 "share/man/man7/swathe-units.7", "share/bash-completion/completions/swathectl", "share/swathe/schema/service.json",
                 "share/swathe/schema/drop-in.json", "share/swathe/schema/daemon.json",
                 "share/doc/swathe/examples/quickstart/services.d/hello.toml"):
        assert (base / "usr" / path).exists(), path
    unit = (base / "usr/lib/systemd/system/swathed.service").read_text()
    assert "ExecStart=/usr/sbin/swathed\n" in unit and "@" not in unit
    installed = subprocess.run([base / "usr/sbin/swathed", "--version"], capture_output=True, text=True)
    assert installed.returncode == 0


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_every_example_passes_check(example, server, name):
    own = [('exec_start = ["swathe-', f'exec_start = ["{BIN}/swathe-')] # not where they are installed
    directory = example(name, own if name == "small-services" else ()).directory
    done = subprocess.run([BIN / "swathectl", "check", "--config", directory, "--netns", server.name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_daemon_of_another_namespace_does_not_take_the_sockets_of_a_runtime_directory(make_daemon, config, namespace, client, program):
    config.service("web", HTTP, program("ready.py", "now"), type="notify")
    first = make_daemon().start()
    second = make_daemon(ns=namespace("other"))
    second.launch()
    assert second.process.wait(15) == 1
    second.wait_quiet()
    assert "another daemon answers there" in second.log()
    assert (first.runtime / "notify").exists()
    assert client.ask_tcp("192.0.2.9", 8080) # it could say that it is ready
    first.wait_state("web", "running")
    first.stop()
