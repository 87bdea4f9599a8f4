"""Listeners in other network namespaces: one dispatcher in each, services outside."""

import pytest

from answers import HTTP, tell
from daemon import Config, Daemon, ROUTE_PROTOCOL, eventually, netns_links
from netns import run


@pytest.fixture
def blue(namespace):
    """Another namespace than the daemon's, with the same addresses."""
    ns = namespace("blue")
    ns.route_locally("192.0.2.0/24", "2001:db8:1::/64")
    return ns


def inside(ns, **keys):
    return {**HTTP, "netns": ns.name, **keys}


class TestAListenerElsewhere:
    def test_gets_what_comes_there_and_nothing_else_does(self, daemon, config, blue, program):
        config.service("web", inside(blue), program("tell.py"))
        daemon.start()
        assert tell(blue, "192.0.2.9", 8080)["sockname"][0] == "192.0.2.9"
        assert tell(blue, "2001:db8:1::9", 8080)["sockname"][0] == "2001:db8:1::9"
        assert daemon.ns.refuses_tcp("192.0.2.9", 8080)
        assert daemon.service("web")["listeners"][0]["netns"] == blue.name
        daemon.stop()
        assert netns_links(blue.inode) == []

    def test_may_have_the_same_addresses_as_one_here(self, daemon, config, blue, program):
        config.service("here", HTTP, program("tell.py", "--tag", "here"))
        config.service("there", inside(blue), program("tell.py", "--tag", "there"))
        daemon.start()
        pids = {tell(ns, "192.0.2.9", 8080)["pid"] for ns in (daemon.ns, blue)}
        assert pids == {daemon.service("here")["main_pid"], daemon.service("there")["main_pid"]}
        daemon.stop()

    def test_may_be_of_the_same_service(self, daemon, config, blue, program):
        config.service("web", [HTTP, inside(blue, name="blue")], program("tell.py"))
        daemon.start()
        answers = [tell(ns, "192.0.2.9", 8080) for ns in (daemon.ns, blue)]
        assert len({answer["pid"] for answer in answers}) == 1
        daemon.stop()

    def test_is_steered_to_by_its_own_program(self, daemon, config, blue, program):
        config.service("web", inside(blue), program("tell.py"))
        daemon.start()
        assert len(netns_links(blue.inode)) == 1
        programs = daemon.ctl_json("status")["daemon"]["programs"]
        assert sorted(p["netns"] or "" for p in programs) == ["", blue.name]
        config.service("web", HTTP, program("tell.py"))
        daemon.reload()
        assert netns_links(blue.inode) == []
        assert blue.refuses_tcp("192.0.2.9", 8080)
        assert tell(daemon.ns, "192.0.2.9", 8080)
        daemon.stop()

    def test_is_the_same_namespace_under_every_name(self, daemon, config, blue, program):
        paths = [inside(blue), inside(blue, name="path", netns=blue.path, ports=[8081])]
        config.service("web", [*paths, {**HTTP, "name": "own", "netns": daemon.ns.name, "ports": [8082]}], program("tell.py"))
        daemon.start()
        for ns, port in ((blue, 8080), (blue, 8081), (daemon.ns, 8082)):
            assert tell(ns, "192.0.2.9", port)["sockname"][1] == port
        assert len(netns_links(blue.inode)) == 1
        assert len(netns_links(daemon.ns.inode)) == 1
        daemon.stop()

    def test_gets_its_local_routes_there_and_loses_them_with_the_daemon(self, daemon, config, blue, program):
        config.service("web", inside(blue, addresses=["198.51.100.0/24"], local_routes=True), program("tell.py"))
        daemon.start()
        assert len(blue.local_routes(ROUTE_PROTOCOL)) == 1
        assert daemon.ns.local_routes(ROUTE_PROTOCOL) == []
        assert tell(blue, "198.51.100.7", 8080)
        daemon.stop()
        assert blue.local_routes(ROUTE_PROTOCOL) == []

    def test_takes_its_local_routes_along_when_nothing_is_left_there(self, daemon, config, blue, program):
        config.service("web", inside(blue, addresses=["198.51.100.0/24"], local_routes=True), program("tell.py"))
        daemon.start()
        config.service("web", HTTP, program("tell.py"))
        daemon.reload()
        assert blue.local_routes(ROUTE_PROTOCOL) == []
        daemon.stop()


