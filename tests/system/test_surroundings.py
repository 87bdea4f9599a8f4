"""What systemd.exec(5) says of a service's surroundings, from the key to the process."""

import json
import os
import pathlib
import pwd
import shutil

import pytest

from answers import HTTP
from daemon import eventually

# Takes one connection from the socket that is its standard input, and tells what it sees.
INETD = """
import json, os, socket
listener = socket.socket(fileno=0)
print("to the log", flush=True)
while True:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(json.dumps({"environment": dict(os.environ), "fds": sorted(os.listdir("/proc/self/fd"))}).encode())
"""


@pytest.fixture
def own_directory():
    """A name below /run that nobody else has."""
    name = f"swathe-test-{os.getpid()}"
    yield name
    shutil.rmtree(pathlib.Path("/run") / name, ignore_errors=True)


def capabilities(*numbers):
    return f"{sum(1 << n for n in numbers):016x}"


def test_capabilities_scheduling_and_directories_are_as_asked_for(daemon, config, client, program, own_directory):
    config.service("web", HTTP, program("report.py"), user="nobody", runtime_directory=[f"{own_directory}/web"],
                   runtime_directory_mode="0710", working_directory=f"/run/{own_directory}/web",
                   capability_bounding_set=["CAP_NET_BIND_SERVICE CAP_KILL", "CAP_CHOWN"], ambient_capabilities="CAP_KILL",
                   cpu_affinity=0, unset_environment=["HOME", "INVOCATION_ID", "LISTEN_FDNAMES=other"], ignore_sigpipe=False)
    daemon.start()
    report = json.loads(client.ask_tcp("192.0.2.7", 8080))
    nobody = pwd.getpwnam("nobody")
    directory = pathlib.Path(f"/run/{own_directory}/web")
    assert report["uid"] == [nobody.pw_uid] * 3
    assert report["cwd"] == report["environment"]["RUNTIME_DIRECTORY"] == str(directory)
    assert directory.stat().st_uid == nobody.pw_uid and directory.stat().st_mode & 0o7777 == 0o710
    assert directory.parent.stat().st_uid == 0 and directory.parent.stat().st_mode & 0o7777 == 0o755
    assert report["status"]["CapBnd"] == capabilities(0, 5, 10)
    assert report["status"]["CapAmb"] == report["status"]["CapEff"] == report["status"]["CapPrm"] == capabilities(5)
    assert report["status"]["Cpus_allowed_list"] == "0"
    assert "HOME" not in report["environment"] and "INVOCATION_ID" not in report["environment"]
    assert report["environment"]["LISTEN_FDNAMES"] == "http"
    assert report["environment"]["SYSTEMD_EXEC_PID"] == str(report["pid"])
    daemon.stop()


def test_a_socket_as_standard_input_is_all_that_the_program_gets(daemon, config, client, scratch):
    log = scratch / "log"
    log.write_text("before\n")
    config.service("web", HTTP, ["/usr/bin/python3", "-c", INETD], standard_input="socket", standard_output=f"append:{log}")
    daemon.start()
    told = json.loads(client.ask_tcp("192.0.2.7", 8080))
    assert not [name for name in told["environment"] if name.startswith("LISTEN_")]
    assert set(told["fds"]) - {"0", "1", "2"} <= {"3", "4"} # the connection, and the directory that was listed
    assert log.read_text() == "before\nto the log\n"
    daemon.stop()


def test_a_stream_that_cannot_be_opened_fails_the_start_by_name_and_nothing_else(daemon, config, client, program, scratch):
    config.service("web", HTTP, program("tell.py"), standard_error=f"append:{scratch}/none/log")
    config.service("other", {"protocol": "tcp", "addresses": ["192.0.2.9"], "ports": [9000]}, program("report.py"))
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    eventually(lambda: f"(step STDERR): standard_error {scratch}/none/log: No such file or directory" in daemon.log(),
               what="the log names step, key and path")
    assert json.loads(client.ask_tcp("192.0.2.9", 9000))["pid"] == daemon.service("other")["main_pid"]
    daemon.stop()


def test_a_directory_behind_a_link_is_refused(daemon, config, client, program, scratch, own_directory):
    pathlib.Path(f"/run/{own_directory}").mkdir()
    (pathlib.Path("/run") / own_directory / "link").symlink_to(scratch)
    config.service("web", HTTP, program("tell.py"), user="nobody", runtime_directory=f"{own_directory}/link")
    owner = scratch.stat().st_uid
    daemon.start()
    client.connect("192.0.2.7", 8080).close()
    eventually(lambda: f'(step RUNTIME_DIRECTORY): runtime_directory: /run/{own_directory}/link: "link": Not a directory' in daemon.log(),
               what="the log names step and path")
    assert scratch.stat().st_uid == owner
    daemon.stop()
