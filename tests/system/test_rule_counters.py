"""Each rule counts what it decided, for itself and over reloads; and nothing is counted unless that was asked for."""

from answers import ECHO, HTTP, echo, tell

from netns import Link

ON = "rule_counters = true\n"
BLOCK = '[[drop]]\naddresses = "192.0.2.9"\nprotocol = "tcp"\n'


def hits(daemon, *options):
    """{(protocol, prefix, from): hits} of the IPv4 rules."""
    return {(rule["protocol"], rule["prefix"], rule["from"]): rule["hits"]
            for rule in daemon.ctl_json("rules", *options) if "." in rule["prefix"]}


def test_rules_count_what_they_decide_and_a_reload_keeps_the_counts(daemon, config, client, program):
    mine = f"{Link.CLIENT4}/32"
    config.write("swathe.toml", ON + BLOCK)
    outer = {**HTTP, "ports": [8080, 8081]}
    config.service("outer", outer, program("tell.py"))
    config.service("inner", {**HTTP, "addresses": ["192.0.2.16/28"], "from": [mine]}, program("tell.py"))
    config.service("other", {**HTTP, "addresses": ["192.0.2.16/28"], "from": ["203.0.113.0/24"]}, program("tell.py"))
    config.service("echo", ECHO, program("echo.py"))
    daemon.start()
    tell(client, "192.0.2.1", 8080)
    tell(client, "192.0.2.1", 8081)
    tell(client, "192.0.2.17", 8080)
    tell(client, "192.0.2.17", 8080)
    tell(client, "192.0.2.17", 8081) # not inner's port: the shorter prefix decides
    for _ in range(4):
        assert client.refuses_tcp("192.0.2.9", 8080)
        echo(client, "192.0.2.1", 5300)
    assert client.refuses_tcp("192.0.2.1", 9999) # no rule
    counted = {("tcp", "192.0.2.0/24", None): 3, ("tcp", "192.0.2.16/28", mine): 2, ("tcp", "192.0.2.16/28", "203.0.113.0/24"): 0,
               ("tcp", "192.0.2.9/32", None): 4, ("udp", "192.0.2.0/24", None): 4}
    assert hits(daemon) == counted
    daemon.explain("tcp", "192.0.2.1", "8080", "--kernel") # asking is no traffic
    assert hits(daemon) == counted

    top = daemon.ctl_json("rules", "--sort", "hits", "--limit", "3")
    assert [rule["hits"] for rule in top] == [4, 4, 3]
    assert top[2]["ports"] == "8080-8081" or top[2]["ports"] == "8080,8081"
    assert [r["hits"] for r in daemon.ctl_json("rules", "--never-hit")] == [0] * len(daemon.ctl_json("rules", "--never-hit"))
    assert list(hits(daemon, "--never-hit")) == [("tcp", "192.0.2.16/28", "203.0.113.0/24")]
    assert daemon.ctl("rules").stdout.startswith("HITS ")

    config.remove("other")                             # a rule goes, one comes, one has another port, the others move
    config.write("swathe.toml", ON + '[[drop]]\naddresses = "192.0.2.8"\n' + BLOCK)
    config.service("echo", {**ECHO, "ports": [5300, 5301]}, program("echo.py"))
    daemon.reload()
    kept = {("tcp", "192.0.2.0/24", None): 3, ("tcp", "192.0.2.16/28", mine): 2, ("tcp", "192.0.2.9/32", None): 4,
            ("udp", "192.0.2.0/24", None): 0, ("tcp", "192.0.2.8/32", None): 0, ("udp", "192.0.2.8/32", None): 0}
    assert hits(daemon) == kept
    tell(client, "192.0.2.17", 8080)
    daemon.reload()
    assert hits(daemon) == {**kept, ("tcp", "192.0.2.16/28", mine): 3}
    daemon.stop()


def test_without_the_key_nothing_is_counted(daemon, config, client, program):
    config.service("web", HTTP, program("tell.py"))
    daemon.start()
    tell(client, "192.0.2.1", 8080)
    assert all("hits" not in rule for rule in daemon.ctl_json("rules"))
    assert daemon.ctl("rules").stdout.startswith("PROTO ")
    assert "rule_counters = true" in daemon.ctl("rules", "--sort", "hits", status=1).stderr
    config.write("swathe.toml", ON) # from now on
    daemon.reload()
    assert set(hits(daemon).values()) == {0}
    tell(client, "192.0.2.1", 8080)
    assert hits(daemon) == {("tcp", "192.0.2.0/24", None): 1}
    config.write("swathe.toml", "")
    daemon.reload()
    assert all("hits" not in rule for rule in daemon.ctl_json("rules"))
    daemon.stop()
