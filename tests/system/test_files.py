"""swathectl and the files of a configuration: cat, show, diff, edit, revert, convert, keys, schema."""

import json
import os
import pathlib
import pty
import stat
import subprocess

import pytest

from daemon import BIN, Config

CTL = BIN / "swathectl"
WEB = ('[[listen]]\nname = "http"\nprotocol = "tcp"\naddresses = ["192.0.2.0/24"]\nports = [80, "8000-8099"]\n\n'
       '[service]\nexec_start = ["/bin/true"]\nrestart = "always"\n')


class Site:
    """A mount namespace whose /etc/swathe and /usr/local/lib/swathe are empty and its own: what packages ship, and what a site makes of it."""

    SETUP = ("mount -t tmpfs site /mnt; mkdir /mnt/upper /mnt/work /mnt/lib;"
             "mount -t overlay site -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc; rm -rf /etc/swathe; mkdir /etc/swathe;"
             "mount --bind /mnt/lib /usr/local/lib; mkdir /usr/local/lib/swathe; echo ready; exec sleep infinity")

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-ec", self.SETUP], stdout=subprocess.PIPE,
                                       text=True)
        assert self.holder.stdout.readline() == "ready\n"
        root = pathlib.Path(f"/proc/{self.holder.pid}/root")
        self.etc, self.lib = root / "etc/swathe", root / "usr/local/lib/swathe"

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()

    def ctl(self, *args, status=0, editor=None, **options):
        env = {**os.environ, "SWATHE_EDITOR": editor or "false"}
        done = subprocess.run(["nsenter", "-m", "-t", str(self.holder.pid), CTL, *map(str, args)], capture_output=True, text=True,
                              timeout=60,
                              env=env, stdin=subprocess.DEVNULL, **options)
        assert done.returncode == status, (args, done.stdout, done.stderr)
        return done

    @staticmethod
    def write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def site():
    made = Site()
    yield made
    made.close()


@pytest.fixture
def editor(base):
    """editor(TEXT) is an editor that puts TEXT in front of what it is given, and keeps what it was given beside itself."""
    def make(text, status=0):
        script = base / "editor"
        script.write_text(f'#!/bin/sh\ncp "$1" {base}/given\n{{ cat {base}/text; cat {base}/given; }} >"$1"\nexit {status}\n')
        (base / "text").write_text(text)
        script.chmod(0o755)
        return str(script)
    return make


class TestShow:
    def test_files_stand_in_the_order_in_which_they_are_applied(self, site):
        site.write(site.lib / "services.d/web.toml", WEB)
        site.write(site.etc / "services.d/web.toml.d/20-b.toml", 'description = "b"\n')
        site.write(site.lib / "services.d/web.toml.d/10-a.toml", 'description = "a"\n')
        text = site.ctl("cat", "web").stdout
        assert text == (f"# /usr/local/lib/swathe/services.d/web.toml\n{WEB}\n"
                        '# /usr/local/lib/swathe/services.d/web.toml.d/10-a.toml\ndescription = "a"\n\n'
                        '# /etc/swathe/services.d/web.toml.d/20-b.toml\ndescription = "b"\n')
        files = json.loads(site.ctl("cat", "web", "--json").stdout)
        assert [file["use"] for file in files] == ["read"] * 3 and files[0]["text"] == WEB

    def test_the_value_that_counts_and_where_it_comes_from(self, site):
        site.write(site.lib / "services.d/web.toml", WEB)
        site.write(site.etc / "services.d/web.toml.d/override.toml", '[service]\nrestart = "on-failure"\n')
        assert site.ctl("show", "web", "Restart", "kill_mode").stdout == (
            "# service\n"
            'restart = "on-failure"     /etc/swathe/services.d/web.toml.d/override.toml:2\n'
            "kill_mode = control-group  default\n")
        shown = json.loads(site.ctl("show", "web", "--json").stdout)
        values = {value["key"]: value for value in shown["values"] if value["block"] == "service"}
        assert values["restart"]["parts"][0]["places"][0] == {"file": "/etc/swathe/services.d/web.toml.d/override.toml", "line": 2,
                                                              "column": 1}
        assert values["kill_mode"]["default"] and not values["kill_mode"]["parts"]
        assert len(shown["files"]) == 2

    def test_who_does_not_exist_is_told_who_does(self, site):
        site.write(site.lib / "services.d/web.toml", WEB)
        for verb in ("cat", "show", "diff", "edit", "revert"):
            assert 'there is no service "wep"; did you mean web?' in site.ctl(verb, "wep", status=4).stderr
        assert "did you mean restart_sec?" in site.ctl("show", "web", "restart_sek", status=2).stderr
        assert "did you mean restart_sec?" in site.ctl("keys", "restart_sek", status=1).stderr

    def test_a_file_with_errors_is_shown_with_them(self, site):
        site.write(site.lib / "services.d/web.toml", WEB + 'user = "a b"\n')
        done = site.ctl("show", "web", "user", "restart", status=1)
        assert 'restart = "always"' in done.stdout
        assert "services.d/web.toml:10:8: user:" in done.stderr


    def test_of_a_unit_that_systemd_supervises_what_is_said_to_us_is_shown(self, site):
        units = site.etc.parent / "systemd/system"
        path = "/etc/systemd/system/web.socket.d/swathe.conf"
        text = "[X-Swathe]\nListen=tcp 192.0.2.0/24:80\nListen=#2 192.0.2.0/24:53\n"
        site.write(units / "web.socket", "[Socket]\nListenStream=127.0.0.1:80\nListenDatagram=127.0.0.1:53\n")
        site.write(units / "web.socket.d/10-theirs.conf", "[Socket]\nBacklog=5\n")
        site.write(units / "web.socket.d/swathe.conf", text)
        assert site.ctl("cat", "web.socket").stdout == f"# {path}\n{text}"
        assert site.ctl("show", "web.socket", "Listen", "when_down").stdout == (
            "# web.socket [X-Swathe]\n"
            "WhenDown = drop               default\n"
            f"Listen = tcp 192.0.2.0/24:80  {path}:2\n"
            f"Listen = #2 192.0.2.0/24:53   {path}:3\n")
        assert site.ctl("diff", "web.socket").stdout == f"extended    web.socket -> {path}\n"
        for verb in ("edit", "revert"):
            assert "web.socket is systemd's: systemctl edit web.socket" in site.ctl(verb, "web.socket", status=4).stderr


