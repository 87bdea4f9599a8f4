"""Unmodified inetd programs of Debian, each with the least that it needs and its usual client. tests/install-test-deps brings them."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

from netns import run

UNPACKED = pathlib.Path("/var/cache/swathe-tests/unpacked")
HELLO = "hello from a swathe\n"


def url_host(address):
    return f"[{address}]" if ":" in address else address


def curl(client, url, *options):
    return client.run("curl", "--silent", "--show-error", "--globoff", "--max-time", "20", *options, url)


def words(client, address, port, text, *options):
    """What a program answers that has no client with a port of its choice."""
    return client.run("socat", "-T10", *options, "-", f"TCP:{url_host(address)}:{port}", input=text)


class Program:
    """One service. `ports` are those that it is given, `families` the ones that it can do."""

    ports, families = ["5000-5999"], (4, 6)
    protocol, wait, user = "tcp", False, None
    standard_error = None # inetd's: the client

    def __init__(self, place):
        self.place = place # anybody may read it
        self.files = place / "files"
        self.files.mkdir()
        (self.files / "hello.txt").write_text(HELLO)

    def file(self, name, text):
        path = self.place / name
        path.write_text(text)
        return path

    def command(self):
        """What inetd.conf would name."""
        raise NotImplementedError

    def ask(self, client, address, port):
        """Fails if the answer is not the program's."""
        raise NotImplementedError

    def close(self):
        pass


class Sshd(Program):
    def __init__(self, place):
        super().__init__(place)
        self.made_directory = not os.path.isdir("/run/sshd") # of its separated privileges
        os.makedirs("/run/sshd", 0o755, exist_ok=True)
        for name in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name)
        shutil.copy(place / "user.pub", place / "authorized")
        self.file("known", "swathe " + (place / "host.pub").read_text())

    def command(self):
        lines = [f"HostKey {self.place}/host", f"AuthorizedKeysFile {self.place}/authorized", "StrictModes no", "UsePAM no",
                 "PermitRootLogin yes", "PasswordAuthentication no", "PidFile none"]
        return ["/usr/sbin/sshd", "-i", "-f", self.file("sshd_config", "\n".join(lines) + "\n")]

    def ask(self, client, address, port):
        options = {"UserKnownHostsFile": self.place / "known", "HostKeyAlias": "swathe", "StrictHostKeyChecking": "yes",
                   "BatchMode": "yes", "IdentitiesOnly": "yes"}
        said = client.run("ssh", "-F", "none", "-i", self.place / "user", "-p", port,
                          *(f"-o{key}={value}" for key, value in options.items()), f"root@{address}", "echo $SSH_CONNECTION")
        assert said.split()[2:] == [address, str(port)] # it knows which of its addresses and ports was dialled

    def close(self):
        if self.made_directory:
            os.rmdir("/run/sshd")


class KeyScanned(Program):
    """SSH servers that take nobody but the accounts of the machine: the exchange of keys has to do."""

    key = None

    def ask(self, client, address, port):
        assert self.key in client.run("ssh-keyscan", "-T", "20", "-t", "ed25519", "-p", port, address)


class Dropbear(KeyScanned):
    def __init__(self, place):
        super().__init__(place)
        said = run("dropbearkey", "-t", "ed25519", "-f", place / "host")
        self.key = re.search(r"^ssh-ed25519 (\S+)", said, re.M)[1]

    def command(self):
        return ["/usr/sbin/dropbear", "-i", "-r", self.place / "host"]


class Tinysshd(KeyScanned):
    def __init__(self, place):
        super().__init__(place)
        run("tinysshd-makekey", "-q", place / "keys")
        self.key = re.search(r"ssh-ed25519 (\S+)", run("tinysshd-printkey", place / "keys"))[1]

    def command(self):
        return ["/usr/sbin/tinysshd", "--", self.place / "keys"]


class Rsync(Program):
    user = "nobody"

    def command(self):
        text = f"use chroot = no\n[files]\npath = {self.files}\n"
        return ["/usr/bin/rsync", "--daemon", f"--config={self.file('rsyncd.conf', text)}"]

    def ask(self, client, address, port):
        target = self.place / f"copy-{port}"
        client.run("rsync", "--timeout=20", f"rsync://{url_host(address)}:{port}/files/hello.txt", target)
        assert target.read_text() == HELLO


class GitDaemon(Program):
    user = "nobody"

    def __init__(self, place):
        super().__init__(place)
        run("git", "init", "-q", place / "repository")
        git = ["git", "-C", place / "repository", "-c", "user.name=A", "-c", "user.email=a@example.org"]
        run(*git, "commit", "-q", "--allow-empty", "-m", "first")
        self.commit = run(*git, "rev-parse", "HEAD").strip()

    def command(self):
        return ["/usr/bin/git", "-c", "safe.directory=*", "daemon", "--inetd", "--export-all", f"--base-path={self.place}"]

    def ask(self, client, address, port):
        assert client.run("git", "ls-remote", f"git://{url_host(address)}:{port}/repository", "HEAD") == f"{self.commit}\tHEAD\n"


class Svnserve(Program):
    user = "nobody"

    def __init__(self, place):
        super().__init__(place)
        run("svnadmin", "create", place / "repository")
        self.options = ["--config-dir", place / "svn", "--non-interactive"]
        run("svn", "import", *self.options, "-q", "-m", "first", self.files, f"file://{place}/repository")

    def command(self):
        return ["/usr/bin/svnserve", "-i", "-r", self.place]

    def ask(self, client, address, port):
        assert client.run("svn", "cat", *self.options, f"svn://{url_host(address)}:{port}/repository/hello.txt") == HELLO


