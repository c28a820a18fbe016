"""From security groups to the rules of a policy set.  Pure functions.

A *policy set* is the set of groups that a port carries.  Ports with the same groups share one, with
all its rules; a rule that names a group asks for the bit of that group
(:mod:`ryu_apps.control.policy.pages`), so none depends on how many ports there are, nor on what the
group is combined with.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, SecurityGroupRule, normalized
from ryu_apps.control.config.protocols import protocol_number
from ryu_apps.control.policy.pages import ADDRESS_GROUP, SECURITY_GROUP, Named
from vrouter_ovs.addresses import ip_network
from vrouter_ovs.numbers import PROTO_DCCP, PROTO_SCTP, PROTO_TCP, PROTO_UDP, PROTO_UDPLITE
from vrouter_ovs.state import EGRESS, INGRESS, Rule

Groups = tuple[str, ...]
"""Sorted ids of security groups: what a policy set is."""

WITH_PORTS = frozenset((PROTO_TCP, PROTO_UDP, PROTO_DCCP, PROTO_SCTP, PROTO_UDPLITE))
NO_GROUPS: Groups = ("",)
"""The policy set of ports with port security and without a group: no rule is in it."""


def groups_of(port: Port) -> Groups:
    """The policy set of a port; () where nothing is filtered."""
    if not port.port_security_enabled or port.unfiltered or port.is_system:
        return ()
    return tuple(sorted(set(port.security_groups))) or NO_GROUPS


def is_tracked(config: Config, groups: Groups) -> bool:
    """Whether a policy set tracks connections: one stateful group is enough."""
    known = (config.security_groups.get(group) for group in groups)
    return any(group is None or group.stateful for group in known)


def set_id(groups: Groups, taken: Iterable[int] = ()) -> int:
    """A number of 31 bits for a policy set, the same after every restart."""
    digest = hashlib.blake2b("\0".join(groups).encode(), digest_size=4).digest()
    number = int.from_bytes(digest) >> 1 or 1
    used = set(taken)
    while number in used:
        number = number % 0x7FFFFFFF + 1
    return number


class _Shape(NamedTuple):
    """Rules alike but for their port ranges."""

    direction: str
    version: int
    protocol: int
    remote: str
    named: Named | None


Bits = Mapping[Named, tuple[int, int]]
"""Group that rules name -> (number of its page in flows, its bit)."""


def rules_of(config: Config, policy: int, groups: Groups, bits: Bits) -> dict[tuple, Rule]:
    """All rules of a policy set, by key.  A rule that names a group without a bit allows nothing
    and is left out.  Rules that repeat one another come out as one that names both; overlapping
    port ranges are cut where they overlap, so that no packet matches two of the same shape."""
    shapes: dict[_Shape, list[tuple[int, int, str]]] = {}
    for group in groups:
        for rule_id in config.rules_by_group.get(group, ()):
            rule = config.security_group_rules[rule_id]
            shape, first, last = _shape(rule)
            if shape.named is None or shape.named in bits:
                shapes.setdefault(shape, []).append((first, last, rule_id))
    found = {}
    stateful = is_tracked(config, groups)
    for shape, ranges in shapes.items():
        cut = _elementary if shape.protocol in WITH_PORTS else _same
        kind, named = shape.named or ("", "")
        page, bit = bits[shape.named] if shape.named is not None else (0, 0)
        for first, last, ids in cut(ranges):
            rule = Rule(
                policy, shape.direction, shape.version, shape.protocol, first, last,
                shape.remote, named if kind == SECURITY_GROUP else "", ids, stateful,
                named if kind == ADDRESS_GROUP else "", page, bit,
            )  # fmt: skip
            found[rule.key] = rule
    return found


def _shape(rule: SecurityGroupRule) -> tuple[_Shape, int, int]:
    version = 6 if rule.ethertype == "IPv6" else 4
    protocol = protocol_number(rule.protocol, version)
    first, last = rule.port_range_min, rule.port_range_max
    if protocol in WITH_PORTS and first <= 0 and last >= 65535:
        first = last = -1
    named = named_by(rule)
    remote = "" if named is not None else remote_prefix(rule)
    return _Shape(rule.direction, version, protocol, remote, named), first, last


def named_by(rule: SecurityGroupRule) -> Named | None:
    """The group that a rule names as its other side."""
    if rule.remote_group_id:
        return Named(SECURITY_GROUP, rule.remote_group_id)
    if rule.remote_address_group_id:
        return Named(ADDRESS_GROUP, rule.remote_address_group_id)
    return None


def remote_prefix(rule: SecurityGroupRule) -> str:
    """The prefix of a rule with its host bits cleared; "" for none and for everywhere."""
    prefix = normalized(rule.remote_ip_prefix)
    return "" if prefix in ("0.0.0.0/0", "::/0") else prefix


def _same(ranges: list[tuple[int, int, str]]):
    """Equal (type, code) pairs become one; they have no order to overlap in."""
    merged: dict[tuple[int, int], list[str]] = {}
    for first, last, rule_id in ranges:
        merged.setdefault((first, last), []).append(rule_id)
    for (first, last), ids in merged.items():
        yield first, last, tuple(sorted(ids))


def _elementary(ranges: list[tuple[int, int, str]]):
    """Cut ranges at one another's ends: every piece is covered by the same rules throughout."""
    everything = tuple(sorted(rule_id for first, _, rule_id in ranges if first < 0))
    if everything:
        yield -1, -1, everything
    starts: dict[int, list[str]] = {}
    ends: dict[int, list[str]] = {}
    for first, last, rule_id in ranges:
        if first >= 0:
            starts.setdefault(first, []).append(rule_id)
            ends.setdefault(last + 1, []).append(rule_id)
    covering: set[str] = set()
    for low, high in itertools.pairwise(sorted(starts.keys() | ends.keys())):
        covering.difference_update(ends.get(low, ()))
        covering.update(starts.get(low, ()))
        if covering:
            yield low, high - 1, tuple(sorted(covering))


