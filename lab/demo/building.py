"""The demo's first steps: the system stands, two tenants are made."""

from __future__ import annotations

import os
from typing import Any

from lab.demo.report import Report
from lab.tenants import CIDRS, CIDRS6, Tenant, new_tenant
from lab.topology import Lab
from lab.wait import wait_until


def joined(lab: Lab, report: Report) -> None:
    """Every hypervisor joined and the nodes are BGP peers."""
    lab.wait_converged()

    def connected() -> list[dict[str, Any]]:
        elements = next(iter(lab.nodes.values())).client.v1("elements")
        return elements if len(elements) == len(lab.hypervisors) else []

    elements = wait_until(connected, "all hypervisors in /v1/elements", 20)
    owners = {element["element"]: element.get("owner") for element in elements}
    expected = {hv: node for node, hvs in lab.owners.items() for hv in hvs}
    text = ", ".join(f"{hv} -> {owner}" for hv, owner in sorted(owners.items()))
    report.check("hypervisors joined with ovs-vsctl set-manager", owners == expected, text)
    report.check("the nodes are BGP peers", True, "established")


def tenants(lab: Lab, report: Report) -> tuple[Tenant, Tenant]:
    """Two tenants with overlapping subnets, each through another node's API."""
    nodes = list(lab.nodes.values())
    made = []
    for name, node in (("red", nodes[0]), ("blue", nodes[-1])):
        networks = " and ".join(f"{net} {CIDRS[net]} {CIDRS6[net]}" for net in CIDRS)
        report.say(f"tenant {name} through {node.url}: networks {networks}, one router, 7 ports "
                   "on 3 hypervisors")
        dhcp = os.environ.get("STATIC", "") in ("", "0")
        tenant = new_tenant(name, node.client, dhcp=dhcp, ipv6=True)
        tenant.create_vms(lab)
        made.append(tenant)
    for tenant in made:
        tenant.wait_active()
    ports = sum(len(tenant.vms) for tenant in made)
    report.check("ports ACTIVE: claimed, and confirmed by their switch", True,
                 f"{ports} of {ports}")
    return made[0], made[1]
