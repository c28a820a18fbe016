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
from vrouter_ovs.pipeline.hops import tunnel_match
from vrouter_ovs.schema.flow import FIRST, HASHED, NO_PORT, Flow
from vrouter_ovs.state import Tunnel


def render_tunnel(tunnel: Tunnel) -> tuple[Flow, ...]:
    """One flow for a single tunnel port, three for several."""
    match, tag = tunnel_match(tunnel.endpoint), cookie(tunnel.key)
    # One of VXLAN matches packets of any tunnel type, the others' stand above it.
    typed = "typed_" if len(match) > 1 else ""
    to_first = (("output", tunnel.ofport),)
    if not tunnel.others:
        return (Flow("send", f"{typed}vtep", match, to_first, tag),)
    how = HASHED if tunnel.spread else FIRST
    choose = ("bundle", how, (tunnel.ofport, *tunnel.others), "out_port")
    none = (*match, ("out_port", NO_PORT))
    return (
        Flow("send", f"{typed}vtep", match, (choose, ("goto", "path")), tag),
        Flow("path", f"{typed}none_live", none, to_first, tag),
        Flow("path", f"{typed}live", match, (("output_reg", "out_port"),), tag),
    )
