"""Which rules of a policy set allow a packet, and what the others miss.  Pure."""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, SecurityGroupRule
from ryu_apps.control.config.protocols import protocol_number
from ryu_apps.control.policy.pages import SECURITY_GROUP
from ryu_apps.control.policy.rules import (
    Groups,
    addresses_of,
    groups_of,
    named_groups,
    remote_prefix,
)
from vrouter_ovs.addresses import ip_network
from vrouter_ovs.numbers import (
    ECHO_REPLY,
    ECHO_REPLY6,
    ECHO_REQUEST,
    ECHO_REQUEST6,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_SCTP,
    PROTO_TCP,
    PROTO_UDP,
)
from vrouter_ovs.state import INGRESS

NUMBERS = {
    PROTO_ICMP: "icmp", PROTO_TCP: "tcp", PROTO_UDP: "udp", PROTO_ICMPV6: "icmpv6",
    PROTO_SCTP: "sctp",
}  # fmt: skip


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection.

    ``protocol``: number, -1 for one that no rule names.  ``first``, ``last``: destination port
    twice, or ICMP type and code; -1 for none.  ``source_port``: where a reply goes.
    """

    version: int
    source: str
    destination: str
    protocol: int
    first: int = -1
    last: int = -1
    source_port: int = 40000

    def reply(self) -> Packet:
        echo = {ECHO_REQUEST: ECHO_REPLY, ECHO_REQUEST6: ECHO_REPLY6}.get(self.first, self.first)
        ports = self.protocol not in (PROTO_ICMP, PROTO_ICMPV6) and self.first >= 0
        return Packet(
            self.version, self.destination, self.source, self.protocol,
            self.source_port if ports else echo, self.source_port if ports else self.last,
            self.first if ports else -1,
        )

    def __str__(self) -> str:
        name = NUMBERS.get(self.protocol, f"protocol {self.protocol}")
        if self.first < 0:
            return name
        if self.protocol in (PROTO_ICMP, PROTO_ICMPV6):
            return f"{name} type {self.first}" + (f" code {self.last}" if self.last >= 0 else "")
        return f"{name} {self.first}"


class Miss(NamedTuple):
    """``problems``: in which things the rule differs from the packet.  ``distance``: how many they
    are; then whether the protocol is one of them, as a wrong port is nearer than that."""

    distance: tuple[int, bool]
    rule: str
    problems: tuple[str, ...]



def match(
    config: Config, groups: Groups, direction: str, packet: Packet, beside: Port | None = None
) -> tuple[list[str], list[Miss]]:
    """The ids of the rules of a policy set that allow a packet, and how the others miss it.

    ``beside``: the port of the other side, where no router is between the two.
    """
    other = packet.source if direction == INGRESS else packet.destination
    members = _member_groups(config, groups, direction, other, beside)
    found, misses = [], []
    for group in groups:
        for rule_id in config.rules_by_group.get(group, ()):
            rule = config.security_group_rules[rule_id]
            if rule.direction != direction:
                continue
            if (rule.ethertype == "IPv6") != (packet.version == 6):
                continue
            problems = tuple(_problems(config, rule, packet, other, members))
            if problems:
                other_protocol = not _same_protocol(rule, packet)
                misses.append(Miss((len(problems), other_protocol), rule_id, problems))
            else:
                found.append(rule_id)
    return sorted(found), misses


def nearest(config: Config, misses: Iterable[Miss], count: int) -> list[dict[str, str]]:
    """The rules that miss least, in words."""
    rules = config.security_group_rules
    return [
        {"rule": miss.rule, "why": f"{_text(config, rules[miss.rule])}: "
         + ", ".join(miss.problems)}
        for miss in heapq.nsmallest(count, misses)
    ]


def _member_groups(
    config: Config, groups: Groups, direction: str, address: str, beside: Port | None
) -> set[str]:
    """The groups that rules of the set name and that an address is a member of: by any of its
    ports, and by prefixes of theirs; one that covers much is for its own port's packets alone."""
    found = set()
    for kind, group in named_groups(config, groups)[direction]:
        if kind != SECURITY_GROUP:
            continue
        for id in config.ports_by_group.get(group, ()):
            member = config.ports[id]
            if groups_of(member) and any(
                (not mac or (beside is not None and beside.id == id)) and contains(known, address)
                for known, mac, _ in addresses_of(config, member)
            ):
                found.add(group)
                break
    return found


def _same_protocol(rule: SecurityGroupRule, packet: Packet) -> bool:
    return protocol_number(rule.protocol, packet.version) in (-1, packet.protocol)


def _problems(
    config: Config, rule: SecurityGroupRule, packet: Packet, other: str, members: Collection[str]
) -> Iterable[str]:
    number = protocol_number(rule.protocol, packet.version)
    if not _same_protocol(rule, packet):
        yield f"not {packet}"
    elif number in (PROTO_ICMP, PROTO_ICMPV6):
        if rule.port_range_min not in (-1, packet.first):
            yield f"not type {packet.first}"
        elif rule.port_range_max not in (-1, packet.last):
            yield f"not code {packet.last}"
    elif rule.port_range_min >= 0 and not (
        rule.port_range_min <= packet.first <= rule.port_range_max
    ):
        yield f"not port {packet.first}" if packet.first >= 0 else "the port is not given"
    if rule.remote_group_id:
        if rule.remote_group_id not in members:
            yield f"{other} is no member of group {_group_name(config, rule.remote_group_id)}"
    elif rule.remote_address_group_id:
        group = config.address_groups.get(rule.remote_address_group_id)
        if group is None or not any(contains(one, other) for one in group.addresses):
            yield f"{other} is not in address group {group.name or group.id if group else '?'}"
    else:
        prefix = remote_prefix(rule)
        if prefix and not contains(prefix, other):
            yield f"{other} is not in {prefix}"


def _text(config: Config, rule: SecurityGroupRule) -> str:
    """The rule in words: "tcp 22 allowed only from group web"."""
    what = rule.protocol or "anything"
    low, high = rule.port_range_min, rule.port_range_max
    if low >= 0:
        if protocol_number(rule.protocol, 4) in (PROTO_ICMP, PROTO_ICMPV6):
            what += f" type {low}" + (f" code {high}" if high >= 0 else "")
        else:
            what += f" {low}" if low == high else f" {low}-{high}"
    side = "from" if rule.direction == INGRESS else "to"
    if rule.remote_group_id:
        return f"{what} allowed only {side} group {_group_name(config, rule.remote_group_id)}"
    if rule.remote_address_group_id:
        group = config.address_groups.get(rule.remote_address_group_id)
        name = (group.name or group.id) if group else rule.remote_address_group_id
        return f"{what} allowed only {side} address group {name}"
    prefix = remote_prefix(rule)
    return f"{what} allowed only {side} {prefix}" if prefix else f"{what} allowed"


def _group_name(config: Config, id: str) -> str:
    group = config.security_groups.get(id)
    return (group.name or id) if group else id


def contains(prefix: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ip_network(prefix)
