"""accept = true: one instance of a program for each connection, behind a range of addresses and ports."""

import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import time

import pytest

from accepting import ADDRESS, LISTEN, PORT, SH, UNLIMITED, ask, children, gone, held, inetd
from daemon import eventually
from load import read_all
from serving import alive


def variables(text):
    return dict(line.split("=", 1) for line in text.decode().splitlines())


# what an instance gets


def test_cat_answers_at_every_address_and_port(daemon, config, client):
    inetd(config, "echo", ["/bin/cat"])
    daemon.start()
    for address in ("192.0.2.1", "192.0.2.254", "2001:db8:1::7"):
        for port in (7000, 7042, 7099):
            text = f"{address} {port}".encode()
            assert ask(client, address, port, text) == text


@pytest.mark.parametrize("address", ["192.0.2.9", "2001:db8:1::9"])
def test_it_is_told_who_has_dialled_what(daemon, config, client, address):
    inetd(config, "tell", ["/usr/bin/env"])
    daemon.start()
    with client.connect(address, 7077, 15) as sock:
        own = sock.getsockname()
        env = variables(read_all(sock))
    assert (env["REMOTE_ADDR"], env["REMOTE_PORT"]) == (own[0], str(own[1]))
    assert (env["LOCAL_ADDR"], env["LOCAL_PORT"]) == (address, "7077")
    assert int(env["SO_COOKIE"]) > 0
    assert not [name for name in env if name.startswith(("LISTEN_", "TCP", "NOTIFY_")) or name == "PROTO"]


def test_the_names_of_ucspi_come_when_they_are_asked_for(daemon, config, client):
    inetd(config, "tell", ["/usr/bin/env"], environment_style="ucspi")
    daemon.start()
    with client.connect(ADDRESS, PORT, 15) as sock:
        own = sock.getsockname()
        env = variables(read_all(sock))
    expected = {"PROTO": "TCP", "TCPREMOTEIP": own[0], "TCPREMOTEPORT": str(own[1]), "TCPLOCALIP": ADDRESS, "TCPLOCALPORT": str(PORT),
                "TCPCONNNUM": "1", "REMOTE_ADDR": own[0]}
    assert {name: env.get(name) for name in expected} == expected


def test_a_service_that_speaks_listen_fds_gets_the_connection_as_descriptor_3(daemon, config, client, scratch):
    config.service("three", LISTEN, [*SH, 'env > "$0".part; mv "$0".part "$0"; echo "three $LISTEN_FDS $LISTEN_FDNAMES" >&3', scratch / "env"],
                   accept=True)
    daemon.start()
    assert ask(client) == b"three 1 connection\n"
    env = variables((scratch / "env").read_bytes())
    assert env["LISTEN_PID"] and env["REMOTE_ADDR"]


def test_over_a_unix_socket_the_path_of_the_other_side_is_its_address(daemon, config, base):
    inetd(config, "tell", ["/usr/bin/env"], {"path": str(base / "sock"), "protocol": "unix-stream"})
    daemon.start()
    with socket.socket(socket.AF_UNIX) as unnamed:
        unnamed.connect(str(base / "sock"))
        env = variables(read_all(unnamed))
    assert "REMOTE_ADDR" not in env and "LOCAL_PORT" not in env and int(env["SO_COOKIE"]) > 0
    with socket.socket(socket.AF_UNIX) as named:
        named.bind("\0swt-" + str(os.getpid()))
        named.connect(str(base / "sock"))
        assert variables(read_all(named))["REMOTE_ADDR"] == f"@swt-{os.getpid()}"


def test_what_it_writes_to_its_log_comes_into_the_log(daemon, config, client):
    inetd(config, "tell", [*SH, "echo out of $$ >&2"], standard_error="journal")
    daemon.start()
    assert ask(client) == b""
    daemon.wait_for(lambda line: "out of" in line, "its words")
    assert ask(client) == b""
    eventually(lambda: len([line for line in daemon.lines if "out of" in line]) == 2, what="those of the second one")


# many, and how they end


