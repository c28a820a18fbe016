"""``python -m lab.chaos.link_changes``: what it costs that a host gets and loses links.

Of the links nobody makes anything: no database, no flow and no configuration changes.  What pings
lose is the switch's own doing, and what :data:`lab.chaos.run.GLITCH` allows for.
"""

from __future__ import annotations

import argparse
import sys
import time

from lab.chaos.__main__ import say
from lab.chaos.checks import settle
from lab.chaos.run import PATIENCE
from lab.chaos.system import System
from lab.traffic.capture import DatabaseMonitor, FlowMonitor
from lab.traffic.steady import Steady

CHANGES = 20
PAUSE = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.chaos.link_changes", description=__doc__)
    parser.add_argument("--lab", default="links", help="prefix of the lab's namespaces")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    system = System(options.lab)
    try:
        system.up(say)
        settle(system, PATIENCE)
        with Steady(system.traffic(), warm_up=30) as traffic:
            for _ in range(options.rounds):
                say(one_round(system, traffic))
            traffic.stop()
    finally:
        system.down()
    return 0


def one_round(system: System, traffic: Steady) -> str:
    """Add and delete a link so many times on hv2; what was lost, in words."""
    host = system.lab.hypervisors["hv2"]
    traffic.lap()
    flows, database = FlowMonitor(host), DatabaseMonitor(host)
    for _ in range(CHANGES):
        host.space.batch(["link add spare0 type veth peer name spare1"])
        time.sleep(PAUSE)
        host.space.batch(["link delete spare0"])
        time.sleep(PAUSE)
    time.sleep(2)
    pings = traffic.lap().pings
    return (f"{CHANGES} links added and deleted: {sum(flows.stop().values())} flows and "
            f"{len(database.stop())} rows changed; {pings.lost} of {pings.sent} pings lost, "
            f"longest outage {pings.longest_outage:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
