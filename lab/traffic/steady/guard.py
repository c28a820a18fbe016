"""A security group that tells permitted from denied: what steady traffic runs under."""

from __future__ import annotations

from collections.abc import Iterable

from lab.client import Client
from lab.hosts.vm import Vm

STREAM_PORT, PORT, GUARDED = 7001, 7002, 7003
"""TCP ports: of the stream, of new connections, and one that no rule lets in."""


def guard(client: Client, project: str, vms: Iterable[Vm]) -> str:
    """Put the ports of ``vms`` into a group of ``project`` that lets in pings and TCP to two ports,
    in both families, and nothing else; returns its id.  ``vms`` are in no other group then."""
    group = client.post("/v2.0/security-groups", {"security_group": {
        "name": "steady", "project_id": project}})["security_group"]["id"]
    for ethertype, icmp in (("IPv4", "icmp"), ("IPv6", "ipv6-icmp")):
        for body in (
            {"protocol": icmp},
            {"protocol": "tcp", "port_range_min": STREAM_PORT, "port_range_max": PORT},
        ):
            client.post("/v2.0/security-group-rules", {"security_group_rule": {
                "security_group_id": group, "direction": "ingress", "ethertype": ethertype, **body,
            }})
    for vm in vms:
        client.update("port", vm.port.id, security_groups=[group])
    return group
