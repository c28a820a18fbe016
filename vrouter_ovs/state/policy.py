"""Security groups as policy sets: what may pass, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from vrouter_ovs.state.base import Key, StateBase

INGRESS = "ingress"
EGRESS = "egress"


@dataclass(frozen=True, slots=True)
class Policy(StateBase):
    """A policy set: the security groups that some ports of this vrouter have in common.

    ``policy``: 31 bits, never 0, derived from the ids of the groups; ports with the same groups
    share it and all its rules.  What no :class:`Rule` of the set allows is dropped.  ``stateful``:
    connections are tracked, replies and related errors pass, and a connection whose first direction
    is no longer allowed is cut.
    """

    kind: ClassVar[str] = "policy"
    policy: int
    stateful: bool = True

    @property
    def key(self) -> Key:
        return ("policy", self.policy)


@dataclass(frozen=True, slots=True)
class Rule(StateBase):
    """What a policy set allows, in one direction seen from the port.

    ``version``: 4 or 6.  ``protocol``: 1 to 255, or -1 for any.  ``first``, ``last``: destination
    ports of TCP, UDP, SCTP; for ICMP the type and the code; -1 for any.  ``remote``:
    a prefix of the other side, or "".  ``group``, ``address_group``: id of the security group or
    the address group that the other side must be in, or ""; it is the bit ``bit`` of the page
    ``page``, which a :class:`Membership` of the set looks up.  Rules of a set never overlap in
    ports when all else is equal.  ``rules``: ids of the configured rules that this comes from.
    ``stateful``: as the set is; a rule of a tracked set is held against the connection's first
    packet, one of an untracked set against each packet alone.  The key does not say where a group
    has its bit, nor what the rule comes from.
    """

    kind: ClassVar[str] = "rule"
    policy: int
    direction: str
    version: int
    protocol: int = -1
    first: int = -1
    last: int = -1
    remote: str = ""
    group: str = ""
    rules: tuple[str, ...] = ()
    stateful: bool = True
    address_group: str = ""
    page: int = 0
    bit: int = 0

    @property
    def key(self) -> Key:
        known = (
            "rule", self.policy, self.direction, self.version, self.protocol, self.first,
            self.last, self.remote, self.group or 0,
        )  # fmt: skip
        return (*known, self.address_group) if self.address_group else known


class Page(NamedTuple):
    """Up to :data:`BITS` groups with a bit each, whose members are looked up together.  ``page``:
    1 to :data:`MAX_PAGE`.  ``prefixes``, ``macs``: whether members with prefixes, or with MACs of
    their own, are to be asked for as well."""

    page: int
    prefixes: bool = False
    macs: bool = False


BITS = 128
MAX_PAGE = (1 << 30) - 1


@dataclass(frozen=True, slots=True)
class Membership(StateBase):
    """The groups of the other side that rules of a policy set ask for, in one direction, are in
    these pages.  Each is looked up in turn, and the rules asked, until one allows the packet."""

    kind: ClassVar[str] = "membership"
    policy: int
    direction: str
    pages: tuple[Page, ...]
    stateful: bool = True

    @property
    def key(self) -> Key:
        return ("membership", self.policy, self.direction)


@dataclass(frozen=True, slots=True)
class PeerAddress(StateBase):
    """An address or a prefix of the other side is a member of these groups of a page.

    ``direction``, ``stateful``: of the sets that ask.  ``bits``: those of the groups, rising; of a
    prefix also those of all prefixes that cover it.  With a ``mac``: only where the other side is
    this MAC in the EVI ``evi``, so that a prefix which covers much says nothing of others' packets.
    What an address, a prefix and a MAC say of one packet adds up.
    """

    kind: ClassVar[str] = "peer"
    page: int
    direction: str
    address: str
    bits: tuple[int, ...]
    stateful: bool = True
    mac: str = ""
    evi: int = 0

    @property
    def key(self) -> Key:
        selector = (self.page, self.direction, int(self.stateful), self.address)
        return ("peer", *selector, self.evi, self.mac) if self.mac else ("peer", *selector)
