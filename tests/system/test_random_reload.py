"""swathectl reload with one random configuration after the other, under traffic: each connection and datagram is for whom the
configuration before or after says. The rules are judged here by a few lines of Python that know nothing of the tables."""

import ipaddress
import os
import random
import threading

from answers import echo, tell

SERVICES = ["a", "b", "c"]
NETS = {4: ipaddress.ip_network("192.0.2.0/24"), 6: ipaddress.ip_network("2001:db8:1::/64")}
PORTS = (8000, 8015)
RELOADS = 120
TARGETS = [(str(net[host]), port) for net in NETS.values() for host in (0, 1, 2, 7, 8, 63, 64, 130, 255)
           for port in (8000, 8001, 8007, 8015)]


class Rules:
    """Who has what: (prefix, first port, last port, service). Everything is somebody's."""

    def __init__(self, dice):
        self.all = [(net, *PORTS, dice.choice(SERVICES)) for net in NETS.values()]
        for _ in range(dice.randrange(1, 25)):
            address, port = dice.choice(TARGETS)
            host = ipaddress.ip_address(address)
            width = host.max_prefixlen
            length = dice.choice([width, width, width - 1, width - 3, width - 6, NETS[host.version].prefixlen])
            net = ipaddress.ip_network((address, length), strict=False)
            last = dice.choice([port, port, min(port + 1, PORTS[1]), PORTS[1]])
            if not any(self.equal((net, port, last), other) for other in self.all):
                self.all.append((net, port, last, dice.choice(SERVICES)))

    @staticmethod
    def equal(one, other):
        """Of equal precision, on ports in common: an error, unless they are the same service's."""
        return one[0] == other[0] and one[2] - one[1] == other[2] - other[1] and one[1] <= other[2] and other[1] <= one[2]

    def owner(self, address, port):
        host = ipaddress.ip_address(address)
        matching = [rule for rule in self.all if host.version == rule[0].version and host in rule[0] and rule[1] <= port <= rule[2]]
        return min(matching, key=lambda rule: (-rule[0].prefixlen, rule[2] - rule[1]))[3]

    def write(self, config, program):
        """One listener a service and protocol, with an endpoint a rule. The first endpoints, which nobody asks for, are their homes."""
        for number, service in enumerate(SERVICES):
            mine = [f"{f'[{net}]' if net.version == 6 else net}:{first}-{last}" for net, first, last, owner in self.all if owner == service]
            lines = " ".join([f"192.0.2.{250 + number}:9", f"[2001:db8:1::f{number}]:9", *mine])
            config.write(f"units/{service}.socket", f"[Socket]\nListenStream={lines}\nListenDatagram={lines}\n")
            config.write(f"units/{service}.service", f"[Service]\nExecStart={' '.join(program('both.py', service))}\n")


class Traffic:
    """Threads that ask any target, and hold the answer against all rules that were in force since."""

    def __init__(self, client, history, seed):
        self.client, self.history = client, history # [rules]; `begun` and `done` index it
        self.begun = self.done = 0
        self.over, self.wrong, self.asked, self.contested = threading.Event(), [], 0, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(ask, random.Random(seed + n)))
                        for n, ask in enumerate((tell, echo, tell, echo))]

    def _run(self, ask, dice):
        while not self.over.is_set():
            address, port = dice.choice(TARGETS)
            earliest = self.done
            try:
                answer = ask(self.client, address, port, timeout=10)
                owners = [self.history[k].owner(address, port) for k in range(earliest, self.begun + 1)]
                fault = None if answer["tag"] in owners else f"went to {answer['tag']}, not to {' or '.join(owners)}"
                contested = len(set(owners)) > 1
            except Exception as error: # refused, reset, no answer
                fault, contested = repr(error), False
            with self.lock:
                self.asked += 1
                self.contested += contested
                if fault:
                    self.wrong.append(f"{ask.__name__} {address} {port}: {fault}")

    def is_enough(self):
        """To say anything: how much comes between two reloads depends on the machine."""
        return self.asked > 10 * RELOADS and self.contested > RELOADS

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


def test_every_answer_is_by_the_configuration_before_or_after(make_daemon, config, client, program):
    seed = int(os.environ.get("SWATHE_SEED", "1"))
    print(f"SWATHE_SEED={seed}")
    dice = random.Random(seed)
    history = [Rules(dice)]
    history[0].write(config, program)
    daemon = make_daemon(inside=True).start() # services answer datagrams from sockets of their own, in the same namespace
    for service in SERVICES: # what is steered is the point, not what starts
        daemon.ctl("start", service)
    pids = {service: daemon.service(service)["main_pid"] for service in SERVICES}
    with Traffic(client, history, seed) as traffic:
        number = 0
        while number < RELOADS or (number < 10 * RELOADS and not traffic.is_enough()):
            number += 1
            history.append(Rules(dice))
            history[-1].write(config, program)
            traffic.begun = number
            daemon.reload()
            traffic.done = number
    assert traffic.wrong == []
    assert traffic.is_enough(), (traffic.asked, traffic.contested)
    assert {service: daemon.service(service)["main_pid"] for service in SERVICES} == pids # nobody was restarted for it
    for address, port in TARGETS: # and the kernel's answer to all the rest
        assert daemon.explain("tcp", address, port, "--live")["service"] == history[-1].owner(address, port)
    daemon.stop()
