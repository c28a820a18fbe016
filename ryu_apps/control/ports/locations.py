"""Where ports are: which of them stand at a vrouter or may come to it, by network and by lookup."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control import ids
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instance import Lookup
from ryu_apps.control.vpn.translate import BoundPort, FloatingAddress, StandbyPort
from vrouter_ovs.state import LocalHop


class Locations:
    """Reads: how ports are bound.
    Marks: the EVI of a port that comes or goes, its lookups and multicast groups.
    Emits nothing."""

    def __init__(self, tables: Tables, marks: Marks) -> None:
        self._bound = tables.bound
        self.present = tables.present
        self._prepared = tables.prepared
        self._expected = tables.expected
        self._floating = tables.floating
        self._marks = marks
        self.local: dict[tuple[str, Lookup], str] = {}
        """(element, lookup) -> the port that stands there."""

    def add(self, bound: BoundPort) -> None:
        """A port is there now."""
        by_element = self.present.setdefault(bound.evi, {})
        by_element.setdefault(bound.element, {})[bound.port_id] = bound.ofport
        self._marks.evis.mark((bound.element, bound.evi))
        self._marks.multicast.mark((bound.evi, ""))
        self._float(bound, False)
        for lookup in lookups_of(bound):
            self.local[bound.element, lookup] = bound.port_id
            self._marks.lookups.mark(lookup)

    def remove(self, bound: BoundPort) -> None:
        """A port is there no more."""
        by_element = self.present[bound.evi]
        ports = by_element[bound.element]
        del ports[bound.port_id]
        if not ports:
            del by_element[bound.element]
            if not by_element:
                del self.present[bound.evi]
        self._marks.evis.mark((bound.element, bound.evi))
        self._marks.multicast.mark((bound.evi, ""))
        self._sink(bound, False)
        for lookup in lookups_of(bound):
            key = (bound.element, lookup)
            if self.local.get(key) == bound.port_id:
                del self.local[key]
            self._marks.lookups.mark(lookup)

    def _float(self, bound: BoundPort, may_come: bool) -> None:
        """Where a port's floating IPs are, their networks are."""
        for one in bound.floating:
            by_element = self._floating.setdefault(one.evi, {})
            by_element.setdefault(bound.element, {})[bound.port_id, may_come] = None
            self._marks.evis.mark((bound.element, one.evi))

    def _sink(self, bound: BoundPort, may_come: bool) -> None:
        for evi in dict.fromkeys(one.evi for one in bound.floating):
            by_element = self._floating[evi]
            del by_element[bound.element][bound.port_id, may_come]
            if not by_element[bound.element]:
                del by_element[bound.element]
                if not by_element:
                    del self._floating[evi]
            self._marks.evis.mark((bound.element, evi))

    def floating(self, element: str, lookup: Lookup) -> FloatingAddress | None:
        """The floating IP of a port on this very vrouter that has a MAC or an address."""
        port_id = self.local.get((element, lookup))
        kind, vni, value = lookup
        for one in self._bound[port_id].floating if port_id is not None else ():
            if one.evi == vni and value == (one.mac if kind == "mac" else one.ip):
                return one
        return None

    def expect(self, port_id: str, new: tuple[StandbyPort, ...]) -> None:
        """A port may come to these vrouters, and to no others."""
        for place, _ in self._prepared.get(port_id, ()):
            self._sink(place, True)
            by_element = self._expected[place.evi]
            del by_element[place.element][port_id]
            if not by_element[place.element]:
                del by_element[place.element]
                if not by_element:
                    del self._expected[place.evi]
            self._marks.evis.mark((place.element, place.evi))
        for place, _ in new:
            by_element = self._expected.setdefault(place.evi, {})
            by_element.setdefault(place.element, {})[port_id] = place.ofport
            self._float(place, True)
            self._marks.evis.mark((place.element, place.evi))
        if new:
            self._prepared[port_id] = new
        else:
            self._prepared.pop(port_id, None)

    def present_at(self, element: str) -> list[str]:
        """The ports that stand at an element."""
        return [
            port_id for by_element in self.present.values()
            for port_id in by_element.get(element, ())
        ]

    def expected_at(self, element: str) -> list[str]:
        """The ports that stand by at an element."""
        return [
            port_id for by_element in self._expected.values()
            for port_id in by_element.get(element, ())
        ]

    def expected_behind(self, element: str, ofport: int) -> str:
        """The port that stands by behind an OpenFlow port, or ""."""
        return next((
            port_id for expected in self._expected.values()
            for port_id, number in expected.get(element, {}).items() if number == ofport
        ), "")

    def local_mac(self, element: str, lookup: Lookup) -> str:
        """The MAC of an address of a port on this very vrouter, or ""."""
        port_id = self.local.get((element, lookup))
        if port_id is None:
            return ""
        bound = self._bound[port_id]
        for address in bound.learned:
            if lookup[2] in (address.ip, ids.link_local(address.mac)):
                return address.mac
        return bound.mac

    def ofport(self, port_id: str) -> int:
        """The OpenFlow port of a port that is bound."""
        return self._bound[port_id].ofport

    def local_hop(self, element: str, lookup: Lookup) -> LocalHop | None:
        """How a host prefix of a port on this very vrouter is delivered."""
        port_id = self.local.get((element, lookup))
        if port_id is None:
            return None
        bound = self._bound[port_id]
        for address in bound.addresses:
            if address.vrf == lookup[1] and ids.host_prefix(address.ip) == lookup[2]:
                return LocalHop(bound.ofport, bound.evi, bound.mac, address.gateway_mac)
        for address in bound.learned:
            if address.vrf == lookup[1] and ids.host_prefix(address.ip) == lookup[2]:
                return LocalHop(bound.ofport, bound.evi, address.mac, address.gateway_mac)
        return None


def lookups_of(bound: BoundPort) -> Iterator[Lookup]:
    """What resolves to a port where it stands."""
    yield "mac", bound.evi, bound.mac
    if any(":" in address.ip for address in bound.addresses):
        yield "ip", bound.evi, ids.link_local(bound.mac)
    for address in bound.addresses:
        yield "ip", bound.evi, address.ip
        if address.vrf:
            yield "prefix", address.vrf, ids.host_prefix(address.ip)
    for floating in bound.floating:
        yield "mac", floating.evi, floating.mac
        yield "ip", floating.evi, floating.ip
    for one in bound.macs:
        yield "mac", bound.evi, one.mac
    for address in bound.learned:
        if address.mac != bound.mac:
            yield "mac", bound.evi, address.mac
        if ":" in address.ip:
            yield "ip", bound.evi, ids.link_local(address.mac)
        yield "ip", bound.evi, address.ip
        if address.vrf:
            yield "prefix", address.vrf, ids.host_prefix(address.ip)
