"""The output of services: in the daemon's standard error, in files, and in what swathectl logs shows."""

import json
import os
import pathlib
import re
import subprocess
import time

from answers import HTTP
from daemon import DEADLINE, eventually


def shell(config, name, script, port=8080, **keys):
    """An eager service that runs a shell script."""
    return config.service(name, {**HTTP, "ports": [port]}, ["/bin/sh", "-c", script], activation="eager", **keys)


def logged(daemon, *args):
    return [json.loads(line) for line in daemon.ctl("logs", "--json", *args).stdout.splitlines()]


def texts(daemon, *args):
    return [line["text"] for line in logged(daemon, *args)]


class TestLogs:
    def test_output_is_shown_with_its_process_its_level_and_its_service(self, daemon, config):
        shell(config, "edge", r"echo one; echo '<3>two' >&2; printf 'tab\tnul \000 end'; exec sleep 1000")
        daemon.start()
        eventually(lambda: len(logged(daemon)) == 2, what="two lines")
        pid = logged(daemon)[0]["pid"]
        eventually(lambda: pathlib.Path(f"/proc/{pid}/comm").read_text() == "sleep\n", what="the shell has said all")
        daemon.ctl("stop", "edge") # an unfinished line is one at the end
        lines = logged(daemon, "edge")
        assert [line["text"] for line in lines] == ["one", "two", "tab\tnul \0 end"]
        assert [line["priority"] for line in lines] == [6, 3, 6]
        assert {line["service"] for line in lines} == {"edge"} and {line["stream"] for line in lines} == {"both"}
        assert len({line["pid"] for line in lines}) == 1 and abs(lines[0]["time_usec"] / 1e6 - time.time()) < 60
        daemon.wait_for(lambda line: re.fullmatch(rf"edge\[{lines[0]['pid']}\]: two", line), "what the service said")
        shown = daemon.ctl("logs", "-n", "1").stdout
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} edge\[\d+\]: tab\tnul \\x00 end\n", shown), shown

    def test_the_last_lines_of_all_services_and_of_one(self, daemon, config, scratch):
        shell(config, "one", "echo a; echo b; exec sleep 1000", 8081)
        shell(config, "two", f"until test -e {scratch}/go; do sleep 0.01; done; echo c; exec sleep 1000", 8082)
        daemon.start()
        eventually(lambda: texts(daemon) == ["a", "b"], what="the lines of the first one")
        (scratch / "go").touch()
        eventually(lambda: len(logged(daemon)) == 3, what="three lines")
        assert texts(daemon, "-n", "2") == ["b", "c"] and texts(daemon, "one") == ["a", "b"] and texts(daemon, "-n", "0") == []
        daemon.ctl("logs", "one", "three", status=4)
        assert texts(daemon, "one", "two") == ["a", "b", "c"]

    def test_lines_outlive_the_service_and_a_ring_of_nothing_keeps_nothing(self, daemon, config):
        shell(config, "edge", "echo $$; exec sleep 1000")
        shell(config, "mute", "echo secret; exec sleep 1000", 8081, log_ring_bytes=0)
        daemon.start()
        eventually(lambda: len(texts(daemon, "edge")) == 1, what="the first one's line")
        daemon.ctl("restart", "edge")
        daemon.reload()
        eventually(lambda: len(texts(daemon, "edge")) == 2, what="the lines of both instances")
        assert texts(daemon, "mute") == []
        shell(config, "edge", "echo $$; exec sleep 1000", log_ring_bytes=0)
        daemon.reload()
        assert texts(daemon, "edge") == []

    def test_following_shows_what_comes_and_ends_with_the_daemon(self, daemon, config, scratch):
        fifo = scratch / "fifo"
        os.mkfifo(fifo)
        shell(config, "edge", f"echo before; exec cat {fifo} -")
        daemon.start()
        eventually(lambda: texts(daemon) == ["before"], what="the first line")
        follower = subprocess.Popen(daemon.ctl_argv("logs", "-f", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert json.loads(follower.stdout.readline())["text"] == "before"
        with open(fifo, "w") as pipe:
            for text in ("one", "two"):
                print(text, file=pipe, flush=True)
                assert json.loads(follower.stdout.readline())["text"] == text
        daemon.stop()
        out, complaint = follower.communicate(timeout=DEADLINE)
        assert follower.returncode == 1 and "swathed is stopping" in complaint, (out, complaint)

    def test_a_chatty_service_does_not_keep_the_daemon(self, daemon, config):
        shell(config, "chatty", "exec yes 'again and again'", 8081)
        shell(config, "calm", "echo calm; exec sleep 1000", 8082)
        daemon.start()
        eventually(lambda: texts(daemon, "calm") == ["calm"], what="the line of the other one")
        took = []
        for _ in range(20):
            begin = time.monotonic()
            daemon.service("calm")
            took.append(time.monotonic() - begin)
        assert sorted(took)[10] < 2.0 # most of it is the start of swathectl, which a busy machine may let wait now and then
        assert set(texts(daemon, "-n", "100", "chatty")) == {"again and again"}
        daemon.ctl("stop", "chatty")

    def test_who_may_only_ask_may_not_read_logs(self, daemon, config):
        config.write("swathe.toml", 'control_group = "daemon"\n')
        shell(config, "edge", "echo secret; exec sleep 1000")
        daemon.start()
        as_member = ["setpriv", "--reuid=65534", "--regid=65534", "--groups=1"]
        assert subprocess.run([*as_member, *daemon.ctl_argv("list")], capture_output=True, timeout=60).returncode == 0
        done = subprocess.run([*as_member, *daemon.ctl_argv("logs")], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "only root and the user of swathed may do this" in done.stderr and "secret" not in done.stdout
