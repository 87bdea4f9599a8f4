#!/usr/bin/env python3
"""Holds the JSON schemas of `swathectl schema` against TOML files that are right, which they must accept, and against files that are
wrong, which they must refuse. Arguments: the path of swathectl.

The validator is Debian's python3-jsonschema; what it accepts an editor that knows JSON schemas (taplo) accepts, too."""

import json
import pathlib
import subprocess
import sys
import tomllib

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[1]
KINDS = ("service", "drop-in", "daemon")
REFERENCE = "#:schema /usr/share/swathe/schema/{}.json"

LISTEN = '[[listen]]\nprotocol = "tcp"\naddresses = "192.0.2.1"\nports = 80\n'
SERVICE = '[service]\nexec_start = ["/bin/true"]\n'

# What is wrong -> its schema and the file.
WRONG = {
    "an unknown key": ("service", LISTEN + SERVICE + 'restrat = "no"\n'),
    "an unknown key at the top": ("service", 'descripton = "x"\n' + LISTEN + SERVICE),
    "an unknown key of a listener": ("service", LISTEN + 'backlogg = 5\n' + SERVICE),
    "no listener": ("service", SERVICE),
    "no service": ("service", LISTEN),
    "a listener without ports": ("service", LISTEN.replace("ports = 80\n", "") + SERVICE),
    "a listener without protocol": ("service", LISTEN.replace('protocol = "tcp"\n', "") + SERVICE),
    "a listener without addresses": ("service", LISTEN.replace('addresses = "192.0.2.1"\n', "") + SERVICE),
    "a service without command": ("service", LISTEN + '[service]\nuser = "web"\n'),
    "listen is no array": ("service", LISTEN.replace("[[listen]]", "[listen]") + SERVICE),
    "an unknown word": ("service", LISTEN + SERVICE + 'restart = "sometimes"\n'),
    "a word for a switch": ("service", LISTEN + SERVICE + 'send_sigkill = "yes"\n'),
    "a switch for a word": ("service", LISTEN + SERVICE + 'restart = true\n'),
    "a string for a number": ("service", LISTEN + SERVICE + 'workers = "four"\n'),
    "a negative number": ("service", LISTEN + SERVICE + 'start_limit_burst = -1\n'),
    "no time span": ("service", LISTEN + SERVICE + 'restart_sec = "soon"\n'),
    "a negative time span": ("service", LISTEN + SERVICE + 'restart_sec = -1\n'),
    "no port": ("service", LISTEN.replace("80", "65536") + SERVICE),
    "no port in a list": ("service", LISTEN.replace("80", '[80, "http"]') + SERVICE),
    "no port at all": ("service", LISTEN.replace("80", "[]") + SERVICE),
    "no address": ("service", LISTEN.replace("192.0.2.1", "localhost") + SERVICE),
    "no mode": ("service", LISTEN + SERVICE + 'umask = "0899"\n'),
    "a mode that is no string": ("service", LISTEN + SERVICE + 'umask = 22\n'),
    "no size": ("service", LISTEN + SERVICE + 'log_ring_bytes = "much"\n'),
    "no percentage": ("service", LISTEN + SERVICE + 'cpu_quota = 50\n'),
    "no exit status": ("service", LISTEN + SERVICE + 'success_exit_status = 256\n'),
    "no command": ("service", LISTEN + '[service]\nexec_start = [[]]\n'),
    "no variable": ("service", LISTEN + SERVICE + 'environment = { "1A" = "x" }\n'),
    "no assignment": ("service", LISTEN + SERVICE + 'environment = ["A"]\n'),
    "an unknown key in a drop-in": ("drop-in", '[service]\nrestrat = "no"\n'),
    "more of what is one": ("drop-in", '[service]\n"+restart" = "no"\n'),
    "an unknown setting of the daemon": ("daemon", 'loglevel = "info"\n'),
    "an unknown log level": ("daemon", 'log_level = "loud"\n'),
    "a rule without addresses": ("daemon", '[[drop]]\nports = 80\n'),
    "a rule for another protocol": ("daemon", '[[pass]]\naddresses = "192.0.2.1"\nprotocol = "sctp"\n'),
}

RIGHT = {
    "a oneshot service without command": ("service",
                                          LISTEN + '[service]\ntype = "oneshot"\nexec_stop = "/bin/true"\nremain_after_exit = true\n'),
    "addresses from a file": ("service", LISTEN.replace('addresses = "192.0.2.1"', 'addresses_file = "list"') + SERVICE),
    "a switch where there are more words": ("service", LISTEN + SERVICE + 'protect_home = true\n'),
    "a drop-in with a key alone": ("drop-in", '[service]\nuser = "web"\n'),
    "a drop-in for one of several listeners": ("drop-in", '[[listen]]\nname = "http"\nbacklog = 7\n'),
    "a drop-in that appends": ("drop-in", '[[listen]]\n"+ports" = 81\n[service]\n"+environment" = ["A=1"]\n'),
    "more in the file itself": ("service", LISTEN + SERVICE + '"+environment" = ["A=1"]\n'),
    "nothing but more": ("service", LISTEN.replace("ports", '"+ports"').replace('= 80', '= [80]') +
                                    SERVICE.replace("exec_start", '"+exec_start"')),
    "nothing": ("daemon", ""),
    "a rule": ("daemon", 'log_level = "debug"\n[[drop]]\naddresses = ["192.0.2.0/24", "2001:db8::/32"]\nprotocol = ["tcp", "udp"]\n'),
}


def validators(swathectl):
    found = {}
    for kind in KINDS:
        schema = json.loads(subprocess.run([swathectl, "schema", kind], check=True, capture_output=True, text=True).stdout)
        jsonschema.Draft7Validator.check_schema(schema)
        found[kind] = jsonschema.Draft7Validator(schema)
    return found


def kind_of(path):
    if path.name == "swathe.toml" or path.parent.name == "swathe.toml.d":
        return "daemon"
    return "drop-in" if path.parent.name.endswith(".toml.d") else "service"


def complaints(validator, text):
    return ["/".join(map(str, error.absolute_path)) + ": " + error.message for error in validator.iter_errors(tomllib.loads(text))]


def check_files(known):
    """Every TOML file that is configuration and loads without an error."""
    examples = sorted((ROOT / "units/examples").rglob("*.toml"))
    files = examples + sorted((ROOT / "tests/same").rglob("*.toml"))
    assert len(examples) >= 9 and len(files) > len(examples), "the files are not where they were"
    for path in files:
        for complaint in complaints(known[kind_of(path)], path.read_text()):
            yield f"{path.relative_to(ROOT)}: {complaint}"
    for path in examples:
        if path.read_text().splitlines()[0] != REFERENCE.format(kind_of(path)):
            yield f"{path.relative_to(ROOT)}: the first line is not {REFERENCE.format(kind_of(path))}"


def check_cases(known):
    for what, (kind, text) in WRONG.items():
        if not complaints(known[kind], text):
            yield f"{what}: accepted by {kind}"
    for what, (kind, text) in RIGHT.items():
        for complaint in complaints(known[kind], text):
            yield f"{what}: {complaint}"


def main():
    known = validators(sys.argv[1])
    errors = [*check_files(known), *check_cases(known)]
    print("\n".join(errors) if errors else f"{len(WRONG)} wrong files refused, all others accepted")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
