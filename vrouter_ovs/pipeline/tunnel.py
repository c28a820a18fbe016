"""Tunnels: which port leads to a VTEP, and which of several where it has several underlay paths.

The choice among paths is the switch's, so that it needs no node when one fails: ``bundle_load``
(ovs-actions(7)) looks at which ports are live, BFD included, whenever it translates a packet, and
ovs-vswitchd translates all anew when that changes.  A group of type SELECT does the same in one
object.  With OpenFlow 1.4 its hash is the datapath's, though, which takes every packet through the
datapath twice (``hash``, ``recirc``), and it has no last resort: where no bucket is live it drops,
while its far end's switch may just be starting again over a datapath that forwards on.

A tunnel that comes, goes or gets another number touches the flows of its VTEP here, and no other:
hops name the VTEP.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.encapsulation import MPLS_GRE, NVGRE
from vrouter_ovs.numbers import ETH_MPLS
from vrouter_ovs.pipeline.hops import tunnel_match, tunnel_type
from vrouter_ovs.schema.flow import NO_PORT, Flow
from vrouter_ovs.state import Tunnel

# A frame within another tunnel may be MPLS as well: by what its VM wrote, nothing is told apart.
MPLS_ARRIVES = (
    ("load", "from_tunnel", 1), ("load", "tunnel_type", tunnel_type(MPLS_GRE)),
    ("resubmit", "classify"),
)  # fmt: skip
LABEL_OF_NVGRE = (
    ("move", "tun_vsid", "tun_label"), ("load", "tun_above_label", 0), ("load", "from_tunnel", 1),
    ("resubmit", "classify"),
)  # fmt: skip
_ARRIVING = {NVGRE: ("nvgre", LABEL_OF_NVGRE), MPLS_GRE: ("mpls", MPLS_ARRIVES)}


def render_tunnel(tunnel: Tunnel) -> tuple[Flow, ...]:
    """What leaves by the tunnel: one flow for a single tunnel port, two or three for several.  Of
    NVGRE and MPLS one more for each port, for what comes in by it."""
    encap, tag = tunnel.endpoint.encap, cookie(tunnel.key)
    leaving = _leaving_mpls(tunnel) if encap == MPLS_GRE else _leaving(tunnel)
    if encap not in _ARRIVING:
        return leaving
    name, actions = _ARRIVING[encap]
    return leaving + tuple(
        Flow("classify", name, (("in_port", port), ("from_tunnel", 0), *more), actions, tag)
        for port in (tunnel.ofport, *tunnel.others)
        for more in ((("eth_type", ETH_MPLS),) if encap == MPLS_GRE else (),)
    )


def _leaving_mpls(tunnel: Tunnel) -> tuple[Flow, ...]:
    """As :func:`_leaving`; the label is put on behind it, by the flows of :func:`mpls_flows`."""
    match, tag = tunnel_match(tunnel.endpoint), cookie(tunnel.key)
    if not tunnel.others:
        to_port = (("set_field", "out_port", tunnel.ofport), ("goto", "path"))
        return (Flow("send", "typed_vtep", match, to_port, tag),)
    choose, otherwise = _choice(tunnel)
    return (
        Flow("send", "typed_vtep", match, (choose, ("goto", "path")), tag),
        Flow(
            "path", "typed_none_live", (*match, ("out_port", NO_PORT)),
            (("set_field", "out_port", otherwise), ("resubmit", "path")), tag,
        ),
    )


def mpls_flows(tag: int) -> list[Flow]:
    """The Vrouter's part, where it sends MPLS: behind the label is the frame of what is bridged
    (RFC 7432 section 9.1), and the packet of what is routed (RFC 4364 section 5, RFC 9136 section
    4.4.1).  To a copy, as a flood list goes on with the frame."""
    number = tunnel_type(MPLS_GRE)
    leave = (("push_mpls",), ("move", "tun_mpls_label", "pushed_label"), ("output_reg", "out_port"))
    return [
        Flow(
            "path", "mpls_bridged", (("vrf", 0), ("tunnel_type", number)), (("clone", leave),), tag,
        ),
        Flow(
            "path", "mpls_routed", (("tunnel_type", number),),
            (("clone", (("pop_ethernet",), *leave)),), tag,
        ),
    ]  # fmt: skip


def _leaving(tunnel: Tunnel) -> tuple[Flow, ...]:
    match, tag = tunnel_match(tunnel.endpoint), cookie(tunnel.key)
    # One of VXLAN matches packets of any tunnel type, the others' stand above it.
    typed = "typed_" if tunnel_type(tunnel.endpoint.encap) else ""
    if not tunnel.others:
        return (Flow("send", f"{typed}vtep", match, (("output", tunnel.ofport),), tag),)
    choose, otherwise = _choice(tunnel)
    none = (*match, ("out_port", NO_PORT))
    return (
        Flow("send", f"{typed}vtep", match, (choose, ("goto", "path")), tag),
        Flow("path", f"{typed}none_live", none, (("output", otherwise),), tag),
        Flow("path", f"{typed}live", match, (("output_reg", "out_port"),), tag),
    )


def _choice(tunnel: Tunnel) -> tuple[tuple, int]:
    """(what chooses among several tunnel ports, the one to take where none is live)."""
    # A bundle of one port needs no hash, so the datapath's flows would match less than those that
    # there are: overlapping ones, of which a userspace datapath may change the wrong one
    # (ovs-vswitchd 3.1 finds the one to change by a packet that it matches).  A port named twice
    # is hashed.
    every = (tunnel.ofport, *tunnel.others) if tunnel.spread else (tunnel.ofport, tunnel.ofport)
    otherwise = tunnel.ofport if tunnel.spread else tunnel.others[0]
    return ("bundle", every, "out_port"), otherwise
