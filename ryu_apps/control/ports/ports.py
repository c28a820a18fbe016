"""Local ports: from claims to bound ports, their vrouter objects, and when they are active.

A port that another claim waits for has its flows at that vrouter too, where nothing passes
(:data:`~vrouter_ovs.state.STANDBY`): when it moves there, all is in place.

A port is *active* once the switch confirmed the flows of its LocalPort object.  Only then is it
announced, so that a type 2 route always means: this VTEP delivers to this port now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ryu_apps.control.addresses.learned import Learned
from ryu_apps.control.addresses.macs import LearnedMacs
from ryu_apps.control.config.model import Port
from ryu_apps.control.config.trunks import vlan_of
from ryu_apps.control.desired.confirmations import PENDING, Status
from ryu_apps.control.edge.names import Names
from ryu_apps.control.elements.claims import ClaimRefusal
from ryu_apps.control.elements.elements import Claim
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.policy.rules import groups_of
from ryu_apps.control.policy.sets import Policies
from ryu_apps.control.ports import limits, sources
from ryu_apps.control.ports.bindings import Bindings
from ryu_apps.control.ports.interfaces import InterfaceReports
from ryu_apps.control.ports.locations import Locations, lookups_of
from ryu_apps.control.ports.newcomers import Newcomers
from ryu_apps.control.ports.relays import Relays
from ryu_apps.control.ports.tags import Tags
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.translate import (
    BoundPort,
    StandbyPort,
    bound_port,
    floating_addresses,
)
from vrouter_ovs.state import STANDBY, STANDBY_WATCHED, Key, LocalPort, Punt


class Ports:
    """Reads: the configuration, claims, routes, learned addresses.
    Marks: what is made of a bound port (routes, edge), and what its switch confirms.
    Emits nothing: a bound port is desired state."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        bindings: Bindings,
        policies: Policies,
        learned: Learned,
        macs: LearnedMacs,
        names: Names,
        relays: Relays,
        locations: Locations,
        interfaces: InterfaceReports,
    ) -> None:
        self._config = tables.config
        self._elements = tables.elements
        self._desired = tables.desired
        self._marks = marks
        self._bindings = bindings
        self._policies = policies
        self._learned = learned
        self._macs = macs
        self._names = names
        self.relays = relays
        self.locations = locations
        self.interfaces = interfaces
        self.newcomers = Newcomers(tables.desired)
        self._tags = Tags(tables.desired)
        self.count_new = False
        self.storm_control = False
        """Whether what ports begin is counted by a meter."""
        self.bound = tables.bound
        self.refused = tables.refused
        self.active = tables.active
        self.prepared = tables.prepared
        self.moving: dict[str, None] = {}
        """Ports that were active at another vrouter of ours, until the new one's switch answers:
        what is announced of them stands meanwhile."""

    # ------------------------------------------------------------ resolution

    def resolve(self, port_id: str) -> None:
        """Decide which claim has a port, and bring objects and indexes in line."""
        self._marks.edges.mark(port_id)
        self._marks.mirrors.mark(port_id)
        self._marks.activations.mark(port_id)
        old = self.bound.get(port_id)
        current = Claim(old.element, old.interface) if old is not None else None
        verdict = self._bindings.decide(port_id, current)
        self._note_refusals(port_id, verdict.refused)
        new = None
        if verdict.claim is not None:
            port = self._config.ports[port_id]
            new = self._at(port, verdict.claim)
            if learned := self._learned.review(new):
                new = new._replace(learned=learned)
            if floating := floating_addresses(self._config, new):
                new = new._replace(floating=floating)
            if macs := self._macs.review(new):
                new = new._replace(macs=macs)
        else:
            self._learned.release(port_id)
            self._macs.release(port_id)
        if old is not None and not old.vlan and any(
            claim.element == old.element for claim in verdict.prepared
        ):
            self._bindings.arrivals.left(self._config.ports[port_id], old.element)
        prepared = tuple(self._standby(port_id, claim) for claim in verdict.prepared)
        if (new, prepared) != (old, self.prepared.get(port_id, ())):
            self._place(port_id, new, prepared)
        elif port_id in self.active:
            # Its interface may have been away meanwhile, and what was said of it with that.
            self.interfaces.look_at_port(port_id)
        if port_id not in self._config.ports:
            self._bindings.mobility.pop(port_id, None)

    def _at(self, port: Port, claim: Claim) -> BoundPort:
        ofport = self._elements.claims[port.id][claim].ofport
        policy = self._policies.number(groups_of(port))
        bound = bound_port(self._config, port, *claim, ofport, policy)
        vlan = vlan_of(self._config, port.id)
        if not vlan:
            return bound
        carrier = self._elements.accepted[claim.element].interfaces[claim.interface]
        return bound._replace(parent=carrier.ofport, vlan=vlan)

    def _standby(self, port_id: str, claim: Claim) -> StandbyPort:
        port = self._config.ports[port_id]
        place = self._at(port, claim)
        place = place._replace(floating=floating_addresses(self._config, place))
        # What a subport's guest sends is the parent's too.
        watched = not place.vlan and self._bindings.arrivals.is_watched(port, claim.element)
        return StandbyPort(place, STANDBY_WATCHED if watched else STANDBY)

    def seen(self, element: str, ofport: int) -> None:
        """A guest sends where its port stands by: it has come there."""
        port = self._config.ports.get(self.locations.expected_behind(element, ofport))
        if port is not None and self._bindings.arrivals.seen(port, element):
            self._marks.claims.mark(port.id)

    def remove_element(self, element: str) -> None:
        """An element was forgotten: its ports leave it, also where it claims them anew since.
        Shared addresses go with a port that another element claims."""
        for port_id in self.locations.present_at(element):
            claims = self._elements.claims.get(port_id, ())
            if all(claim.element == element for claim in claims):
                self._learned.release(port_id)
            self._macs.release(port_id)
            self._place(port_id, None, self.prepared.get(port_id, ()))
            self._marks.claims.mark(port_id)
        for port_id in self.locations.expected_at(element):
            others = tuple(
                one for one in self.prepared[port_id] if one.place.element != element
            )
            self._place(port_id, self.bound.get(port_id), others)
            self._marks.claims.mark(port_id)
        self.relays.forget(element)

    def _note_refusals(self, port_id: str, refused: dict[Claim, ClaimRefusal]) -> None:
        if refused:
            self.refused[port_id] = refused
        elif self.refused.pop(port_id, None) is None:
            return
        self._marks.conflicts.mark(port_id)

    def _place(
        self, port_id: str, new: BoundPort | None, prepared: tuple[StandbyPort, ...]
    ) -> None:
        """Have a port bound to ``new``, and stand by where it is prepared."""
        old, was_prepared = self.bound.get(port_id), self.prepared.get(port_id, ())
        before = {(one.element, one.policy): None for one in _places(old, was_prepared)}
        after = {(one.element, one.policy): None for one in _places(new, prepared)}
        # First what computes, and may fail: nothing has changed then.
        for place in after:
            if place not in before:
                self._policies.on_bound(port_id, *place)
        for place in before:
            if place not in after:
                self._policies.on_unbound(port_id, *place)
        wanted = {(one.element, one.evi) for one in _places(new, prepared)}
        for one in _places(old, was_prepared):
            if (one.element, one.evi) not in wanted:
                self._desired.delete(one.element, ("evi", one.evi), ("port", port_id))
                self._desired.delete(one.element, ("evi", one.evi), ("punt", port_id))
        present = {one.element for one in _places(new, prepared)}
        for one in _places(old, was_prepared):
            if one.element not in present:
                limits.remove(self._desired, one.element, port_id)
        if new != old:
            sources.replace(self._desired, old, new)
            self._move(port_id, old, new)
        if prepared != was_prepared:
            self.locations.expect(port_id, prepared)
        if new is not None:
            self._put(new, "")
        for one in prepared:
            self._put(one.place, one.mode)
        self._tags.placed(port_id, _tagging(old, was_prepared), _tagging(new, prepared))
        # Where a trunk's parent is its subports are.
        self._marks.claims.mark_all(self._elements.carried.get(port_id, ()))

    def _put(self, place: BoundPort, standby: str) -> None:
        item = LocalPort(
            place.port_id, place.ofport, place.evi, place.mac, place.allowed, place.port_security,
            place.policy, place.shared, standby, parent=place.parent, vlan=place.vlan,
            outward=place.outward, transparent=place.transparent,
        )
        self._desired.put(place.element, ("evi", place.evi), item)
        punt = Punt(place.port_id, place.ofport, self.count_new, self.storm_control)
        self._desired.put(place.element, ("evi", place.evi), punt)
        limits.put(self._desired, place)

    def _move(self, port_id: str, old: BoundPort | None, new: BoundPort | None) -> None:
        if old is not None:
            self._unindex(old)
            self._marks.evi_routes.mark((old.element, old.evi))
            self._marks.evi_routes.mark_all((old.element, one.evi) for one in old.floating)
            if new is None or new.element != old.element:
                if new is not None and port_id in self.active:
                    self.moving[port_id] = None
                self._deactivate(port_id)
                self._bindings.duplicates.release(port_id)
                self._leave(port_id, old)
                self.newcomers.end(port_id)
        if new is None:
            del self.bound[port_id]
            self.moving.pop(port_id, None)
        else:
            self.bound[port_id] = new
            self._greet(old, new)
            self.relays.end(new.element, port_id)
            self._index(new)
            if old is not None and old.interface != new.interface and port_id in self.active:
                self.interfaces.look_at(old.element, old.interface)
                self.interfaces.look_at_port(port_id)
        self._marks.port_routes.mark(port_id)

    def _greet(self, old: BoundPort | None, new: BoundPort) -> None:
        """Connections that a port has begun elsewhere are to go on."""
        if old is not None and old.element == new.element:
            self.newcomers.moved(new)
            return
        vtep = self._elements.accepted[new.element].vtep
        if self._bindings.was_elsewhere(self._config.ports[new.port_id], vtep):
            self.newcomers.begin(new)

    def _leave(self, port_id: str, old: BoundPort) -> None:
        """A port is not at an element any more."""
        last = self._bindings.mobility.get(port_id)
        if last is not None:
            # Shared addresses have sequence numbers of their own.
            own = lookups_of(old._replace(learned=(), macs=()))
            self.relays.begin(old.element, port_id, own, last.sequence)

    def _index(self, bound: BoundPort) -> None:
        self._names.bound(bound.network_id, 1)
        self.locations.add(bound)
        self._learned.on_bound(bound)

    def _unindex(self, bound: BoundPort) -> None:
        self._names.bound(bound.network_id, -1)
        self.locations.remove(bound)
        self._learned.on_unbound(bound)

    def _deactivate(self, port_id: str) -> None:
        self.active.pop(port_id, None)
        self.interfaces.look_at_port(port_id)

    # ------------------------------------------------------------ acknowledgement

    def confirm(self, element: str, done: Iterable[Key]) -> None:
        """The switch has confirmed these objects.  A port is active from then on that its object
        was confirmed for as it is now; what has changed meanwhile waits for the next answer."""
        for key in done:
            if key[0] != LocalPort.kind or self._desired.is_changed(element, key):
                continue
            port_id = key[1]
            bound = self.bound.get(port_id)
            if bound is None or bound.element != element:
                continue  # It stands by.
            self.moving.pop(port_id, None)
            if port_id not in self.active:
                self.active[port_id] = None
                self.interfaces.look_at_port(port_id)
            self._marks.confirmed.mark(port_id)
            self._marks.activations.mark(port_id)
            self._marks.port_routes.mark(port_id)
            self._marks.evi_routes.mark((element, bound.evi))

    def refuse(self, element: str, port_id: str) -> None:
        """The switch of ``element`` refused the port's flows; old news where the port has left."""
        bound = self.bound.get(port_id)
        if bound is None or bound.element != element:
            return
        self.moving.pop(port_id, None)
        self._deactivate(port_id)
        self._marks.port_routes.mark(port_id)
        self._marks.evi_routes.mark((element, bound.evi))

    # ------------------------------------------------------------ for others

    def tick(self, now: float) -> None:
        """What lasts a while at a port that moved ends; hosts are told of interfaces."""
        self.relays.tick(now)
        self.newcomers.tick(now)
        self.interfaces.tick()


    def status(self, port_id: str) -> Status:
        """What the switch has made of a bound port as it is now."""
        element, key = self.bound[port_id].element, (LocalPort.kind, port_id)
        confirmations = self._elements.accepted[element].confirmations
        if self._desired.is_changed(element, key):
            return Status(PENDING, confirmations.revision + 1)
        return confirmations.status(key)

    def sequence(self, port_id: str, vtep: str) -> int:
        """The mobility sequence number with which a port is announced from a VTEP."""
        return self._bindings.sequence(self._config.ports[port_id], vtep)

    def is_pending(self, port_id: str) -> bool:
        """Whether the switch has not answered yet to what a bound port is now."""
        element, key = self.bound[port_id].element, (LocalPort.kind, port_id)
        return self._desired.is_changed(element, key) or self._elements.accepted[
            element
        ].confirmations.is_pending(key)


def _places(bound: BoundPort | None, prepared: Iterable[StandbyPort]) -> Iterator[BoundPort]:
    """Where a port has flows."""
    if bound is not None:
        yield bound
    for one in prepared:
        yield one.place


def _tagging(bound: BoundPort | None, prepared: Iterable[StandbyPort]) -> set[str]:
    """The elements where a subport has flows; of any other port none."""
    return {one.element for one in _places(bound, prepared) if one.vlan}
