"""What a death costs one hypervisor that has thousands of ports.

``python -m bench restart --ports 5000``: its node is killed and comes back ("node"); the same with
changes of configuration made through another node meanwhile ("changes"); ovs-vswitchd is killed and
comes back, with its node ("switch") and with ovs-ofctl alone ("bare"); the node that owns the
hypervisor is killed and another takes over ("owner").  Prints JSON, and ratios at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.load import NETWORKS, System
from bench.restart_node import HYPERVISORS, NODES, Restarts
from bench.restart_owner import owner_death
from bench.restart_switch import bare_restart, switch_restart
from bench.vnc import Vnc
from lab.net import CommandError
from lab.wait import LabTimeout

CHANGES = 500
ONCE = ("changes", "owner")
"""What cannot be repeated: it leaves other ports, or another owner."""


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """The switch with its node beside the switch alone: medians of seconds from hello to full
    tables, and of ovs-vswitchd's CPU seconds."""
    found = {}
    for what in ("hello answered", "from hello to full tables",
                 "CPU seconds from hello to full tables", "CPU seconds of the new ovs-vswitchd"):
        ours, alone = ([one[what] for one in figures.get(kind, ()) if what in one]
                       for kind in ("switch", "bare"))
        if ours and alone:
            found[what] = round(median(ours) / median(alone), 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench restart",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--ports", type=int, default=5000)
    parser.add_argument("--lab", default="vncrestart")
    parser.add_argument("--devices", default="dummy", choices=("dummy", "veth"))
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--measures", default="node,changes,switch,bare,owner",
                        type=lambda text: text.split(","))
    options = parser.parse_args()
    system: System = Vnc(options.lab, HYPERVISORS, True, options.devices, NODES)
    figures: dict[str, Any] = {"ports": options.ports, "devices": options.devices}
    try:
        system.up()
        run = Restarts(system, options.ports)
        say(f"{options.ports} ports, {options.ports // max(system.tenants, 1) // NETWORKS} each")
        figures["bulk"] = run.build()
        say(json.dumps(figures))

        def changes() -> dict[str, Any]:
            return run.node_restart(lambda: run.changes(min(CHANGES, options.ports // 2)))

        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "node": run.node_restart, "changes": changes,
            "switch": lambda: switch_restart(run), "bare": lambda: bare_restart(run),
            "owner": lambda: owner_death(run),
        }
        for name in options.measures:
            for number in range(options.repeat if name not in ONCE else 1):
                load = os.getloadavg()[0]
                try:
                    result: dict[str, Any] = measures[name]()
                except (CommandError, LabTimeout, OSError) as error:
                    result = {"failed": str(error)}
                result["load average before"] = round(load, 1)
                figures.setdefault(name, []).append(result)
                say(f"{name} {number}: {json.dumps(result)}")
    finally:
        system.down()
    figures["switch / bare"] = ratios(figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
