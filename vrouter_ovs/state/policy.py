"""Security groups as policy sets: what may pass, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
    a prefix of the other side, or "".  ``peer``: the other side's policy set as found by a
    :class:`PeerAddress`, or 0 for any.  Rules of a set never overlap in ports when all else is
    equal.  ``rules``: ids of the configured rules that this comes from; not part of the key.
    ``stateful``: as the set is; a rule of a tracked set is held against the connection's first
    packet, one of an untracked set against each packet alone.
    """

    kind: ClassVar[str] = "rule"
    policy: int
    direction: str
    version: int
    protocol: int = -1
    first: int = -1
    last: int = -1
    remote: str = ""
    peer: int = 0
    rules: tuple[str, ...] = ()
    stateful: bool = True

    @property
    def key(self) -> Key:
        return (
            "rule", self.policy, self.direction, self.version, self.protocol, self.first,
            self.last, self.remote, self.peer,
        )


@dataclass(frozen=True, slots=True)
class PeerAddress(StateBase):
    """For ports of set ``policy``: the other side's ``address`` (or prefix) is of set ``peer``.

    ``stateful``: as the set ``policy`` is.  With a ``mac``: only where the other side is this MAC
    in the EVI ``evi``, so that a prefix which covers much says nothing of others' packets.
    """

    kind: ClassVar[str] = "peer"
    policy: int
    direction: str
    address: str
    peer: int
    stateful: bool = True
    mac: str = ""
    evi: int = 0

    @property
    def key(self) -> Key:
        selector = (self.policy, self.direction, self.address)
        return ("peer", *selector, self.evi, self.mac) if self.mac else ("peer", *selector)
