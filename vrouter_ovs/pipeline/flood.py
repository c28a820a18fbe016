"""Flood lists: ingress replication with split horizon (RFC 8365 section 5, RFC 7432 11.2)."""

from __future__ import annotations

from collections.abc import Iterable

from vrouter_ovs.cookies import cookie
from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.pipeline.hops import tunnel_actions
from vrouter_ovs.pipeline.terms import vni
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import BridgedHop, Flood, FloodRemotes

# A flow_mod is at most 65,535 bytes and wrapped in a bundle message: 32 bytes for a port, 48 for a
# remote VTEP, 24 more where the encapsulation is set for each, and 24 where the underlay is IPv6,
# 32 for the call of a part.
PART_BYTES = 62000
PORT_BYTES, REMOTE_BYTES, TYPE_BYTES, IPV6_BYTES = 32, 48, 24, 24
REMOTES = 1 << 16
"""The number of the first part of the remote VTEPs' list; those of local ports are below."""
PART_PORTS = 400
"""A copy passes eight tables to a port with untracked rules and one to a tunnel, and ovs-vswitchd
drops a packet that has passed 4,096 in one pass."""
MAX_PASSES = 3
"""The userspace datapath lets a packet begin six times; policy takes four of them at most."""
FLOW_PORTS = PART_BYTES // PORT_BYTES


def render_flood(flood: Flood) -> tuple[Flow, ...]:
    """One flow, for what local ports send and for what comes from a tunnel: of the latter the
    table send lets nothing into a tunnel again.  It ends with the remote VTEPs' list, which is
    another object's and may not be there.

    A list that is too long for one pass through the switch is cut into parts; the first flow runs
    them one after the other through the bucket register, in up to three passes.
    """
    count = len(flood.ports)
    if count <= PART_PORTS:
        actions, parts = _ports(flood.ports), []
    else:
        # Ports whose connections are tracked, or that have no set, need three tables each.
        a_pass = max(PART_PORTS, -(-count // MAX_PASSES))
        size = min(a_pass, FLOW_PORTS)
        parts = [_ports(flood.ports[i : i + size]) for i in range(0, count, size)]
        actions = _run_in_passes(len(parts), max(1, a_pass // size))
    tag = cookie(flood.key)
    return (
        Flow("flood", "list", _match(flood.evi, 0), (*actions, *_run((REMOTES,))), tag),
        *(
            Flow("flood", "list", _match(flood.evi, number), part, tag)
            for number, part in enumerate(parts, 1)
        ),
    )


def render_flood_remotes(flood: FloodRemotes) -> tuple[Flow, ...]:
    """One flow, or several that the first one runs, where the list is too long for that."""
    # A copy keeps the registers of the one before it.
    typed = any(endpoint.encap != VXLAN for endpoint, _ in flood.remotes)
    ipv6 = any(":" in endpoint.vtep for endpoint, _ in flood.remotes)
    size = PART_BYTES // (REMOTE_BYTES + typed * TYPE_BYTES + ipv6 * IPV6_BYTES)
    parts = [
        _remotes(flood.remotes[i : i + size], typed) for i in range(0, len(flood.remotes), size)
    ]
    if len(parts) > 1:
        parts.insert(0, _run(range(REMOTES + 1, REMOTES + 1 + len(parts))))
    tag = cookie(flood.key)
    return tuple(
        Flow("flood", "list", _match(flood.evi, number), part, tag)
        for number, part in enumerate(parts, REMOTES)
    )


def _match(evi: int, part: int) -> tuple[tuple, ...]:
    return ("evi", vni(evi)), ("bucket", part)


def _run(parts: Iterable[int]) -> tuple[tuple, ...]:
    return tuple(
        step
        for number in parts
        for step in (("set_field", "bucket", number), ("resubmit", "flood"))
    )


def _run_in_passes(parts: int, per_pass: int) -> tuple[tuple, ...]:
    actions: list[tuple] = []
    for first in range(1, parts + 1, per_pass):
        if first > 1:
            actions.append(("recirculate",))
        actions += _run(range(first, min(first + per_pass, parts + 1)))
    return tuple(actions)


def _ports(ports: tuple[int, ...]) -> tuple[tuple, ...]:
    # Each by the way of unicast, as its port may have a policy set.
    return tuple(
        step
        for port in ports
        for step in (("set_field", "out_port", port), ("resubmit", "deliver"))
    )


def _remotes(remotes: tuple[BridgedHop, ...], typed: bool) -> tuple[tuple, ...]:
    # Not measured: nobody is told that a group frame is too big (RFC 1122 section 3.2.2), and a
    # long list would have a check for each VTEP.
    return tuple(
        step
        for endpoint, label in remotes
        for step in (*tunnel_actions(endpoint, label, always=typed), ("resubmit", "send"))
    )
