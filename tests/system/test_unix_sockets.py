"""UNIX sockets: bound, activated, handed over, kept; never steered to."""

import contextlib
import json
import os
import socket
import stat
import struct
import subprocess

from daemon import eventually

OPTIONS = "options.py"


def talk(path, text, kind=socket.SOCK_STREAM, ns=None):
    """What the service answers. An abstract name belongs to a network namespace."""
    with ns or contextlib.nullcontext():
        sock = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC)
    with sock:
        sock.settimeout(15)
        sock.connect("\0" + path[1:] if path.startswith("@") else path)
        if kind == socket.SOCK_DGRAM:
            sock.bind(f"{path}.client") # to be answered at; an abstract name would be of another network namespace
        sock.send(text.encode() + b"\n")
        parts = []
        while part := sock.recv(65536):
            parts.append(part)
            if kind == socket.SOCK_DGRAM:
                break
        return json.loads(b"".join(parts))


def listeners(base):
    return [{"name": "stream", "protocol": "unix-stream", "path": f"{base}/new/stream", "socket_mode": "0640", "directory_mode": "0711",
             "socket_user": "nobody", "socket_group": "daemon", "symlinks": [f"{base}/link"]},
            {"name": "abstract", "protocol": "unix-stream", "path": f"@swathe-{base.name}"},
            {"name": "datagram", "protocol": "unix-datagram", "path": f"{base}/datagram"},
            {"name": "packets", "protocol": "unix-seqpacket", "path": f"{base}/packets", "remove_on_stop": True},
            {"name": "web", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [8080]}]


def test_every_kind_starts_the_service_and_is_handed_over_by_name(daemon, config, client, server, program, base):
    config.service("web", listeners(base), program(OPTIONS))
    daemon.start()
    assert daemon.service("web")["state"] == "idle"
    first = talk(f"{base}/link", "[]")
    assert first["listener"] == "stream" and first["own"] == f"{base}/new/stream"
    pid = first["pid"]
    assert talk(f"@swathe-{base.name}", "[]", ns=server)["listener"] == "abstract"
    answer = talk(f"{base}/datagram", "?", socket.SOCK_DGRAM)
    assert answer == {"pid": pid, "listener": "datagram"}
    assert talk(f"{base}/packets", "[]", socket.SOCK_SEQPACKET)["listener"] == "packets"
    with client.connect("192.0.2.7", 8080) as sock, sock.makefile("rw") as stream:
        stream.write("[]\n")
        stream.flush()
        assert json.loads(stream.read())["listener"] == "web"

    node = os.stat(f"{base}/new/stream")
    assert stat.S_ISSOCK(node.st_mode) and stat.S_IMODE(node.st_mode) == 0o640
    assert stat.S_IMODE(os.stat(base / "new").st_mode) == 0o711
    shown = daemon.listener("web", "stream")
    assert shown["protocol"] == "unix-stream" and shown["addresses"] == [f"{base}/new/stream"]
    assert f"unix-stream {base}/new/stream" in daemon.ctl("status", "web").stdout
    assert f"unix-seqpacket {base}/packets" in daemon.ctl("list").stdout
    assert daemon.ctl_json("status")["daemon"]["rules"] == 1
    daemon.stop()
    assert stat.S_ISSOCK(os.stat(f"{base}/new/stream").st_mode) # as under systemd
    assert not os.path.exists(f"{base}/packets")


def test_datagrams_start_the_service_too(daemon, config, program, base):
    config.service("web", listeners(base)[2], program(OPTIONS))
    daemon.start()
    assert talk(f"{base}/datagram", "?", socket.SOCK_DGRAM)["listener"] == "datagram"
    daemon.stop()


def test_a_reload_keeps_the_socket_with_who_waits_and_changes_its_file(daemon, config, program, base, scratch):
    gate = scratch / "gate"
    slow = ["/bin/sh", "-c", f"while [ ! -e {gate} ]; do sleep 0.05; done; exec {' '.join(program(OPTIONS))}"]
    config.service("web", listeners(base)[0], slow)
    daemon.start()
    inode = os.stat(f"{base}/new/stream").st_ino
    waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    waiting.connect(f"{base}/new/stream")
    waiting.send(b"[]\n")
    config.service("web", {**listeners(base)[0], "socket_mode": "0600", "socket_user": "root"}, slow)
    assert "web/stream: options changed" in daemon.reload().stdout
    node = os.stat(f"{base}/new/stream")
    assert node.st_ino == inode and stat.S_IMODE(node.st_mode) == 0o600 and node.st_uid == 0
    gate.touch()
    with waiting, waiting.makefile() as stream:
        assert json.loads(stream.read())["listener"] == "stream"
    config.service("web", {**listeners(base)[0], "name": "other", "path": f"{base}/other"}, program(OPTIONS))
    daemon.reload()
    assert stat.S_ISSOCK(os.stat(f"{base}/other").st_mode)
    daemon.stop()


def test_a_socket_that_the_service_has_shut_down_is_opened_anew(daemon, config, program, base):
    config.service("web", listeners(base)[0], program(OPTIONS), restart="no")
    daemon.start()
    pid = talk(f"{base}/new/stream", "shut")["pid"]
    os.kill(pid, 15)
    daemon.wait_state("web", "idle")
    daemon.wait_for(lambda line: "listener stream: it was shut down and listens no more; opened anew" in line, "that it is opened anew")
    assert talk(f"{base}/new/stream", "[]")["pid"] != pid
    daemon.stop()


