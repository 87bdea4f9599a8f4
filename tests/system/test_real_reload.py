"""Real servers that read their configuration anew while they are asked: it counts, the service stays, and nobody's request fails."""

import pytest

from daemon import eventually
from load import Load, fastcgi, get
from test_real_load import FROM, MANY
from test_real_services import FPM

PORTS = [80, *range(8000, 8100)]
HTTP = {"name": "http", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [80, "8000-8099"]}


def by_signal(name):
    return ["/bin/sh", "-c", f"kill -{name} $MAINPID"]


def over_http(client):
    return lambda number: get(client, f"{FROM}{number % MANY}", PORTS[number % len(PORTS)]).decode().strip()


HAPROXY = """defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend edge
    bind fd@3
    http-request return status 200 content-type text/plain string "{}\\n"
"""


def haproxy(config, client, **_):
    """Its master executes itself anew, keeps the inherited socket, and starts a worker beside the one that serves to the end."""
    def configure(answer):
        return config.write("haproxy.cfg", HAPROXY.format(answer))
    path = configure("first")
    config.service("edge", HTTP, ["/usr/sbin/haproxy", "-Ws", "-f", path], type="notify", user="haproxy", exec_reload=by_signal("USR2"))
    return "edge", configure, over_http(client)


def lighttpd(config, client, scratch, **_):
    """It takes nobody while it serves who is there to the end, and then begins anew in the same process with the same socket."""
    conf = config.directory / "lighttpd.conf"

    def configure(answer):
        (scratch / answer).mkdir(exist_ok=True)
        (scratch / answer / "index.html").write_text(f"{answer}\n")
        config.write(conf.name, 'server.systemd-socket-activation = "enable"\nindex-file.names = ("index.html")\n'
                                f'server.document-root = "{scratch / answer}"\n')
    configure("first")
    config.service("web", HTTP, ["/usr/sbin/lighttpd", "-D", "-f", conf], user="www-data", exec_reload=by_signal("USR1"))
    return "web", configure, over_http(client)


def php_fpm(config, client, scratch, **_):
    """Its master executes itself anew and hands itself the socket in FPM_SOCKETS; the workers have a time to end what they do."""
    def configure(answer):
        config.write("fpm.conf", FPM.replace("[global]", "[global]\nprocess_control_timeout = 20s") + f"env[ANSWER] = {answer}\n")
    configure("first")
    script = scratch / "answer.php"
    script.write_text('<?php echo $_SERVER["ANSWER"];')
    listen = {"name": "fcgi", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": ["9000-9099"], "home": "192.0.2.9:9000"}
    config.service("php", listen, ["/usr/sbin/php-fpm8.2", "--nodaemonize", "--fpm-config", config.directory / "fpm.conf"], type="notify",
                   environment={"FPM_SOCKETS": "192.0.2.9:9000=3"}, exec_reload=by_signal("USR2"))

    def ask(number):
        said = fastcgi(client, f"{FROM}{number % MANY}", 9000 + number % 100, REQUEST_METHOD="GET", SCRIPT_FILENAME=script)
        return said.decode().rpartition("\r\n\r\n")[2]
    return "php", configure, ask


@pytest.mark.parametrize("set_up", [haproxy, lighttpd, php_fpm])
def test_a_server_reads_its_configuration_anew_while_it_is_asked(daemon, config, client, scratch, set_up):
    name, configure, ask = set_up(config=config, client=client, scratch=scratch)
    rounds = ["first", "second", "third", "fourth", "fifth"]

    def ask_any(number):
        assert (said := ask(number)) in rounds, said
    daemon.start()
    assert ask(0) == rounds[0]
    before = daemon.service(name)
    with Load(ask_any) as load:
        for answer in rounds[1:]:
            load.wait_for_more(100)
            configure(answer)
            daemon.ctl("reload", name)
            eventually(lambda: ask(1) == answer, what=f"it answers {answer}")
        load.wait_for_more(100)
    assert load.wrong == []
    after = daemon.service(name)
    assert (after["state"], after["starts"], after["main_pid"]) == ("running", 1, before["main_pid"])
    daemon.stop(timeout=60)
