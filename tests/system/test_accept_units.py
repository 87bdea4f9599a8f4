"""Accept=yes: a socket unit and its template, as systemd has them."""

import pathlib
import re

from daemon import eventually
from load import read_all

SOCKET = """
[Socket]
ListenStream=192.0.2.0/24:7000-7099
ListenStream=[2001:db8:1::/64]:7000-7099
Accept=yes
"""


def units(config, template, socket=SOCKET):
    config.write("units/tell.socket", socket)
    config.write("units/tell@.service", template)


def answer(ns, address="192.0.2.7", port=7042):
    with ns.connect(address, port, 15) as sock:
        return sock.getsockname(), read_all(sock).decode()


def test_the_instance_is_named_in_its_command_and_its_environment(daemon, config, client):
    units(config, '[Service]\nExecStart=/bin/sh -c "echo $NAME; echo %i" \nEnvironment=NAME=%p:%i\nStandardInput=socket\n')
    daemon.start()
    for number in range(2):
        (host, port), said = answer(client)
        name = said.splitlines()[1]
        assert re.fullmatch(rf"{number}-[0-9]+-192\.0\.2\.7:7042-{re.escape(host)}:{port}", name)
        assert said.splitlines()[0] == f"tell:{name}"
    (host, port, *_), said = answer(client, "2001:db8:1::7")
    assert re.fullmatch(rf"2-[0-9]+-2001:db8:1::7:7042-{re.escape(host)}:{port}", said.splitlines()[1])


def test_debians_ssh_template_runs_its_program(daemon, config, client):
    """The lines of ssh@.service, with a program that says what it was given."""
    units(config, "[Unit]\nDescription=OpenBSD Secure Shell server per-connection daemon\nAfter=auditd.service\n[Service]\n"
                  "EnvironmentFile=-/etc/default/ssh\nExecStart=-/bin/sh -c 'read line; echo \"heard $line\"' sh $SSHD_OPTS\n"
                  "StandardInput=socket\nRuntimeDirectory=swt-sshd\nRuntimeDirectoryMode=0755\n")
    daemon.start()
    with client.connect("192.0.2.22", 7022, 15) as sock:
        sock.sendall(b"hello\n")
        assert read_all(sock) == b"heard hello\n"


def test_a_directory_of_one_instance_goes_with_it(daemon, config, client):
    units(config, "[Service]\nExecStart=/bin/sh -c 'echo $RUNTIME_DIRECTORY'\nRuntimeDirectory=swt-tell-%i\nStandardInput=socket\n")
    daemon.start()
    _, said = answer(client)
    directory = pathlib.Path(said.strip())
    assert str(directory).startswith("/run/swt-tell-0-")
    eventually(lambda: not directory.exists(), what="it is gone")