class TestNames:
    @pytest.mark.parametrize("home", [{}, {"home": "192.0.2.1:8080"}])
    def test_of_a_namespace_may_change_without_touching_the_socket(self, daemon, config, blue, program, home):
        keys = {"addresses": ["192.0.2.0/24"], **home}
        config.service("web", [{**HTTP, **keys}, inside(blue, name="blue", **keys)], program("tell.py"))
        daemon.start()
        pids = [tell(ns, "192.0.2.9", 8080)["pid"] for ns in (daemon.ns, blue)]
        config.service("web", [{**HTTP, **keys, "netns": daemon.ns.name}, inside(blue, name="blue", netns=blue.path, **keys)],
                       program("tell.py"))
        assert "socket" not in daemon.reload().stdout
        assert [tell(ns, "192.0.2.9", 8080)["pid"] for ns in (daemon.ns, blue)] == pids
        daemon.stop()

    def test_may_be_long_paths(self, daemon, config, blue, program, base):
        path = base / ("d" * 150) / ("e" * 150)
        path.mkdir(parents=True)
        (path / "blue").symlink_to(blue.path)
        config.service("web", inside(blue, netns=str(path / "blue")), program("tell.py"))
        daemon.start()
        assert daemon.ctl_json("explain", "tcp", "192.0.2.9", 8080, "--netns", path / "blue")["listener"] == "http"
        daemon.stop()


def cannot_be_published(bpffs, ns):
    """Where the link would be pinned there is something else."""
    path = bpffs / "swathe" / str(ns.inode) / "link"
    (bpffs / "swathe").mkdir(mode=0o700, exist_ok=True)
    path.parent.mkdir(mode=0o700)
    path.mkdir()
    return path


class TestAFailureInOneNamespace:
    def test_at_the_start_leaves_nothing_in_the_others(self, daemon, config, blue, program, bpffs):
        cannot_be_published(bpffs, blue)
        listeners = [HTTP, inside(blue, name="blue")]
        config.service("web", [{**one, "addresses": ["198.51.100.0/24"], "local_routes": True} for one in listeners], program("tell.py"))
        daemon.launch()
        assert daemon.process.wait(15) == 1
        for ns in (daemon.ns, blue):
            assert netns_links(ns.inode) == [] and ns.local_routes(ROUTE_PROTOCOL) == []

    def test_at_a_reload_takes_back_what_happened_in_the_others(self, daemon, config, namespace, blue, program, bpffs):
        red = namespace("red")
        red.route_locally("192.0.2.0/24")
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        pin = cannot_be_published(bpffs, red)
        config.service("web", [{**HTTP, "ports": [8081]}, inside(blue, name="blue"), inside(red, name="red")], program("tell.py"))
        for _ in range(3):
            assert "link" in daemon.reload(status=1).stderr
            assert tell(daemon.ns, "192.0.2.9", 8080) and daemon.ns.refuses_tcp("192.0.2.9", 8081)
            assert netns_links(blue.inode) == [] and netns_links(red.inode) == []
        pin.rmdir()
        daemon.reload()
        daemon.ctl("restart", "web") # the running instance lacks the new sockets
        assert tell(daemon.ns, "192.0.2.9", 8081) and tell(blue, "192.0.2.9", 8080) and tell(red, "192.0.2.9", 8080)
        daemon.stop()


class TestAfterACrash:
    def test_nothing_is_left_in_a_namespace_that_is_no_longer_named(self, daemon, config, blue, program):
        config.service("web", inside(blue, addresses=["198.51.100.0/24"], local_routes=True), program("tell.py"))
        daemon.start()
        daemon.process.kill()
        daemon.process.wait()
        assert len(netns_links(blue.inode)) == 1
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        assert netns_links(blue.inode) == []
        assert blue.local_routes(ROUTE_PROTOCOL) == []
        assert tell(daemon.ns, "192.0.2.9", 8080)
        daemon.stop()


