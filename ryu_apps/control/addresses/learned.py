"""Addresses that several ports may have (allowed address pairs): at which port each one is.

Such an address has no place in the configuration.  It is where it was announced last, by ARP or a
neighbor advertisement of one of the ports that may have it; the vrouters' guards let nobody else
announce it, and send a copy of each announcement here.  Among nodes the type 2 routes decide as
they do for a MAC (:mod:`ryu_apps.control.addresses.competing_routes`).
"""

from __future__ import annotations

from collections.abc import Collection, Container

from ryu_apps.control import ids
from ryu_apps.control.addresses.competing_routes import CompetingRoutes
from ryu_apps.control.addresses.dampening import MoveDampening
from ryu_apps.control.addresses.eligibility import AddressEligibility
from ryu_apps.control.addresses.holders import AddressHolder, AddressHolders, Key
from ryu_apps.control.config.model import Port
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.messages import Evidence
from ryu_apps.control.routes import next_sequence
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.translate import (
    BoundPort,
    LearnedAddress,
    is_exact,
    learned_address,
)
from vrouter_ovs.addresses import ip_network

LIMIT = 16
"""Addresses that one port can hold; more are counted and not learned."""
FIRST_SEQUENCE = 1
PATIENCE = 35.0
"""Seconds that a holder may leave questions unanswered, where it has answered before (RFC 9161
section 3.5 refreshes and ages entries for the same reason: who took over may not have been heard).
It is asked every ten."""


