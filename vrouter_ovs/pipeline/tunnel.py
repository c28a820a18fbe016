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
from vrouter_ovs.encapsulation import NVGRE
from vrouter_ovs.pipeline.hops import tunnel_match
from vrouter_ovs.schema.flow import NO_PORT, Flow
from vrouter_ovs.state import Tunnel

LABEL_OF_NVGRE = (
    ("move", "tun_vsid", "tun_label"), ("load", "tun_above_label", 0), ("load", "from_tunnel", 1),
    ("resubmit", "classify"),
)  # fmt: skip


def render_tunnel(tunnel: Tunnel) -> tuple[Flow, ...]:
    """What leaves by the tunnel: one flow for a single tunnel port, three for several.  Of NVGRE
    one more for each port, for what comes in by it."""
    arriving = ()
    if tunnel.endpoint.encap == NVGRE:
        arriving = tuple(
            Flow("classify", "nvgre", (("in_port", port), ("from_tunnel", 0)), LABEL_OF_NVGRE,
                 cookie(tunnel.key))
            for port in (tunnel.ofport, *tunnel.others)
        )
    return _leaving(tunnel) + arriving


def _leaving(tunnel: Tunnel) -> tuple[Flow, ...]:
    match, tag = tunnel_match(tunnel.endpoint), cookie(tunnel.key)
    # One of VXLAN matches packets of any tunnel type, the others' stand above it.
    typed = "typed_" if len(match) > 1 else ""
    if not tunnel.others:
        return (Flow("send", f"{typed}vtep", match, (("output", tunnel.ofport),), tag),)
    # A bundle of one port needs no hash, so the datapath's flows would match less than those that
    # there are: overlapping ones, of which a userspace datapath may change the wrong one
    # (ovs-vswitchd 3.1 finds the one to change by a packet that it matches).  A port named twice
    # is hashed.
    every = (tunnel.ofport, *tunnel.others) if tunnel.spread else (tunnel.ofport, tunnel.ofport)
    otherwise = tunnel.ofport if tunnel.spread else tunnel.others[0]
    choose = ("bundle", every, "out_port")
    none = (*match, ("out_port", NO_PORT))
    return (
        Flow("send", f"{typed}vtep", match, (choose, ("goto", "path")), tag),
        Flow("path", f"{typed}none_live", none, (("output", otherwise),), tag),
        Flow("path", f"{typed}live", match, (("output_reg", "out_port"),), tag),
    )
