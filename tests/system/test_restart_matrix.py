"""Every way in which a service can end, with every policy: which of them start it again. All of it at once, in one daemon."""

import pytest

from daemon import eventually
from lone import SLEEP, lone, sh

POLICIES = ["no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog"]
UNREADY = {"type": "notify", "timeout_start_sec": "500ms", "exec_start": SLEEP}
MISSED = {"watchdog_sec": "500ms", "exec_start": SLEEP}
SIGNALS = {"ignore_sigpipe": False} # a shell keeps an ignored signal

CAUSES = { # name: (keys, result of the first run, the policies that start it again)
    "exit-0": (sh("exit 0"), "success", {"always", "on-success"}),
    "exit-1": (sh("exit 1"), "exit-code", {"always", "on-failure"}),
    "term": (sh("kill -TERM $$"), "success", {"always", "on-success"}),
    "hup": (sh("kill -HUP $$"), "success", {"always", "on-success"}),
    "int": (sh("kill -INT $$"), "success", {"always", "on-success"}),
    "pipe": (sh("kill -PIPE $$"), "success", {"always", "on-success"}),
    "kill": (sh("kill -KILL $$"), "signal", {"always", "on-failure", "on-abnormal", "on-abort"}),
    "segv": (sh("kill -SEGV $$"), "core-dump", {"always", "on-failure", "on-abnormal", "on-abort"}),
    "timeout": (UNREADY, "timeout", {"always", "on-failure", "on-abnormal"}),
    "watchdog": (MISSED, "watchdog", {"always", "on-failure", "on-abnormal", "on-watchdog"}),
}

STATUSES = { # name: (keys, result, whether it is started again)
    "success-code": ({"exec_start": sh("exit 7"), "restart": "on-failure", "success_exit_status": 7}, "success", False),
    "success-name": ({"exec_start": sh("exit 75"), "restart": "on-success", "success_exit_status": ["TEMPFAIL", 9]}, "success", True),
    "success-signal": ({"exec_start": sh("kill -KILL $$"), "restart": "on-failure", "success_exit_status": "SIGKILL"}, "success", False),
    "success-other": ({"exec_start": sh("exit 8"), "restart": "on-failure", "success_exit_status": 7}, "exit-code", True),
    "prevent-code": ({"exec_start": sh("exit 7"), "restart": "always", "restart_prevent_exit_status": 7}, "exit-code", False),
    "prevent-signal": ({"exec_start": sh("kill -KILL $$"), "restart": "always", "restart_prevent_exit_status": "KILL"}, "signal", False),
    "prevent-clean": ({"exec_start": sh("exit 0"), "restart": "always", "restart_prevent_exit_status": 0}, "success", False),
    "prevent-other": ({"exec_start": sh("exit 8"), "restart": "always", "restart_prevent_exit_status": 7}, "exit-code", True),
    "force-code": ({"exec_start": sh("exit 7"), "restart": "no", "restart_force_exit_status": 7}, "exit-code", True),
    "force-signal": ({"exec_start": sh("kill -TERM $$"), "restart": "no", "restart_force_exit_status": "TERM"}, "success", True),
    "force-other": ({"exec_start": sh("exit 8"), "restart": "no", "restart_force_exit_status": 7}, "exit-code", False),
    "prevent-wins": ({"exec_start": sh("exit 7"), "restart_force_exit_status": 7, "restart_prevent_exit_status": 7}, "exit-code", False),
    "oneshot-term": ({"exec_start": sh("kill -TERM $$"), "type": "oneshot", "restart": "on-failure"}, "signal", True),
    "oneshot-force": ({"exec_start": sh("exit 0"), "type": "oneshot", "restart_force_exit_status": 0}, "success", False),
    "pre-fails": ({"exec_start_pre": sh("exit 1"), "restart": "on-failure"}, "exit-code", True),
    "condition": ({"exec_condition": sh("exit 1"), "restart": "always"}, "exec-condition", False),
    "missing": ({"exec_start": ["/no/such/program"], "restart": "on-failure"}, "exit-code", True),
    "missing-abnormal": ({"exec_start": ["/no/such/program"], "restart": "on-abnormal"}, "exit-code", False),
    "missing-prevent": ({"exec_start": ["/no/such/program"], "restart": "always", "restart_prevent_exit_status": 203}, "exit-code", False),
}


def cases():
    for cause, (how, result, policies) in CAUSES.items():
        keys = how if isinstance(how, dict) else {"exec_start": how}
        for policy in POLICIES:
            yield f"{cause}.{policy}", {**keys, "restart": policy}, result, policy in policies
    for name, (keys, result, again) in STATUSES.items():
        yield name, keys, result, again


def views(daemon):
    return {view["name"]: view for view in daemon.ctl_json("status")["services"]}


def test_what_ends_how_is_started_again_as_its_policy_says(daemon, config, scratch):
    """`restart_sec` keeps those that are to be started again in sight with the result of their first run; then the others rest."""
    wanted = {}
    for name, keys, result, again in cases():
        wanted[name] = ("backoff" if again else "idle", result, 1)
        (scratch / name).mkdir() # cores that are written to one file at once are none
        lone(config, name, **keys, **SIGNALS, activation="eager", restart_sec="1h", limit_core="infinity",
             working_directory=str(scratch / name))
    assert len(wanted) == len(CAUSES) * len(POLICIES) + len(STATUSES)
    daemon.start()
    busy = ("starting", "running", "stopping")
    eventually(lambda: not [name for name, view in views(daemon).items() if view["state"] in busy], 30, "all have ended")
    found = {name: (view["state"], view["result"], view["starts"]) for name, view in views(daemon).items()}
    assert {name: found[name] for name in found if found[name] != wanted[name]} == {}
    assert found.keys() == wanted.keys()
    daemon.stop()


@pytest.mark.parametrize("cause", CAUSES)
def test_what_is_started_again_is(daemon, config, scratch, cause):
    how = CAUSES[cause][0]
    keys = how if isinstance(how, dict) else {"exec_start": how}
    lone(config, "web", **keys, **SIGNALS, activation="eager", restart="always", restart_sec="1ms", working_directory=str(scratch),
         limit_core="infinity", start_limit_burst=0)
    daemon.start()
    eventually(lambda: daemon.service("web")["restarts"] >= 2, what="a second restart")
    daemon.ctl("stop", "web") # wins over any policy
    view = daemon.service("web")
    assert view["state"] == "stopped" and view["main_pid"] is None
    daemon.stop()
