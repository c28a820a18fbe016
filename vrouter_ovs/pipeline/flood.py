"""Flood lists: ingress replication with split horizon (RFC 8365 section 5, RFC 7432 11.2)."""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.flow import Flow
from vrouter_ovs.pipeline.addresses import vni, vtep_id
from vrouter_ovs.state import Flood

# A flow_mod is at most 65,535 bytes and wrapped in a bundle message: 32 bytes for a port, 48 for a
# remote VTEP, 32 for the call of a part.
PART_BYTES = 62000
PORT_BYTES, REMOTE_BYTES = 32, 48
PART_PORTS = PART_BYTES // PORT_BYTES
PART_REMOTES = PART_BYTES // REMOTE_BYTES


def render_flood(flood: Flood) -> tuple[Flow, ...]:
    """One flow, for what local ports send and for what comes from a tunnel: of the latter the
    table send lets nothing into a tunnel again.

    A list that is too long for one flow is cut into parts, which it runs one after the other
    through the bucket register.
    """
    tag = cookie(flood.key)
    evi = ("evi", vni(flood.evi))
    size = len(flood.ports) * PORT_BYTES + len(flood.remotes) * REMOTE_BYTES
    parts = []
    if size <= PART_BYTES:
        actions = (*_ports(flood.ports), *_remotes(flood.remotes))
    else:
        parts = [
            _ports(flood.ports[i : i + PART_PORTS]) for i in range(0, len(flood.ports), PART_PORTS)
        ]
        parts += [
            _remotes(flood.remotes[i : i + PART_REMOTES])
            for i in range(0, len(flood.remotes), PART_REMOTES)
        ]
        actions = tuple(
            step
            for number in range(1, len(parts) + 1)
            for step in (("set_field", "bucket", number), ("resubmit", "flood"))
        )
    return (
        Flow("flood", 100, (evi, ("bucket", 0)), actions, tag),
        *(
            Flow("flood", 100, (evi, ("bucket", number)), part, tag)
            for number, part in enumerate(parts, 1)
        ),
    )


def _ports(ports: tuple[int, ...]) -> tuple[tuple, ...]:
    # Each by the way of unicast, as its port may have a policy set.
    return tuple(
        step
        for port in ports
        for step in (("set_field", "out_port", port), ("resubmit", "deliver"))
    )


def _remotes(remotes: tuple[tuple[str, int], ...]) -> tuple[tuple, ...]:
    # Not measured: nobody is told that a group frame is too big (RFC 1122 section 3.2.2), and a
    # long list would have a check for each VTEP.
    return tuple(
        step
        for vtep, number in remotes
        for step in (
            ("set_field", "tun_id", number),
            ("set_field", "vtep", vtep_id(vtep)),
            ("resubmit", "send"),
        )
    )