def test_connections_one_after_another_leave_nothing_behind(daemon, config, client):
    inetd(config, "true", ["/bin/true"], UNLIMITED)
    daemon.start()

    def memory():
        status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def descriptors():
        return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

    ask(client) # the first one opens what all share
    gone(daemon)
    at_rest = descriptors()
    for _ in range(1000):
        ask(client)
    gone(daemon)
    before = memory()
    for _ in range(9000):
        ask(client)
    gone(daemon)
    assert memory() <= before + 512 # kB
    eventually(lambda: descriptors() <= at_rest, what="no more descriptors than after the first one")
    left = pathlib.Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
    eventually(lambda: not left.read_text(), what="no zombie either")


def test_two_hundred_live_at_once_with_a_descriptor_each(daemon, config, client, held):
    inetd(config, "cat", ["/bin/cat"], UNLIMITED, max_connections="unlimited")
    daemon.start()
    held()
    before = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
    for number in range(200):
        held(f"192.0.2.{number % 250 + 1}", 7000 + number % 100)
    assert len(children(daemon)) == 201
    assert len(os.listdir(f"/proc/{daemon.process.pid}/fd")) <= before + 200


def test_stop_ends_all_and_start_serves_who_has_waited(daemon, config, client, held):
    inetd(config, "cat", ["/bin/cat"])
    daemon.start()
    socks = [held(), held(), held()]
    daemon.ctl("stop", "cat")
    assert not children(daemon)
    assert [sock.recv(1) for sock in socks] == [b"", b"", b""]
    with client.connect(ADDRESS, PORT, 15) as waits:
        waits.sendall(b"y")
        time.sleep(0.2)
        assert not children(daemon)
        daemon.ctl("start", "cat")
        assert waits.recv(1) == b"y"


def test_restart_ends_who_is_served_and_goes_on_listening(daemon, config, client, held):
    inetd(config, "cat", ["/bin/cat"])
    daemon.start()
    sock = held()
    daemon.ctl("restart", "cat")
    assert sock.recv(1) == b""
    assert ask(client, text=b"again") == b"again"


def test_a_reload_leaves_alone_who_is_served(daemon, config, client, held):
    inetd(config, "cat", ["/bin/cat"])
    daemon.start()
    sock = held()
    inetd(config, "cat", [*SH, "echo new"])
    daemon.ctl("reload")
    assert ask(client) == b"new\n"
    sock.sendall(b"z")
    assert sock.recv(1) == b"z"


def test_a_reload_switches_accept_on_and_off(daemon, config, client, program, held):
    config.service("one", LISTEN, program("serve.py"))
    daemon.start()
    with client.connect(ADDRESS, PORT, 15) as sock:
        sock.sendall(b"?\n")
        first = int(sock.recv(100).split()[0])
    inetd(config, "one", ["/bin/cat"])
    daemon.ctl("reload")
    daemon.wait_for(lambda line: f"pid {first} exited" in line or f"pid {first} was killed" in line, "the end of who accepted for himself")
    sock = held()
    config.service("one", LISTEN, program("serve.py"))
    daemon.ctl("reload")
    with client.connect(ADDRESS, PORT, 15) as other:
        other.sendall(b"?\n")
        assert int(other.recv(100).split()[0]) in children(daemon)
    sock.sendall(b"z") # it lives on
    assert sock.recv(1) == b"z"


def test_what_a_connection_leaves_in_its_session_ends_with_it(daemon, config, client, scratch):
    inetd(config, "bg", [*SH, 'sleep 1000 & echo $! > "$0"; exec cat', scratch / "pid"])
    daemon.start()
    ask(client)
    gone(daemon)
    assert not alive(int((scratch / "pid").read_text()))


# limits


def test_who_comes_beyond_max_connections_is_refused_and_slots_come_back(daemon, config, client, held):
    inetd(config, "cat", ["/bin/cat"], max_connections=3)
    daemon.start()
    socks = [held() for _ in range(3)]
    assert ask(client, text=b"no") == b""
    daemon.wait_for(lambda line: "refused: max_connections" in line, "the refusal")
    os.kill(children(daemon)[0], signal.SIGKILL)
    eventually(lambda: now(daemon) == 2, what="its place is free")
    assert ask(client, text=b"yes") == b"yes"
    for sock in socks:
        sock.close()
    eventually(lambda: now(daemon) == 0, what="all places are free")
    socks = [held() for _ in range(3)]


