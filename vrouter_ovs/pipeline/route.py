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
from vrouter_ovs.pipeline.hops import first_live, hop_actions, relay_actions
from vrouter_ovs.pipeline.terms import ip_match
from vrouter_ovs.schema.flow import DROP, NO_PORT, Flow
from vrouter_ovs.state import LocalHop, OutsideHop, RemoteHop, Route

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
    if route.watch:
        return _first_live(route, match, length, tag)
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


def _first_live(route: Route, match: tuple, length: int, tag: int) -> tuple[Flow, ...]:
    """Hops of which one takes over from another: the switch takes the first that BFD is up with, so
    that it needs no node when one fails.  Where the last is outside of the VPN, it waits marked
    for that; what a tunnel has brought for it has been decided by who sent it."""
    *others, last = route.hops
    if type(last) is not OutsideHop:
        choose, chosen = first_live(route.hops, route.watch)
        return (
            Flow("route", priority(length), match, (*choose, ("goto", "nexthop")), tag),
            *(
                Flow("nexthop", priority(length), (*match, ("bucket", port)), hop_actions(hop), tag)
                for port, hop in chosen
            ),
        )
    choose, chosen = first_live(others, route.watch)
    outside = hop_actions(last)
    return (
        # The sender's MAC has to be what it was where the packet goes to another vrouter.
        Flow("route", priority(length), match, (("push", "eth_src"), *choose, *outside), tag),
        Flow("route", priority(length, True), (*match, ("from_tunnel", 1)), outside, tag),
        *(
            Flow(
                "snat", ("elsewhere", 2 * length), (*match, ("bucket", port)),
                (("pop", "eth_src"), *hop_actions(hop)), tag,
            )
            for port, hop in chosen if port != NO_PORT
        ),
    )


def _spread(buckets: int) -> tuple[tuple, ...]:
    return (("multipath", buckets, "bucket"), ("goto", "nexthop"))
