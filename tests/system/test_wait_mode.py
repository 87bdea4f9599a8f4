"""inetd's wait: the listening or unconnected socket is standard input, and is watched again when the program has ended."""

import struct

from daemon import eventually

ADDRESSES = ["192.0.2.0/24", "2001:db8:1::/64"]
ONCE = """
import os, socket
with socket.socket(fileno=0) as listener:
    peer, _ = listener.accept()
    peer.sendall(b"%d %s" % (os.getpid(), os.environ.get("LISTEN_FDS", "none").encode()))
"""


def test_each_end_of_the_program_makes_room_for_the_next_start(daemon, config, client):
    config.service("once", {"protocol": "tcp", "addresses": ADDRESSES, "ports": ["7000-7099"], "trigger_limit_burst": 0,
                            "poll_limit_burst": 0},
                   ["/usr/bin/python3", "-SEc", ONCE], standard_input="socket", start_limit_burst=0)
    daemon.start()
    answers = [client.ask_tcp(address, port) for address, port in [("192.0.2.1", 7000), ("192.0.2.200", 7099), ("2001:db8:1::5", 7001)]]
    pids, fds = zip(*(answer.split() for answer in answers))
    assert len(set(pids)) == 3
    assert set(fds) == {"none"} # it has the socket as standard input, and no other way


def record(kind, body):
    """FastCGI 1.0, section 3.3."""
    return struct.pack("!BBHHBx", 1, kind, 1, len(body), 0) + body


def pair(name, value):
    return bytes([len(name), len(value)]) + name.encode() + value.encode()


def fastcgi(ns, address, port, script):
    """What a FastCGI responder says of `script`."""
    params = b"".join(pair(*p) for p in {"SCRIPT_FILENAME": str(script), "REQUEST_METHOD": "GET", "GATEWAY_INTERFACE": "CGI/1.1"}.items())
    with ns.connect(address, port, 15) as sock, sock.makefile("rb") as stream:
        sock.sendall(record(1, struct.pack("!HB5x", 1, 0)) + record(4, params) + record(4, b"") + record(5, b""))
        said = b""
        while header := stream.read(8):
            _, kind, _, length, padding = struct.unpack("!BBHHBx", header)
            body = stream.read(length + padding)[:length]
            if kind == 3:
                return said.decode()
            said += body if kind == 6 else b""
    return said.decode()


def test_php_cgi_serves_a_range_from_standard_input_and_is_started_again(daemon, config, client, scratch):
    script = scratch / "hello.php"
    script.write_text("<?php echo 'pid ', getmypid(), ' end';")
    config.service("php", {"protocol": "tcp", "addresses": ADDRESSES, "ports": ["9000-9009"]}, ["/usr/bin/php-cgi"],
                   standard_input="socket",
                   environment={"PHP_FCGI_MAX_REQUESTS": "2"}, start_limit_burst=0)
    daemon.start()

    def pid(address, port):
        answer = fastcgi(client, address, port, script)
        assert "pid " in answer, answer
        return answer.partition("pid ")[2].split()[0]

    first = [pid("192.0.2.1", 9000), pid("2001:db8:1::9", 9009)]
    assert first[0] == first[1]
    assert pid("192.0.2.77", 9005) != first[0] # it ends after two requests


def read_tftp(ns, address, name, timeout=10):
    """RFC 1350: a file of less than a block, and the address that its block came from."""
    with ns.udp(address, timeout) as sock:
        sock.sendto(struct.pack("!H", 1) + name.encode() + b"\0octet\0", (address, 69))
        block, source = sock.recvfrom(1024)
        opcode, number = struct.unpack("!HH", block[:4])
        assert (opcode, number) == (3, 1), block
        sock.sendto(struct.pack("!HH", 4, 1), source)
        return block[4:], source[0]


def test_in_tftpd_answers_from_the_address_that_was_asked(make_daemon, config, client, open_directory):
    """On a socket of one family: on one of both it takes its own address for what was asked by IPv4."""
    directory = open_directory("tftp")
    (directory / "hello").write_text("hello, tftp")
    (directory / "hello").chmod(0o644)
    config.service("tftp", {"protocol": "udp", "addresses": ADDRESSES[0], "ports": [69]},
                   ["/usr/sbin/in.tftpd", "--timeout", "2", "--secure", str(directory)], standard_input="socket", start_limit_burst=0)
    daemon = make_daemon(inside=True).start() # it answers through a socket of its own
    for address in ("192.0.2.9", "192.0.2.250"):
        assert read_tftp(client, address, "hello") == (b"hello, tftp", address)
    eventually(lambda: daemon.service("tftp")["main_pid"] is None, what="it ends when nobody has come for two seconds")
    assert read_tftp(client, "192.0.2.10", "hello") == (b"hello, tftp", "192.0.2.10")
