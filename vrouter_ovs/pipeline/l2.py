"""EVIs and MACs."""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline.edge.dns import multicast_dns_flows
from vrouter_ovs.pipeline.edge.neighbor import MULTICAST, flood_unknown_flows
from vrouter_ovs.pipeline.external.transparent import transparent_flows
from vrouter_ovs.pipeline.hops import ARRIVED, first_live, hop_actions, labelled, relay_actions
from vrouter_ovs.pipeline.terms import vni
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import Evi, LocalMac, RemoteMac

NO_MAC = "00:00:00:00:00:00"


def render_evi(evi: Evi) -> tuple[Flow, ...]:
    # Below the flows of local ports: what a port sends is never taken for tunnel traffic.
    tag = cookie(evi.key)
    flows = [
        Flow(
            "classify",
            "evi",
            (("tun_id", vni(evi.evi)),),
            (("set_field", "evi", evi.evi), ("load", "from_tunnel", 1), ("goto", "bridge")),
            tag,
        ),
    ]
    if evi.label:
        flows.append(Flow(
            "classify", "label", labelled(evi.label),
            (
                # A bridge whose ports are of Ethernet sees MPLS behind a header of zeros.
                ("pop_ethernet",), ("pop_mpls_of_frame",), ARRIVED,
                ("set_field", "evi", evi.evi), ("goto", "bridge"),
            ),
            tag,
        ))
    if evi.transparent:
        flows += transparent_flows(evi.evi, tag)
    if evi.flood_macs:
        unknown = (("evi", evi.evi), ("eth_dst", NO_MAC, MULTICAST))
        flows.append(Flow("bridge", "unknown", unknown, (("goto", "flood"),), tag))
    if evi.flood_unknown:
        flows += flood_unknown_flows(evi.evi, tag)
    return (*flows, *multicast_dns_flows(evi.evi, evi.mdns, tag))


def render_remote_mac(remote: RemoteMac) -> tuple[Flow, ...]:
    if not remote.hops:
        raise PipelineError(f"MAC {remote.mac} has no hop")
    # Below a local port's flow: where both are known for a moment (a port that moves), local wins.
    tag, match = cookie(remote.key), (("evi", remote.evi), ("eth_dst", remote.mac))
    if remote.watch:
        choose, chosen = first_live(remote.hops, remote.watch)
        return (
            Flow("bridge", "remote_mac", match, (*choose, ("goto", "nexthop")), tag),
            *(
                Flow("nexthop", "mac", (*match, ("bucket", port)), hop_actions(hop), tag)
                for port, hop in chosen
            ),
        )
    flow = Flow("bridge", "remote_mac", match, hop_actions(remote.hops[0]), tag)
    if not remote.relay:
        return (flow,)
    onward = relay_actions(remote.hops[0])
    return flow, Flow("bridge", "relayed_mac", (*match, ("from_tunnel", 1)), onward, tag)


def render_local_mac(local: LocalMac) -> tuple[Flow, ...]:
    # Above a remote one, below the MAC of a port: that is never another's.
    return (
        Flow(
            "bridge",
            "shared_mac",
            (("evi", vni(local.evi)), ("eth_dst", local.mac)),
            (("set_field", "out_port", local.ofport), ("goto", "deliver")),
            cookie(local.key),
        ),
    )
