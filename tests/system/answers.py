"""What the programs answer, taken apart, and the listeners that most tests use."""

import json

HTTP = {"name": "http", "protocol": "tcp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": [8080]}
ECHO = {"name": "echo", "protocol": "udp", "addresses": ["192.0.2.0/24", "2001:db8:1::/64"], "ports": [5300]}


def tell(ns, address, port, **options):
    """The answer of tell.py, as a dictionary."""
    text = ns.ask_tcp(address, port, **options)
    assert text, f"{address} port {port}: connected, but the service said nothing"
    return json.loads(text)


def echo(ns, address, port, **options):
    """The answer of echo.py. It came from the address and port that were asked, or there would be none."""
    return json.loads(ns.ask_udp(address, port, **options))


def starts(log):
    """How often the program with --log LOG was started."""
    return len(log.read_text().splitlines()) if log.exists() else 0
