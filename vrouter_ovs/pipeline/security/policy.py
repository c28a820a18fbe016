"""Policy sets: tracking, and the rules of a set.

A rule is not held against a packet but against the *connection* of the packet: conntrack keeps the
addresses, protocol and ports of the first packet's direction, and those are matched in whichever
direction a packet goes.  So a reply is allowed by the rule that allowed its request; with that rule
the connection ends in both directions at once, with no mark to set or clear in connections; and an
ICMP error is judged as the connection that it speaks of.  Sets without tracking match the fields of
each packet instead.

Later fragments have no ports, in a connection neither (the userspace datapath puts fragments
together to track them and apart again).  So they pass the rules unasked into a second reassembly,
which the first fragment enters only if a rule allows it: what comes out is allowed as a whole, and
what lacks its first fragment comes out as invalid.
"""

from __future__ import annotations

from collections.abc import Iterator

from vrouter_ovs.addresses import ip_network
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import (
    ETH_IPV4,
    ETH_IPV6,
    LISTENER_DONE,
    LISTENER_QUERY,
    LISTENER_REPORT,
    LISTENER_REPORT2,
    NEIGHBOR_ADVERT,
    NEIGHBOR_SOLICIT,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_SCTP,
    PROTO_TCP,
    PROTO_UDP,
    ROUTER_ADVERT,
    ROUTER_SOLICIT,
)
from vrouter_ovs.pipeline.security.port_blocks import blocks
from vrouter_ovs.pipeline.terms import bit_term, page_value, prefix_term
from vrouter_ovs.schema.fields import CT_STATES
from vrouter_ovs.schema.flow import RETURN, Flow
from vrouter_ovs.schema.registers import INBOUND
from vrouter_ovs.state import EGRESS, INGRESS, Policy, Rule

NEW, REPLY, INVALID, TRACKED = (CT_STATES[name] for name in ("new", "rpl", "inv", "trk"))
VALID = ("ct_state", TRACKED, TRACKED | INVALID)
"""Without it a switch refuses a match on the fields of a connection."""
ANY_FRAGMENT, LATER_FRAGMENT = 1, 2
MAX_POLICY = INBOUND - 1
_DIRECTIONS = {EGRESS: 0, INGRESS: INBOUND}
ETH_TYPES = {4: ETH_IPV4, 6: ETH_IPV6}
PORT_FIELDS = {PROTO_TCP: "tcp_dst", PROTO_UDP: "udp_dst", PROTO_SCTP: "sctp_dst"}
_ICMP = {4: (PROTO_ICMP, "icmpv4"), 6: (PROTO_ICMPV6, "icmpv6")}
_PERMIT = (("set_field", "permit", 1),)


MULTICAST_LISTENER = (LISTENER_QUERY, LISTENER_REPORT, LISTENER_DONE, LISTENER_REPORT2)