class Learned:
    """Which ports of this node hold which of the addresses that they share with others.

    Reads: bound ports, the configuration, routes.
    Marks: claims of the ports whose addresses change; addresses that are at no port.
    """

    def __init__(self, tables: Tables, marks: Marks) -> None:
        self._config = tables.config
        self._elements = tables.elements
        self._bound = tables.bound
        self._marks = marks
        self._eligibility = AddressEligibility(tables)
        self._competing = CompetingRoutes(tables)
        self._dampening = MoveDampening()
        self._addresses = AddressHolders()
        self.holders = self._addresses.by_key
        self.candidates: dict[Key, dict[str, None]] = {}
        """Address -> bound ports with a pair of just this address."""
        self.answered: dict[Key, float] = {}
        """When the holder of an address last answered a question for it, of those that do."""
        self.over_limit: dict[str, int] = {}
        """Port id -> announcements that came when it held all it can."""

    # ------------------------------------------------------------ announcements

    def seen(
        self, element: str, port_id: str, mac: str, address: str, how: Evidence, now: float
    ) -> None:
        """A port sent from an address, with a MAC; its switch has checked that it may.

        An announcement takes an address over.  A host that lost one without noticing goes on using
        and defending it, so nothing else does; it says where an address is that nobody had.
        """
        bound = self._bound.get(port_id)
        if bound is None or bound.element != element or element not in self._elements.accepted:
            return
        key = bound.evi, address
        holder = self.holders.get(key)
        if holder is not None and holder.port_id == port_id:
            if how == Evidence.ANSWERED:
                self.answered[key] = now
            if mac == holder.mac and not self._competing.is_beaten(key, holder, bound.mac):
                return
        if how != Evidence.ANNOUNCED and (
            holder is not None or self._competing.announced_remotely(key)
        ):
            return
        self._dampening.forget(key)
        if self._eligibility.denial_reason(bound, mac, address):
            return
        mine = self._addresses.of_port(port_id)
        if key not in mine and len(mine) >= LIMIT:
            self.over_limit[port_id] = self.over_limit.get(port_id, 0) + 1
            return
        vtep = self._elements.accepted[element].vtep
        holders = [holder] if holder is not None else []
        holders += self._competing.holders(key, mac, bound.mac)
        others = [one.sequence for one in holders if (one.mac, one.vtep) != (mac, vtep)]
        if others or holder is not None:
            if not self._dampening.allows(key, now):
                self._dampening.postpone(key, port_id, mac)
                return
            self._dampening.moved(key, now)
        # What is found again after a start, of the node or of its charge of this element, loses to
        # all that was announced to others meanwhile.
        again = self._elements.accepted[element].deferred and how != Evidence.ANNOUNCED
        sequence = 0 if again else FIRST_SEQUENCE
        if others:
            sequence = max(sequence, next_sequence(max(others)))
        elif holder is not None:
            sequence = holder.sequence
        if mac != bound.mac:
            for other in list(self._addresses.with_mac(bound.evi, mac)):
                if self.holders[other].port_id != port_id:
                    self._drop(other)
        if key in self.holders:
            self._drop(key)
        self._addresses.add(key, AddressHolder(port_id, mac, vtep, sequence))
        self._marks.claims.mark(port_id)

    def released(self, elements: Container[str]) -> None:
        """These elements were let go: it is known what their ports and the peers hold."""
        for key, holder in self.holders.items():
            bound = self._bound.get(holder.port_id)
            if holder.sequence < FIRST_SEQUENCE and bound is not None and bound.element in elements:
                self._addresses.announce(key, holder.vtep, FIRST_SEQUENCE)
                self._marks.claims.mark(holder.port_id)

    def check_liveness(self, key: Key, now: float) -> None:
        """Whoever holds an address was asked for it: take it away from one who answered before
        and does so no more."""
        holder = self.holders.get(key)
        if holder is not None and now - self.answered.get(key, now) > PATIENCE:
            self._drop(key)
            self._marks.unlocated.mark(key)

    def tick(self, now: float) -> None:
        """Do the moves that waited."""
        self._dampening.tick(now)
        for key, port_id, mac in self._dampening.waiting():
            bound = self._bound.get(port_id)
            if bound is None or bound.evi != key[0]:
                self._dampening.forget(key)
            elif self._dampening.allows(key, now):
                self.seen(bound.element, port_id, mac, key[1], Evidence.ANNOUNCED, now)

    def _drop(self, key: Key) -> None:
        holder = self._addresses.remove(key)
        self.answered.pop(key, None)
        self._marks.claims.mark(holder.port_id)

    # ------------------------------------------------------------ what ports hold

    def review(self, bound: BoundPort) -> tuple[LearnedAddress, ...]:
        """The addresses that a port holds still; ``bound`` is how it is bound from now on."""
        keys = self._addresses.of_port(bound.port_id)
        if not keys:
            return ()
        vtep = self._elements.accepted[bound.element].vtep
        for key in list(keys):
            holder = self.holders[key]
            if key[0] != bound.evi or self._eligibility.denial_reason(bound, holder.mac, key[1]):
                self._drop(key)
                continue
            if holder.vtep != vtep:  # The port has moved and taken it along.
                self._addresses.announce(key, vtep, next_sequence(holder.sequence))
                holder = self.holders[key]
            if self._competing.is_beaten(key, holder, bound.mac):
                self._drop(key)
        return tuple(
            learned_address(
                self._config, bound.network_id, key[1], self.holders[key].mac,
                self.holders[key].sequence,
            )
            for key in sorted(self._addresses.of_port(bound.port_id))
        )

    def release(self, port_id: str) -> None:
        """The port has left: nobody has what it held."""
        for key in list(self._addresses.of_port(port_id)):
            self._drop(key)
            self._marks.unlocated.mark(key)
        self.over_limit.pop(port_id, None)

    def on_bound(self, bound: BoundPort) -> None:
        """The port is bound now."""
        self._eligibility.on_bound(bound)
        for key in self.exact(bound):
            self.candidates.setdefault(key, {})[bound.port_id] = None
        for address in bound.addresses:
            self.changed(bound.evi, address.ip)

    def on_unbound(self, bound: BoundPort) -> None:
        """The port is no longer bound as it was."""
        self._eligibility.on_unbound(bound)
        for key in self.exact(bound):
            ports = self.candidates.get(key, {})
            ports.pop(bound.port_id, None)
            if not ports:
                self.candidates.pop(key, None)

    @staticmethod
    def exact(bound: BoundPort) -> dict[Key, None]:
        """The addresses that a port may hold, as far as its pairs name them."""
        return {
            (bound.evi, str(ip_network(prefix).network_address)): None
            for _, prefix in bound.shared
            if is_exact(prefix)
        }

    # ------------------------------------------------------------ what they depend on

    def changed(self, vni: int, address: str, mac: str = "") -> None:
        """Something else is known of an address, or of a MAC: look again at who holds it."""
        holder = self.holders.get((vni, address))
        if holder is not None:
            self._marks.claims.mark(holder.port_id)
        for key in self._addresses.with_mac(vni, mac):
            self._marks.claims.mark(self.holders[key].port_id)

    def configured(self, *ports: Port | None) -> None:
        """Ports as they were and are in the configuration."""
        if not self.holders:
            return
        for port in ports:
            network = self._config.networks.get(port.network_id) if port is not None else None
            if network is not None:
                self.changed(network.vni, ids.link_local(port.mac_address), port.mac_address)
                for fixed in port.fixed_ips:
                    self.changed(network.vni, fixed.ip_address)

    def ports_in(self, vni: int) -> dict[str, None]:
        """Ports that hold addresses of a network."""
        return {holder.port_id: None for key, holder in self.holders.items() if key[0] == vni}

    def owners(self, key: Key) -> Collection[str]:
        """The ports bound here whose own an address is."""
        return self._eligibility.owners(key)

    def is_known(self, key: Key) -> bool:
        """Whether an address is somewhere, here or elsewhere."""
        return key in self.holders or self._competing.announced(key)
