"""Hypothesis strategies: random valid sets of the state objects of one vrouter."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from hypothesis import strategies as st

from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.numbers import SUBPORT_NUMBERS
from vrouter_ovs.state import (
    BITS,
    EGRESS,
    FIRST_NAT_ZONE,
    INGRESS,
    LAST_NAT_ZONE,
    MAX_PAGE,
    MDNS_MODES,
    OWNER_KNOWN,
    OWNER_NETWORK,
    OWNER_PORT,
    BridgedHop,
    Classifier,
    Copy,
    DnsServer,
    Endpoint,
    Evi,
    ExternalNeighbor,
    FloatingErrors,
    FloatingIp,
    Flood,
    FloodRemotes,
    Gateway,
    GatewayPort,
    KnownSource,
    LearningPort,
    Limits,
    LocalHop,
    LocalMac,
    LocalPort,
    Membership,
    Metadata,
    Mirroring,
    MulticastGroup,
    NatRefusals,
    Neighbor,
    OtherGateway,
    OutsideHop,
    Page,
    PeerAddress,
    PhysicalNetwork,
    Policy,
    PortMirror,
    Punt,
    RemoteHop,
    RemoteMac,
    Route,
    Rule,
    Segment,
    ServiceInstance,
    Snooping,
    StateObject,
    Steered,
    Steering,
    StormControl,
    TapPort,
    Trunks,
    Tunnel,
    Vrf,
    Vrouter,
)
from vrouter_ovs.state.limits import NO_MARK
from vrouter_ovs.state.meters import KILOBITS, PACKETS
from vrouter_ovs.state.segments import OUTWARD, SERVERS

vnis = st.integers(1, (1 << 24) - 1)
ofports = st.integers(1, 0xFEFF)
# Few different MACs and addresses, so that objects meet on them; unicast, and never the zero MAC.
macs = st.one_of(
    st.integers(1, 8).map(lambda n: f"52:54:00:00:00:{n:02x}"),
    st.binary(min_size=6, max_size=6).map(lambda b: (bytes([b[0] & 0xFC | 2]) + b[1:]).hex(":")),
)
ipv4s = st.one_of(
    st.integers(1, 8).map(lambda n: f"10.0.0.{n}"),
    st.integers(1, (1 << 32) - 1).map(lambda n: str(ipaddress.IPv4Address(n))),
)
ipv6s = st.one_of(
    st.integers(1, 8).map(lambda n: f"fd00::{n:x}"),
    st.integers(1, (1 << 128) - 1).map(lambda n: str(ipaddress.IPv6Address(n))),
)
addresses = st.one_of(ipv4s, ipv6s)


@st.composite
def prefixes(draw: st.DrawFn) -> str:
    address = draw(addresses)
    length = draw(st.integers(0, 128 if ":" in address else 32))
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


set_ids = st.one_of(st.integers(1, 8), st.integers(1, (1 << 31) - 1))
policies = st.one_of(st.just(0), set_ids)
pages = st.one_of(st.integers(1, 3), st.integers(1, MAX_PAGE))
bits = st.integers(0, BITS - 1)
ports_of_rules = st.one_of(st.integers(0, 16), st.integers(0, 65535))


def is_tracked(policy: int) -> bool:
    """In a random vrouter every third set is stateless."""
    return policy % 3 != 0


def overlap(one: Rule, other: Rule) -> bool:
    """Whether two rules that are alike otherwise share a port, or an ICMP type and code."""
    if -1 in (one.first, other.first):
        return True
    if one.protocol in (1, 58):
        codes = {one.last, other.last}
        return one.first == other.first and (-1 in codes or len(codes) == 1)
    return one.first <= other.last and other.first <= one.last


@st.composite
def rules(draw: st.DrawFn, sets: st.SearchStrategy[int] = set_ids) -> Rule:
    version = draw(st.sampled_from((4, 6)))
    icmp = 1 if version == 4 else 58
    protocol = draw(st.one_of(st.sampled_from((-1, 6, 17, 132, icmp)), st.integers(1, 255)))
    first = last = -1
    if protocol in (6, 17, 132) and draw(st.booleans()):
        first, last = sorted((draw(ports_of_rules), draw(ports_of_rules)))
    elif protocol == icmp and draw(st.booleans()):
        first = draw(st.integers(0, 255))
        last = draw(st.integers(-1, 255))
    remote = ""
    if draw(st.booleans()):
        remote = draw(prefixes().filter(lambda found: (":" in found) == (version == 6)))
    policy = draw(sets)
    stateful = draw(st.booleans()) if sets is set_ids else is_tracked(policy)
    direction = draw(st.sampled_from((EGRESS, INGRESS)))
    group, address_group, page, bit = draw(st.one_of(
        st.just(("", "", 0, 0)),
        st.tuples(st.sampled_from("ab"), st.just(""), pages, bits),
        st.tuples(st.just(""), st.sampled_from("ab"), pages, bits),
    ))  # fmt: skip
    return Rule(
        policy, direction, version, protocol, first, last, "" if page else remote, group, ("rule",),
        stateful, address_group, page, bit,
    )  # fmt: skip


@st.composite
def memberships(draw: st.DrawFn, sets: st.SearchStrategy[int] = set_ids) -> Membership:
    policy = draw(sets)
    asked = draw(st.lists(
        st.builds(Page, pages, st.booleans(), st.booleans()), min_size=1, max_size=4,
        unique_by=lambda page: page.page,
    ))  # fmt: skip
    return Membership(
        policy, draw(st.sampled_from((EGRESS, INGRESS))), tuple(sorted(asked)), is_tracked(policy)
    )


@st.composite
def peer_addresses(draw: st.DrawFn) -> PeerAddress:
    mac, evi = draw(st.one_of(st.just(("", 0)), st.tuples(macs, vnis)))
    return PeerAddress(
        draw(pages), draw(st.sampled_from((EGRESS, INGRESS))),
        draw(st.one_of(addresses, prefixes())), tuple(sorted(draw(st.sets(bits, min_size=1)))),
        draw(st.booleans()), mac, evi,
    )  # fmt: skip


local_hops = st.builds(LocalHop, ofports, vnis, macs, macs)
mpls_labels = st.integers(16, (1 << 20) - 1)
labels = st.one_of(st.just(0), mpls_labels)
endpoints = st.one_of(ipv4s, ipv6s).map(Endpoint)
tunnels = st.builds(
    Tunnel, endpoints, ofports, st.lists(ofports, max_size=2).map(tuple), st.booleans()
)
bridged_hops = st.builds(BridgedHop, endpoints, vnis)
one_hop = st.tuples(bridged_hops)
remote_hops = st.builds(RemoteHop, endpoints, vnis, macs)
hops = st.lists(st.one_of(local_hops, remote_hops), max_size=4, unique=True).map(
    lambda found: tuple(sorted(found, key=repr))
)
pairs = st.tuples(macs, st.one_of(addresses, prefixes(), st.just("")))
routes = st.builds(Route, vnis, prefixes(), hops)
owners = st.sampled_from((OWNER_KNOWN, OWNER_PORT, OWNER_NETWORK))
neighbors = st.builds(
    Neighbor, vnis, addresses, macs, st.booleans(), st.integers(0, 0xFEFF), owners
)
remote_macs = st.builds(RemoteMac, vnis, macs, one_hop)
local_macs = st.builds(LocalMac, vnis, macs, ofports)


@st.composite
def classifiers(draw: st.DrawFn) -> Classifier:
    version = draw(st.sampled_from((4, 6)))
    of_version = st.one_of(
        st.just(""), prefixes().filter(lambda found: (":" in found) == (version == 6))
    )
    protocol = draw(st.sampled_from((-1, 6, 17, 132, 1 if version == 4 else 58)))
    ports = [-1, -1, -1, -1]
    for side in (0, 2):
        if protocol in (6, 17, 132) and draw(st.booleans()):
            ports[side:side + 2] = sorted((draw(ports_of_rules), draw(ports_of_rules)))
    return Classifier(version, protocol, draw(of_version), draw(of_version), *ports)


services = st.one_of(st.integers(1, 8), st.integers(1, (1 << 22) - 1))


@st.composite
def steerings(draw: st.DrawFn) -> Steering:
    """Whatever of the classifiers takes the same packets, it is for the same service."""
    service, instances = draw(services), draw(st.integers(1, 1024))
    entries = tuple(
        Steered(service, instances, one)
        for one in draw(st.lists(classifiers(), min_size=1, max_size=3))
    )
    return Steering(str(draw(st.uuids())), draw(ofports), entries)


@st.composite
def service_instances(draw: st.DrawFn) -> ServiceInstance:
    where = draw(st.sampled_from(("here", "remote", "nowhere")))
    return ServiceInstance(
        draw(services), draw(st.integers(0, 1023)), "" if where == "nowhere" else draw(macs),
        draw(ofports) if where == "here" else 0,
        draw(bridged_hops) if where == "remote" else None,
    )


@st.composite
def local_ports(draw: st.DrawFn, in_evi: st.SearchStrategy[int] = vnis) -> LocalPort:
    allowed = tuple(draw(st.lists(pairs, min_size=1, max_size=4)))
    shared = tuple(pair for pair in allowed if draw(st.booleans()))
    port = LocalPort(
        str(draw(st.uuids())), draw(ofports), draw(in_evi), draw(macs), allowed,
        draw(st.booleans()), draw(policies), shared,
        transparent=draw(st.booleans()),
        outward=draw(st.one_of(st.just(()), st.sets(st.sampled_from(OUTWARD)).map(tuple))),
    )  # fmt: skip
    if draw(st.integers(0, 3)):
        return port
    number, parent, vlan = (
        draw(st.integers(*limits)) for limits in (SUBPORT_NUMBERS, (1, 0x7FFF), (1, 4094))
    )
    return replace(port, ofport=number, parent=parent, vlan=vlan)


ports = local_ports()
learning_ports = st.builds(LearningPort, st.uuids().map(str), ofports, macs)
known_sources = st.builds(KnownSource, st.uuids().map(str), ofports, macs)
punts = st.builds(Punt, st.uuids().map(str), ofports, st.booleans(), st.booleans())
units = st.sampled_from(((), (KILOBITS,), (PACKETS,), (KILOBITS, PACKETS)))
limits = st.builds(
    Limits, st.uuids().map(str), ofports, units, units,
    st.one_of(st.just(NO_MARK), st.integers(0, 63)),
)
floods = st.builds(Flood, vnis, st.lists(ofports, max_size=20, unique=True).map(tuple))
multicast_groups = st.one_of(
    st.integers(0xE0000100, 0xEFFFFFFF).map(lambda n: str(ipaddress.IPv4Address(n))),
    st.integers(1, 1 << 112).map(lambda n: str(ipaddress.IPv6Address(0xFF0E << 112 | n - 1))),
)
some_ports = st.lists(ofports, max_size=5, unique=True).map(lambda found: tuple(sorted(found)))
flood_remotes = st.builds(
    FloodRemotes,
    vnis,
    st.lists(bridged_hops, min_size=1, max_size=10, unique=True).map(tuple),
)
copies = st.lists(
    st.builds(Copy, ofports, st.one_of(st.just(0), vnis)), max_size=3, unique=True
).map(tuple)
mirrors = st.builds(PortMirror, st.sampled_from("pq"), ofports, copies, copies)
gateways = st.builds(
    Gateway, vnis, vnis, macs, st.lists(addresses, max_size=3, unique=True).map(tuple)
)
vlans = st.integers(0, 4094)
served = st.sets(st.sampled_from(SERVERS)).map(tuple)
zones = st.integers(FIRST_NAT_ZONE, LAST_NAT_ZONE)


@st.composite
def watched(draw: st.DrawFn, of_hops: st.SearchStrategy) -> tuple[tuple, tuple]:
    """(hops, of which one takes over from another; the tunnel ports that lead to each)."""
    chosen = draw(st.lists(of_hops, min_size=1, max_size=3, unique=True))
    numbers = draw(st.lists(ofports, min_size=2 * len(chosen), max_size=2 * len(chosen),
                            unique=True))
    return tuple(chosen), tuple(
        tuple(numbers[2 * place : 2 * place + draw(st.integers(1, 2))])
        for place in range(len(chosen))
    )


outside_hops = st.one_of(
    st.builds(OutsideHop, vnis, macs, macs, ofports),
    st.builds(
        lambda evi, mac, own, hop: OutsideHop(evi, mac, own, 0, hop.endpoint, hop.label),
        vnis, macs, macs, bridged_hops,
    ),
)


@st.composite
def gateway_ports(
    draw: st.DrawFn, of_vnis: st.SearchStrategy[int] = vnis
) -> GatewayPort:
    found = draw(st.lists(addresses, min_size=1, max_size=3, unique=True))
    ipv4 = [one for one in found if ":" not in one]
    snat = draw(st.sampled_from(["", *ipv4]))
    hops, numbers = draw(st.one_of(st.just(((), ())), watched(bridged_hops)))
    others = tuple(map(OtherGateway, hops, numbers))
    place = draw(st.integers(0, len(others)))
    return GatewayPort(
        draw(of_vnis), draw(of_vnis), draw(macs), tuple(found), draw(macs), snat,
        draw(zones) if snat else 0,
        others[:place], others[place:],
    )


ipv4 = st.ip_addresses(v=4).map(str)
ipv4_prefixes = st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, 32)).map(
    lambda one: str(ipaddress.ip_network(one, strict=False))
)


def floating_ips(of_vnis: st.SearchStrategy[int] = vnis) -> st.SearchStrategy[FloatingIp]:
    onward = st.lists(
        st.tuples(ipv4_prefixes, st.one_of(st.just(""), ipv4)), max_size=3,
        unique_by=lambda one: one[0],
    ).map(tuple)
    return st.builds(
        FloatingIp, of_vnis, macs, ipv4, of_vnis, ipv4, ofports, macs, macs, onward
    )


def external_neighbors(
    of_vnis: st.SearchStrategy[int] = vnis,
) -> st.SearchStrategy[ExternalNeighbor]:
    return st.one_of(
        st.builds(ExternalNeighbor, of_vnis, ipv4, macs, ofports),
        st.builds(
            lambda evi, address, mac, hop: ExternalNeighbor(evi, address, mac, hop=hop),
            of_vnis, ipv4, macs, st.one_of(st.none(), bridged_hops),
        ),
    )


@st.composite
def watching(draw: st.DrawFn, of_vnis: st.SearchStrategy[int] = vnis) -> RemoteMac | Route:
    """Of which one hop takes over from another, or which leads outside."""
    if draw(st.booleans()):
        hops, numbers = draw(watched(bridged_hops))
        return RemoteMac(draw(of_vnis), draw(macs), hops, watch=numbers)
    if draw(st.booleans()):
        return Route(draw(of_vnis), draw(prefixes()), (draw(outside_hops),))
    hops, numbers = draw(watched(remote_hops))
    if draw(st.booleans()):
        hops, numbers = (*hops, draw(outside_hops)), (*numbers, ())
    return Route(draw(of_vnis), draw(prefixes()), hops, watch=numbers)


objects = st.one_of(
    st.builds(PhysicalNetwork, st.text("abc", min_size=1), ofports),
    st.builds(Segment, vnis, ofports, vlans, served, st.booleans()),
    st.builds(Segment, vnis, ofports, st.just(0), served, st.booleans(), st.just(True)),
    st.builds(Vrouter, macs, st.integers(1280, 65485).map(lambda mtu: ((VXLAN, mtu),))),
    tunnels,
    st.builds(
        Evi, vnis, st.booleans(), st.sampled_from(MDNS_MODES), labels, st.booleans(),
    ),
    st.builds(DnsServer, vnis, addresses),
    st.builds(Metadata),
    mirrors,
    st.builds(Mirroring),
    st.builds(TapPort, vnis, ofports),
    st.builds(Vrf, vnis, macs, st.one_of(st.just(()), st.tuples(mpls_labels, mpls_labels))),
    gateways,
    ports,
    st.just(Trunks()),
    learning_ports,
    known_sources,
    punts,
    limits,
    neighbors,
    remote_macs,
    local_macs,
    routes,
    floods,
    st.builds(Snooping, vnis, some_ports, st.booleans()),
    st.builds(MulticastGroup, vnis, multicast_groups, some_ports),
    st.just(StormControl()),
    flood_remotes,
    gateway_ports(),
    st.builds(NatRefusals, vnis),
    watching(),
    floating_ips(),
    st.builds(FloatingErrors),
    external_neighbors(),
    st.builds(Policy, set_ids, st.booleans()),
    rules(),
    memberships(),
    peer_addresses(),
    steerings(),
    service_instances(),
)


@st.composite
def vrouters(draw: st.DrawFn) -> list[StateObject]:
    """What one vrouter may hold at a time: keys differ, a port number belongs to one port, a MAC
    of an EVI to one local port, a gateway's address to one gateway of its VRF and EVI, a peer's
    address to one peer; a set is tracked or not, its rules do not overlap in ports, and a bit is
    one group's."""
    few_sets = st.sampled_from(draw(st.lists(set_ids, min_size=1, max_size=2, unique=True)))
    few_vnis = st.sampled_from(draw(st.lists(vnis, min_size=1, max_size=3, unique=True)))
    kinds = st.one_of(
        tunnels,
        st.builds(
            Evi, few_vnis, st.booleans(), st.sampled_from(MDNS_MODES), st.just(0), st.booleans(),
        ),
        st.builds(DnsServer, few_vnis, addresses),
        st.builds(Metadata),
        st.builds(Vrf, few_vnis, macs),
        st.builds(
            Gateway, few_vnis, few_vnis, macs, st.lists(addresses, max_size=2).map(tuple)
        ),
        local_ports(few_vnis),
        st.just(Trunks()),
        learning_ports,
        known_sources,
        st.builds(LocalMac, few_vnis, macs, ofports),
        few_sets.map(lambda n: Policy(n, is_tracked(n))),
        rules(few_sets),
        memberships(few_sets),
        peer_addresses(),
        steerings(),
        service_instances(),
        punts,
        limits,
        st.builds(Neighbor, few_vnis, addresses, macs, st.booleans(), ofports, owners),
        st.builds(RemoteMac, few_vnis, macs, one_hop),
        st.builds(Route, few_vnis, prefixes(), hops),
        gateway_ports(few_vnis),
        st.builds(NatRefusals, few_vnis),
        watching(few_vnis),
        floating_ips(few_vnis),
        st.builds(FloatingErrors),
        external_neighbors(few_vnis),
        st.builds(PhysicalNetwork, st.sampled_from("ab"), st.just(0)),
        st.builds(Segment, few_vnis, st.sampled_from((1, 2)), vlans, served),
        st.builds(Flood, few_vnis, st.just((1, 2))),
        st.builds(Snooping, few_vnis, some_ports, st.booleans()),
        st.builds(MulticastGroup, few_vnis, multicast_groups, some_ports),
        st.just(StormControl()),
        st.builds(FloodRemotes, few_vnis, st.just((BridgedHop(Endpoint("192.0.2.9"), 7),))),
    )
    seen: set = set()
    ranges: dict[Rule, list[Rule]] = {}
    mtu = draw(st.sampled_from((1450, 8950)))
    chosen: list[StateObject] = [Vrouter(draw(macs), ((VXLAN, mtu),))]
    for obj in draw(st.lists(kinds, max_size=25)):
        if type(obj) is PhysicalNetwork:
            obj = replace(obj, ofport=1 + (obj.name == "b"))
        claims: set = {obj.key}
        if type(obj) is LocalPort:
            claims |= {("ofport", obj.ofport), ("mac of a port", obj.evi, obj.mac)}
            if obj.vlan:
                claims.add(("vlan of a port", obj.parent, obj.vlan))
        elif type(obj) is LearningPort:
            claims |= {("learning", obj.ofport), ("source", obj.ofport, obj.mac)}
        elif type(obj) is KnownSource:
            claims.add(("source", obj.ofport, obj.mac))
        elif type(obj) is Segment:
            claims.add(("vlan", obj.ofport, obj.vlan))
        elif type(obj) is Steering:
            claims |= {("ofport of steering", obj.ofport)}
        elif type(obj) in (Punt, Limits):
            claims |= {("ofport of a punt", obj.ofport)}
        elif type(obj) is FloatingIp:
            # An address of an external network stands for one of a port, and leads out once.
            claims |= {("floating", obj.evi, obj.address), ("mac of a port", obj.evi, obj.mac)}
            claims |= {("out", obj.vrf, obj.fixed, prefix) for prefix, _ in obj.onward}
        elif type(obj) is GatewayPort:
            # A router has one way out; its port's MAC is nobody else's.
            claims |= {("way out", obj.vrf), ("mac of a port", obj.evi, obj.mac)}
            for address in obj.addresses:
                claims |= {("in vrf", obj.vrf, address), ("in evi", obj.evi, address)}
        elif type(obj) is Gateway:
            for address in obj.addresses:
                claims |= {("in vrf", obj.vrf, address), ("in evi", obj.evi, address)}
        elif type(obj) is PeerAddress:
            net = ipaddress.ip_network(obj.address)
            claims.add((
                "peer at", obj.page, obj.direction, obj.stateful, net, obj.mac, obj.evi
            ))  # fmt: skip
        elif type(obj) is Rule:
            if obj.page:
                # As if all groups were on pages of their own.
                claims.add(("bit", obj.policy, obj.page, obj.bit))
            alike = replace(obj, first=-1, last=-1)
            if any(overlap(obj, other) for other in ranges.get(alike, ())):
                continue
            ranges.setdefault(alike, []).append(obj)
        if not claims & seen:
            seen |= claims
            chosen.append(obj)
    return chosen
