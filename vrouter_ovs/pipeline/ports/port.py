"""Local ports: what is known of them, what they may send, and where frames to them go.

One flow of the table ``port`` holds what is known of a port; it is asked on both ways.  What ARP
and neighbor discovery claim has been written to registers before the guard, by constant flows of
the table ``claim``: so the guard needs no flow of its own for each form of saying the same.

What announces an address of a pair stands below what announces the port's own, which a prefix may
include, and goes through the table ``announce``.
"""

from __future__ import annotations

import ipaddress

from vrouter_ovs.addresses import Network, ip_network, link_local, mac_int
from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.numbers import (
    ARP_REQUEST,
    ETH_ARP,
    ETH_IPV4,
    ETH_IPV6,
    NEIGHBOR_ADVERT,
    PROTO_ICMPV6,
)
from vrouter_ovs.pipeline.edge.punt import to_node
from vrouter_ovs.pipeline.external.segment import outward_flows
from vrouter_ovs.pipeline.external.transparent import tagged_flow
from vrouter_ovs.pipeline.ports.announce import NOTIFY_ALL, NOTIFY_NODE, check_owner
from vrouter_ovs.pipeline.ports.subport import subport_flows
from vrouter_ovs.pipeline.security.policy import policy_id
from vrouter_ovs.pipeline.terms import claimed_terms, prefix_term, vni
from vrouter_ovs.schema.flow import DROP, Flow
from vrouter_ovs.state import STANDBY_WATCHED, LocalPort

PASS = (("goto", "proxy"),)
ANY4, ANY6 = ipaddress.IPv4Network((0, 0)), ipaddress.IPv6Network((0, 0))


def render_port(port: LocalPort) -> tuple[Flow, ...]:
    """Two flows, and two for each pair with an IPv4 address, two for each with an IPv6 address,
    two for the link-local one; a few for what goes to a physical segment alone; a subport has three
    more.  A port that stands by has a flow that stops what it sends instead of the one that leads
    to it."""
    tag = cookie(port.key)
    evi = vni(port.evi)
    actions: list[tuple] = [("set_field", "evi", evi)]
    if port.policy:
        actions.append(("set_field", "policy", policy_id(port.policy)))
    # Pairs may overlap or say the same twice ("10.0.0.1" and "10.0.0.1/32"): one flow each.
    guard: dict[tuple, Flow] = {}
    if port.port_security:
        first = next(filter(_is_ipv4, port.allowed), None)
        if first is not None:
            # What an ARP probe, which names no sender address, is held against.
            address = ip_network(first[1]).network_address
            actions.append(("set_field", "claimed_ip3", str(address)))
        probing = first[0] if first is not None and _is_own(port, first) else ""
        for pair in port.allowed:
            for flow in _pair(port, *pair, probing, tag):
                guard[flow.table, flow.priority, flow.match] = flow
    else:
        actions.append(("load", "unsecured", 1))
    if port.standby:
        place = _standby(port, tag)
    else:
        to_port = (("set_field", "out_port", port.ofport), ("goto", "deliver"))
        place = [Flow("bridge", "port", (("evi", evi), ("eth_dst", port.mac)), to_port, tag)]
    return (
        Flow("port", "port", (("out_port", port.ofport),), tuple(actions), tag),
        *place,
        *guard.values(),
        *outward_flows(port, tag),
        *(subport_flows(port, tag) if port.vlan else ()),
        *([tagged_flow(port.ofport, tag)] if port.transparent else ()),
    )


def _standby(port: LocalPort, tag: int) -> list[Flow]:
    """Nothing passes.  QEMU announces a guest that has come with RARP from its own MAC
    (announce_self); whatever else the guest sends says the same."""
    source = ("in_port", port.ofport)
    flows = [Flow("classify", "standby", (source,), DROP, tag)]
    if port.standby == STANDBY_WATCHED:
        match, told = (source, ("eth_src", port.mac)), to_node(PuntReason.ACTIVATION)
        flows.append(Flow("classify", "watched", match, told, tag))
    return flows


def _is_ipv4(pair: tuple[str, str]) -> bool:
    return bool(pair[1]) and ip_network(pair[1]).version == 4


