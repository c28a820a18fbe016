"""Routes: longest prefix match and equal-cost hops.

ECMP takes no group: a route with several hops hashes the packet into a bucket register
(``multipath``, symmetric_l3l4+udp over addresses, protocol and ports) and the table ``nexthop``
holds one flow for each bucket.  Groups would need 32-bit ids allocated for each set of hops, the
same after every restart, and a change of two objects at once; flows are keyed by the prefix, take
part in the same bundle, and are compared by the same bytes.  The hash is rendezvous (``hrw``): one
hop more moves only the packets that the new hop takes.
"""

from __future__ import annotations

from vrouter_ovs.addresses import ip_network
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline.hops import hop_actions, relay_actions
from vrouter_ovs.pipeline.terms import ip_match
from vrouter_ovs.schema.flow import DROP, Flow
from vrouter_ovs.state import LocalHop, RemoteHop, Route

MAX_HOPS = 256


def priority(prefix_length: int, from_tunnel: bool = False) -> tuple[str, int]:
    """In steps of two: a route's variant for tunnel traffic stands one above it."""
    return "prefix", 2 * prefix_length + from_tunnel


def render_route(route: Route) -> tuple[Flow, ...]:
    """One flow for no hop or one, two where it is relayed to; with several, one more for each, and
    one more where local and remote hops are mixed: what came from a tunnel may take the local ones
    alone."""
    if len(route.hops) > MAX_HOPS:
        raise PipelineError(f"route {route.prefix}: {len(route.hops)} hops, at most {MAX_HOPS}")
    tag = cookie(route.key)
    match = (("vrf", route.vrf), *ip_match("dst", route.prefix))
    length = ip_network(route.prefix).prefixlen
    if len(route.hops) < 2:
        actions = hop_actions(route.hops[0]) if route.hops else DROP
        flow = Flow("route", priority(length), match, actions, tag)
        if not route.relay or not route.hops or type(route.hops[0]) is not RemoteHop:
            return (flow,)
        onward = relay_actions(route.hops[0])
        relayed = (*match, ("from_tunnel", 1))
        return flow, Flow("route", priority(length, True), relayed, onward, tag)
    # Local hops come first, so that both variants share the flows of the buckets.
    local = [hop for hop in route.hops if type(hop) is LocalHop]
    remote = [hop for hop in route.hops if type(hop) is not LocalHop]
    flows = [Flow("route", priority(length), match, _spread(len(route.hops)), tag)]
    if local and remote:
        flows.append(
            Flow(
                "route", priority(length, True), (*match, ("from_tunnel", 1)),
                _spread(len(local)), tag,
            )
        )
    flows += [
        Flow("nexthop", priority(length), (*match, ("bucket", bucket)), hop_actions(hop), tag)
        for bucket, hop in enumerate((*local, *remote))
    ]
    return tuple(flows)


def _spread(buckets: int) -> tuple[tuple, ...]:
    return (("multipath", buckets, "bucket"), ("goto", "nexthop"))
