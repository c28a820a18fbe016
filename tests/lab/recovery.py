"""What a lab is asked after a failure: the flows of its switches, and that all is as before."""

from __future__ import annotations

from lab.tenants import Tenant
from lab.topology import Lab


def all_flows(lab: Lab) -> dict[str, list[str]]:
    return {name: sorted(hv.flows()) for name, hv in lab.hypervisors.items()}


def recovered(lab: Lab, red: Tenant) -> None:
    """Everything is as it should be again, as the system itself sees it."""
    for node in lab.nodes.values():
        node.client.wait_healthy()
    lab.wait_converged()
    red.wait_active()