class TestDiff:
    def test_what_hides_masks_and_extends_what(self, site):
        for name in ("web", "dns", "mail", "same"):
            site.write(site.lib / f"services.d/{name}.toml", WEB)
        site.write(site.etc / "services.d/web.toml", WEB.replace('"always"', '"no"'))
        site.write(site.etc / "services.d/same.toml", WEB)
        (site.etc / "services.d/dns.toml").symlink_to("/dev/null")
        site.write(site.etc / "services.d/mail.toml.d/10.toml", 'description = "m"\n')
        etc, lib = "/etc/swathe/services.d", "/usr/local/lib/swathe/services.d"
        deltas = {delta["lower"]: delta for delta in json.loads(site.ctl("diff", "--json").stdout)}
        assert {lower: (delta["kind"], delta["upper"]) for lower, delta in deltas.items()} == {
            f"{lib}/web.toml": ("overridden", f"{etc}/web.toml"), f"{lib}/same.toml": ("equivalent", f"{etc}/same.toml"),
            f"{lib}/dns.toml": ("masked", f"{etc}/dns.toml"), f"{lib}/mail.toml": ("extended", f"{etc}/mail.toml.d/10.toml")}
        assert '-restart = "always"\n+restart = "no"\n' in deltas[f"{lib}/web.toml"]["diff"]
        text = site.ctl("diff", "web").stdout
        assert text.startswith(f"overridden  {lib}/web.toml -> {etc}/web.toml\n--- ") and "mail" not in text


