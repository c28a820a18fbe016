"""Mirrors: copies of what a port sends as it comes from there, and of what reaches it as it does.

A copy leaves at once by the port that it is for: it passes no rules of that port, is in no EVI, and
reaches neither the node nor another mirror, so it cannot come round.  Only mirrored ports have
flows of this: one before all others in the first table, which has the frame looked at again, and
one in the last.  What a port without rules receives leaves the pipeline before that; with a mark it
goes on to there.

A tunnel never sends to where a packet came from, unless that is forgotten (ovs-actions(7)); that is
done to a copy for another hypervisor.  To a port here nothing is copied that it sent itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from vrouter_ovs.cookies import cookie
from vrouter_ovs.pipeline.security.policy import discovery_matches
from vrouter_ovs.pipeline.terms import vni
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import Copy, Mirroring, PortMirror, TapPort

AGAIN = (("load", "mirrored_out", 1), ("resubmit", "classify"))


def render_mirror(mirror: PortMirror) -> tuple[Flow, ...]:
    """A flow where what the port sends is mirrored, two where what it receives is."""
    tag, flows = cookie(mirror.key), []
    if mirror.sends:
        match = (("in_port", mirror.ofport), ("mirrored_out", 0))
        flows.append(Flow("classify", "mirrored", match, (*_copies(mirror.sends), *AGAIN), tag))
    if mirror.receives:
        to_port = (("out_port", mirror.ofport),)
        asked = (
            ("set_field", "evi", 0), ("set_field", "policy", 0), ("load", "mirrored_in", 1),
            ("resubmit", "port"), ("goto", "receive"),
        )  # fmt: skip
        leave = (("output_reg", "out_port"), *_copies(mirror.receives))
        flows.append(Flow("deliver", "mirrored", to_port, asked, tag))
        flows.append(Flow("output", "mirrored", to_port, leave, tag))
    return tuple(flows)


def render_mirroring(mirroring: Mirroring) -> tuple[Flow, ...]:
    """What leaves the table receive goes on to where it is copied."""
    tag, marked, onward = cookie(mirroring.key), ("mirrored_in", 1), (("goto", "output"),)
    return (
        *(
            Flow("receive", "mirrored_discovery", (marked, *match), onward, tag)
            for match in discovery_matches()
        ),
        Flow("receive", "mirrored_no_set", (marked, ("policy", 0)), onward, tag),
        Flow("receive", "mirrored_rest", (marked,), onward, tag),
    )


def render_tap(tap: TapPort) -> tuple[Flow, ...]:
    """One flow."""
    match = (("tun_id", vni(tap.vni)),)
    return (Flow("classify", "tapped", match, (("output", tap.ofport),), cookie(tap.key)),)


def _copies(copies: Iterable[Copy]) -> list[tuple]:
    return [
        ("clone", (
            *((("load", "in_port", 0), ("set_field", "tun_id", one.key)) if one.key else ()),
            ("output", one.ofport),
        ))
        for one in copies
    ]  # fmt: skip
