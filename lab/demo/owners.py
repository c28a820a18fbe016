"""The demo's owners: hypervisors name both nodes, one node is drained, then killed for good."""

from __future__ import annotations

import itertools
import time
from typing import Any

from lab.demo.links import losses
from lab.demo.report import Report
from lab.demo.shell import vnctl
from lab.demo.timing import time_first_ping
from lab.hosts.node import Node
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.capture import FlowMonitor
from lab.traffic.steady import Steady, guard, plan
from lab.wait import wait_until

PAIRS = (("web1", "web4"), ("web4", "db2"), ("db2", "web1"), ("db3", "web3"), ("web2", "web1"))
"""Who connects to whom, at permitted ports and at others."""
PING_RATE = 400.0
"""In total, so that each of the many flows has a ping within a BFD interval."""
SETTLE = 1.0
"""Seconds: what is not answered by then is counted as lost."""
PATIENCE = 60.0


def traffic(lab: Lab, tenant: Tenant) -> Steady:
    """Steady traffic of a tenant, whose group lets in two TCP ports and pings: attempts at a third
    port go on as well, and must fail."""
    guard(tenant.client, tenant.project_id, tenant.vms.values())
    pairs = [(tenant.vms[a], tenant.vms[b]) for a, b in PAIRS]
    # Writes go to the node that stays: those at a node that is dead are answered by nobody.
    made = plan(pairs, urls=[stays(lab).url], guarded=True, dhcp=tenant.dhcp, ping_rate=PING_RATE,
                settle=SETTLE)
    # Many flows between hypervisors, as a switch chooses the path of each by a hash.
    for source, target in itertools.combinations(tenant.vms.values(), 2):
        if source.hypervisor is not target.hypervisor and (source, target) not in pairs:
            for address in filter(None, (target.ip, target.ip6)):
                made.ping(source, address)
    return Steady(made)


def stays(lab: Lab) -> Node:
    return next(iter(lab.nodes.values()))


def goes(lab: Lab) -> Node:
    """The node that is drained, and killed in the end."""
    return list(lab.nodes.values())[-1]


def named(lab: Lab, report: Report) -> None:
    """Every hypervisor names both nodes; one owns it, the other stands by."""
    targets = [node.ovsdb_target for node in lab.nodes.values()]
    report.say(f"every hypervisor names both nodes: ovs-vsctl set-manager {' '.join(targets)}")
    for hypervisor in lab.hypervisors.values():
        hypervisor.join(targets)
    wait_until(lambda: all(map(ready, elements(lab))), "another node to stand by", PATIENCE, 0.05)
    vnctl(lab, report, stays(lab).client, "elements")
    report.check("one node owns each hypervisor, the other stands by", True, owners_text(lab))


def drained(lab: Lab, report: Report, traffic: Steady) -> None:
    """What the node owns moves to the other, and comes back: no flow is touched."""
    node, client = goes(lab), stays(lab).client
    monitors = [FlowMonitor(hypervisor) for hypervisor in lab.hypervisors.values()]
    vnctl(lab, report, client, "node", "drain", node.name, "--wait")
    vnctl(lab, report, client, "nodes")
    wait_until(lambda: owned(lab, node.name) == 0 and all(map(ready, elements(lab))),
               f"{node.name} to own nothing", PATIENCE, 0.05)
    report.say(f"while {node.name} is drained: {owners_text(lab)}")
    vnctl(lab, report, client, "node", "undrain", node.name)
    wait_until(lambda: owned(lab, node.name) > 0 and all(map(ready, elements(lab))),
               f"{node.name} to have its share", PATIENCE, 0.05)
    back = owners_text(lab)
    seen = traffic.lap()
    changes = sum(sum(monitor.stop().values()) for monitor in monitors)
    report.check("a node drained and undrained: nothing is lost", seen.lost == {},
                 f"{losses(seen)}; answered: {seen.renewals.answered} of {seen.renewals.sent} DHCP "
                 f"renewals, {seen.writes.acknowledged} of {seen.writes.attempted} API writes")
    report.check("its hypervisors move and come back, no flow is touched", changes == 0,
                 f"{back}; {changes} flows changed")


def killed(lab: Lab, report: Report, traffic: Steady) -> None:
    """kill -9 of the node, which does not come back: the other takes over."""
    node, client = goes(lab), stays(lab).client
    report.say(f"kill -9 of {node.name}, for good")
    begun = time.monotonic()
    node.kill()
    wait_until(
        lambda: owned(lab, node.name) == 0 and all(one.get("settled") for one in elements(lab)),
        f"{stays(lab).name} to own all hypervisors", PATIENCE, 0.05,
    )
    seconds = time.monotonic() - begun
    report.say(f"{stays(lab).name} owns and serves all hypervisors, {seconds:.1f} s later")
    vnctl(lab, report, client, "nodes")
    vnctl(lab, report, client, "elements")
    seen = traffic.stop()
    report.check("a node killed for good: its hypervisors move, nothing is lost",
                 not seen.forwarding_lost, f"{owners_text(lab)}; {losses(seen)}")
    connections, denied = seen.connections, seen.denied
    report.check(
        "meanwhile new connections: permitted ones work, others do not",
        connections.attempted == connections.succeeded > 0 and denied.attempted > 0
        and denied.leaked == 0,
        f"{connections.succeeded} of {connections.attempted} permitted, "
        f"{denied.leaked} of {denied.attempted} others",
    )


def goes_on(lab: Lab, report: Report, tenant: Tenant) -> None:
    """A new port on a hypervisor that was the dead node's."""
    where = lab.owners[goes(lab).name][0]
    seconds = time_first_ping(lab, tenant, "web60", where)
    tenant.remove_vm(lab, "web60")
    report.check("a new port there, made by the node that is left", True,
                 f"{seconds * 1000:.0f} ms from API call to first ping on {where}")


def elements(lab: Lab) -> list[dict[str, Any]]:
    """The hypervisors, as the node that stays shows them."""
    return [one for one in stays(lab).client.v1("elements") if one["id"] in lab.hypervisors]


def ready(element: dict[str, Any]) -> bool:
    """Whether it is served, and another node could take over without reading anything."""
    standby = element.get("standby") or ()
    return bool(element["owner"] and element.get("settled") and standby) and all(
        one["warm"] for one in standby
    )


def owned(lab: Lab, node: str) -> int:
    return sum(one["owner"] == node for one in elements(lab))


def owners_text(lab: Lab) -> str:
    return ", ".join(f"{one['id']} -> {one['owner']}" for one in
                     sorted(elements(lab), key=lambda one: one["id"]))