class Vsftpd(Program):
    families = (4,) # it binds its data port to the address that was dialled, without IPV6_FREEBIND

    def command(self):
        (self.place / "empty").mkdir()
        lines = ["listen=NO", "anonymous_enable=YES", f"anon_root={self.files}", f"secure_chroot_dir={self.place}/empty",
                 "pasv_min_port=30000", "pasv_max_port=30999", "xferlog_enable=NO"]
        return ["/usr/sbin/vsftpd", self.file("vsftpd.conf", "\n".join(lines) + "\n")]

    def ask(self, client, address, port):
        assert curl(client, f"ftp://{address}:{port}/hello.txt") == HELLO


class MicroHttpd(Program):
    user = "nobody"

    def command(self):
        return ["/usr/sbin/micro-httpd", self.files]

    def ask(self, client, address, port):
        assert curl(client, f"http://{url_host(address)}:{port}/hello.txt") == HELLO


class Tangd(Program):
    user, standard_error = "nobody", "journal" # as its own unit has it: it writes there what it is asked

    def __init__(self, place):
        super().__init__(place)
        (place / "keys").mkdir()
        run("/usr/libexec/tangd-keygen", place / "keys")
        for key in (place / "keys").iterdir():
            key.chmod(0o644)

    def command(self):
        return ["/usr/libexec/tangd", self.place / "keys"]

    def ask(self, client, address, port):
        assert set(json.loads(curl(client, f"http://{url_host(address)}:{port}/adv"))) >= {"payload", "signature"}


class Distccd(Program):
    user = "nobody"

    def __init__(self, place):
        super().__init__(place)
        self.source = self.file("one.c", "int one(void) { return 1; }\n")
        (place / "distcc").mkdir()

    def command(self):
        return ["/usr/bin/distccd", "--inetd", "--allow", "0.0.0.0/0", "--allow", "::/0", "--log-file", "/dev/null"]

    def ask(self, client, address, port):
        made = self.place / f"one-{port}.o"
        environment = {"DISTCC_HOSTS": f"{url_host(address)}:{port}", "DISTCC_FALLBACK": "0", "DISTCC_DIR": str(self.place / "distcc"),
                       "PATH": "/usr/bin:/bin"}
        client.run("distcc", "gcc", "-c", self.source, "-o", made, env=environment)
        assert " T one" in run("nm", made)


class Fingerd(Program):
    ports, user = [79, "5000-5999"], "nobody"

    def command(self):
        return ["/usr/sbin/in.fingerd"]

    def ask(self, client, address, port):
        said = client.run("finger", f"root@{address}") if port == 79 and ":" not in address else words(client, address, port, "root\r\n")
        assert re.search(r"Login: root\b", said)


class Telnetd(Program):
    def command(self): # a session that ends by itself may end before telnetd has read its terminal to the end
        session = self.file("session", "#!/bin/sh\ncat /etc/debian_version\nread line\n")
        session.chmod(0o755)
        return [UNPACKED / "inetutils-telnetd/usr/sbin/telnetd", "-E", session]

    def ask(self, client, address, port):
        version = pathlib.Path("/etc/debian_version").read_text().strip()
        command = client.command("timeout", "20", "telnet", address, port)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as talk: # it ends with its input, too
            said = []
            for line in talk.stdout:
                said.append(line)
                if version in line:
                    talk.stdin.write("\n")
                    talk.stdin.flush()
        assert version in "".join(said), said


class Bitlbee(Program):
    user = "nobody"

    def command(self):
        return ["/usr/sbin/bitlbee", "-I", "-c", self.file("bitlbee.conf", "[settings]\nRunMode = Inetd\n"), "-d", self.place]

    def ask(self, client, address, port):
        said = words(client, address, port, "NICK swathe\r\nUSER swathe 0 * :swathe\r\nQUIT\r\n")
        assert re.search(r"^:\S+ 001 swathe :Welcome to the BitlBee gateway", said, re.M), said


class Gophernicus(Program):
    user = "nobody"

    def command(self):
        return ["/usr/sbin/gophernicus", "-r", self.files, "-nh", "-nv"]

    def ask(self, client, address, port):
        assert curl(client, f"gopher://{url_host(address)}:{port}/0/hello.txt") == HELLO


class Tftpd(Program):
    protocol, wait = "udp", True

    def command(self):
        return ["/usr/sbin/in.tftpd", "--user", "nobody", "--secure", self.files]

    def ask(self, client, address, port):
        assert curl(client, f"tftp://{url_host(address)}:{port}/hello.txt") == HELLO


class PhpCgi(Program):
    wait, user = True, "nobody"

    def __init__(self, place):
        super().__init__(place)
        self.script = self.file("where.php", '<?php echo "php answers ", $_SERVER["QUERY_STRING"];')

    def command(self):
        return ["/usr/bin/php-cgi8.2"]

    def ask(self, client, address, port):
        if ":" in address: # cgi-fcgi knows no brackets
            return
        said = client.run("env", "REQUEST_METHOD=GET", f"SCRIPT_FILENAME={self.script}", f"QUERY_STRING={address}",
                          "cgi-fcgi", "-bind", "-connect", f"{address}:{port}")
        assert said.endswith(f"php answers {address}")


PROGRAMS = [Sshd, Dropbear, Tinysshd, Rsync, GitDaemon, Svnserve, Vsftpd, MicroHttpd, Tangd, Distccd, Fingerd, Telnetd, Bitlbee,
            Gophernicus]
WAITING = [Tftpd, PhpCgi]


@contextlib.contextmanager
def prepared(kind, place):
    program = kind(place)
    try:
        yield program
    finally:
        program.close()
