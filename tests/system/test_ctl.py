"""swathectl: what it says, in which form, and how it exits."""

import itertools
import json
import random
import subprocess
import time

import pytest

from answers import ECHO, HTTP, starts, tell
from daemon import BIN, eventually

CTL = BIN / "swathectl"


def ctl(*args, **options):
    return subprocess.run([CTL, *map(str, args)], capture_output=True, text=True, timeout=60, **options)


@pytest.fixture
def rules(config, program):
    """One of everything that can win."""
    config.service("net", {**HTTP, "ports": ["8000-8999"], "except": ["192.0.2.5:8080"]}, program("tell.py"))
    config.service("host", {"name": "all", "protocol": "tcp", "addresses": ["192.0.2.7", "2001:db8:1::7"], "ports": "all"},
                   program("tell.py"))
    config.service("port", {"name": "one", "protocol": "tcp", "addresses": ["192.0.2.7"], "ports": [8080]}, program("tell.py"))
    config.service("echo", ECHO, program("echo.py"))
    config.service("guarded", {"name": "g", "protocol": "tcp", "addresses": ["192.0.2.128/25"], "ports": [8080],
                               "from": ["203.0.113.0/24"]}, program("tell.py"))
    config.rules(drop=[{"addresses": ["192.0.2.66"], "ports": "all"}],
                 **{"pass": [{"protocol": "tcp", "addresses": ["192.0.2.64/30"], "ports": [8443]}]})
    return config


class TestExitStatus:
    """As LSB says: 0 ok, 1 failure, 2 usage, 3 not running, 4 no such service."""

    @pytest.mark.parametrize("args", [[], ["nonsense"], ["start"], ["status", "a", "b"], ["explain", "tcp"], ["list", "--nonsense"]],
                             ids=str)
    def test_usage(self, args):
        done = ctl(*args)
        assert done.returncode == 2 and done.stderr and not done.stdout

    @pytest.mark.parametrize("verb", [["status"], ["list"], ["rules"], ["start", "web"], ["stop", "web"], ["reload"],
                                      ["explain", "tcp", "192.0.2.9", "80"]], ids=str)
    def test_not_running(self, base, verb):
        done = ctl("--runtime-dir", base, *verb)
        assert done.returncode == 3 and done.stderr

    def test_no_such_service(self, daemon, config, program):
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        for verb in ("status", "start", "stop", "restart"):
            done = daemon.ctl(verb, "nobody", status=4)
            assert "nobody" in done.stderr
        daemon.stop()

    def test_failure(self, daemon, config, program):
        config.service("web", HTTP, ["/bin/false"], type="notify", timeout_start_sec="2s")
        daemon.start()
        assert "web" in daemon.ctl("start", "web", status=1).stderr
        daemon.stop()


class TestCheck:
    def test_a_good_configuration_is_status_0_without_a_daemon(self, server, rules):
        done = ctl("check", "--config", rules.directory, "--netns", server.name)
        assert done.returncode == 0, done.stderr

    def test_it_finds_all_mistakes_of_all_files_at_once(self, config, server):
        text = ('[[listen]]\nprotocol = "tcp"\naddresses = ["192.0.2.1/24"]\nports = ["9000-8000"]\nbacklogg = 5\n\n'
                '[service]\nexec_start = ["/bin/true"]\n')
        paths = [config.write(f"services.d/{name}.toml", text) for name in ("one", "two")]
        lines = self.refused(config, server)
        for path in paths:
            for line, words in ((3, ["192.0.2.0/24"]), (4, ["ports"]), (5, ["backlogg", "backlog"])):
                assert any(f"{path}:{line}:" in one and all(word in one for word in words) for one in lines), (line, lines)

    def test_it_finds_what_is_missing_on_this_machine(self, config, server, program):
        names = {"user": "no-such-user", "group": "no-such-group", "working_directory": "/no/such/directory"}
        for number, (key, value) in enumerate(names.items()):
            config.service(f"s{number}", {**HTTP, "addresses": [f"192.0.2.{number}"]}, program("tell.py"), **{key: value})
        config.service("program", {**HTTP, "addresses": ["192.0.2.9"]}, ["/no/such/program"])
        lines = self.refused(config, server)
        named = [(f"s{number}.toml:", value) for number, value in enumerate(names.values())]
        for file, word in named + [("program.toml:", "/no/such/program")]:
            assert any(file in line and word in line for line in lines), (file, lines)

    @staticmethod
    def refused(config, server):
        done = ctl("check", "--config", config.directory, "--netns", server.name)
        assert done.returncode == 1
        return (done.stdout + done.stderr).splitlines()

    def test_it_warns_of_prefixes_that_are_not_routed_local_with_the_cure(self, config, server, program):
        config.service("web", {**HTTP, "addresses": ["203.0.113.0/24", "192.0.2.0/24"]}, program("tell.py"))
        done = ctl("check", "--config", config.directory, "--netns", server.name)
        assert done.returncode == 0
        assert f"ip -n {server.name} route add local 203.0.113.0/24 dev lo" in done.stdout + done.stderr
        assert "192.0.2.0/24 dev" not in done.stdout + done.stderr

    def test_it_names_who_listens_already(self, config, server, program):
        config.service("web", HTTP, program("tell.py"))
        with server.listen("192.0.2.9", 8080):
            done = ctl("check", "--config", config.directory, "--netns", server.name)
        assert done.returncode == 1 and "192.0.2.9:8080" in done.stdout + done.stderr