def test_who_comes_beyond_max_connections_waits_where_the_service_says_so(daemon, config, client, held):
    inetd(config, "cat", ["/bin/cat"], max_connections=2, max_connections_hit="queue")
    daemon.start()
    first, _ = held(), held()
    with client.connect(ADDRESS, PORT, 15) as waits:
        waits.sendall(b"w")
        time.sleep(0.3)
        assert len(children(daemon)) == 2
        before = cpu(daemon)
        time.sleep(0.3)
        assert cpu(daemon) - before <= 2 # ticks: it sleeps meanwhile
        first.close()
        assert waits.recv(1) == b"w"


def now(daemon):
    """How many are served, as the daemon knows it."""
    return daemon.service("cat")["connections"]["now"]


def cpu(daemon):
    fields = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_one_source_has_so_many_and_others_have_theirs(daemon, config, client, server, held):
    inetd(config, "cat", ["/bin/cat"], max_connections_per_source=2)
    daemon.start()
    held(), held()
    assert ask(client, text=b"no") == b""
    daemon.wait_for(lambda line: "refused: max_connections_per_source" in line, "the refusal")
    assert ask(server, text=b"yes") == b"yes" # from another address


# what goes wrong


def test_a_program_that_cannot_be_started_closes_the_connection_and_is_told_seldom(daemon, config, client, scratch):
    inetd(config, "gone", ["/bin/cat"])
    gone_program = scratch / "program"
    gone_program.write_text("#!/bin/cat\n")
    gone_program.chmod(0o755)
    inetd(config, "gone", [gone_program], UNLIMITED)
    daemon.start()
    gone_program.unlink()
    began = time.monotonic()
    for _ in range(50):
        assert ask(client) == b""
    told = [line for line in daemon.lines if "cannot be started" in line]
    assert 1 <= len(told) <= 5 * (1 + (time.monotonic() - began) // 10) # five in ten seconds
    assert "program" in told[0]


def test_who_is_gone_before_he_is_served_costs_nothing(daemon, config, client):
    inetd(config, "cat", ["/bin/cat"])
    daemon.start()
    daemon.ctl("pause", "cat")
    for _ in range(5):
        with client.connect(ADDRESS, PORT, 15) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0") # a reset
    daemon.ctl("resume", "cat")
    assert ask(client, text=b"a") == b"a"
    assert not [line for line in daemon.lines if "connection" in line]


def test_one_that_takes_too_long_is_ended_and_told_of(daemon, config, client):
    inetd(config, "cat", ["/bin/cat"], runtime_max_sec="200ms")
    daemon.start()
    with client.connect(ADDRESS, PORT, 15) as sock:
        assert read_all(sock) == b""
    daemon.wait_for(lambda line: "connection 0 from 198.51.100.2:" in line and line.endswith(": failed: timeout"), "why it was ended")
    assert daemon.service("cat")["connections"]["failed"] == 1


def test_near_the_limit_of_descriptors_who_comes_waits_and_nobody_is_lost(daemon, config, client):
    inetd(config, "cat", ["/bin/cat"], UNLIMITED, max_connections="infinity")
    daemon.start()
    assert ask(client, text=b"a") == b"a"
    gone(daemon)
    soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{daemon.process.pid}/fd")) + 30, hard))
        socks = [stack.enter_context(client.connect(ADDRESS, PORT, 60)) for _ in range(60)]
        daemon.wait_for(lambda line: "accept: Too many open files" in line, "that there are too few")
        connections = daemon.service("cat")["connections"]
        assert 0 < connections["accepted"] < 60 and connections["failed"] == 0
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        for sock in socks:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
    assert daemon.service("cat")["connections"]["failed"] == 0


# what is said


def test_a_banner_comes_first(daemon, config, client):
    inetd(config, "cat", ["/bin/cat"], banner="welcome\n")
    daemon.start()
    assert ask(client, text=b"hello") == b"welcome\nhello"


def test_the_log_tells_of_each_connection_where_it_is_asked_to(daemon, config, client):
    fields = ["host", "pid", "duration", "bytes", "exit"]
    inetd(config, "cat", ["/bin/cat"], log_on_success=fields)
    daemon.start()
    with client.connect(ADDRESS, PORT, 15) as sock:
        host, port = sock.getsockname()
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
    began = daemon.wait_for(lambda line: f"connection 0 from {host}:{port} to {ADDRESS}:{PORT}, pid " in line, "its beginning")
    ended = daemon.wait_for(lambda line: re.search(r"connection 0 ended, exited with status 0, \d+\.", line), "its end")
    assert "5 bytes received, 5 sent" in [line for line in daemon.lines if "connection 0 ended" in line][0], (began, ended)


def test_the_log_tells_of_each_that_fails_where_it_is_asked_to(daemon, config, client):
    inetd(config, "bad", [*SH, "read line; exit $line"], UNLIMITED, log_on_failure=["host", "pid", "duration", "bytes", "exit"])
    daemon.start()
    for status in (3, 0, *range(3, 12)): # more than would be told otherwise
        ask(client, text=f"{status}\n".encode())
    last = daemon.wait_for(lambda line: "exited with status 11," in line, "the end of the last one")
    ends = [line for line in daemon.lines if " ended, pid " in line]
    assert len(ends) == 10, (ends, last)
    assert "connection 0 from 198.51.100.2:" in ends[0] and ", exited with status 3, " in ends[0]
    assert ends[0].endswith(" s, 2 bytes received, 0 sent")
    assert not [line for line in ends if "connection 1 " in line]


def test_addresses_stay_out_of_the_log(daemon, config, client):
    inetd(config, "cat", ["/bin/cat"], log_on_success=["host", "pid"], log_addresses=False, max_connections=1)
    daemon.start()
    with client.connect(ADDRESS, PORT, 15) as sock:
        own = sock.getsockname()[0]
        sock.sendall(b"x")
        sock.recv(1)
        ask(client)
    daemon.wait_for(lambda line: "refused" in line, "the refusal")
    assert not [line for line in daemon.lines if own in line]


# what can be seen


def test_status_counts_who_is_served_and_who_was_not(daemon, config, client, held):
    inetd(config, "cat", ["/bin/cat"], max_connections=2)
    daemon.start()
    first, _ = held(), held()
    ask(client, text=b"no")
    service = daemon.service("cat")
    assert service["connections"] == {"now": 2, "limit": 2, "most_of_a_source": 2, "accepted": 2, "failed": 0,
                                      "refused": {"max_connections": 1, "max_connections_per_source": 0, "max_load": 0,
                                                  "access_times": 0, "condition": 0}}
    own = "{}:{}".format(*first.getsockname())
    assert [instance["peer"] for instance in service["instances"]][0] == own
    text = daemon.ctl("status", "cat").stdout
    assert "Connections: 2 of at most 2, 2 of one source; 2 accepted, 0 failed; refused: 1 by max_connections\n" in text
    assert f"Instance 1: running, pid {service['instances'][0]['main_pid']}, from {own}\n" in text
    first.close()
    eventually(lambda: daemon.service("cat")["connections"]["now"] == 1, what="one has gone")


def test_the_trigger_limit_counts_connections_and_those_beyond_it_wait(daemon, config, client):
    inetd(config, "cat", ["/bin/cat"], {**LISTEN, "trigger_limit_burst": 10, "trigger_limit_interval_sec": "2s", "poll_limit_burst": 0})
    daemon.start()
    begin = time.monotonic()
    for _ in range(10):
        assert ask(client, text=b"x") == b"x"
    assert not [line for line in daemon.lines if "trigger limit" in line]
    within = time.monotonic() - begin < 2 # else the window is another one by now
    assert ask(client, text=b"y") == b"y"
    if within:
        assert time.monotonic() - begin >= 2
        assert [line for line in daemon.lines if "trigger limit" in line]