class TestRules:
    def test_stand_in_one_namespace(self, daemon, config, blue, program):
        config.service("web", [HTTP, inside(blue, name="blue")], program("tell.py"))
        config.rules(drop=[{"addresses": "192.0.2.9", "netns": blue.name}])
        daemon.start()
        assert blue.refuses_tcp("192.0.2.9", 8080)
        assert tell(daemon.ns, "192.0.2.9", 8080) and tell(blue, "192.0.2.10", 8080)
        daemon.stop()

    def test_are_explained_for_the_namespace_that_is_asked_for(self, daemon, config, blue, program):
        config.service("web", [HTTP, inside(blue, name="blue")], program("tell.py"))
        config.rules(drop=[{"addresses": "192.0.2.9", "netns": blue.name}])
        daemon.start()
        question = ("explain", "tcp", "192.0.2.9", 8080)
        for source in ((), ("--kernel",), ("--live",)):
            assert daemon.ctl_json(*question, *source)["listener"] == "http"
            assert daemon.ctl_json(*question, "--netns", blue.name, *source)["verdict"] == "drop"
        there = daemon.ctl_json("explain", "tcp", "192.0.2.10", 8080, "--netns", blue.name, "--live")
        assert there["listener"] == "blue" and there["disagreement"] is None and there["rule"]["netns"] == blue.name
        assert "nothing is steered in a network namespace \"red\"" in daemon.ctl(*question, "--netns", "red", status=2).stderr
        daemon.stop()

    def test_are_listed_with_their_namespaces_by_the_daemon_and_without_one(self, daemon, config, blue, program):
        config.service("web", [HTTP, inside(blue, name="blue")], program("tell.py"))
        daemon.start()
        rules = daemon.ctl_json("rules")
        assert [(r["netns"], r["listener"]) for r in rules] == [(None, "http")] * 2 + [(blue.name, "blue")] * 2
        assert daemon.ctl_json("rules", "--config", config.directory) == rules
        offline = daemon.ctl_json("explain", "tcp", "192.0.2.9", 8080, "--config", config.directory, "--netns", blue.name)
        assert offline["listener"] == "blue"
        daemon.stop()


class TestANamespaceThatIsNotThere:
    def test_refuses_the_start_and_is_named_with_its_place(self, daemon, config, program):
        path = config.service("web", {**HTTP, "netns": "no-such-netns"}, program("tell.py"))
        daemon.launch()
        assert daemon.process.wait(15) == 1 # no mistake of the files: it may be there at the next try
        daemon.wait_quiet()
        assert f"{path}:1:1: network namespace no-such-netns" in daemon.log()

    def test_is_reported_by_check(self, daemon, config, program):
        config.service("web", {**HTTP, "netns": "no-such-netns"}, program("tell.py"))
        said = daemon.ctl("check", "--config", config.directory, "--netns", daemon.ns.name, status=1).stderr
        assert "web.toml:1:1: network namespace no-such-netns" in said

    def test_refuses_a_reload_until_it_is_there(self, daemon, config, namespace, program):
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        late = namespace("late")
        late.remove()
        config.service("late", {**HTTP, "netns": late.name}, program("tell.py"))
        assert f"network namespace {late.name}" in daemon.reload(status=1).stderr
        assert tell(daemon.ns, "192.0.2.9", 8080)
        again = namespace("late")
        config.service("late", {**HTTP, "netns": again.name}, program("tell.py"))
        again.route_locally("192.0.2.0/24")
        daemon.reload()
        assert tell(again, "192.0.2.9", 8080)
        daemon.stop()

    def test_is_found_again_when_it_was_made_anew_under_its_name(self, daemon, config, blue, program):
        config.service("web", inside(blue), program("tell.py"))
        daemon.start()
        assert tell(blue, "192.0.2.9", 8080)
        blue.remove()
        run("ip", "netns", "add", blue.name)
        blue.ip("link", "set", "lo", "up")
        blue.route_locally("192.0.2.0/24")
        assert blue.refuses_tcp("192.0.2.9", 8080)
        lines = daemon.reload().stdout
        assert "web/http: socket opened" in lines and "web/http: socket closed" in lines
        daemon.ctl("restart", "web") # the running instance has the old socket
        assert tell(blue, "192.0.2.9", 8080)
        daemon.stop()


class TestAnotherDaemon:
    def test_that_steers_there_is_named(self, daemon, config, blue, program, base, bpffs):
        other_config = Config(base / "other")
        other_config.service("web", HTTP, program("tell.py"))
        other = Daemon(other_config, blue, base / "other", bpffs)
        other.start()
        try:
            config.service("web", HTTP, program("tell.py"))
            daemon.start()
            config.service("web", inside(blue), program("tell.py"))
            said = daemon.reload(status=1).stderr
            assert f"another swathed (pid {other.process.pid}) already steers in this network namespace" in said and blue.name in said
            assert tell(daemon.ns, "192.0.2.9", 8080)
        finally:
            other.end()
        daemon.reload()
        daemon.ctl("restart", "web") # the running instance has no socket there
        assert tell(blue, "192.0.2.9", 8080)
        daemon.stop()

    def test_may_take_over_where_nothing_is_left(self, daemon, config, blue, program, base, bpffs):
        config.service("web", inside(blue), program("tell.py"))
        daemon.start()
        config.service("web", HTTP, program("tell.py"))
        daemon.reload()
        other_config = Config(base / "other")
        other_config.service("web", HTTP, program("tell.py"))
        other = Daemon(other_config, blue, base / "other", bpffs)
        try:
            other.start()
            assert eventually(lambda: tell(blue, "192.0.2.9", 8080), what="the other daemon's service")
        finally:
            other.end()
        daemon.stop()