class TestExplain:
    def test_it_names_the_rule_and_those_that_lost(self, daemon, rules):
        daemon.start()
        answer = daemon.explain("tcp", "192.0.2.7", 8080)
        assert (answer["verdict"], answer["service"], answer["listener"], answer["source"]) == ("steer", "port", "one", "tables")
        assert answer["rule"]["prefix"] == "192.0.2.7/32" and answer["rule"]["ports"] == "8080"
        assert answer["rule"]["file"].endswith("port.toml") and answer["rule"]["line"] > 0 and answer["rule"]["column"] > 0
        losers = [rule["file"].rsplit("/", 1)[1] for rule in answer["others"]]
        assert losers == ["host.toml", "net.toml"]
        assert daemon.explain("tcp", "192.0.2.200", 8080)["service"] == "net"
        assert daemon.explain("tcp", "192.0.2.200", 8080, "--from", "203.0.113.7:5555")["service"] == "guarded"
        assert daemon.explain("tcp", "192.0.2.66", 9)["verdict"] == "drop"
        assert daemon.explain("tcp", "192.0.2.65", 8443)["verdict"] == "pass"
        nothing = daemon.explain("udp", "192.0.2.9", 9)
        assert nothing["verdict"] == "pass" and nothing["rule"] is None and nothing["service"] is None
        daemon.stop()

    def test_tables_kernel_daemon_and_the_wire_agree(self, daemon, client, rules, server):
        """Every question is asked of a configuration directory, of the BPF program and of the running daemon; those to TCP also by connecting."""
        addresses = ["192.0.2.0", "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.63", "192.0.2.64", "192.0.2.66",
                     "192.0.2.67", "192.0.2.68", "192.0.2.127", "192.0.2.128", "192.0.2.255", "2001:db8:1::", "2001:db8:1::7",
                     "2001:db8:1:0:ffff:ffff:ffff:ffff"]
        ports = [1, 5299, 5300, 5301, 7999, 8000, 8080, 8443, 8999, 9000, 65535]
        sources = {False: ["", "203.0.113.9:1000", "198.51.100.2:1000"], True: ["", "2001:db8:ffff::2"]}
        questions = [f"{protocol} {address} {port} {source}".strip() for protocol, address, port in
                     itertools.product(("tcp", "udp"), addresses, ports) for source in sources[":" in address]]
        text = "\n".join(questions) + "\n"
        daemon.start()
        answers = {}
        for kind, options in {"offline": ["--config", rules.directory], "kernel": ["--config", rules.directory, "--kernel"],
                              "daemon": [], "daemon's kernel": ["--kernel"]}.items():
            done = daemon.ctl("explain", "--batch", *options, input=text)
            answers[kind] = [json.loads(line) for line in done.stdout.splitlines()]
            assert len(answers[kind]) == len(questions), kind
        keys = ("verdict", "service", "listener", "rule")
        for number, question in enumerate(questions):
            said = {kind: {key: all_[number][key] for key in keys} for kind, all_ in answers.items()}
            assert len({json.dumps(one, sort_keys=True) for one in said.values()}) == 1, (question, said)
        seed = time.time_ns()
        print(f"seed {seed}")
        asked = [(q.split(), a) for q, a in zip(questions, answers["daemon"]) if q.startswith("tcp") and len(q.split()) == 3]
        for (_, address, port), answer in random.Random(seed).sample(asked, 60):
            if answer["verdict"] == "steer":
                assert tell(client, address, int(port))["listener"] == answer["listener"]
            else:
                assert client.refuses_tcp(address, int(port))
        daemon.stop()

    def test_explain_is_not_traffic(self, daemon, config, program, scratch):
        log = scratch / "starts"
        config.service("web", HTTP, program("tell.py", "--log", log))
        daemon.start()
        for _ in range(10):
            daemon.explain("tcp", "192.0.2.9", 8080)
            daemon.explain("tcp", "192.0.2.9", 8080, "--kernel")
        (sock,) = daemon.listener("web", "http")["sockets"]
        assert sock["lookups"] == 0 and sock["steered"] == 0
        assert starts(log) == 0
        daemon.stop()

    @pytest.mark.parametrize("words", [["icmp", "192.0.2.9", "80"], ["tcp", "192.0.2", "80"], ["tcp", "192.0.2.9", "65536"],
                                       ["tcp", "192.0.2.9", "http"], ["tcp", "192.0.2.9", "80", "--from", "nowhere"]], ids=" ".join)
    def test_bad_questions_are_refused(self, rules, words):
        done = ctl("explain", "--config", rules.directory, *words)
        assert done.returncode != 0 and done.stderr and not done.stdout


