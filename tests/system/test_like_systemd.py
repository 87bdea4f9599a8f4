"""Whether units mean here what they mean to systemd, which is asked itself: `systemctl show` of a systemd that is PID 1.

swathectl writes each unit as TOML and that as a unit again. What systemd makes of the one, it must make of the other: so there is no
second opinion here on what a value means. What systemd warns of and ignores is an error here, and nothing else is but for
STRICTER."""

import json
import random
import subprocess

from daemon import BIN
from unit_values import RANGES, STRICTER, VALUES

class Unit:
    """One value in a pair of units of its own."""

    def __init__(self, number, section, key, value):
        self.name, self.section, self.key, self.value = f"u{number}", section, key, value
        self.kind = "socket" if section == "Socket" else "service"
        lines = value if value.endswith("\n") else f"{key}={value}\n"
        texts = {"Unit": "", "Socket": "", "Service": ""}
        texts[section] = lines
        if key != "ListenStream":
            texts["Socket"] += f"ListenStream=127.0.0.1:{10000 + number}\n"
        if key != "ExecStart":
            texts["Service"] += "ExecStart=/bin/true\n"
        self.files = {f"{self.name}.socket": f"[Socket]\n{texts['Socket']}",
                      f"{self.name}.service": f"[Unit]\n{texts['Unit']}[Service]\n{texts['Service']}"}

    def __repr__(self):
        return f"[{self.section}] {self.key}={self.value!r}"

    @property
    def said(self):
        return self.section, self.key, self.value

    @property
    def unit(self):
        return f"{self.name}.{self.kind}"


def units():
    pairs = [(section, key, value) for (section, key), values in VALUES.items() for value in values]
    return [Unit(number, *pair) for number, pair in enumerate(pairs)]


def swathectl(*args, status=(0, 1)):
    done = subprocess.run([BIN / "swathectl", *map(str, args)], capture_output=True, text=True, timeout=120)
    assert done.returncode in status, done.stderr
    return done


def refused_here(directory):
    """Names of services that have an error of their own; what is not on this machine, and who listens already, does not count."""
    found = json.loads(swathectl("check", "--config", directory, "--json").stdout)
    assert len(found) < 1000, "more than are shown"
    missing = ("No such file", "rules of equal precision")
    return {one["file"].rsplit("/", 1)[1].rsplit(".", 1)[0] for one in found
            if one["severity"] == "error" and not any(word in one["message"] for word in missing)}


class Asked:
    """systemd, and what it says of units."""

    def __init__(self, box):
        self.box = box

    def put(self, files):
        for name, text in files.items():
            self.box.write(f"/etc/systemd/system/{name}", text)
        self.box.systemctl("daemon-reload")

    def show(self, names, *properties):
        """Name: what stands for each property, in the words of systemctl(1)."""
        said = {}
        for block in self.box.systemctl("show", "--all", "--property", ",".join(["Id", *properties]), *names).split("\n\n"):
            lines = block.strip().split("\n")
            name = next(line.removeprefix("Id=") for line in lines if line.startswith("Id="))
            said[name] = sorted(line for line in lines if not line.startswith("Id="))
        return said

    def refused(self):
        """Names of units of which it has warned."""
        return {line["UNIT"] for line in self.box.journal("_PID=1", "--priority=warning") if "UNIT" in line}


PROPERTIES = sorted({key for section, key in VALUES} | {
    "LoadState", "Listen", "RestartUSec", "TimeoutStartUSec", "TimeoutStopUSec", "TimeoutAbortUSec", "RuntimeMaxUSec",
    "StartLimitIntervalUSec", "TimeoutUSec", "TriggerLimitIntervalUSec", "KeepAliveTimeUSec", "DeferAcceptUSec", "CPUQuotaPerSecUSec",
    "LimitNOFILESoft", "LimitCORESoft", "LimitCPUSoft", "LimitRTTIMESoft", "LimitNICESoft"})