class TestEdit:
    def test_a_drop_in_is_checked_and_put_in_place(self, site, editor, base):
        site.write(site.lib / "services.d/web.toml", WEB)
        done = site.ctl("edit", "web", "--no-reload", editor=editor('[service]\nrestart = "no"\n'))
        path = site.etc / "services.d/web.toml.d/override.toml"
        assert done.stdout == "/etc/swathe/services.d/web.toml.d/override.toml\n"
        assert path.read_text() == '[service]\nrestart = "no"\n'
        assert stat.S_IMODE(path.stat().st_mode) == 0o644 and [p.name for p in path.parent.iterdir()] == ["override.toml"]
        given = (base / "given").read_text()
        assert "# /usr/local/lib/swathe/services.d/web.toml\n# [[listen]]\n" in given and 'restart = "no"' not in given
        assert '"no"' in site.ctl("show", "web", "restart").stdout

    def test_what_is_wrong_is_told_with_its_place_and_changes_nothing(self, site, editor):
        site.write(site.lib / "services.d/web.toml", WEB)
        done = site.ctl("edit", "web", "--no-reload", status=1, editor=editor('[service]\nrestrat = "no"\n'))
        assert '/etc/swathe/services.d/web.toml.d/override.toml:2:1: "restrat": unknown key; did you mean "restart"?' in done.stderr
        assert not list(site.etc.iterdir())

    def test_what_was_wrong_before_does_not_stop_it(self, site, editor):
        site.write(site.lib / "services.d/web.toml", WEB)
        site.write(site.lib / "services.d/broken.toml", "nonsense\n")
        site.ctl("edit", "web", "--no-reload", editor=editor('description = "x"\n'))
        assert (site.etc / "services.d/web.toml.d/override.toml").exists()

    @pytest.mark.parametrize("text, status, exit", [("", 0, 0), (" \n\n", 0, 0), ('description = "x"\n', 3, 1)],
                             ids=["empty", "blank", "editor failed"])
    def test_nothing_is_written(self, site, editor, text, status, exit):
        site.write(site.lib / "services.d/web.toml", WEB)
        site.ctl("edit", "web", "--no-reload", status=exit, editor=editor(text, status))
        assert not list(site.etc.iterdir())

    def test_a_terminal_is_asked_to_try_again(self, site, base):
        site.write(site.lib / "services.d/web.toml", WEB)
        script = base / "editor" # wrong the first time, right the second
        script.write_text(f'#!/bin/sh\nif [ -e {base}/second ]; then echo \'description = "x"\'; else echo wrong; touch {base}/second; fi >"$1"\n')
        script.chmod(0o755)
        ours, theirs = pty.openpty()
        child = subprocess.Popen(["nsenter", "-m", "-t", str(site.holder.pid), CTL, "edit", "web", "--no-reload"], stdin=theirs,
                                 stdout=theirs,
                                 stderr=theirs, env={**os.environ, "EDITOR": str(script), "SWATHE_EDITOR": ""})
        os.close(theirs)
        os.write(ours, b"y\n")
        assert child.wait(timeout=60) == 0
        os.close(ours)
        assert (site.etc / "services.d/web.toml.d/override.toml").read_text() == 'description = "x"\n'

    def test_the_file_itself_and_units(self, site, editor):
        site.write(site.lib / "units/dns.socket", "[Socket]\nListenDatagram=192.0.2.53:53\n")
        site.write(site.lib / "units/dns.service", "[Service]\nExecStart=/bin/true\n")
        site.ctl("edit", "dns", "--no-reload", editor=editor("[Service]\nUser=root\n"))
        site.ctl("edit", "dns.socket", "--drop-in", "range", "--no-reload", editor=editor("[X-Swathe]\nSteal=yes\n"))
        site.ctl("edit", "dns.service", "--full", "--no-reload", editor=editor("# ours\n"))
        assert (site.etc / "units/dns.service.d/override.conf").read_text() == "[Service]\nUser=root\n"
        assert (site.etc / "units/dns.socket.d/range.conf").exists()
        assert (site.etc / "units/dns.service").read_text() == "# ours\n[Service]\nExecStart=/bin/true\n"
        shown = site.ctl("show", "dns", "steal").stdout
        assert shown == "# listener dns.socket\nsteal = true  /etc/swathe/units/dns.socket.d/range.conf:2\n"

    def test_a_file_keeps_its_mode_and_a_copy_has_that_of_its_original(self, site, editor):
        site.write(site.lib / "services.d/web.toml", WEB)
        (site.lib / "services.d/web.toml").chmod(0o640)
        site.ctl("edit", "web", "--full", "--no-reload", editor=editor("# ours\n"))
        path = site.etc / "services.d/web.toml"
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o600)
        site.ctl("edit", "web", "--full", "--no-reload", editor=editor("# more\n"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize("name", ["../../x", "/etc/passwd", ".hidden", "a/b", ""])
    def test_no_name_leads_out_of_the_directory(self, site, editor, name):
        site.write(site.lib / "services.d/web.toml", WEB)
        site.ctl("edit", "web", "--drop-in", name, "--no-reload", status=1, editor=editor('description = "x"\n'))
        assert not list(site.etc.iterdir())

    def test_a_list_beside_the_file_is_found_while_it_is_checked(self, site, editor):
        site.write(site.lib / "services.d/web.toml", WEB)
        site.write(site.etc / "services.d/web.toml.d/friends", "203.0.113.0/24\n")
        site.ctl("edit", "web", "--no-reload", editor=editor('[[listen]]\nname = "http"\nfrom_file = "friends"\n'))
        assert "friends" in site.ctl("show", "web", "from_file").stdout

    def test_the_daemon_reads_the_change(self, daemon, config, editor):
        config.service("web", {"name": "http", "protocol": "tcp", "addresses": ["192.0.2.0/24"], "ports": [80]}, ["/bin/sleep", "60"])
        daemon.start()
        path = config.write("services.d/web.toml.d/override.toml", 'description = "before"\n')
        subprocess.run([CTL, "edit", "web", "--config", config.directory], check=True, env={**os.environ, "EDITOR": editor('# new\n')})
        assert path.read_text().startswith("# new\n")
        daemon.reload()
        assert "before" in daemon.ctl("status", "web").stdout
        daemon.stop()


class TestRevert:
    def test_what_the_site_changed_goes_and_what_the_package_has_stays(self, site):
        site.write(site.lib / "services.d/web.toml", WEB)
        site.write(site.etc / "services.d/web.toml", WEB.replace('"always"', '"no"'))
        for name in ("override", "10-site"):
            site.write(site.etc / f"services.d/web.toml.d/{name}.toml", 'description = "x"\n')
        site.write(site.lib / "services.d/web.toml.d/5.toml", 'description = "y"\n')
        site.ctl("revert", "web", "--drop-in", "10-site", "--no-reload")
        assert (site.etc / "services.d/web.toml.d/override.toml").exists() and (site.etc / "services.d/web.toml").exists()
        done = site.ctl("revert", "web", "--no-reload")
        assert set(done.stdout.splitlines()) == {f"removing /etc/swathe/services.d/web.toml{name}" for name in ("", ".d/override.toml")}
        assert not list((site.etc / "services.d").iterdir())
        assert (site.lib / "services.d/web.toml.d/5.toml").exists()
        assert "nothing overrides it" in site.ctl("revert", "web", "--no-reload").stderr

    def test_the_only_file_of_a_service_stays(self, site):
        site.write(site.etc / "services.d/web.toml", WEB)
        site.ctl("revert", "web", "--no-reload")
        assert (site.etc / "services.d/web.toml").exists()

    def test_a_template_and_what_enables_an_instance_stay(self, site):
        for where in (site.lib, site.etc):
            site.write(where / "units/web@.service", "[Service]\nExecStart=/bin/true\n")
        site.write(site.lib / "units/web@.socket", "[Socket]\nListenStream=192.0.2.1:%i\n")
        (site.etc / "units/web@80.socket").symlink_to("/usr/local/lib/swathe/units/web@.socket")
        assert "nothing overrides it" in site.ctl("revert", "web@80", "--no-reload").stderr
        assert {path.name for path in (site.etc / "units").iterdir()} == {"web@.service", "web@80.socket"}


class TestConvert:
    def test_there_and_back(self, base):
        Config(base / "a").write("services.d/web.toml", WEB)
        units, toml = base / "b/units", base / "c/services.d"
        units.mkdir(parents=True)
        toml.mkdir(parents=True)
        done = subprocess.run([CTL, "convert", "--output", units, base / "a/services.d/web.toml"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.splitlines() == [f"{units}/web.socket", f"{units}/web.service"], done.stderr
        subprocess.run([CTL, "convert", "--output", toml, units / "web.socket", units / "web.service"], check=True, capture_output=True)
        shown = [[(value["key"], value["value"], value["listener"]) for value in json.loads(subprocess.run(
            [CTL, "show", "web", "--config", base / side, "--json"], check=True,
            capture_output=True).stdout)["values"] if not value["default"]]
            for side in ("a", "c")]
        assert set(shown[0]) <= set(shown[1])
        again = subprocess.run([CTL, "convert", "--output", units, base / "a/services.d/web.toml"], capture_output=True, text=True)
        assert again.returncode == 1 and "File exists" in again.stderr

    def test_drop_ins_are_folded_in_and_the_rest_is_told(self, base):
        units = base / "units"
        (units / "web.service.d").mkdir(parents=True)
        (units / "web.socket").write_text("[Socket]\nListenStream=192.0.2.1:80\n")
        (units / "web.service").write_text("[Unit]\nDocumentation=man:web(8)\n[Service]\nExecStart=/bin/true\n")
        (units / "web.service.d/10.conf").write_text("[Service]\nRestart=always\n")
        done = subprocess.run([CTL, "convert", "--drop-ins", units / "web.socket", units / "web.service"], capture_output=True, text=True)
        assert done.returncode == 0 and 'restart = "always"\n' in done.stdout and 'start_limit_hit = "fail"\n' in done.stdout
        assert f"{units}/web.service:2:1: warning: Documentation: " in done.stderr
        alone = subprocess.run([CTL, "convert", units / "web.service"], capture_output=True, text=True)
        assert alone.returncode == 1 and "needs the .socket file" in alone.stderr and not alone.stdout


    def test_a_template_of_one_instance_per_connection(self, base):
        units, toml = base / "units", base / "toml/services.d"
        units.mkdir(parents=True)
        toml.mkdir(parents=True)
        (units / "chat.socket").write_text("[Socket]\nListenStream=192.0.2.1:80\nAccept=yes\nMaxConnections=7\n")
        (units / "chat@.service").write_text("[Service]\nExecStart=-/bin/echo %i\nStandardInput=socket\n")
        done = subprocess.run([CTL, "convert", "--output", toml, units / "chat.socket", units / "chat@.service"], capture_output=True,
                              text=True)
        assert done.returncode == 0 and done.stdout.splitlines() == [f"{toml}/chat.toml"], done.stderr
        text = (toml / "chat.toml").read_text()
        assert "accept = true\n" in text and 'exec_start = "-/bin/echo %i"\n' in text and "max_connections = 7\n" in text
        alone = subprocess.run([CTL, "convert", units / "chat.socket"], capture_output=True, text=True)
        assert alone.returncode == 1 and "needs chat@.service" in alone.stderr


class TestImport:
    def test_files_of_xinetd_with_what_they_include(self, base):
        base.mkdir(parents=True, exist_ok=True)
        (base / "xinetd.d").mkdir()
        (base / "services.d").mkdir()
        (base / "xinetd.conf").write_text(f"defaults\n{{\n\tinstances = 7\n}}\nincludedir {base}/xinetd.d\n")
        service = "service echo\n{\n\tsocket_type = stream\n\twait = no\n\ttype = INTERNAL\n\tfrobs = 3\n}\n"
        (base / "xinetd.d/echo").write_text(service)
        (base / "xinetd.d/echo.old").write_text(service)
        (base / "xinetd.d/echo").chmod(0o600)
        done = subprocess.run([CTL, "import", "xinetd", base / "xinetd.conf", "--output", base / "services.d"], capture_output=True,
                              text=True)
        assert done.returncode == 0 and done.stdout.splitlines() == [f"{base}/services.d/echo.toml"]
        assert done.stderr == f"{base}/xinetd.d/echo:6: warning: frobs: has no counterpart\n"
        made = base / "services.d/echo.toml"
        assert "max_connections = 7\n" in made.read_text() and "ports = [7]\n" in made.read_text() and made.stat().st_mode & 0o777 == 0o600
        shown = subprocess.run([CTL, "show", "echo", "accept", "--config", base, "--json"], check=True, capture_output=True).stdout
        assert [value["value"] for value in json.loads(shown)["values"]] == ["true"]

    def test_what_is_wrong_makes_no_file(self, base):
        base.mkdir(parents=True, exist_ok=True)
        (base / "xinetd.conf").write_text("service echo\n{\n")
        for words in (["xinetd", base / "xinetd.conf"], ["inetd", base / "gone"], ["tubular", base / "gone"]):
            done = subprocess.run([CTL, "import", *words], capture_output=True, text=True)
            assert done.returncode == 1 and not done.stdout and str(words[1]) in done.stderr

    def test_lines_of_inetd_go_to_standard_output(self, base):
        base.mkdir(parents=True, exist_ok=True)
        (base / "inetd.conf").write_text("ftp stream tcp nowait root /usr/sbin/ftpd ftpd -l\ntime dgram udp wait root internal\n")
        done = subprocess.run([CTL, "import", "inetd", base / "inetd.conf"], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr
        assert done.stdout.startswith("# ftp.toml\n[[listen]]\n") and "\n# time.toml\n" in done.stdout


def test_the_schema_of_each_file_is_json():
    for word in ("service", "drop-in", "daemon"):
        schema = json.loads(subprocess.run([CTL, "schema", word], check=True, capture_output=True).stdout)
        assert schema["$schema"].startswith("http://json-schema.org/draft-07/") and not schema["additionalProperties"]


def test_keys_tells_all_about_one_and_lists_them_all():
    keys = json.loads(subprocess.run([CTL, "keys", "--json"], check=True, capture_output=True).stdout)
    assert {"key": "restart", "unit_key": "Restart"}.items() <= next(key for key in keys if key["key"] == "restart").items()
    table = subprocess.run([CTL, "keys"], check=True, capture_output=True, text=True).stdout
    assert len(table.splitlines()) == len(keys) + 1
