"""Local ports: from claims to bound ports, their vrouter objects, and when they are active.

A port is *active* once the switch confirmed the flows of its LocalPort object.  Only then is it
announced, so that a type 2 route always means: this VTEP delivers to this port now.
"""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control import ids
from ryu_apps.control.addresses.learned import Learned
from ryu_apps.control.config.config import Config
from ryu_apps.control.confirmations import PENDING, Status
from ryu_apps.control.desired import Desired
from ryu_apps.control.edge.edge import Edges
from ryu_apps.control.edge.names import Names
from ryu_apps.control.elements.elements import Claim, Elements
from ryu_apps.control.messages import RecordStatus
from ryu_apps.control.policy.rules import groups_of
from ryu_apps.control.policy.sets import Policies
from ryu_apps.control.ports.bindings import Bindings
from ryu_apps.control.vpn.instance import Entry
from ryu_apps.control.vpn.translate import BoundPort, bound_port
from vrouter_ovs.state import Key, LocalHop, LocalPort, Punt

CLAIMS = "/status/claims/"


class Ports:
    def __init__(
        self,
        config: Config,
        elements: Elements,
        bindings: Bindings,
        desired: Desired,
        policies: Policies,
        learned: Learned,
        names: Names,
    ) -> None:
        self._config = config
        self._elements = elements
        self._bindings = bindings
        self._desired = desired
        self._policies = policies
        self.count_new = False
        """Whether what ports begin is counted by a meter."""
        self.dirty: dict[str, None] = {}
        self.bound: dict[str, BoundPort] = {}
        self.refused: dict[str, dict[Claim, str]] = {}
        """Port id -> claim -> why it does not hold the port."""
        self.active: dict[str, None] = {}
        self.present: dict[int, dict[str, dict[str, int]]] = {}
        """VNI -> element -> port id -> OpenFlow port: which EVIs are present where."""
        self.local: dict[tuple[str, Entry], str] = {}
        """(element, entry) -> the port that stands there."""
        self.touched: dict[Entry, None] = {}
        """Entries that local ports changed since the consumer last emptied it."""
        self.presence: dict[tuple[str, int], None] = {}
        """(element, VNI) whose set of ports changed, likewise."""
        self.activity: dict[tuple[str, int], None] = {}
        """(element, VNI) where a port may have become active or ceased to be, likewise."""
        self.republish: dict[str, None] = {}
        """Ports whose paths must be computed again, likewise."""
        self.marks: dict[str, dict[str, bool]] = {}
        """Element -> interface -> whether it is installed, where that changed."""
        self.confirmed: dict[str, None] = {}
        """Ports whose flows the switch has confirmed since the consumer last emptied it."""
        self.learned = learned
        learned.follow(self.bound, self.dirty)
        self.edges = Edges(config, self.bound)
        self.names = names
        self.records: list[RecordStatus] = []
        self._recorded: dict[str, dict[str, str]] = {}
        """Port id -> element -> the reason that its record tells."""

    # ------------------------------------------------------------ resolution

    def resolve(self) -> None:
        """Decide every dirty port and bring objects and indexes in line."""
        while self.dirty:
            port_id, _ = self.dirty.popitem()
            self.edges.dirty[port_id] = None
            old = self.bound.get(port_id)
            current = Claim(old.element, old.interface) if old else None
            verdict = self._bindings.decide(port_id, current)
            self._note_refusals(port_id, verdict.refused)
            new = None
            if verdict.claim is not None:
                port = self._config.ports[port_id]
                new = bound_port(
                    self._config, port, *verdict.claim, verdict.interface.ofport,
                    self._policies.number(groups_of(port)),
                )
                new = new._replace(learned=self.learned.review(new))
            elif old is not None:
                self.learned.release(port_id)
            if new != old:
                self._move(port_id, old, new)
            if port_id not in self._config.ports:
                self._bindings.mobility.pop(port_id, None)

    def remove_element(self, element: str) -> None:
        """Its claims are gone: its ports leave, and nobody asks any more what is present there."""
        self.resolve()
        for place in [place for place in self.presence if place[0] == element]:
            del self.presence[place]

    def _move(self, port_id: str, old: BoundPort | None, new: BoundPort | None) -> None:
        if old is not None:
            self._unindex(old)
            self.activity[old.element, old.evi] = None
            if new is None or new.element != old.element or new.evi != old.evi:
                self._desired.delete(old.element, ("evi", old.evi), ("port", port_id))
                self._desired.delete(old.element, ("evi", old.evi), ("punt", port_id))
            if new is None or new.element != old.element:
                self._deactivate(port_id)
                self._bindings.duplicates.release(port_id)
        before = (old.element, old.policy) if old is not None else None
        after = (new.element, new.policy) if new is not None else None
        if before != after:
            if after is not None:
                self._policies.place(port_id, *after)
            if before is not None:
                self._policies.displace(port_id, *before)
        if new is None:
            del self.bound[port_id]
        else:
            self.bound[port_id] = new
            self._index(new)
            item = LocalPort(
                port_id, new.ofport, new.evi, new.mac, new.allowed, new.port_security,
                new.policy, new.shared,
            )
            self._desired.put(new.element, ("evi", new.evi), item)
            punt = Punt(port_id, new.ofport, self.count_new)
            self._desired.put(new.element, ("evi", new.evi), punt)
        self.republish[port_id] = None

    def _deactivate(self, port_id: str) -> None:
        self.active.pop(port_id, None)
        self._mark(port_id, False)

    @staticmethod
    def _entries(bound: BoundPort):
        yield "mac", bound.evi, bound.mac
        if any(":" in address.ip for address in bound.addresses):
            yield "ip", bound.evi, ids.link_local(bound.mac)
        for address in bound.addresses:
            yield "ip", bound.evi, address.ip
            if address.vrf:
                yield "prefix", address.vrf, ids.host_prefix(address.ip)
        for address in bound.learned:
            if address.mac != bound.mac:
                yield "mac", bound.evi, address.mac
            if ":" in address.ip:
                yield "ip", bound.evi, ids.link_local(address.mac)
            yield "ip", bound.evi, address.ip
            if address.vrf:
                yield "prefix", address.vrf, ids.host_prefix(address.ip)

    def _index(self, bound: BoundPort) -> None:
        self.names.bound(bound.network_id, 1)
        places = self.present.setdefault(bound.evi, {})
        places.setdefault(bound.element, {})[bound.port_id] = bound.ofport
        self.presence[bound.element, bound.evi] = None
        for entry in self._entries(bound):
            self.local[bound.element, entry] = bound.port_id
            self.touched[entry] = None
        self.learned.place(bound)

    def _unindex(self, bound: BoundPort) -> None:
        self.names.bound(bound.network_id, -1)
        places = self.present[bound.evi]
        ports = places[bound.element]
        del ports[bound.port_id]
        if not ports:
            del places[bound.element]
            if not places:
                del self.present[bound.evi]
        self.presence[bound.element, bound.evi] = None
        for entry in self._entries(bound):
            place = (bound.element, entry)
            if self.local.get(place) == bound.port_id:
                del self.local[place]
            self.touched[entry] = None
        self.learned.displace(bound)

    def local_mac(self, element: str, entry: Entry) -> str:
        """The MAC of an address of a port on this very vrouter, or ""."""
        port_id = self.local.get((element, entry))
        if port_id is None:
            return ""
        bound = self.bound[port_id]
        for address in bound.learned:
            if entry[2] in (address.ip, ids.link_local(address.mac)):
                return address.mac
        return bound.mac

    def local_hop(self, element: str, entry: Entry) -> LocalHop | None:
        """How a host prefix of a port on this very vrouter is delivered."""
        port_id = self.local.get((element, entry))
        if port_id is None:
            return None
        bound = self.bound[port_id]
        for address in bound.addresses:
            if address.vrf == entry[1] and ids.host_prefix(address.ip) == entry[2]:
                return LocalHop(bound.ofport, bound.evi, bound.mac, address.gateway_mac)
        for address in bound.learned:
            if address.vrf == entry[1] and ids.host_prefix(address.ip) == entry[2]:
                return LocalHop(bound.ofport, bound.evi, address.mac, address.gateway_mac)
        return None

    # ------------------------------------------------------------ acknowledgement

    def confirm(self, element: str, done: Iterable[Key]) -> None:
        """The switch has confirmed these objects.  A port is active from then on that its object
        was confirmed for as it is now; what has changed meanwhile waits for the next answer."""
        for key in done:
            if key[0] != LocalPort.kind or self._desired.is_changed(element, key):
                continue
            port_id = key[1]
            if port_id not in self.active:
                self.active[port_id] = None
                self._mark(port_id, True)
            self.confirmed[port_id] = None
            self.republish[port_id] = None
            self.activity[element, self.bound[port_id].evi] = None

    def refuse(self, element: str, port_id: str) -> None:
        """The switch of ``element`` refused the port's flows; old news where the port has left."""
        bound = self.bound.get(port_id)
        if bound is None or bound.element != element:
            return
        self._deactivate(port_id)
        self.republish[port_id] = None
        self.activity[element, bound.evi] = None

    def _mark(self, port_id: str, installed: bool) -> None:
        bound = self.bound.get(port_id)
        if bound is not None:
            self.marks.setdefault(bound.element, {})[bound.interface] = installed

    def status(self, port_id: str) -> Status:
        """What the switch has made of a bound port as it is now."""
        element, key = self.bound[port_id].element, (LocalPort.kind, port_id)
        confirmations = self._elements.accepted[element].confirmations
        if self._desired.is_changed(element, key):
            return Status(PENDING, confirmations.revision + 1)
        return confirmations.status(key)

    def is_pending(self, port_id: str) -> bool:
        """Whether the switch has not answered yet to what a bound port is now."""
        return self.status(port_id).state == PENDING

    # ------------------------------------------------------------ refused claims

    def recall_claim(self, port_id: str, element: str, reason: str) -> None:
        """Before the start: a record of this node's former run, which goes unless it is true."""
        self._recorded.setdefault(port_id, {})[element] = reason

    def review_claims(self) -> None:
        """All that claim ports of this node are back: what is recorded is looked at again."""
        self.dirty.update(dict.fromkeys(self._recorded))

    def _note_refusals(self, port_id: str, refused: dict[Claim, str]) -> None:
        """Keep the reasons, and record conflicts so that every node can show both sides."""
        if refused:
            self.refused[port_id] = refused
        else:
            self.refused.pop(port_id, None)
        held = {claim: reason for claim, reason in refused.items() if reason.startswith("held by")}
        waiting = {claim.element for claim in held}
        recorded = self._recorded.pop(port_id, {})
        for element in [element for element in recorded if element not in waiting]:
            del recorded[element]
            self.records.append(RecordStatus(f"{CLAIMS}{port_id}/{element}", None))
        if recorded:
            self._recorded[port_id] = recorded
        if port_id not in self._config.ports:
            return
        for claim, reason in held.items():
            if recorded.get(claim.element) != reason:
                recorded[claim.element] = reason
                self._recorded[port_id] = recorded
                info = self._elements.accepted[claim.element].info
                value = {
                    "port": port_id,
                    "element": claim.element,
                    "host": info.hostname,
                    "interface": claim.interface,
                    "reason": reason,
                    "node": self._elements.node,
                }
                self.records.append(RecordStatus(f"{CLAIMS}{port_id}/{claim.element}", value))
