"""Options of sockets, seen by the service that inherits them."""

import json
import socket

TCP = {"name": "web", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [8080]}
CONGESTION = [socket.IPPROTO_TCP, 13, 16] # TCP_CONGESTION
WANTED = [[socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0], [socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 0],
          [socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 0],
          # SO_MARK
          [socket.IPPROTO_TCP, socket.TCP_NODELAY, 0], [socket.IPPROTO_IP, socket.IP_TTL, 0], [socket.SOL_SOCKET, 36, 0], CONGESTION]


def ask(client, options=WANTED):
    with client.connect("192.0.2.7", 8080, 15) as sock, sock.makefile("rw") as stream:
        stream.write(json.dumps(options) + "\n")
        stream.flush()
        return json.loads(stream.read())


def test_connections_have_what_their_listener_says_and_a_reload_changes_it(daemon, config, client, program):
    config.service("web", {**TCP, "keep_alive": True, "keep_alive_time_sec": "61s", "no_delay": True, "ip_ttl": 33, "mark": 5,
                           "tcp_congestion": "reno"}, program("options.py"))
    daemon.start()
    first = ask(client)
    assert first["values"] == [1, 61, first["values"][2], 1, 33, 5, "reno"]
    config.service("web", {**TCP, "keep_alive_probes": 3, "no_delay": True, "ip_ttl": 44, "tcp_congestion": "reno"}, program("options.py"))
    assert "web/web: options changed" in daemon.reload().stdout
    second = ask(client)
    assert second["pid"] == first["pid"]
    assert second["values"][0] == 0 and second["values"][2:] == [3, 1, 44, 0, "reno"]
    assert second["values"][1] != 61
    daemon.stop()


def test_an_option_that_the_machine_refuses_refuses_the_configuration_and_what_runs_goes_on(daemon, config, client, program):
    config.service("web", TCP, program("options.py"))
    daemon.start()
    pid = ask(client)["pid"]
    config.service("web", {**TCP, "tcp_congestion": "nonsense"}, program("options.py"))
    refused = daemon.reload(status=1)
    assert "listener web: TCP_CONGESTION: No such file or directory" in refused.stdout + refused.stderr
    assert ask(client)["pid"] == pid
    daemon.stop()


def test_a_listener_bound_to_a_device_is_for_that_device_only(daemon, config, server, client, program):
    config.service("web", {**TCP, "bind_to_device": "up0"}, program("options.py"))
    daemon.start()
    assert ask(client, [[socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16]])["values"] == ["up0"]
    assert server.refuses_tcp("192.0.2.7", 8080) # over lo
    assert ask(client)["pid"] == daemon.service("web")["main_pid"]
    daemon.stop()


def test_flushed_are_those_who_wait_when_the_service_has_ended(daemon, config, client, program, scratch):
    log = scratch / "starts"
    config.service("web", {**TCP, "flush_pending": True}, ["/bin/sh", "-c", f"echo start >> {log}; sleep 3"])
    daemon.start()
    waiting = [client.connect("192.0.2.7", 8080, 15) for _ in range(3)]
    assert [sock.recv(1) for sock in waiting] == [b"", b"", b""] # closed by the daemon: the service takes nobody
    daemon.wait_state("web", "idle")
    assert log.read_text() == "start\n"
    for sock in waiting:
        sock.close()
    daemon.stop()
