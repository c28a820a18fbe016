"""IGMP and MLD snooping (RFC 4541): what networks that snoop send to members of groups alone.

The vrouters' own ports say what they are members of; a node learns of its own vrouters, and what
goes to others goes to all of them, who send it to their members alone.  The node asks as a querier
(RFC 2236 section 3) without an address, so that it wins no election (RFC 4541 section 2.1.1), and
keeps quiet where a router at a port of the same vrouter asks.

Nothing is stored: after a start the ports are asked, and nothing that a switch has is changed
before they had the time to answer (:mod:`ryu_apps.control.membership.convergence`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.messages import GroupsReported, QuerierSeen, QueryGroups
from ryu_apps.control.multicast.memberships import QUERY_INTERVAL, RESPONSE_TIME, Memberships
from ryu_apps.control.tables import Tables
from vrouter_ovs.state import MulticastGroup, Snooping
from vrouter_ovs.state.flood import ONE_PASS_PORTS

QUERIER_TIME = 2 * QUERY_INTERVAL + RESPONSE_TIME / 2
"""Seconds after which a router that asks no more is none (RFC 3376 section 8.5)."""
SOON = 1.0
"""Seconds in which a port that is new answers, and one where somebody has left (section 8.8)."""
TRIES = 2
"""How often a new port is asked, once a second (section 8.7)."""
ANSWER = 2.0
"""Seconds in which an answer is expected where something waits for it."""
BUDGET = 500
"""Ports that are asked at once."""
_LINK4 = ipaddress.IPv4Network("224.0.0.0/24")


def is_snooped(group: str) -> bool:
    """Whether a group is looked at: what is of the link alone goes to all (RFC 4541 section 2.1.2;
    of IPv6 the scopes below 3, RFC 4291 section 2.7)."""
    address = ipaddress.ip_address(group)
    if not address.is_multicast:
        return False
    return address not in _LINK4 if address.version == 4 else address.packed[1] & 15 > 2


class MulticastSnooping:
    """Reads: the configuration, where ports are and which are active.
    Marks: groups of networks, or all of one.
    Emits: QueryGroups, appended to ``effects``."""

    def __init__(
        self, tables: Tables, marks: Marks, flood_unregistered: bool, effects: list
    ) -> None:
        self._config = tables.config
        self._desired = tables.desired
        self._bound = tables.bound
        self._active = tables.active
        self._present = tables.present
        self._evis = tables.evis
        self._marks = marks
        self._flood_unregistered = flood_unregistered
        self._effects = effects
        self.memberships = Memberships()
        self.routers: dict[int, dict[str, float]] = {}
        """EVI -> port id of a multicast router -> until when it is one."""
        self._snooping: dict[int, None] = {}
        """EVIs that snoop."""
        self._put: dict[tuple[str, int], dict[str, None]] = {}
        """(element, EVI) -> groups that the vrouter has flows of."""
        self._asked: dict[str, str] = {}
        """Port id -> the element where it was when it was asked first."""
        self._ask: dict[str, int] = {}
        """Port id -> how often it is asked still."""
        self._round: list[str] = []
        self._next_round = 0.0
        self._until: dict[str, float] = {}
        """Element -> until when answers of its ports are waited for."""

    # ------------------------------------------------------------ what ports say

    def reported(self, event: GroupsReported, now: float) -> None:
        """A port is a member of groups, or somebody at it is one no more."""
        bound = self._bound.get(event.port_id)
        if bound is None or bound.element != event.element or bound.evi not in self._snooping:
            return
        for group in filter(is_snooped, event.joined):
            if self.memberships.report(bound.evi, event.port_id, group, now):
                self._marks.multicast.mark((bound.evi, group))
        for group in filter(is_snooped, event.left):
            if self.memberships.leave(event.port_id, group, now):
                self._effects.append(QueryGroups(bound.element, bound.ofport, SOON, group))

    def querier_seen(self, event: QuerierSeen, now: float) -> None:
        """There is a multicast router at a port; what it asks of one group the members hear."""
        bound = self._bound.get(event.port_id)
        if bound is None or bound.element != event.element or bound.evi not in self._snooping:
            return
        routers = self.routers.setdefault(bound.evi, {})
        if event.port_id not in routers:
            self._marks.multicast.mark((bound.evi, ""))
        routers[event.port_id] = now + QUERIER_TIME
        for port_id in self.memberships.members(bound.evi, event.group) if event.group else ():
            member = self._bound.get(port_id)
            if member is not None and member.element == event.element:
                self._effects.append(QueryGroups(member.element, member.ofport, SOON, event.group))

    # ------------------------------------------------------------ what vrouters have

    def resolve(self, key: tuple[int, str]) -> None:
        """Have the vrouters send a group of an EVI to its members, or, with "", all groups."""
        evi, group = key
        if not self._snoops(evi):
            if evi in self._snooping:
                del self._snooping[evi]
                self._forget(evi)
            return
        self._snooping[evi] = None
        present = self._present.get(evi, {})
        elements = self._evis.get(evi, ())
        for element in elements:
            ports = present.get(element, {})
            routers = {ports[one] for one in self.routers.get(evi, ()) if one in ports}
            if not group:
                self._meet(element, ports)
                snooping = Snooping(evi, tuple(sorted(routers)), self._flood_unregistered)
                self._desired.put(element, ("evi", evi), snooping)
            have = self._put.setdefault((element, evi), {})
            groups = (group,) if group else (*self.memberships.groups(evi), *have)
            for one in dict.fromkeys(groups):
                self._resolve_group(element, evi, one, ports, routers, have)
        if not group:
            for place in [place for place in self._put if place[1] == evi]:
                if place[0] not in elements:  # Its objects went with the EVI.
                    del self._put[place]

    def _resolve_group(
        self, element: str, evi: int, group: str, ports: dict[str, int], routers: set[int],
        have: dict[str, None],
    ) -> None:
        members = self.memberships.members(evi, group)
        numbers = {ports[port_id] for port_id in members if port_id in ports} | routers
        item = MulticastGroup(evi, group, tuple(sorted(numbers)))
        # More than the switch takes in one pass get what all get.
        if members and len(numbers) <= ONE_PASS_PORTS:
            have[group] = None
            self._desired.put(element, ("evi", evi), item)
        else:
            have.pop(group, None)
            self._desired.delete(element, ("evi", evi), item.key)

    def _snoops(self, evi: int) -> bool:
        return any(
            kind == "network" and self._config.networks[id].igmp_snooping
            for kind, id in self._config.by_vni.get(evi, ())
        )

    def _forget(self, evi: int) -> None:
        """An EVI snoops no more, or is gone."""
        for place in [place for place in self._put if place[1] == evi]:
            for group in self._put.pop(place):
                if place[0] in self._evis.get(evi, ()):
                    key = MulticastGroup(evi, group, ()).key
                    self._desired.delete(place[0], ("evi", evi), key)
        for element in self._evis.get(evi, ()):
            self._desired.delete(element, ("evi", evi), Snooping(evi).key)
        for port_id in [one for group in list(self.memberships.groups(evi))
                        for one in self.memberships.members(evi, group)]:
            self.memberships.forget(port_id)
        self.routers.pop(evi, None)
        for ports in self._present.get(evi, {}).values():
            for port_id in ports:
                self._asked.pop(port_id, None)
                self._ask.pop(port_id, None)
        if not self._snooping:  # Of ports that left meanwhile too.
            self._asked, self._ask, self._round, self._until = {}, {}, [], {}

    # ------------------------------------------------------------ asking

    def _meet(self, element: str, ports: Iterable[str]) -> None:
        """Ask ports that are new at an element."""
        for port_id in ports:
            if self._asked.get(port_id) != element:
                self._asked[port_id] = element
                self._ask[port_id] = TRIES

    def tick(self, now: float) -> None:
        """What has ended, new ports, and the next general query."""
        if not self._snooping:
            return
        self._marks.multicast.mark_all(self.memberships.expire(now))
        for evi, routers in self.routers.items():
            for port_id in [one for one, until in routers.items() if until <= now]:
                del routers[port_id]
                self._marks.multicast.mark((evi, ""))
        budget = BUDGET
        for port_id in list(self._ask):
            if port_id not in self._bound:
                del self._ask[port_id]
                self._gone(port_id)
            elif port_id in self._active and budget:
                budget -= 1
                self._ask[port_id] -= 1
                if not self._ask[port_id]:
                    del self._ask[port_id]
                self._query(port_id, SOON)
                self._until[self._bound[port_id].element] = now + ANSWER
        if not self._round and now >= self._next_round:
            self._next_round = now + QUERY_INTERVAL
            self._round = [one for one in self._asked if one not in self._ask]
        for _ in range(min(budget, len(self._round))):
            port_id = self._round.pop()
            if port_id not in self._bound:
                self._gone(port_id)
            elif port_id in self._active and not self._has_querier(port_id):
                self._query(port_id, RESPONSE_TIME)

    def _gone(self, port_id: str) -> None:
        """A port is not at this node any more; what it was a member of is of no use."""
        self._asked.pop(port_id, None)
        self.memberships.refused.pop(port_id, None)

    def _has_querier(self, port_id: str) -> bool:
        """Whether a router asks at a port of the same vrouter and network."""
        bound = self._bound[port_id]
        ports = self._present.get(bound.evi, {}).get(bound.element, {})
        return any(one in ports for one in self.routers.get(bound.evi, ()))

    def _query(self, port_id: str, response: float) -> None:
        bound = self._bound[port_id]
        self._effects.append(QueryGroups(bound.element, bound.ofport, response))

    def settled(self, now: float, element: str = "") -> bool:
        """Whether no answer need be waited for, of the ports of one element or of all."""
        if not self._snooping:
            return True
        if any(
            one in self._active and element in ("", self._bound[one].element)
            for one in self._ask if one in self._bound
        ):
            return False
        late = max(self._until.values(), default=0.0) if not element else self._until.get(element)
        return late is None or now >= late
