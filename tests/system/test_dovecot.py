"""dovecot: a master with many processes, a file that says who is master, and a protocol in which the server speaks first."""

import pytest

from daemon import eventually
from load import Load
from serving import alive
from test_real_services import DOVECOT

THREADS = 4
GREETING = "you are welcome"
RELOADS = {"doveadm": ["/usr/bin/doveadm", "-c", "{path}", "reload"], "a signal": ["/bin/sh", "-c", "kill -HUP $MAINPID"]}


class LoginFailed(Exception):
    """The connection ended instead of an answer to LOGIN, or it says that the server is in trouble (RFC 5530)."""


class Session:
    """One client of IMAP (RFC 9051)."""

    def __init__(self, ns, address, port):
        self.sock = ns.connect(address, port, timeout=20)
        self.stream = self.sock.makefile("rb")
        self.greeting = self.stream.readline().decode()
        assert self.greeting.startswith("* OK "), self.greeting

    def say(self, command):
        """Until it is answered OK."""
        self.sock.sendall(f"a {command}\r\n".encode())
        while (line := self.stream.readline()).startswith(b"* "):
            pass
        if command.startswith("LOGIN") and (not line or line.startswith(b"a NO [UNAVAILABLE]")):
            raise LoginFailed
        assert line.startswith(b"a OK "), f"{command}: {line!r}"

    def log_in(self, user):
        self.say(f"LOGIN {user} secret")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.sock.close()


def log_in(ns, number):
    """A login, a command and a logout; the greeting."""
    with Session(ns, f"192.0.2.{number % 256}", (143, 1143)[number % 2]) as session:
        session.log_in(f"user{number % 7}")
        session.say("SELECT INBOX")
        session.say("LOGOUT")
        return session.greeting


def greeting_of(ns):
    with Session(ns, "192.0.2.200", 143) as session:
        session.say("NOOP")
        return session.greeting


@pytest.fixture
def imap(config, scratch):
    """imap(reload=..., greeting=...) writes its configuration, and the service "imap"."""
    def write(reload=RELOADS["a signal"], greeting=GREETING):
        text = DOVECOT.format(base=scratch) + f"""disable_plaintext_auth = no
mail_location = maildir:{scratch}/mail/%u
login_greeting = {greeting}
"""
        path = config.write("dovecot.conf", text)
        listen = {"name": "imap", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [143, 1143], "home": "192.0.2.9:1143"}
        config.service("imap", listen, ["/usr/sbin/dovecot", "-F", "-c", path], type="notify", kill_mode="mixed",
                       exec_reload=[word.format(path=path) for word in reload])
    return write


@pytest.mark.parametrize("reload", RELOADS.values(), ids=RELOADS.keys())
def test_it_reads_its_configuration_anew_while_clients_log_in(daemon, imap, client, reload):
    """Everybody is greeted, and who is logged in stays. What a reload of dovecot's costs without any supervisor, too, are logins that
    are just handed from its login process to the next ("Internal login failure"): one for each client at most."""
    imap(reload)
    daemon.start()
    assert GREETING in log_in(client, 0)
    pid = daemon.service("imap")["main_pid"]
    failed = []

    def try_to_log_in(number):
        try:
            log_in(client, number)
        except LoginFailed:
            failed.append(number)
    with Session(client, "192.0.2.77", 143) as early, Load(try_to_log_in, THREADS) as load:
        early.log_in("early")
        load.wait_for_more(20)
        imap(reload, "good day")
        daemon.ctl("reload", "imap")
        eventually(lambda: "good day" in greeting_of(client), what="it greets anew")
        early.say("NOOP") # who was there before still is; dovecot ends them some seconds later
        load.wait_for_more(40)
    assert load.wrong == [] and len(failed) <= THREADS
    view = daemon.service("imap")
    assert (view["state"], view["starts"], view["main_pid"]) == ("running", 1, pid)
    daemon.stop(timeout=30)


def test_it_stops_and_starts_again(daemon, imap, client):
    imap()
    daemon.start()
    log_in(client, 0)
    daemon.ctl("restart", "imap")
    log_in(client, 1)
    pid = daemon.service("imap")["main_pid"]
    daemon.ctl("stop", "imap")
    assert daemon.service("imap")["state"] == "stopped" and not alive(pid)
    daemon.ctl("start", "imap")
    log_in(client, 2)
    assert daemon.service("imap")["starts"] == 3
    daemon.stop(timeout=30)


def test_it_cannot_overlap_and_so_the_master_that_is_there_goes_on(daemon, imap, client):
    """A second master finds the file of the first, and says so."""
    imap()
    daemon.start()
    log_in(client, 0)
    pid = daemon.service("imap")["main_pid"]
    with Session(client, "192.0.2.77", 143) as early, Load(lambda number: log_in(client, number), THREADS) as load:
        early.log_in("early")
        for _ in range(3):
            load.wait_for_more(20)
            since = len(daemon.lines)
            said = daemon.ctl("restart", "--overlap", "imap", status=1).stderr
            assert "exited with status 89" in said, said
            daemon.wait_for(lambda line: "already running" in line, "why the second master ended", since=since)
            view = daemon.service("imap")
            assert view["state"] == "running" and view["main_pid"] == pid
        load.wait_for_more(20)
        early.say("NOOP")
    assert load.wrong == []
    daemon.stop(timeout=30)
