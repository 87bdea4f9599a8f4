"""Unmodified servers from Debian that no example shows: started by their first client, and stopped."""

import contextlib
import socket
import threading

from daemon import eventually


@contextlib.contextmanager
def shouting(path):
    """Somebody who waits at a Unix socket and answers each client's first words in capitals."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(8)

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError: # closed: the end
                    return
                with client:
                    client.sendall(client.recv(1000).upper())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_socket_proxyd_connects_a_swathe_with_a_unix_socket_and_ends_when_idle(daemon, config, client, base):
    config.service("proxy", {"name": "any", "protocol": "tcp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": ["8000-8999"]},
                   ["/lib/systemd/systemd-socket-proxyd", "--exit-idle-time=1s", base / "behind"])
    daemon.start()
    with shouting(base / "behind"):
        for address, port in (("192.0.2.0", 8000), ("192.0.2.77", 8999), ("2001:db8:1::beef", 8123)):
            with client.connect(address, port) as sock:
                sock.sendall(b"hello")
                assert sock.recv(100) == b"HELLO"
        assert daemon.service("proxy")["starts"] == 1
        daemon.wait_state("proxy", "idle") # it ended by itself, and so cleanly
        with client.connect("192.0.2.5", 8080) as sock:
            sock.sendall(b"again")
            assert sock.recv(100) == b"AGAIN"
        assert eventually(lambda: daemon.service("proxy")["starts"] == 2)
    daemon.stop()


FPM = """[global]
error_log = /proc/self/fd/2
daemonize = no
[www]
user = nobody
listen = 192.0.2.9:9000
pm = static
pm.max_children = 2
"""


def test_php_fpm_takes_its_socket_by_name_and_says_that_it_is_ready(daemon, config, client, scratch):
    config.write("fpm.conf", FPM)
    script = scratch / "where.php"
    script.write_text('<?php echo "php answers ", $_SERVER["QUERY_STRING"];')
    config.service("php", {"name": "fcgi", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [9000], "home": "192.0.2.9:9000"},
                   ["/usr/sbin/php-fpm8.2", "--nodaemonize", "--fpm-config", config.directory / "fpm.conf"],
                   type="notify", environment={"FPM_SOCKETS": "192.0.2.9:9000=3"})
    daemon.start()
    for address in ("192.0.2.0", "192.0.2.9", "192.0.2.255"):
        said = client.run("env", "REQUEST_METHOD=GET", f"SCRIPT_FILENAME={script}", f"QUERY_STRING={address}",
                          "cgi-fcgi", "-bind", "-connect", f"{address}:9000")
        assert said.endswith(f"php answers {address}")
    view = daemon.service("php")
    assert view["state"] == "running" and view["starts"] == 1
    daemon.ctl("restart", "php")
    assert daemon.service("php")["starts"] == 2
    daemon.stop()


DOVECOT = """protocols = imap
base_dir = {base}/run
state_dir = {base}/state
log_path = /dev/stderr
ssl = no
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
service imap-login {{
  inet_listener imap {{
    address = 192.0.2.9
    port = 1143
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={base}
}}
"""


def test_dovecot_finds_its_socket_by_its_home(daemon, config, client, scratch):
    path = config.write("dovecot.conf", DOVECOT.format(base=scratch))
    listen = {"name": "imap", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [143, 1143], "home": "192.0.2.9:1143"}
    config.service("imap", listen,
                   ["/usr/sbin/dovecot", "-F", "-c", path], type="notify")
    daemon.start()
    for address, port in (("192.0.2.0", 143), ("192.0.2.9", 1143), ("192.0.2.255", 143)):
        with client.connect(address, port, timeout=20) as sock:
            assert sock.recv(1000).startswith(b"* OK ")
            sock.sendall(b"a LOGOUT\r\n")
            assert b"a OK" in sock.makefile("rb").read()
    view = daemon.service("imap")
    assert view["state"] == "running" and view["starts"] == 1
    daemon.stop(timeout=30)
