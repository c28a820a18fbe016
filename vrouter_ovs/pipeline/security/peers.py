"""Groups that rules name, and which of them the other side of a packet is a member of.

The groups are in *pages*, where each has a bit.  A set whose rules name groups looks the other side
up in their pages: by its address, and by prefixes or MACs where a group has such members.  Each
lookup adds the bits of its groups to one register, and a rule matches the bit of its group.  So a
member is one flow for all sets that ask in one direction, and a rule one for each set that has it,
whatever else the groups are combined with.  When the rules have been asked the register is cleared:
nothing of one side's lookup is there for the other's, nor for the next copy of a flooded packet.
"""

from __future__ import annotations

from vrouter_ovs.addresses import ip_network
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline.security.policy import (
    ETH_TYPES,
    INVALID,
    REPLY,
    TRACKED,
    VALID,
    remote_terms,
    ruleset,
)
from vrouter_ovs.pipeline.terms import bit_mask, page_value, vni
from vrouter_ovs.schema.flow import RETURN, Flow
from vrouter_ovs.state import INGRESS, Membership, PeerAddress

_NOTHING = (("set_field", "page", 0), ("set_field", "member_of", 0))


def render_membership(asked: Membership) -> tuple[Flow, ...]:
    """One flow; for each page but the last one more, so that a packet is counted as denied once."""
    if not asked.pages:
        raise PipelineError(f"no page is asked for: {asked}")
    tag, match = cookie(asked.key), (("policy", ruleset(asked.policy, asked.direction)),)
    values = [page_value(one.page, asked.direction, asked.stateful) for one in asked.pages]
    actions: list[tuple] = []
    for page, value in zip(asked.pages, values, strict=True):
        actions += [("set_field", "page", value), ("set_field", "member_of", 0)]
        if page.prefixes:
            actions.append(("resubmit", "peer_prefix"))
        actions.append(("resubmit", "peer_address"))
        if page.macs:
            actions.append(("resubmit", "peer_mac"))
        actions.append(("resubmit", "policy"))
    return (
        Flow("membership", "set", match, (*actions, *_NOTHING), tag),
        *(
            Flow("policy", "other_page", (*match, ("page", value)), RETURN, tag)
            for value in values[:-1]
        ),
    )


def render_peer_address(peer: PeerAddress) -> tuple[Flow, ...]:
    """One flow, two for a MAC of tracked sets; of prefixes in one another the longest counts."""
    net = ip_network(peer.address)
    match = (
        ("page", page_value(peer.page, peer.direction, peer.stateful)),
        ("eth_type", ETH_TYPES[net.version]),
        *remote_terms(peer.address, peer.direction, peer.stateful, net.version),
    )
    found = (("set_bits", "member_of", bit_mask(peer.bits)),)
    tag = cookie(peer.key)
    if peer.mac:
        table, priority = "peer_mac", ("prefix", net.prefixlen)
        return tuple(
            Flow(table, priority, (*match, *other), found, tag) for other in _by_mac(peer)
        )
    valid = (VALID,) if peer.stateful else ()
    if net.prefixlen == net.max_prefixlen:
        return (Flow("peer_address", "address", (*match, *valid), found, tag),)
    return (Flow("peer_prefix", ("prefix", net.prefixlen), (*match, *valid), found, tag),)


def _by_mac(peer: PeerAddress) -> list[tuple[tuple, ...]]:
    """The MAC of the other side is where a packet comes from or goes to, as it goes the way of the
    connection's first or is a reply."""
    first, back = ("eth_src", "eth_dst") if peer.direction == INGRESS else ("eth_dst", "eth_src")
    evi_match = ("evi", vni(peer.evi))
    if not peer.stateful:
        return [(evi_match, (first, peer.mac))]
    state_mask = TRACKED | INVALID | REPLY
    return [
        (evi_match, (first, peer.mac), ("ct_state", TRACKED, state_mask)),
        (evi_match, (back, peer.mac), ("ct_state", TRACKED | REPLY, state_mask)),
    ]
