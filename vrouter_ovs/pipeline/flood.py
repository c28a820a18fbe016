"""Flood lists: ingress replication with split horizon (RFC 8365 section 5, RFC 7432 11.2).

A list that is too long for one pass through the switch is cut into parts, which a group of type ALL
(:class:`~vrouter_ovs.state.FloodParts`) has begin anew side by side: a copy of the packet for each.
So a packet begins once more, whatever the length of the list.  One after the other the parts would
be passes within one another, of which the userspace datapath allows six, and policy takes four of
them.  A group alone lifts no limit: its buckets are translated with the flow that names it, in one
pass, and each counts for what it runs.  A list of actions alone does not do either: behind a copy
that begins anew ovs-vswitchd translates nothing but what is in another bucket.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.pipeline.hops import tunnel_actions
from vrouter_ovs.pipeline.terms import vni
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import BridgedHop, Flood, FloodParts, FloodRemotes, flood_parts

REMOTES, PARTS = 1 << 16, 1 << 17
"""Bits of the register ``bucket``: the remote VTEPs' list, and not that of local ports; a part of
it, whose number is in the bits below."""


def render_flood(flood: Flood) -> tuple[Flow, ...]:
    """One flow, for what local ports send and for what comes from a tunnel: of the latter the
    table send lets nothing into a tunnel again.  It ends with the remote VTEPs' list, which is
    another object's and may not be there.  One more for each part, and one that has them begin
    anew."""
    parts = [port_actions(part) for part in flood.parts]
    actions = _replicate(flood) if parts else port_actions(flood.ports)
    remotes = ("set_field", "bucket", REMOTES), ("resubmit", "flood")
    return _flows(flood, (*actions, *remotes), parts)


def render_flood_remotes(flood: FloodRemotes) -> tuple[Flow, ...]:
    """Likewise, without what is behind it."""
    # A copy keeps the registers of the one before it.
    typed = any(endpoint.encap != VXLAN for endpoint, _ in flood.remotes)
    parts = [_remotes(part, typed) for part in flood.parts]
    actions = _replicate(flood) if parts else _remotes(flood.remotes, typed)
    return _flows(flood, actions, parts)


def part_actions(parts: FloodParts, part: int) -> tuple[tuple, ...]:
    """What a bucket of the group does, of the part with this number, the first of which is 0."""
    return ("set_field", "bucket", _list(parts.remote) | PARTS | part), ("resubmit", "flood")


def _replicate(flood: Flood | FloodRemotes) -> tuple[tuple, ...]:
    return (("group", flood_parts(flood).group),)


def _list(remote: bool) -> int:
    return REMOTES if remote else 0


def _flows(
    flood: Flood | FloodRemotes, actions: tuple[tuple, ...], parts: list[tuple]
) -> tuple[Flow, ...]:
    tag, evi = cookie(flood.key), ("evi", vni(flood.evi))
    which = _list(type(flood) is FloodRemotes)
    whole = Flow("flood", "list", (evi, ("bucket", which)), actions, tag)
    if not parts:
        return (whole,)
    # To a copy, so that the group's next bucket finds the packet as this one did.
    anew = ("clone", (("recirculate",), ("resubmit", "part")))
    return (
        whole,
        Flow("flood", "parts", (evi, ("bucket", which | PARTS, REMOTES | PARTS)), (anew,), tag),
        *(
            Flow("part", "part", (evi, ("bucket", which | PARTS | number)), part, tag)
            for number, part in enumerate(parts)
        ),
    )


def port_actions(ports: tuple[int, ...]) -> tuple[tuple, ...]:
    """A copy to each of these, by the way of unicast, as its port may have a policy set."""
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
