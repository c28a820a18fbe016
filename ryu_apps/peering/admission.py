"""What is taken from a peer: the policy of its ``peer`` line, and bounds on what it may cost.

A route that is not taken is treated as withdrawn (RFC 7606 section 2), so that what it replaces
goes too, and counted by reason.
"""

from __future__ import annotations

import ipaddress
from collections import Counter

from ryu_apps.control.families import UNDERLAY_FAMILIES, Family
from ryu_apps.control.routes import Attributes
from ryu_apps.peering.base import Peer
from ryu_apps.peering.codec.families import FamilyCodec
from ryu_apps.peering.codec.nlri import DecodedRoute

FEW_TARGETS = 16
"""Beyond so many route targets a route counts once more against max-prefixes for every two of them:
each target is an entry in the node's index, which costs about half as much as a route."""


class Targets:
    """A list of allowed route targets: "ADMIN:NUMBER", "ADMIN:FIRST-LAST" or "ADMIN:*".

    The constructor raises ValueError for anything else.
    """

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._ranges: dict[str, list[tuple[int, int]]] = {}
        for text in texts:
            admin, _, numbers = text.rpartition(":")
            first, dash, last = numbers.partition("-")
            if numbers == "*":
                low, high = 0, 0xFFFFFFFF
            elif admin and first.isdecimal() and (last.isdecimal() if dash else not last):
                low, high = int(first), int(last or first)
            else:
                admin = ""
            if not admin or low > high:
                raise ValueError(f"{text!r} is no ADMIN:NUMBER, ADMIN:FIRST-LAST or ADMIN:*")
            self._ranges.setdefault(admin, []).append((low, high))

    def __contains__(self, target: str) -> bool:
        admin, _, number = target.rpartition(":")
        return any(low <= int(number) <= high for low, high in self._ranges.get(admin, ()))


class RouteAdmission:
    """The judgement on one peer's routes, of all its families together.  ``refused``: reason -> how
    many routes, since the engine's start."""

    def __init__(self, peer: Peer) -> None:
        self._targets = Targets(peer.route_targets) if peer.route_targets else None
        self._next_hops = [ipaddress.ip_network(text) for text in peer.next_hops]
        self._max_next_hops = peer.max_next_hops
        self._max_unicast = peer.max_unicast
        self._hops: Counter[str] = Counter()
        self._unicast = 0
        self._taken: dict[int, tuple[str | None, int]] = {}
        """Hash of a route's family and key -> what it counts: (next hop, None for one of the
        underlay; weight)."""
        self.weight = 0
        """What the peer's routes count against max-prefixes."""
        self.refused: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._taken)

    def has(self, family: Family, key: bytes) -> bool:
        """Whether a route was taken, and has not gone since."""
        return hash((family, key)) in self._taken

    def forget(self) -> None:
        """The peer has announced nothing: a session begins or is over."""
        self._taken.clear()
        self._hops.clear()
        self._unicast = 0
        self.weight = 0

    def attributes(self, family: Family, attrs: tuple) -> tuple[tuple, str]:
        """(attributes of routes of a family without the route targets that the peer may not use,
        why none of the routes with them is taken)."""
        if family in UNDERLAY_FAMILIES:
            return attrs, ""
        next_hop, targets = attrs[:2]
        if self._next_hops:
            address = ipaddress.ip_address(next_hop)
            if not any(address in net for net in self._next_hops):
                return attrs, "next hop outside of the peer's"
        if self._targets is not None:
            allowed = tuple(target for target in targets if target in self._targets)
            if targets and not allowed:
                return attrs, "route targets outside of the peer's"
            if allowed != targets:
                attrs = tuple(Attributes(*attrs)._replace(rts=allowed))
        return attrs, ""

    @staticmethod
    def terms(attrs: tuple) -> tuple[str, int]:
        """What a route with these attributes counts: (next hop, weight)."""
        return attrs[0], 1 + max(len(attrs[1]) - FEW_TARGETS, 0) // 2

    def take(self, codec: FamilyCodec, route: DecodedRoute, terms: tuple[str, int]) -> str:
        """Count a route of ``codec``'s family as taken; returns why it is refused, and then it is
        not."""
        next_hop, weight = terms
        unicast = codec.family in UNDERLAY_FAMILIES
        name = hash((codec.family, route.key))
        reason = codec.invalid(route) or (
            self._too_much(name) if unicast else self._too_far(next_hop))
        self._drop(name)
        if reason:
            self.refused[reason] += 1
            return reason
        self._taken[name] = (None if unicast else next_hop, weight)
        if unicast:
            self._unicast += 1
        else:
            self._hops[next_hop] += 1
        self.weight += weight
        return ""

    def _too_far(self, next_hop: str) -> str:
        if next_hop not in self._hops and len(self._hops) >= self._max_next_hops:
            return f"more than {self._max_next_hops} next hops"
        return ""

    def _too_much(self, name: int) -> str:
        """Refused alone, where max-prefixes would end the session and take the VPN with it."""
        if name not in self._taken and self._unicast >= self._max_unicast:
            return f"more than {self._max_unicast} unicast routes"
        return ""

    def drop(self, family: Family, key: bytes) -> None:
        """A route has gone, if it was taken."""
        self._drop(hash((family, key)))

    def _drop(self, name: int) -> None:
        terms = self._taken.pop(name, None)
        if terms is not None:
            next_hop, weight = terms
            self.weight -= weight
            if next_hop is None:
                self._unicast -= 1
                return
            self._hops[next_hop] -= 1
            if not self._hops[next_hop]:
                del self._hops[next_hop]
