"""Local ports: what is known of them, what they may send, and where frames to them go.

One flow of the table ``port`` holds what is known of a port; it is asked on both ways.  What ARP
and neighbor discovery claim has been written to registers before the guard, by constant flows of
the table ``claim``: so the guard needs no flow of its own for each form of saying the same.
"""

from __future__ import annotations

import ipaddress

from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import Why
from vrouter_ovs.fields import link_local
from vrouter_ovs.flow import ARP, IPV4, IPV6, Flow
from vrouter_ovs.pipeline.addresses import mac_int, network, prefix_term, vni
from vrouter_ovs.pipeline.base import ICMPV6, NEIGHBOR_ADVERT
from vrouter_ovs.pipeline.policy import policy_id
from vrouter_ovs.state import LocalPort

PASS = (("goto", "proxy"),)
SEEN = (("set_field", "why", int(Why.SEEN)), ("resubmit", "punt"), ("set_field", "why", 0))
ALL_ONES = (1 << 32) - 1
ANY4, ANY6 = ipaddress.IPv4Network((0, 0)), ipaddress.IPv6Network((0, 0))
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def render_port(port: LocalPort) -> tuple[Flow, ...]:
    """Two flows, and two for each pair with an IPv4 address, two for each with an IPv6 address,
    two for the link-local one."""
    tag = cookie(port.key)
    evi = vni(port.evi)
    known: list[tuple] = [("set_field", "evi", evi)]
    if port.policy:
        known.append(("set_field", "policy", policy_id(port.policy)))
    # Pairs may overlap or say the same twice ("10.0.0.1" and "10.0.0.1/32"): one flow each.
    guard: dict[tuple, Flow] = {}
    if port.port_security:
        first = next(filter(_is_ipv4, port.allowed), None)
        if first is not None:
            # What an ARP probe, which names no sender address, is held against.
            address = network(first[1]).network_address
            known.append(("set_field", "claimed_ip3", str(address)))
        for pair in port.allowed:
            flows = _pair(port.ofport, *pair, pair[0] == (first or pair)[0], tag)
            if pair in port.shared and pair[1]:
                flows = _seen(flows, pair[1])
            for flow in flows:
                guard[flow.table, flow.priority, flow.match] = flow
    else:
        known.append(("load", "unsecured", 1))
    to_port = (("set_field", "out_port", port.ofport), ("goto", "deliver"))
    return (
        Flow("port", 100, (("out_port", port.ofport),), tuple(known), tag),
        Flow("bridge", 300, (("evi", evi), ("eth_dst", port.mac)), to_port, tag),
        *guard.values(),
    )


def _is_ipv4(pair: tuple[str, str]) -> bool:
    return bool(pair[1]) and network(pair[1]).version == 4


def _pair(ofport: int, mac: str, prefix: str, first: bool, tag: int) -> list[Flow]:
    """``first``: whether the table port knows an address of ``mac``."""
    source = (("in_port", ofport), ("eth_src", mac))
    if not prefix:
        return [*_ipv4(source, mac, ANY4, tag), *_ipv6(source, mac, ANY6, tag)]
    net = network(prefix)
    if net.version == 6:
        local = network(link_local(mac))
        return [*_ipv6(source, mac, net, tag), *_ipv6(source, mac, local, tag)]
    flows = _ipv4(source, mac, net, tag)
    if not first and net.prefixlen:
        probe = (("eth_type", ARP), ("arp_sha", mac), ("arp_spa", "0.0.0.0"))
        flows.append(Flow("guard", 100, (*source, *probe), PASS, tag))
    return flows


def _seen(flows: list[Flow], prefix: str) -> list[Flow]:
    """The flows of a pair that the port shares with others: what announces the address is copied to
    the node, duplicate address detection is not.  Below those of the port's own addresses, which a
    prefix may include; above what the Vrouter drops.

    An ARP announcement (RFC 5227 section 3) is for all, and no question to answer.
    """
    net = network(prefix)
    claimed = set(_claimed(net))
    found = []
    for flow in flows:
        height, match = flow.priority, flow.match
        if claimed <= set(match) and ("eth_type", ARP) in match:
            flow = flow._replace(priority=height - 5, actions=(*SEEN, *PASS))
            if net.prefixlen == net.max_prefixlen:
                question = (("arp_op", 1), ("arp_tpa", str(net.network_address)))
                to_all = (*SEEN, ("goto", "bridge"))
                found.append(Flow(flow.table, height - 4, (*match, *question), to_all, flow.cookie))
        elif claimed <= set(match) and flow.table == "target":
            told = (*match, ("ip_proto", ICMPV6), ("icmpv6_type", NEIGHBOR_ADVERT))
            found.append(Flow(flow.table, height - 5, told, (*SEEN, *PASS), flow.cookie))
            flow = flow._replace(priority=height - 10)
        found.append(flow)
    return found


def _ipv4(source: tuple, mac: str, net: ipaddress.IPv4Network, tag: int) -> list[Flow]:
    arp = (("eth_type", ARP), ("arp_sha", mac))
    return [
        Flow(
            "guard", 100, (*source, ("eth_type", IPV4), *prefix_term("ipv4_src", net)), PASS, tag
        ),
        Flow("guard", 100, (*source, *arp, *_claimed(net)), PASS, tag),
    ]


def _ipv6(source: tuple, mac: str, net: ipaddress.IPv6Network, tag: int) -> list[Flow]:
    """From whom, and of whom: the second is asked of advertisements and address detection."""
    claimed = (*source, ("eth_type", IPV6), ("claimed_mac", mac_int(mac)))
    return [
        Flow(
            "guard", 100, (*claimed, *prefix_term("ipv6_src", net)), (("goto", "target"),), tag
        ),
        Flow("target", 200, (*claimed, *_claimed(net)), PASS, tag),
    ]


def _claimed(net: Network) -> tuple[tuple, ...]:
    """The match terms for "the claimed address is in ``net``", by 32 bits."""
    value, mask = int(net.network_address), int(net.netmask)
    terms: list[tuple] = []
    for number in range(4 - net.max_prefixlen // 32, 4):
        shift = 32 * (3 - number)
        part, bits = value >> shift & ALL_ONES, mask >> shift & ALL_ONES
        if bits == ALL_ONES:
            terms.append((f"claimed_ip{number}", part))
        elif bits:
            terms.append((f"claimed_ip{number}", part, bits))
    return tuple(terms)