def test_after_a_crash_the_next_daemon_takes_the_path(make_daemon, config, program, base):
    config.service("web", listeners(base)[3], program(OPTIONS))
    first = make_daemon()
    first.start()
    first.process.kill()
    first.process.wait()
    second = make_daemon().start()
    assert talk(f"{base}/packets", "[]", socket.SOCK_SEQPACKET)["listener"] == "packets"
    second.stop()


def test_units_have_them_beside_a_range(daemon, config, client, program, base):
    config.write("units/web.service", f"[Service]\nExecStart={' '.join(program(OPTIONS))}\n")
    config.write("units/web.socket", f"[Socket]\nListenStream={base}/%p.sock\nListenSequentialPacket={base}/packets\nListenStream=8080\n"
                                     "SocketMode=0600\nNoDelay=yes\nPassCredentials=yes\n"
                                     "[X-Swathe]\nFrom=198.51.100.0/24\n")
    config.write("units/web.socket.d/range.conf", "[Socket]\nListenStream=192.0.2.0/24:8081\n")
    daemon.start()
    assert talk(f"{base}/web.sock", "[[1, 16, 0]]")["values"] == [1] # SO_PASSCRED
    assert talk(f"{base}/packets", "[]", socket.SOCK_SEQPACKET)["listener"] == "web.socket"
    for port in (8080, 8081):
        with client.connect("192.0.2.7", port) as sock, sock.makefile("rw") as stream:
            stream.write("[]\n")
            stream.flush()
            assert json.loads(stream.read())["listener"] == "web.socket"
    daemon.stop()


def test_an_account_that_is_not_there_is_told(daemon, config, program, base):
    config.service("web", {**listeners(base)[0], "socket_user": "nobody-at-all"}, program(OPTIONS))
    daemon.launch()
    assert daemon.process.wait(15) != 0
    daemon.wait_quiet()
    assert "listener stream: socket_user: no such user: \"nobody-at-all\"" in daemon.log()


def test_lighttpd_serves_on_its_own_path(daemon, config, base, scratch):
    (scratch / "index.html").write_text("a page\n")
    (base / "lighttpd.conf").write_text(f'server.document-root = "{scratch}"\nserver.systemd-socket-activation = "enable"\n'
                                        f'server.bind = "{base}/http.sock"\nindex-file.names = ("index.html")\n')
    config.service("web", {"protocol": "unix-stream", "path": f"{base}/http.sock"},
                   ["/usr/sbin/lighttpd", "-D", "-f", base / "lighttpd.conf"])
    daemon.start()
    for _ in range(2):
        curl = ["curl", "--silent", "--show-error", "--max-time", "20", "--unix-socket", f"{base}/http.sock", "http://localhost/"]
        assert subprocess.run(curl, capture_output=True, text=True, check=True).stdout == "a page\n"
    assert daemon.service("web")["starts"] == 1
    daemon.stop()


def record(kind, content):
    return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content # FastCGI, section 3.3


def ask_fastcgi(path, script):
    """The answer of a FastCGI server to a GET of `script`."""
    variables = {"SCRIPT_FILENAME": str(script), "REQUEST_METHOD": "GET", "QUERY_STRING": ""}
    pairs = b"".join(struct.pack("!BB", len(k), len(v)) + k.encode() + v.encode() for k, v in variables.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock, sock.makefile("rb") as stream:
        sock.settimeout(20)
        sock.connect(path)
        sock.sendall(record(1, struct.pack("!HB5x", 1, 0)) + record(4, pairs) + record(4, b"") + record(5, b""))
        said = b""
        while header := stream.read(8):
            _, kind, _, size, padding, _ = struct.unpack("!BBHHBB", header)
            content = stream.read(size + padding)[:size]
            if kind == 3: # FCGI_END_REQUEST
                break
            said += content if kind == 6 else b"" # FCGI_STDOUT
        return said.decode()


def test_php_fpm_finds_the_socket_by_its_path(daemon, config, base, scratch):
    (scratch / "page.php").write_text("<?php echo 'pid ', posix_getppid();")
    (base / "fpm.conf").write_text(f"[global]\nerror_log = /dev/stderr\n[www]\nuser = nobody\ngroup = nogroup\nlisten = {base}/php.sock\n"
                                   "pm = static\npm.max_children = 1\n")
    config.service("php", {"protocol": "unix-stream", "path": f"{base}/php.sock", "socket_mode": "0660"},
                   ["/usr/sbin/php-fpm8.2", "--nodaemonize", "--fpm-config", base / "fpm.conf"],
                   environment={"FPM_SOCKETS": f"{base}/php.sock=3"}) # it reads no LISTEN_FDS
    daemon.start()
    inode = os.stat(f"{base}/php.sock").st_ino
    said = ask_fastcgi(f"{base}/php.sock", scratch / "page.php")
    pid = daemon.service("php")["main_pid"]
    assert said.endswith(f"pid {pid}") # the workers' parent is what we have started
    assert os.stat(f"{base}/php.sock").st_ino == inode # it has not bound one of its own
    eventually(lambda: daemon.service("php")["state"] == "running", what="php-fpm runs")
    daemon.stop()
