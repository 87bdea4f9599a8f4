"""Real servers under load while they are reloaded, replaced, stopped and started: nobody's request fails.

Each is told to stop as its manual says that it serves to the end who is there."""

import socket
import struct

import pytest

from load import Load, fastcgi, get, wait_until_it_hears
from test_real_services import FPM

FROM, MANY = "192.0.2.", 256 # the addresses


def keys(**more):
    """What is added to the [service] of an example."""
    return [("[service]", "[service]\nstart_limit_burst = 0\n" + "".join(f"{key} = {value}\n" for key, value in more.items()))]


def over_http(client, ports):
    return lambda number: get(client, f"{FROM}{number % MANY}", ports[number % len(ports)])


PORTS = [80, *range(8000, 9000)]
HANG_UP = '["/bin/sh", "-c", "kill -HUP $MAINPID"]'


def haproxy(example, client, **_):
    example("http-haproxy", keys(kill_signal='"USR1"', kill_mode='"mixed"'))

    def ask(number):
        address, port = f"{FROM}{number % MANY}", PORTS[number % len(PORTS)]
        assert get(client, address, port).decode().split()[-1] == str(port)
    return "edge", ask, False


def nginx(example, client, **_):
    example("nginx", keys(kill_signal='"QUIT"', kill_mode='"mixed"', exec_reload=HANG_UP))
    return "nginx", over_http(client, PORTS), True


def lighttpd(example, client, **_):
    example("http-lighttpd", keys(kill_signal='"INT"'))
    return "web", over_http(client, PORTS), False


def gunicorn(example, client, **_):
    example("gunicorn", [*keys(exec_reload=HANG_UP, kill_mode='"mixed"'), ("ports     = [8080]", 'ports     = [80, "8000-8999"]')])
    return "app", over_http(client, PORTS), True


def unbound(example, client, **_):
    # it uses inherited sockets only where sd_booted(3) finds systemd: it is given a /run that says so
    start = '["/usr/bin/unshare", "--mount", "/bin/sh", "-c", "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && ' \
            'exec \\"$@\\"", "sh", "/usr/sbin/unbound"'
    example("unbound", [*keys(exec_reload=HANG_UP), ('["/usr/sbin/unbound"', start)])
    name = b"".join(bytes([len(label)]) + label for label in (b"www", b"example", b"test", b""))

    def ask(number):
        query = struct.pack("!6H", number & 0xffff, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
        with client.udp(FROM, timeout=20) as sock:
            sock.connect((f"{FROM}{number % MANY}", 53))
            sock.send(query)
            answer = sock.recv(512)
        assert answer[:2] == query[:2] and answer.endswith(socket.inet_aton("203.0.113.80")), answer
    return "dns", ask, True


def php_fpm(config, client, scratch, **_):
    config.write("fpm.conf", FPM.replace("[global]", "[global]\nprocess_control_timeout = 20s"))
    script = scratch / "where.php"
    script.write_text('<?php echo $_SERVER["QUERY_STRING"];')
    listen = {"name": "fcgi", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": ["9000-9099"], "home": "192.0.2.9:9000"}
    config.service("php", listen, ["/usr/sbin/php-fpm8.2", "--nodaemonize", "--fpm-config", config.directory / "fpm.conf"], type="notify",
                   environment={"FPM_SOCKETS": "192.0.2.9:9000=3"}, start_limit_burst=0, kill_signal="QUIT", kill_mode="mixed")

    def ask(number):
        said = fastcgi(client, f"{FROM}{number % MANY}", 9000 + number % 100, REQUEST_METHOD="GET", SCRIPT_FILENAME=script,
                       QUERY_STRING=number)
        assert said.endswith(b"\r\n\r\n%d" % number), said
    return "php", ask, False


@pytest.mark.parametrize("set_up", [haproxy, nginx, lighttpd, gunicorn, unbound, php_fpm])
def test_nobody_is_refused_or_cut_off_while_a_server_is_reloaded_replaced_and_restarted(daemon, config, example, client, scratch, set_up):
    name, ask, reloads = set_up(config=config, example=example, client=client, scratch=scratch)
    daemon.start()
    with Load(ask) as load:
        load.wait_for(200)
        for words in [("reload", name)] * reloads + [("restart", "--overlap", name)] * 3 + [
                ("restart", name), ("stop", name), ("start", name)]:
            daemon.ctl(*words)
            if words[0] != "stop":
                wait_until_it_hears(daemon, name)
                load.wait_for_more(200)
    assert load.wrong == []
    assert daemon.service(name)["state"] == "running" and daemon.service(name)["starts"] == 6
    daemon.stop(timeout=60)
