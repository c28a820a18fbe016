"""Which ports are members of which groups, as they reported it (RFC 4541 section 2.1.2).

Pure: time comes in.  A membership ends by itself when it is not reported again (RFC 3376 section
8.4, RFC 3810 section 9.4), and soon after somebody at the port has left, unless another one there
reports it meanwhile (RFC 2236 section 3).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

QUERY_INTERVAL = 125.0
"""Seconds between two general queries (RFC 3376 section 8.2)."""
RESPONSE_TIME = 10.0
"""Seconds in which they are answered (section 8.3)."""
MEMBERSHIP_TIME = 2 * QUERY_INTERVAL + RESPONSE_TIME
"""Seconds that a membership lasts (section 8.4)."""
LAST_MEMBER_TIME = 2.0
"""Seconds that it lasts after somebody has left (section 8.8)."""
PORT_LIMIT = 64
"""Groups that one port may be a member of; more are counted and refused."""
NETWORK_LIMIT = 1024
"""Groups of a network that have members at this node's ports, likewise."""


class Memberships:
    """``refused``: port id -> reports that came when it, or its network, had all it may have."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}
        """(port id, group) -> when the membership ends."""
        self._order: list[tuple[float, str, str]] = []
        """A heap of times when one may end: at least one for each, no later than its end."""
        self._groups: dict[str, dict[str, None]] = {}
        """Port id -> its groups."""
        self._members: dict[int, dict[str, dict[str, None]]] = {}
        """EVI -> group -> port ids."""
        self._evi: dict[str, int] = {}
        self.refused: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._until)

    def groups(self, evi: int) -> Iterable[str]:
        """The groups of an EVI that have members."""
        return self._members.get(evi, ())

    def members(self, evi: int, group: str) -> Iterable[str]:
        """The ids of the ports that are members."""
        return self._members.get(evi, {}).get(group, ())

    def until(self, port_id: str, group: str) -> float:
        """When a membership ends that there is."""
        return self._until[port_id, group]

    def report(self, evi: int, port_id: str, group: str, now: float) -> bool:
        """A port says that it is a member.  Whether it was none before, and is one now."""
        if self._evi.get(port_id, evi) != evi:
            self.forget(port_id)
        groups = self._groups.get(port_id, {})
        members = self._members.get(evi, {})
        new = group not in groups
        if new and (
            len(groups) >= PORT_LIMIT or (group not in members and len(members) >= NETWORK_LIMIT)
        ):
            self.refused[port_id] = self.refused.get(port_id, 0) + 1
            return False
        self._until[port_id, group] = now + MEMBERSHIP_TIME
        if new:
            heapq.heappush(self._order, (now + MEMBERSHIP_TIME, port_id, group))
            self._evi[port_id] = evi
            self._groups.setdefault(port_id, {})[group] = None
            self._members.setdefault(evi, {}).setdefault(group, {})[port_id] = None
        return new

    def leave(self, port_id: str, group: str, now: float) -> bool:
        """Somebody at a port is a member no more.  Whether the port was one: it is to be asked who
        still is."""
        end = self._until.get((port_id, group))
        if end is None:
            return False
        if now + LAST_MEMBER_TIME < end:
            self._until[port_id, group] = now + LAST_MEMBER_TIME
            heapq.heappush(self._order, (now + LAST_MEMBER_TIME, port_id, group))
        return True

    def expire(self, now: float) -> set[tuple[int, str]]:
        """End what has ended by now.  Whose members changed: (EVI, group)."""
        changed = set()
        while self._order and self._order[0][0] <= now:
            _, port_id, group = heapq.heappop(self._order)
            end = self._until.get((port_id, group))
            if end is None:
                continue
            if end > now:
                heapq.heappush(self._order, (end, port_id, group))
                continue
            changed.add((self._evi[port_id], group))
            self._end(port_id, group)
        return changed

    def forget(self, port_id: str) -> None:
        """A port is no longer there, or in another network."""
        for group in list(self._groups.get(port_id, ())):
            self._end(port_id, group)
        self.refused.pop(port_id, None)

    def _end(self, port_id: str, group: str) -> None:
        evi = self._evi[port_id]
        del self._until[port_id, group]
        groups, members = self._groups[port_id], self._members[evi]
        del groups[group], members[group][port_id]
        if not groups:
            del self._groups[port_id], self._evi[port_id]
        if not members[group]:
            del members[group]
            if not members:
                del self._members[evi]