def discovery_matches() -> Iterator[tuple[tuple, ...]]:
    """What is not subject to policy, as OpenStack has it: IPv6 does not work without.  Only what is
    of this link: neighbor discovery with the hop limit 255 (RFC 4861), listener reports with 1
    (RFC 2710, 3810)."""
    discovery = (ROUTER_SOLICIT, ROUTER_ADVERT, NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT)
    for limit, kinds in ((255, discovery), (1, MULTICAST_LISTENER)):
        for kind in kinds:
            yield (
                ("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6), ("ip_ttl", limit),
                ("icmpv6_type", kind),
            )  # fmt: skip


def policy_id(policy: int) -> int:
    """``policy`` itself.  Zero is a port without a set, and the top bit is the direction."""
    if not 0 < policy <= MAX_POLICY:
        raise PipelineError(f"not a policy set: {policy}")
    return policy


def ruleset(policy: int, direction: str) -> int:
    """The value of the register ``policy`` with which a set's rules of one direction are asked."""
    if direction not in _DIRECTIONS:
        raise PipelineError(f"not a direction: {direction!r}")
    return policy_id(policy) | _DIRECTIONS[direction]


def render_policy(policy: Policy) -> tuple[Flow, ...]:
    """Two flows: what no rule allows is counted for each direction.  Four more for a set without
    tracking: the Vrouter has the ports of all others tracked on either side."""
    tag = cookie(policy.key)
    number = policy_id(policy.policy)
    flows = []
    if not policy.stateful:
        for table, then in (("track", "policy_out"), ("receive", "policy_in")):
            for eth_type in (ETH_IPV4, ETH_IPV6):
                match = (("policy", number), ("eth_type", eth_type))
                flows.append(Flow(table, "untracked", match, (("goto", then),), tag))
    for direction in (EGRESS, INGRESS):
        match = (("policy", ruleset(number, direction)),)
        flows.append(Flow("policy", "deny", match, RETURN, tag))
    return tuple(flows)


def render_rule(rule: Rule) -> tuple[Flow, ...]:
    """One flow, or as many as the port range needs blocks.

    All rules of a set allow, so which of several that match counts the packet does not matter to
    the verdict; one with a prefix of the other side stands above one without.
    """
    if rule.version not in ETH_TYPES:
        raise PipelineError(f"not an IP version: {rule.version}")
    match = [
        ("policy", ruleset(rule.policy, rule.direction)),
        ("eth_type", ETH_TYPES[rule.version]),
    ]
    if not rule.protocol:
        # Open vSwitch 3.1 takes ct_nw_proto=0, but does not show it again: such a flow looks like
        # one for all protocols, and cannot be deleted by what it looks like.
        raise PipelineError("protocol 0 cannot be told from any protocol")
    priority = "rule_with_prefix" if rule.remote else "rule"
    if rule.stateful:
        match.append(VALID)
    if rule.page:
        page = page_value(rule.page, rule.direction, rule.stateful)
        match += [("page", page), bit_term(rule.bit)]
    elif rule.group or rule.address_group:
        raise PipelineError(f"a group without a page: {rule}")
    if rule.remote:
        match += remote_terms(rule.remote, rule.direction, rule.stateful, rule.version)
    if rule.protocol != -1:
        match.append(("ct_nw_proto" if rule.stateful else "ip_proto", rule.protocol))
    tag = cookie(rule.key)
    return tuple(
        Flow("policy", priority, (*match, *upper), _PERMIT, tag) for upper in _upper(rule)
    )


def remote_terms(prefix: str, direction: str, stateful: bool, version: int) -> tuple[tuple, ...]:
    """The match terms for "the other side is in ``prefix``"."""
    net = ip_network(prefix)
    if net.version != version:
        raise PipelineError(f"{prefix} is not of IPv{version}")
    side = "dst" if direction == EGRESS else "src"
    if stateful:
        field = f"ct_nw_{side}" if version == 4 else f"ct_ipv6_{side}"
    else:
        field = f"ipv{version}_{side}"
    return prefix_term(field, net)


def _upper(rule: Rule) -> Iterator[tuple[tuple, ...]]:
    """The match terms on ports or on type and code, one tuple for each flow."""
    first, last = rule.first, rule.last
    icmp, name = _ICMP[rule.version]
    if first == -1:
        if last != -1:
            raise PipelineError(f"half a range of ports: {rule}")
        yield ()
    elif rule.protocol == icmp:
        fields = ("ct_tp_src", "ct_tp_dst") if rule.stateful else (f"{name}_type", f"{name}_code")
        terms = [] if rule.stateful else [("ip_frag", 0, LATER_FRAGMENT)]
        for field, value in zip(fields, (first, last), strict=True):
            if not -1 <= value <= 255:
                raise PipelineError(f"not an ICMP type and code: {first}, {last}")
            if value != -1:
                terms.append((field, value))
        yield tuple(terms)
    else:
        field = PORT_FIELDS.get(rule.protocol)
        if field is None or not 0 <= first <= last <= 0xFFFF:
            raise PipelineError(f"not ports of this protocol: {rule}")
        # A later fragment looks as if it went to port 0.
        whole = () if rule.stateful else (("ip_frag", 0, LATER_FRAGMENT),)
        field = "ct_tp_dst" if rule.stateful else field
        for value, mask in blocks(first, last):
            if mask == 0xFFFF:
                yield (*whole, (field, value))
            elif mask:
                yield (*whole, (field, value, mask))
            else:
                yield whole
