"""``make demo``: the product at work on this machine, checked as it goes.

Builds the lab (two VNC nodes, three hypervisors at two racks, etcd), creates two tenants with the
same addresses through the REST API, and shows and checks what must be true.  Exit status 0 when
every check passed.  Environment: ``KEEP=1`` leaves it running, ``LAB`` names it, ``API_PORTS``;
``STATIC=1`` puts the addresses into the VMs instead of letting them ask by DHCP.
"""

from __future__ import annotations

import os
import sys

from lab.__main__ import api_ports
from lab.client import ApiError
from lab.demo import (
    building,
    chains,
    edge,
    encapsulations,
    inside,
    links,
    login,
    owners,
    policy,
    reaching,
    spoofing,
    timing,
    way_out,
)
from lab.demo.report import Report
from lab.fabric.plan import Racks
from lab.journal import LabBusy
from lab.net import CommandError
from lab.tenants import vm_address
from lab.topology import Lab
from lab.wait import LabTimeout


def main() -> int:
    if os.geteuid() != 0:
        print("The demo makes network namespaces and needs root: sudo make demo", file=sys.stderr)
        return 2
    report = Report()
    keep = os.environ.get("KEEP", "") not in ("", "0")
    try:
        lab = Lab(
            os.environ.get("LAB") or "vnc", api_ports=api_ports(), settings=links.SETTINGS,
            racks=Racks(paths=2, lldp=True),
        )
    except ValueError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    try:
        show(lab, report)
        report.table()
        if keep:
            what_next(lab)
    except LabBusy as error:
        print(f"demo: {error}", file=sys.stderr)
        keep = False  # It is not ours: down() leaves alone what another process holds.
        return 1
    except KeyboardInterrupt:
        keep = False
        return 130
    except BaseException:
        keep = False
        raise
    finally:
        if keep:
            lab.journal.keep()
            lab.journal.unlock()
        else:
            lab.down()
    return 0 if report.passed else 1


def show(lab: Lab, report: Report) -> None:
    """Build the lab and go through the steps; what goes wrong on the way becomes a failed check."""
    try:
        lab.up(report.say)
        steps(lab, report)
    except (ApiError, CommandError, LabTimeout, OSError) as error:
        report.check("the demo ran to its end", False, str(error).splitlines()[0])
        report.show(str(error))
        for node in lab.nodes.values():
            report.show(node.log())


def steps(lab: Lab, report: Report) -> None:
    """The demo's script; each step is a function of one of the files beside this one."""
    building.joined(lab, report)
    red, blue = building.tenants(lab, report)
    edge.configured(report, red, blue)
    reaching.pings_within(lab, report, red, blue)
    reaching.gateways(report, red)
    edge.names(report, red)
    reaching.isolation(lab, report, red, blue)
    inside.packet(lab, report, red)
    inside.trace(lab, report, red)
    encapsulations.mpls(lab, report, red)
    chains.scaled(lab, report, red)
    way_out.both(lab, report, red)
    policy.group(lab, report, red)
    spoofing.forged(report, red)
    inside.routes(lab, report)
    inside.flows(lab, report)
    timing.first_ping(lab, report, red)
    timing.node_killed(lab, report, red)
    with owners.traffic(lab, blue) as traffic:
        links.both_paths(lab, report)
        since = links.cut(lab, report, traffic)
        owners.named(lab, report)
        links.mended(lab, report, traffic, since)
        owners.drained(lab, report, traffic)
        owners.killed(lab, report, traffic)
    owners.goes_on(lab, report, red)
    login.two_tenants(report)


def what_next(lab: Lab) -> None:
    running = [node for node in lab.nodes.values() if node.answers()]
    first = running[0]
    bindir = os.path.dirname(sys.executable)
    urls = ", ".join(f"{node.name} {node.url}" for node in running)
    print(f"""
The lab keeps running ({urls}).  Try:

  curl -s '{first.url}/v2.0/ports?name=red-web1'
  curl -s {first.url}/v1/elements
  {bindir}/openstack --os-auth-type none --os-endpoint {first.url} network list
  export VNCTL_URL={first.url} VNCTL_EXEC='{lab.exec_script} {{host}}'
  {bindir}/vnctl status
  {bindir}/vnctl topology
  {bindir}/vnctl trace red-web1 {vm_address("db3")}
  {bindir}/vnctl explain red-web1 --to {vm_address("db3")} --tcp 80
  {lab.exec_script} red-web1 ping {vm_address("db3")}
  {lab.exec_script} hv1 ovs-ofctl -O OpenFlow14 --names dump-flows br-int
  tail -f {first.daemon.log}

Remove it with: make demo-down""")


if __name__ == "__main__":
    sys.exit(main())
