"""What a reload changes of a listener whose service runs: who may come. Not the socket, its queue, or the service."""

import pytest

from answers import HTTP
from netns import Link
from serving import Talk


def answers(client, pid, address, port):
    with client.connect(address, port) as sock, sock.makefile("rb") as stream:
        sock.sendall(b"?\n")
        return stream.readline().split()[:1] == [str(pid).encode()]


CHANGES = {
    "addresses": ({"addresses": ["192.0.2.0/26", "192.0.2.200"]}, [("192.0.2.200", 8080)],
                  [("192.0.2.100", 8080), ("2001:db8:1::9", 8080)]),
    "ports": ({"ports": [8080, "9000-9100"]}, [("192.0.2.7", 9050), ("2001:db8:1::9", 9000)], [("192.0.2.7", 9101)]),
    "holes": ({"except": ["192.0.2.9"]}, [("192.0.2.8", 8080)], [("192.0.2.9", 8080)]),
    "a guard": ({"from": ["203.0.113.0/24"]}, [], [("192.0.2.7", 8080)]),
    "a guard that lets in": ({"from": [f"{Link.CLIENT4}/32"]}, [("192.0.2.9", 8080)], [("2001:db8:1::9", 8080)]),
    "limits": ({"trigger_limit_burst": 1, "poll_limit_burst": 1, "backlog": 7}, [("192.0.2.9", 8080)], []),
}


@pytest.mark.parametrize("change, reached, refused", CHANGES.values(), ids=CHANGES)
def test_a_change_leaves_socket_queue_and_service_alone(daemon, config, client, program, change, reached, refused):
    config.service("web", HTTP, program("serve.py"), type="notify")
    daemon.start()
    with Talk(client) as talk:
        pid, _ = talk.ask()
        before = daemon.listener("web", "http")["sockets"]
        config.service("web", {**HTTP, **change}, program("serve.py"), type="notify")
        daemon.reload()
        after = daemon.listener("web", "http")["sockets"]
        assert [(sock["home"], sock["slot"]) for sock in after] == [(sock["home"], sock["slot"]) for sock in before]
        assert talk.ask()[0] == pid
        assert all(answers(client, pid, *endpoint) for endpoint in reached)
        assert all(client.refuses_tcp(*endpoint) for endpoint in refused)
        view = daemon.service("web")
        assert view["main_pid"] == pid and view["starts"] == 1
    daemon.stop()


def test_who_waits_in_the_queue_is_served_though_he_could_not_come_any_more(daemon, config, client, program):
    config.service("web", HTTP, program("serve.py", "--single"), type="notify")
    daemon.start()
    with Talk(client) as talk, Talk(client) as waiting:
        pid, _ = talk.ask()
        waiting.say()
        for change in ({"addresses": ["192.0.2.99"]}, {"addresses": ["192.0.2.99"], "ports": [9000]}, {"from": ["203.0.113.0/24"]}):
            config.service("web", {**HTTP, **change}, program("serve.py", "--single"), type="notify")
            daemon.reload()
        assert client.refuses_tcp("192.0.2.7", 8080)
        talk.close()
        assert waiting.hear()[0] == pid
    assert daemon.service("web")["starts"] == 1
    daemon.stop()
