"""Local ports: into the EVI, past the guard, and where frames to them go."""

from __future__ import annotations

import ipaddress

from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import Why
from vrouter_ovs.fields import mac_bytes
from vrouter_ovs.flow import ARP, IPV4, IPV6, Flow
from vrouter_ovs.pipeline.addresses import network, prefix_term, vni
from vrouter_ovs.pipeline.base import ICMPV6, NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT
from vrouter_ovs.pipeline.policy import policy_id
from vrouter_ovs.state import LocalPort

PASS = (("goto", "proxy"),)
SEEN = (("set_field", "why", int(Why.SEEN)), ("resubmit", "punt"), ("set_field", "why", 0))
NO_MAC = "00:00:00:00:00:00"


def render_port(port: LocalPort) -> tuple[Flow, ...]:
    """Five flows for a port with one IPv4 address, three for one without port security; one more
    with a policy set."""
    tag = cookie(port.key)
    evi = vni(port.evi)
    policy = (("set_field", "policy", policy_id(port.policy)),) if port.policy else ()
    flows = [
        Flow(
            "classify",
            200,
            (("in_port", port.ofport),),
            (("set_field", "evi", evi), *policy, ("goto", "guard")),
            tag,
        ),
        Flow(
            "bridge",
            300,
            (("evi", evi), ("eth_dst", port.mac)),
            (("set_field", "out_port", port.ofport), ("goto", "deliver")),
            tag,
        ),
    ]
    if policy:
        # The whole register: what the sender's set left in it ends here.
        match = (("out_port", port.ofport),)
        flows.append(Flow("deliver", 100, match, (*policy, ("goto", "receive")), tag))
    if not port.port_security:
        flows.append(Flow("guard", 200, (("in_port", port.ofport),), PASS, tag))
        return tuple(flows)
    # Pairs may overlap or say the same twice ("10.0.0.1" and "10.0.0.1/32"): one flow each.
    guard: dict[tuple, Flow] = {}
    for mac, prefix in port.allowed:
        for flow in _pair(port.ofport, mac, prefix, tag):
            if prefix and (mac, prefix) in port.shared:
                guard.update(((one.priority, one.match), one) for one in _seen(flow, prefix))
            else:
                guard[flow.priority, flow.match] = flow
    return (*flows, *guard.values())


def _seen(flow: Flow, prefix: str) -> tuple[Flow, ...]:
    """The flow of a pair that the port shares with others: what announces the address is copied to
    the node.  Below those of the port's own addresses, which a prefix may include; above what the
    Vrouter drops.

    An ARP announcement (RFC 5227 section 3) is for all, and no question to answer.
    """
    source = prefix_term("arp_spa", network(prefix))
    terms = {*source, *prefix_term("nd_target", network(prefix))}
    if terms.isdisjoint(flow.match) or ("icmpv6_type", NEIGHBOR_SOLICIT) in flow.match:
        return (flow,)
    heard = flow._replace(priority=flow.priority - 5, actions=(*SEEN, *PASS))
    if source[0] not in flow.match or len(source[0]) > 2:
        return (heard,)
    match = (*flow.match, ("arp_op", 1), ("arp_tpa", source[0][1]))
    to_all = heard._replace(
        priority=heard.priority + 1, match=match, actions=(*SEEN, ("goto", "bridge"))
    )
    return heard, to_all


def _pair(ofport: int, mac: str, prefix: str, tag: int) -> list[Flow]:
    source = (("in_port", ofport), ("eth_src", mac))
    if not prefix:
        return [*_ipv4(source, mac, (), (), tag), *_ipv6(source, mac, (), (), tag)]
    net = network(prefix)
    if net.version == 4:
        return _ipv4(
            source, mac, prefix_term("ipv4_src", net), prefix_term("arp_spa", net), tag
        )
    flows = _ipv6(source, mac, prefix_term("ipv6_src", net), prefix_term("nd_target", net), tag)
    local = network(link_local(mac))
    flows += _ipv6(
        source, mac, prefix_term("ipv6_src", local), prefix_term("nd_target", local), tag
    )
    # Duplicate address detection: from "::", without a link-layer option (RFC 4862 section 5.4.2),
    # and for its own addresses: whoever is just checking the same one would give it up.
    for target in (net, local):
        flows.append(
            Flow(
                "guard",
                120,
                (
                    *source, *_nd(NEIGHBOR_SOLICIT), ("ipv6_src", "::"),
                    *prefix_term("nd_target", target), ("nd_sll", NO_MAC),
                ),
                PASS,
                tag,
            )
        )
    return flows


def _ipv4(source: tuple, mac: str, ip_term: tuple, arp_term: tuple, tag: int) -> list[Flow]:
    arp = (*source, ("eth_type", ARP), ("arp_sha", mac))
    flows = [
        Flow("guard", 100, (*source, ("eth_type", IPV4), *ip_term), PASS, tag),
        Flow("guard", 100, (*arp, *arp_term), PASS, tag),
    ]
    if arp_term:
        # The ARP probe of RFC 5227 section 2.1.1 has no sender address yet.
        flows.append(Flow("guard", 100, (*arp, ("arp_spa", "0.0.0.0")), PASS, tag))
    return flows


def _nd(kind: int) -> tuple[tuple, ...]:
    return (("eth_type", IPV6), ("ip_proto", ICMPV6), ("icmpv6_type", kind))


def _ipv6(source: tuple, mac: str, ip_term: tuple, nd_term: tuple, tag: int) -> list[Flow]:
    flows = [Flow("guard", 100, (*source, ("eth_type", IPV6), *ip_term), PASS, tag)]
    # The link-layer option may be left out (RFC 4861 sections 4.3 and 4.4), never be another's.
    for option in (mac, NO_MAC):
        flows.append(
            Flow(
                "guard",
                120,
                (*source, *_nd(NEIGHBOR_SOLICIT), *ip_term, ("nd_sll", option)),
                PASS,
                tag,
            )
        )
        flows.append(
            Flow(
                "guard",
                120,
                (*source, *_nd(NEIGHBOR_ADVERT), *ip_term, *nd_term, ("nd_tll", option)),
                PASS,
                tag,
            )
        )
    return flows


def link_local(mac: str) -> str:
    """The modified EUI-64 link-local address of a MAC (RFC 4291 appendix A)."""
    raw = bytearray(mac_bytes(mac))
    raw[0] ^= 2
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + raw[:3] + b"\xff\xfe" + raw[3:]))