class TestRules:
    def test_they_stand_in_the_order_that_the_dispatcher_decides_in(self, daemon, rules):
        daemon.start()
        listed = daemon.ctl_json("rules")
        listed = listed["rules"] if isinstance(listed, dict) else listed
        offline = json.loads(ctl("rules", "--config", rules.directory, "--json").stdout)
        offline = offline["rules"] if isinstance(offline, dict) else offline
        assert listed == offline

        def width(ports):
            if ports == "all":
                return 65535
            return sum(int(p.split("-")[-1]) - int(p.split("-")[0]) + 1 for p in ports.split(","))

        order = [(rule["protocol"], ":" in rule["prefix"], -int(rule["prefix"].split("/")[1]), width(rule["ports"]),
                  rule["interface"] is None) for rule in listed]
        for plane in {key[:2] for key in order}:
            mine = [key[2:] for key in order if key[:2] == plane]
            assert mine == sorted(mine), mine
        daemon.stop()


class TestForm:
    def test_no_colours_unless_on_a_terminal_and_never_with_no_color(self, daemon, config, program):
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        for verb in (["status"], ["list"], ["rules"], ["explain", "tcp", "192.0.2.9", "8080"]):
            assert "\x1b" not in daemon.ctl(*verb).stdout
            terminal = subprocess.run(["script", "-qec", " ".join(daemon.ctl_argv(*verb)), "/dev/null"], capture_output=True,
                                      text=True, env={"PATH": "/usr/bin:/bin", "TERM": "xterm", "NO_COLOR": "1"}, stdin=subprocess.DEVNULL)
            assert terminal.returncode == 0 and "\x1b" not in terminal.stdout, verb
        daemon.stop()

    def test_everything_that_reads_has_json(self, daemon, config, program):
        config.service("web", HTTP, program("tell.py"), description="a \"quoted\" \\ description")
        daemon.start()
        for verb in (["status"], ["status", "web"], ["list"], ["rules"], ["explain", "tcp", "192.0.2.9", "8080"], ["version"]):
            assert daemon.ctl_json(*verb)
        assert daemon.service("web")["description"] == "a \"quoted\" \\ description"
        daemon.stop()

    def test_list_has_one_line_for_each_service(self, daemon, config, program):
        for name in ("beta", "alpha"):
            config.service(name, {**HTTP, "addresses": ["192.0.2.1" if name == "beta" else "192.0.2.2"]}, program("tell.py"))
        daemon.start()
        names = [line.split()[0] for line in daemon.ctl("list").stdout.splitlines()]
        assert [name for name in names if name in ("alpha", "beta")] == ["alpha", "beta"]
        daemon.stop()

    def test_status_warns_of_what_is_not_routed_local(self, daemon, config, server, program):
        config.service("web", {**HTTP, "addresses": ["203.0.113.0/24"]}, program("tell.py"))
        daemon.start()
        assert f"ip -n {server.name} route add local 203.0.113.0/24 dev lo" in daemon.ctl("status").stdout
        server.route_locally("203.0.113.0/24")
        eventually(lambda: "203.0.113.0/24 dev lo" not in daemon.ctl("status").stdout, what="the warning is gone")
        daemon.stop()


class TestCounters:
    def test_lookups_and_steered_count_packets(self, daemon, config, client, program):
        config.service("web", HTTP, program("tell.py"))
        config.service("echo", ECHO, program("echo.py"))
        daemon.start()
        for _ in range(7):
            tell(client, "192.0.2.9", 8080)
        for _ in range(3):
            client.ask_udp("192.0.2.9", 5300)
        for service, name, count in (("web", "http", 7), ("echo", "echo", 3)):
            (sock,) = daemon.listener(service, name)["sockets"]
            assert (sock["lookups"], sock["steered"], sock["no_socket"], sock["assign_errors"]) == (count, count, 0, 0)
        daemon.stop()

    def test_who_waits_is_counted(self, daemon, config, client, program):
        config.service("web", HTTP, program("tell.py"))
        daemon.start()
        daemon.ctl("stop", "web")
        waiting = [client.connect("192.0.2.9", 8080) for _ in range(5)]
        (sock,) = daemon.listener("web", "http")["sockets"]
        assert sock["queued"] == 5
        for one in waiting:
            one.close()
        daemon.stop()