def test_a_unit_that_was_toml_in_between_means_the_same_to_systemd(box, base):
    asked, all_units, config = Asked(box), units(), base / "config"
    for directory in (config / "units", base / "toml", base / "back"):
        directory.mkdir(parents=True)
    for one in all_units:
        for name, text in one.files.items():
            (config / "units" / name).write_text(text, newline="")
    asked.put({name: text for one in all_units for name, text in one.files.items()})
    before = asked.show([one.unit for one in all_units], *PROPERTIES)
    refused = refused_here(config)
    refused_by_systemd = asked.refused() | {name for name, lines in before.items() if "LoadState=loaded" not in lines}
    differ = {repr(one): "refused here alone" if one.name in refused else "refused by systemd alone" for one in all_units
              if (one.name in refused) != (one.unit in refused_by_systemd) and one.said not in STRICTER}
    assert not differ, "\n".join(f"{key}: {value}" for key, value in differ.items())

    good = [one for one in all_units if one.name not in refused]
    files = [config / "units" / name for one in good for name in one.files]
    swathectl("convert", "--output", base / "toml", *files, status=(0,))
    swathectl("convert", "--output", base / "back", *sorted((base / "toml").glob("*.toml")), status=(0,))
    asked.put({path.name: path.read_text() for path in (base / "back").iterdir()})
    after = asked.show([one.unit for one in good], *PROPERTIES)
    assert len(good) > 300
    changed = [f"{one}: {set(before[one.unit]) ^ set(after[one.unit])}" for one in good
               if before[one.unit] != after[one.unit] and one.said not in RANGES]
    assert not changed, "\n".join(changed)


PLACES = ("/etc/{}", "/run/{}", "/usr/local/lib/{}", "/usr/lib/{}") # first one first, for both


def drop_in_directories(prefix, instance):
    """Those that count for PREFIX-b@INSTANCE.service, and some that do not."""
    stem = f"{prefix}-b"
    return [f"{stem}@{instance}.service.d", f"{stem}@.service.d", f"{prefix}-.service.d", f"{prefix}-@.service.d",
            f"{prefix}-@{instance}.service.d", "service.d", f"{stem}@x{instance}.service.d", f"{stem}.service.d", f"{prefix}.service.d"]


def tree(random_source, prefix):
    """{path below a place: text}, for each place: the files of an instance, and drop-ins that hide, mask and follow each other."""
    files, instance = {}, "i"
    for place in random_source.sample(PLACES, 2):
        files[place, f"{prefix}-b@.service"] = f"[Service]\nExecStart=/bin/true\nEnvironment=FILE={place[1:4]}\n"
    files[PLACES[3], f"{prefix}-b@.socket"] = "[Socket]\nListenStream=127.0.0.1:80\n"
    files[PLACES[0], f"{prefix}-b@{instance}.socket"] = f"[Socket]\nListenStream=127.0.0.1:{random_source.randrange(20000, 60000)}\n"
    names = ["10-a.conf", "9-b.conf", "a.conf", "B.conf", "\u00e4.conf", ".hidden.conf", "no.txt", "x.conf.ignore", "10-a.conf~", "-.conf"]
    for number in range(random_source.randrange(3, 14)):
        place, directory = random_source.choice(PLACES), random_source.choice(drop_in_directories(prefix, instance))
        name = random_source.choice(names)
        own = f"Environment={prefix}_{number}=1\n"
        text = random_source.choice(["", f"[Service]\nEnvironment=\n{own}", *[f"[Service]\n{own}"] * 6])
        files[place, f"{directory}/{name}"] = text
    return files


def test_drop_ins_count_in_systemds_order(box):
    """Twenty-four instances with random drop-ins in all directories. They share those for the type."""
    asked, random_source = Asked(box), random.Random(5)
    files, prefixes = {}, [f"t{number}" for number in range(24)]
    for prefix in prefixes:
        files.update(tree(random_source, prefix))
    for (place, name), text in files.items():
        box.write(f"{place.format('systemd/system')}/{name}", text)
        box.write(f"{place.format('swathe/units')}/{name}", text)
    box.systemctl("daemon-reload")
    said = asked.show([f"{prefix}-b@i.service" for prefix in prefixes], "FragmentPath", "DropInPaths", "Environment")
    seen = 0
    for prefix in prefixes:
        lines = dict(line.split("=", 1) for line in said[f"{prefix}-b@i.service"])
        theirs = [path for path in (lines["FragmentPath"], *lines["DropInPaths"].split()) if box.path(path).stat().st_size]
        shown = json.loads(box.run(["/opt/swathe/swathectl", "show", f"{prefix}-b@i", "--json"]))
        ours = [path for path in shown["files"] if ".service" in path or "/service.d/" in path]
        assert [path.replace("/swathe/units/", "/systemd/system/") for path in ours] == theirs, prefix
        environment = next(value for value in shown["values"] if value["key"] == "environment")["value"]
        assert json.loads(environment) == lines["Environment"].split(), prefix
        seen += len(theirs) - 1
    assert seen > 40
