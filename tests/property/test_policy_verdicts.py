"""Who may talk to whom: the flows of security groups against a direct reading of the configuration.

The reading is that of the Networking API.  A rule allows a packet where direction, IP version,
protocol and ports are as it says, and the other side is in its prefix, in its address group, or an
address of a port of its group.  Allowed address pairs count as addresses; one that covers much only
for what the port's own MAC sends, or is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import (
    AddressGroup,
    Change,
    FixedIp,
    Port,
    SecurityGroup,
    SecurityGroupRule,
)
from ryu_apps.control.policy import pages
from ryu_apps.control.world import World
from vrouter_ovs.numbers import ETH_IPV4, ETH_IPV6, PROTO_TCP, PROTO_UDP
from vrouter_ovs.pipeline import render
from vrouter_ovs.pipeline.security.policy import REPLY, TRACKED, ruleset
from vrouter_ovs.schema.fields import pack_value
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.schema.tables import BY_NAME
from vrouter_ovs.state import StateObject, Vrouter
from vrouter_ovs.wire.flows import field

from .test_policies import (
    ADDRESS_GROUPS,
    GROUPS,
    PAIRS,
    PORTS,
    PREFIXES,
    PROJECTS,
    changes,
    histories,
    run,
)

ELEMENTS = ("hv1", "hv2")
ADDRESSES = (
    "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "10.1.2.3", "10.4.0.1", "10.4.9.1", "10.9.0.1",
    "192.0.2.1", "77.0.0.1", "fd00::1", "fd00:1::1", "fe80::1",
)  # fmt: skip
MACS = ("fa:16:3e:00:00:00", "fa:16:3e:00:00:01", "fa:16:3e:00:00:02", "00:00:5e:00:01:0a")
PROTOCOLS = {"": None, "tcp": PROTO_TCP, "17": PROTO_UDP}


@dataclass(frozen=True)
class Packet:
    """``other``, ``mac``, ``evi``: the other side; ``port``: where the first packet goes to."""

    direction: str
    other: str
    mac: str
    evi: int
    protocol: int
    port: int
    reply: bool


packets = st.builds(
    Packet, st.sampled_from(["ingress", "egress"]), st.sampled_from(ADDRESSES),
    st.sampled_from(MACS), st.sampled_from([1000, 1001]), st.sampled_from([PROTO_TCP, PROTO_UDP]),
    st.integers(19, 31), st.booleans(),
)  # fmt: skip

# ---------------------------------------------------------------- what is configured


def covers(prefix: str, address: str) -> bool:
    return ip_address(address) in ip_network(prefix, strict=False)


def is_member(config: Config, port: Port, packet: Packet) -> bool:
    if not port.port_security_enabled:
        return False
    if any(fixed.ip_address == packet.other for fixed in port.fixed_ips):
        return True
    network = config.networks.get(port.network_id)
    for pair in port.allowed_address_pairs:
        if not covers(pair.ip_address, packet.other):
            continue
        net = ip_network(pair.ip_address, strict=False)
        if net.prefixlen >= {4: 16, 6: 32}[net.version]:
            return True
        mac = pair.mac_address or port.mac_address
        if network is not None and (mac, network.vni) == (packet.mac, packet.evi):
            return True
    return False


def allows(config: Config, rule: SecurityGroupRule, packet: Packet) -> bool:
    protocol = PROTOCOLS[rule.protocol]
    if rule.direction != packet.direction:
        return False
    if (rule.ethertype == "IPv6") != (":" in packet.other):
        return False
    if protocol is not None and protocol != packet.protocol:
        return False
    in_range = rule.port_range_min <= packet.port <= rule.port_range_max
    if protocol is not None and rule.port_range_min >= 0 and not in_range:
        return False
    if rule.remote_ip_prefix:
        return covers(rule.remote_ip_prefix, packet.other)
    if rule.remote_group_id:
        return any(
            rule.remote_group_id in port.security_groups and is_member(config, port, packet)
            for port in config.ports.values()
        )
    if rule.remote_address_group_id:
        group = config.address_groups.get(rule.remote_address_group_id)
        return group is not None and any(covers(one, packet.other) for one in group.addresses)
    return True


def allowed(config: Config, port: Port, packet: Packet) -> bool:
    return any(
        rule.security_group_id in port.security_groups and allows(config, rule, packet)
        for rule in config.security_group_rules.values()
    )


# ---------------------------------------------------------------- what the flows do

START, UNKNOWN = 0xDEADBEEF, (1 << 128) - 1
"""What registers may hold when rules are asked: of a lookup before, or of a claim."""


class Switch:
    """The tables of policy with the flows of some objects, after OpenFlow 1.4 section 5.3."""

    def __init__(self, objects: list[StateObject]) -> None:
        self.tables: dict[str, list[Flow]] = {}
        for item in (Vrouter("02:00:00:00:00:01"), *objects):
            for flow in render(item):
                self.tables.setdefault(flow.table, []).append(flow)
        for name, flows in self.tables.items():
            flows.sort(key=lambda flow: -BY_NAME[name].number_of(flow.priority))
        self.hits: dict[tuple[str, Any], int] = {}

    def ask(self, fields: dict[str, int]) -> dict[str, int]:
        """The registers after the rules of a set were asked."""
        self.hits.clear()
        self._run("membership", fields)
        return fields

    def _run(self, table: str, fields: dict[str, int]) -> None:
        flows = self.tables.get(table, [])
        found = next((flow for flow in flows if matches(flow, fields)), None)
        if found is None:
            return
        name = table, found.priority
        self.hits[name] = self.hits.get(name, 0) + 1
        for kind, *args in found.actions:
            if kind == "set_field":
                fields[args[0]] = args[1]
            elif kind == "set_bits":
                fields[args[0]] |= args[1]
            elif kind in ("resubmit", "goto"):
                self._run(args[0], fields)
            else:
                assert kind == "return", kind


def matches(flow: Flow, fields: dict[str, int]) -> bool:
    for name, value, *mask in flow.match:
        if name.startswith("member_of"):
            have = fields["member_of"] >> 96 - 32 * int(name[-1]) & 0xFFFFFFFF
        elif name in fields:
            have = fields[name]
        else:
            return False
        where = field(name)
        number = int.from_bytes(pack_value(where, value), "big")
        bits = int.from_bytes(pack_value(where, mask[0]), "big") if mask else -1
        if have & bits != number & bits:
            return False
    return True


def fields_of(policy: int, packet: Packet, own: str) -> dict[str, int]:
    """As a switch has them when the set ``policy`` is asked."""
    version = ip_address(packet.other).version
    inbound = packet.direction == "ingress"
    ends = (packet.other, own) if inbound else (own, packet.other)
    found: dict[str, int | str] = {
        "policy": ruleset(policy, packet.direction), "permit": 0, "page": START,
        "member_of": UNKNOWN, "evi": packet.evi,
        "eth_type": ETH_IPV6 if version == 6 else ETH_IPV4, "ct_nw_proto": packet.protocol,
        "ct_tp_dst": packet.port, "ct_state": TRACKED | (REPLY if packet.reply else 0),
        "ip_proto": packet.protocol, "ip_frag": 0,
        "tcp_dst" if packet.protocol == PROTO_TCP else "udp_dst": packet.port,
    }  # fmt: skip
    tracked, plain = ("ct_nw_", "ipv4_") if version == 4 else ("ct_ipv6_", "ipv6_")
    for side, address in zip(("src", "dst"), ends, strict=True):
        found[tracked + side] = found[plain + side] = int(ip_address(address))
    theirs = "eth_src" if inbound != packet.reply else "eth_dst"
    other = "eth_dst" if theirs == "eth_src" else "eth_src"
    found[theirs] = int(packet.mac.replace(":", ""), 16)
    found[other] = int("fa163e0000ff", 16)
    return found


def bound(world: World) -> Iterator[tuple[str, Port, int]]:
    for port_id, place in world.ports.bound.items():
        if place.policy:
            yield place.element, world.config.ports[port_id], place.policy


def check(world: World, sent: list[Packet]) -> None:
    switches = {
        element: Switch([
            one for one in world.desired.objects[element].values()
            if one.kind in ("policy", "membership", "rule", "peer")
        ])
        for element in ELEMENTS if element in world.desired.objects
    }
    for element, port, policy in bound(world):
        stateful = world.desired.get(element, ("policy", policy)).stateful
        for packet in sent:
            if packet.reply and not stateful:
                continue
            own = "10.0.0.77" if ":" not in packet.other else "fd00::77"
            switch = switches[element]
            after = switch.ask(fields_of(policy, packet, own))
            expected = allowed(world.config, port, packet)
            assert after["permit"] == expected, (port, packet)
            # What is denied is counted once, what is allowed never as denied.
            assert switch.hits.get(("policy", "deny"), 0) == (not expected)
            # Nothing of the lookup is there for whom is asked next, nor for a copy.
            assert after["page"] == 0
            assert after["member_of"] in (0, UNKNOWN)


@settings(max_examples=300, deadline=None)
@given(histories, st.integers(0, 12), st.lists(packets, min_size=1, max_size=12))
def test_flows_allow_what_is_configured(steps, plugged_at, sent):
    check(run(steps, plugged_at), sent)


@st.composite
def dense(draw: st.DrawFn) -> list[list[Change]]:
    """Ports that all have groups, pairs and addresses, and rules that all name groups; then changes
    of who is named, and of whom the address groups are."""
    members = st.sets(st.sampled_from(GROUPS), min_size=1, max_size=2).map(tuple)
    first = [
        Change("security_group", name, SecurityGroup(
            name, stateful=draw(st.integers(0, 2)) > 0, project_id=draw(st.sampled_from(PROJECTS))
        ))
        for name in GROUPS
    ]  # fmt: skip
    for number, name in enumerate(PORTS):
        first.append(Change("port", name, Port(
            name, "n", f"fa:16:3e:00:00:{number:02x}",
            fixed_ips=(FixedIp("s", f"10.0.0.{number}"),), security_groups=draw(members),
            allowed_address_pairs=tuple(draw(st.lists(PAIRS, max_size=2, unique=True))),
        )))  # fmt: skip

    def addresses(name: str) -> Change:
        return Change("address_group", name, AddressGroup(
            name, addresses=draw(st.lists(PREFIXES, max_size=3, unique=True).map(tuple)),
            project_id="red",
        ))  # fmt: skip

    def rule(number: int) -> Change:
        is_group = draw(st.booleans())
        remote = draw(st.sampled_from(GROUPS if is_group else ADDRESS_GROUPS))
        return Change("security_group_rule", f"r{number}", SecurityGroupRule(
            f"r{number}", draw(st.sampled_from(GROUPS)),
            draw(st.sampled_from(["ingress", "ingress", "egress"])),
            "IPv6" if draw(st.integers(0, 4)) == 0 else "IPv4",
            remote_group_id=remote if is_group else "",
            remote_address_group_id="" if is_group else remote,
        ))  # fmt: skip

    first += [*map(addresses, ADDRESS_GROUPS), *map(rule, range(draw(st.integers(2, 6))))]
    history = [first]
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["rule", "rule", "no rule", "addresses", "any"]))
        if kind == "rule":
            history.append([rule(draw(st.integers(0, 9)))])
        elif kind == "no rule":
            history.append([Change("security_group_rule", f"r{draw(st.integers(0, 6))}", None)])
        elif kind == "addresses":
            history.append([addresses(draw(st.sampled_from(ADDRESS_GROUPS)))])
        else:
            history.append([draw(changes())])
    return history


every_other_side = [
    Packet(direction, other, mac, 1000, PROTO_TCP, 22, reply)
    for direction in ("ingress", "egress") for other in ADDRESSES for mac in MACS
    for reply in (False, True)
]  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(dense(), st.integers(0, 2), st.sampled_from([1, 2, pages.FEWEST]))
def test_each_other_side_is_what_it_is_configured_to_be(steps, plugged_at, fewest):
    """Also where there are hardly more bits than groups, so that they move."""
    with mock.patch.object(pages, "FEWEST", fewest):
        check(run(steps, plugged_at), every_other_side)
