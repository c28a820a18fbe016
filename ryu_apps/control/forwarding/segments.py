"""How the networks of a vrouter are attached to physical segments, and by when they are.

An EVI of a provider network has a :class:`~vrouter_ovs.state.Segment` where its hypervisor is
attached to the physical network.  Once the switch has confirmed that, the vrouter *takes* frames
from the segment, and says so in its routes by an encapsulation of its own
(:data:`~vrouter_ovs.encapsulation.NATIVE`); who has a segment too sends there by it, and to all
others by tunnel.  So a network may become an overlay, or cease to be one, while its ports talk:
each vrouter takes both before anybody sends the new way, and goes on taking from the segment for
:data:`LINGER` seconds after it has sent there last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ryu_apps.control.config.model import Network
from ryu_apps.control.config.provider_networks import served_outside
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.kinds import attachments_of
from ryu_apps.control.tables import Tables
from vrouter_ovs.state import Key, PatchPort, PhysicalNetwork, Segment

LINGER = 10.0
"""Seconds: others have to hear of it first, maybe by a route reflector."""
PHYSICAL = ("physical",)
"""The scope of a vrouter's physical networks."""


class Segments:
    """Reads: the configuration, elements, where EVIs are present.
    Marks: claims of ports whose hypervisor is attached otherwise; the routes and the lookups of an
    EVI that is attached, or no longer.
    Emits nothing: segments are desired state."""

    def __init__(self, tables: Tables, marks: Marks) -> None:
        self._config = tables.config
        self._elements = tables.elements
        self._desired = tables.desired
        self._evis = tables.evis
        self._present = tables.present
        self._marks = marks
        self._sending = tables.sending
        self._taking = tables.taking
        self._used: dict[str, dict[str, dict[int, None]]] = {}
        """Element -> physical network -> L2 VNIs of the segments that it has there."""
        self._on: dict[tuple[str, int], str] = {}
        """(element, L2 VNI) -> the physical network of its segment."""
        self._lingering: dict[tuple[str, int], float | None] = {}
        """(element, L2 VNI) -> when its segment goes; None until the next tick."""

    # ------------------------------------------------------------ what hypervisors say

    def attached(self, name: str) -> None:
        """A hypervisor is attached to other physical networks, or by another port."""
        if name not in self._elements.accepted:
            return
        for ids in self._config.networks_by_vlan.values():
            for id in ids:
                self._marks.segments.mark((name, self._config.networks[id].vni))
                self._marks.claims.mark_all(
                    port_id for port_id in self._config.ports_by_network.get(id, ())
                    if port_id in self._elements.claims
                )
        for key in [key for key in self._on if key[0] == name]:
            self._marks.segments.mark(key)

    def remove_element(self, name: str) -> None:
        """The element is forgotten; its desired state goes as a whole."""
        for key in [key for key in self._on if key[0] == name]:
            del self._on[key]
            self._lingering.pop(key, None)
            for table in (self._sending, self._taking):
                _discard(table, key)
        self._used.pop(name, None)

    # ------------------------------------------------------------ segments

    def resolve(self, key: tuple[str, int]) -> None:
        """Bring the segment of the EVI ``(element, VNI)`` in line."""
        name, vni = key
        if name not in self._elements.accepted:
            return
        network = self._network(vni) if name in self._evis.get(vni, ()) else None
        physical = network.physical_network if network is not None else ""
        here = attachments_of(self._elements.accepted[name].info.facts)
        attachment = here.get(physical) if physical else None
        wanted: Segment | None = None
        if attachment is not None and network is not None:
            self._lingering.pop(key, None)
            self._use(key, attachment.name, attachment.bridge)
            if attachment.ofport > 0:
                self._end_others(key, attachment.name, network.vlan_id)
                served = served_outside(self._config, network)
                wanted = Segment(
                    vni, attachment.ofport, network.vlan_id, served,
                    transparent=network.vlan_transparent,
                )
        elif network is not None and not physical:
            wanted = self._linger(key)
        if wanted is None and attachment is None:
            self._use(key, "", "")
        self._place(key, wanted)

    def _network(self, vni: int) -> Network | None:
        for kind, id in self._config.by_vni.get(vni, ()):
            if kind == "network":
                return self._config.networks[id]
        return None

    def _linger(self, key: tuple[str, int]) -> Segment | None:
        """What is left for a while of the segment of a network that has become an overlay."""
        name, vni = key
        old = self._desired.get(name, ("segment", vni))
        here = attachments_of(self._elements.accepted[name].info.facts)
        attachment = here.get(self._on.get(key, ""))
        if not isinstance(old, Segment) or attachment is None or attachment.ofport != old.ofport:
            self._lingering.pop(key, None)
            return None
        if (attachment.name, old.vlan) in self._config.networks_by_vlan or (
            not old.sends and key not in self._lingering
        ):
            return None  # It is another network's, or the time is up.
        self._lingering.setdefault(key, None)
        return replace(old, sends=False, served=())

    def _end_others(self, key: tuple[str, int], physical: str, vlan: int) -> None:
        """A network that had this VLAN before has it no more."""
        for other in [one for one in self._lingering if one[0] == key[0] and one != key]:
            segment = self._desired.get(other[0], ("segment", other[1]))
            if self._on.get(other) == physical and segment is not None and segment.vlan == vlan:
                self.resolve(other)

    def _place(self, key: tuple[str, int], wanted: Segment | None) -> None:
        name, vni = key
        scope = ("evi", vni)
        if wanted is not None:
            self._desired.put(name, scope, wanted)
        elif self._desired.get(name, ("segment", vni)) is not None:
            self._desired.delete(name, scope, ("segment", vni))
        self._note(self._sending, key, wanted is not None and wanted.sends)
        if wanted is None or not wanted.sends:
            self._note(self._taking, key, False)

    def _note(self, table: dict[int, dict[str, None]], key: tuple[str, int], now: bool) -> None:
        name, vni = key
        if now == (name in table.get(vni, ())):
            return
        if now:
            table.setdefault(vni, {})[name] = None
        else:
            _discard(table, key)
        if table is self._sending:
            self._marks.instances.mark((name, ("evi", vni)))
        else:
            self._marks.evi_routes.mark((name, vni))
            self._marks.port_routes.mark_all(self._present.get(vni, {}).get(name, ()))

    def confirm(self, name: str, done: Iterable[Key]) -> None:
        """The switch has confirmed these objects.  It takes from a segment from then on that its
        flows are there; what has changed meanwhile waits for the next answer."""
        for key in done:
            if key[0] != Segment.kind or self._desired.is_changed(name, key):
                continue
            segment = self._desired.get(name, key)
            if isinstance(segment, Segment) and segment.sends:
                self._note(self._taking, (name, segment.evi), True)

    def tick(self, now: float) -> None:
        """``now``: seconds of the core's clock."""
        for key, due in list(self._lingering.items()):
            if due is None:
                self._lingering[key] = now + LINGER
            elif due <= now:
                del self._lingering[key]
                self._marks.segments.mark(key)

    # ------------------------------------------------------------ physical networks

    def _use(self, key: tuple[str, int], physical: str, bridge: str) -> None:
        """Have the patch ports to the physical networks that are used, and no other."""
        name, vni = key
        used = self._used.setdefault(name, {})
        before = self._on.pop(key, "")
        if before and before != physical:
            del used[before][vni]
            if not used[before]:
                del used[before]
                for gone in (("patchport", before), ("physical", before)):
                    self._desired.delete(name, PHYSICAL, gone)
        if not physical:
            return
        self._on[key] = physical
        used.setdefault(physical, {})[vni] = None
        self._desired.put(name, PHYSICAL, PatchPort(physical, bridge))
        ofport = attachments_of(self._elements.accepted[name].info.facts)[physical].ofport
        if ofport > 0:
            self._desired.put(name, PHYSICAL, PhysicalNetwork(physical, ofport))
        else:
            self._desired.delete(name, PHYSICAL, ("physical", physical))


def _discard(table: dict[int, dict[str, None]], key: tuple[str, int]) -> None:
    name, vni = key
    names = table.get(vni, {})
    names.pop(name, None)
    if not names:
        table.pop(vni, None)
