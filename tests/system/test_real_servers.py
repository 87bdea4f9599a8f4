"""Unmodified servers from Debian, as units/examples/ has them, asked by ordinary clients across a veth pair."""

import re
import urllib.parse

from conftest import EXAMPLES, INSTALLED



def curl(client, url):
    return client.run("curl", "--silent", "--show-error", "--max-time", "20", url)


URLS = ["http://192.0.2.0/", "http://192.0.2.77:443/", "http://192.0.2.255:8000/", "http://192.0.2.9:8999/",
        "http://[2001:db8:1::]/", "http://[2001:db8:1::beef]:8123/", "http://[2001:db8:1:0:ffff:ffff:ffff:ffff]:443/"]


def test_lighttpd(daemon, example, client):
    example("http-lighttpd")
    daemon.start()
    for url in URLS:
        assert "One socket, a whole swathe of addresses." in curl(client, url)
    assert client.refuses_tcp("192.0.2.9", 81) and client.refuses_tcp("192.0.2.9", 9000)
    assert daemon.service("web")["starts"] == 1
    daemon.stop()


def test_haproxy_sees_what_the_client_dialled(daemon, example, client):
    example("http-haproxy")
    daemon.start()
    for url in URLS:
        dialled = urllib.parse.urlsplit(url)
        address, port = curl(client, url).split()
        assert address.removeprefix("::ffff:") == dialled.hostname and int(port) == (dialled.port or 80)
    view = daemon.service("edge")
    assert view["state"] == "running" and view["type"] == "notify"
    daemon.stop()


def test_gunicorn(daemon, example, client):
    example("gunicorn")
    daemon.start()
    for host in ("192.0.2.0", "192.0.2.200", "[2001:db8:1::9]"):
        assert curl(client, f"http://{host}:8080/") == f"{host}:8080 answered by gunicorn\n"
    assert daemon.service("app")["state"] == "running"
    daemon.stop(timeout=60) # a worker that is forked as the signal comes misses it, and gunicorn waits its 30 s for it


def test_nginx_recognises_the_socket_by_its_home(daemon, example, client):
    example("nginx")
    daemon.start()
    for host, port in (("192.0.2.1", 80), ("192.0.2.77", 80), ("192.0.2.255", 8999)):
        assert curl(client, f"http://{host}:{port}/").startswith(host)
    daemon.stop()


def test_snmpd_answers_from_the_address_that_was_asked(daemon, example, client):
    example("snmpd")
    daemon.start()
    for address in ("192.0.2.0", "192.0.2.1", "192.0.2.161", "192.0.2.255"):
        said = client.run("env", "MIBS=", "snmpget", "-v2c", "-cpublic", "-t5", "-r2", "-Oqv", address, ".1.3.6.1.2.1.1.6.0")
        assert said.strip().strip('"') == "a whole swathe of addresses"
    daemon.stop()


def test_unbound_udp_and_tcp_from_one_service(daemon, example, client):
    # unbound uses inherited sockets only where sd_booted(3) finds systemd: it is given a /run that says so
    start = '["/usr/bin/unshare", "--mount", "/bin/sh", "-c", "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec \\"$@\\"", "sh", "/usr/sbin/unbound"'
    example("unbound", replace=[('["/usr/sbin/unbound"', start)])
    daemon.start()
    for address in ("192.0.2.0", "192.0.2.53", "192.0.2.255"):
        for transport in ("+notcp", "+tcp"):
            said = client.run("dig", "+short", "+time=5", "+tries=2", transport, f"@{address}", "www.example.test")
            assert said.strip() == "203.0.113.80"
    assert daemon.service("dns")["starts"] == 1
    daemon.stop()


def test_the_udp_echo_example_answers_from_the_address_that_was_asked(daemon, example, client):
    example("udp-echo")
    daemon.start()
    for address in ("192.0.2.0", "192.0.2.77", "192.0.2.255", "2001:db8:1::", "2001:db8:1::beef"):
        assert client.ask_udp(address, 7, b"hello " + address.encode()) == f"hello {address}"
        socat = client.run("socat", "-T5", "-", f"UDP{6 if ':' in address else 4}:{f'[{address}]' if ':' in address else address}:7",
                           input="by socat\n")
        assert socat == "by socat\n"
    daemon.stop()


def test_nmap_sees_every_port_of_a_catch_all_open(daemon, example, server, client):
    server.route_locally("198.51.100.10/32")
    example("catch-all", replace=[('except    = ["198.51.100.10:22"]', "")])
    daemon.start()
    assert curl(client, "http://198.51.100.10:12345/") == "port 12345 of 198.51.100.10\n"
    said = client.run("nmap", "-n", "-Pn", "-p", "1-65535", "--min-rate", "4000", "--max-retries", "6", "-oG", "-", "198.51.100.10",
                      timeout=300) # two seconds where nobody else works, more than sixty beside many
    ports = re.search(r"Ports: (.*)", said)[1]
    states = {int(number): state for number, state in re.findall(r"(\d+)/(\w+)/tcp", ports)}
    missing = sorted(set(range(1, 65536)) - {port for port, state in states.items() if state == "open"})
    assert missing == []
    for port in (1, 22, 65535):
        assert curl(client, f"http://198.51.100.10:{port}/") == f"port {port} of 198.51.100.10\n"
    daemon.stop()


def test_a_catch_all_with_a_hole_shows_nmap_the_hole(daemon, example, server, client):
    server.route_locally("198.51.100.10/32")
    example("catch-all")
    daemon.start()
    said = client.run("nmap", "-n", "-Pn", "-p", "20-24", "-oG", "-", "198.51.100.10")
    states = dict(re.findall(r"(\d+)/(\w+)/tcp", said))
    assert states == {"20": "open", "21": "open", "22": "closed", "23": "open", "24": "open"}
    daemon.stop()


def test_examples_name_only_files_that_are_there():
    for path in EXAMPLES.rglob("*"):
        if path.is_file():
            for name in re.findall(re.escape(INSTALLED) + r"(/[\w./-]+)", path.read_text()):
                assert (EXAMPLES / name.strip("/")).exists(), f"{path}: {name}"