def _is_own(port: LocalPort, pair: tuple[str, str]) -> bool:
    """Whether a pair is an address that the port has for itself."""
    if not pair[1] or pair in port.shared:
        return False
    net = ip_network(pair[1])
    return net.prefixlen == net.max_prefixlen


def _pair(port: LocalPort, mac: str, prefix: str, probing: str, tag: int) -> list[Flow]:
    """``probing``: the MAC whose address the table port knows."""
    source = (("in_port", port.ofport), ("eth_src", mac))
    own, shared = _is_own(port, (mac, prefix)), (mac, prefix) in port.shared
    nets: tuple[Network, ...] = (ip_network(prefix),) if prefix else (ANY4, ANY6)
    flows: list[Flow] = []
    for net in nets:
        if net.version == 4:
            flows += _own4(source, mac, net, tag) if own else _other4(source, mac, net, shared, tag)
            if mac != probing:
                probe = (("eth_type", ETH_ARP), ("arp_sha", mac), ("arp_spa", "0.0.0.0"))
                flows.append(Flow("guard", "own", (*source, *probe), PASS, tag))
        else:
            flows += _own6(source, mac, net, tag) if own else _other6(source, mac, net, shared, tag)
            if prefix:
                flows += _link_local(port, source, mac, tag)
    return flows


def _link_local(port: LocalPort, source: tuple, mac: str, tag: int) -> list[Flow]:
    """Of the port's own MAC it is the port's own."""
    local = ip_network(link_local(mac))
    if mac == port.mac:
        return _own6(source, mac, local, tag)
    return _other6(source, mac, local, False, tag)


def _own4(source: tuple, mac: str, net: Network, tag: int) -> list[Flow]:
    arp = (("eth_type", ETH_ARP), ("arp_sha", mac), *claimed_terms(net))
    return [
        Flow("guard", "own", _from4(source, net), PASS, tag),
        Flow("guard", "own", (*source, *arp), PASS, tag),
    ]


def _other4(source: tuple, mac: str, net: Network, shared: bool, tag: int) -> list[Flow]:
    """An ARP announcement (RFC 5227 section 3) is for all, and no question to answer."""
    arp = (*source, ("eth_type", ETH_ARP), ("arp_sha", mac), *claimed_terms(net))
    flows = [
        Flow("guard", "own", _from4(source, net), PASS, tag),
        Flow("guard", "pair", arp, check_owner(NOTIFY_NODE if shared else 0), tag),
    ]
    if shared and net.prefixlen == net.max_prefixlen:
        question = (("arp_op", ARP_REQUEST), ("arp_tpa", str(net.network_address)))
        actions = check_owner(NOTIFY_ALL)
        flows.append(Flow("guard", "announcement", (*arp, *question), actions, tag))
    return flows


def _from4(source: tuple, net: Network) -> tuple[tuple, ...]:
    return (*source, ("eth_type", ETH_IPV4), *prefix_term("ipv4_src", net))


def _own6(source: tuple, mac: str, net: Network, tag: int) -> list[Flow]:
    """From whom, and of whom: the second is asked of neighbor discovery."""
    claimed = _claimed6(source, mac)
    return [
        _from6(claimed, net, tag),
        Flow("target", "own", (*claimed, *claimed_terms(net)), PASS, tag),
    ]


def _other6(source: tuple, mac: str, net: Network, shared: bool, tag: int) -> list[Flow]:
    """Duplicate address detection is not told to the node."""
    claimed = _claimed6(source, mac)
    of_these = (*claimed, *claimed_terms(net))
    flows = [_from6(claimed, net, tag), Flow("target", "pair", of_these, check_owner(), tag)]
    if shared:
        advertised = (*of_these, ("ip_proto", PROTO_ICMPV6), ("icmpv6_type", NEIGHBOR_ADVERT))
        flows.append(Flow("target", "advertisement", advertised, check_owner(NOTIFY_NODE), tag))
    return flows


def _claimed6(source: tuple, mac: str) -> tuple[tuple, ...]:
    return (*source, ("eth_type", ETH_IPV6), ("claimed_mac", mac_int(mac)))


def _from6(claimed: tuple, net: Network, tag: int) -> Flow:
    match = (*claimed, *prefix_term("ipv6_src", net))
    return Flow("guard", "own", match, (("goto", "target"),), tag)