def named_groups(config: Config, groups: Groups) -> dict[str, dict[Named, None]]:
    """Direction -> the groups that rules of a policy set name."""
    found: dict[str, dict[Named, None]] = {INGRESS: {}, EGRESS: {}}
    for group in groups:
        for rule_id in config.rules_by_group.get(group, ()):
            rule = config.security_group_rules[rule_id]
            if (named := named_by(rule)) is not None:
                found[rule.direction][named] = None
    return found


WIDE = {4: 16, 6: 32}
"""Shorter prefixes of an IP version cover much: an allowed address pair with one says that its port
sends in others' name, not whose all these addresses are."""


class Member(NamedTuple):
    """An address or a prefix by which other ports know a member of a group; with a ``mac`` only
    what comes from this MAC in the EVI ``evi``, or goes there."""

    address: str
    mac: str = ""
    evi: int = 0

    @property
    def is_prefix(self) -> bool:
        """Whether it is more than one address."""
        return "/" in self.address


def is_wide(prefix: str) -> bool:
    net = ip_network(prefix)
    return net.prefixlen < WIDE[net.version]


@lru_cache(maxsize=65536)
def canonical(prefix: str) -> str:
    """An address or a prefix in the one way to write it: host bits cleared, an address without its
    length."""
    net = ip_network(prefix)
    host = net.prefixlen == net.max_prefixlen
    return str(net.network_address if host else net)


def addresses_of(config: Config, port: Port) -> dict[Member, None]:
    """By what other ports know a member of a group: its addresses, and those of its pairs.

    What a pair that covers much allows counts for this port's own packets alone; else one member
    would make members of everybody.
    """
    found = {Member(fixed.ip_address): None for fixed in port.fixed_ips}
    for pair in port.allowed_address_pairs:
        if not is_wide(pair.ip_address):
            found[Member(canonical(pair.ip_address))] = None
        elif (network := config.networks.get(port.network_id)) is not None:
            mac = pair.mac_address or port.mac_address
            found[Member(canonical(pair.ip_address), mac, network.vni)] = None
    return found
