"""MACs behind ports without port security: at which port each was seen last.

What a switch tells is bounded: so many for a port (``limit``), and each is forgotten when nothing
came from it for ``ageing`` seconds.  When half of that has passed the switch is to tell of it once
more, so a MAC that is in use costs the node a frame each time.  A MAC of a port of the network, a
router's among them, is never learned, nor is one that a port with port security has as a shared
address.  A MAC that comes from another port has moved: it is announced with the next sequence
number (RFC 7432 section 15), and not too often (:mod:`.dampening`).  What a restarted node has
forgotten is flooded until it is seen again, which its next frame does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ryu_apps.control.addresses.dampening import MoveDampening
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.messages import Notice
from ryu_apps.control.routes import next_sequence
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.translate import BoundPort, LearnedMac

MacKey = tuple[int, str]
"""L2 VNI, MAC."""
ZERO = "00:00:00:00:00:00"


@dataclass
class _Held:
    """``fresh``: the switch need not tell of it for now."""

    port_id: str
    sequence: int
    seen: float
    fresh: bool = True


class LearnedMacs:
    """Reads: the configuration, bound ports, routes.  Marks: the ports whose MACs change.
    Emits: Notice, appended to ``effects``."""

    def __init__(
        self, tables: Tables, marks: Marks, limit: int, ageing: float, effects: list
    ) -> None:
        self._config = tables.config
        self._bound = tables.bound
        self._instances = tables.instances
        self._origins = tables.origins
        self._marks = marks
        self._limit = limit
        self._ageing = ageing
        self._effects = effects
        self._held: dict[MacKey, _Held] = {}
        self._by_port: dict[str, dict[MacKey, None]] = {}
        self._places: dict[str, tuple[str, int, int]] = {}
        """Port id -> the element, EVI and number at which its MACs were learned."""
        self._dampening = MoveDampening()
        self._warned: dict[str, None] = {}
        self.refused: dict[str, Counter[str]] = {}
        """Port id -> why how many MACs were not learned."""

    def seen(self, element: str, port_id: str, mac: str, now: float) -> None:
        """A port sends from a MAC that its switch was to tell of."""
        bound = self._bound.get(port_id)
        if bound is None or bound.element != element or bound.port_security:
            return
        if mac in (bound.mac, ZERO) or int(mac[:2], 16) & 1:
            return
        key = bound.evi, mac
        held = self._held.get(key)
        if held is not None and held.port_id == port_id:
            held.seen = now
            if not held.fresh:
                held.fresh = True
                self._marks.claims.mark(port_id)
            return
        if reason := self._refusal(bound, key, held, now):
            self.refused.setdefault(port_id, Counter())[reason] += 1
            return
        sequence = -1 if held is None else held.sequence
        for path in self._remote(key):
            sequence = max(sequence, path.attrs.mobility)
        if held is not None:
            self._dampening.moved(key, now)
            self._forget(key)
        self._held[key] = _Held(port_id, next_sequence(sequence) if sequence >= 0 else 0, now)
        self._by_port.setdefault(port_id, {})[key] = None
        self._places[port_id] = _place(bound)
        self._marks.claims.mark(port_id)

    def _refusal(self, bound: BoundPort, key: MacKey, held: _Held | None, now: float) -> str:
        """Why a MAC is not learned at a port, or ""."""
        if self._config.ports_by_mac.get((bound.network_id, key[1])):
            return "a port's own"
        if any(
            address.mac == key[1] for other in self._ports_of(bound) for address in other.learned
        ):
            return "a shared address's"
        if len(self._by_port.get(bound.port_id, ())) >= self._limit:
            if bound.port_id not in self._warned:
                self._warned[bound.port_id] = None
                self._effects.append(Notice(
                    "warning", f"port {bound.port_id}",
                    f"more than {self._limit} MACs ([openflow] mac_limit): the others are not "
                    "learned, and what is for them is flooded",
                ))
            return "beyond the limit"
        return "" if held is None or self._dampening.allows(key, now) else "moves too often"

    def _ports_of(self, bound: BoundPort) -> list[BoundPort]:
        return [
            other for port_id in self._config.ports_by_network.get(bound.network_id, ())
            if (other := self._bound.get(port_id)) is not None and other.port_security
            and other.learned
        ]

    def _remote(self, key: MacKey) -> list:
        """The routes of others for a MAC."""
        instance = self._instances.by_vni.get(key[0])
        paths = instance.macs.get(key[1], ()) if instance is not None else ()
        return [path for path in paths if not self._origins.is_ours(path)]

    def review(self, bound: BoundPort) -> tuple[LearnedMac, ...]:
        """The MACs at a port that is bound so; they do not outlast its place, nor that it may have
        any."""
        if bound.port_id not in self._by_port:
            return ()
        if bound.port_security or self._places[bound.port_id] != _place(bound):
            self.release(bound.port_id)
            return ()
        return tuple(sorted(
            LearnedMac(key[1], self._held[key].sequence, self._held[key].fresh)
            for key in self._by_port[bound.port_id]
        ))

    def release(self, port_id: str) -> None:
        """A port is nowhere, or somewhere else."""
        for key in list(self._by_port.get(port_id, ())):
            self._forget(key)

    def configured(self, vni: int, mac: str) -> None:
        """A port has this MAC, or has it no more: what is behind another is not that."""
        held = self._held.get((vni, mac))
        if held is not None:
            self._forget((vni, mac))

    def changed(self, vni: int, mac: str) -> None:
        """The routes of a MAC changed: where others announce it with a higher number, it has left
        for there."""
        held = self._held.get((vni, mac))
        if held is not None and any(
            path.attrs.mobility > held.sequence for path in self._remote((vni, mac))
        ):
            self._forget((vni, mac))

    def tick(self, now: float) -> None:
        """Time passed."""
        self._dampening.tick(now)
        for key, held in list(self._held.items()):
            age = now - held.seen
            if age >= self._ageing:
                self._forget(key)
            elif held.fresh and 2 * age >= self._ageing:
                held.fresh = False
                self._marks.claims.mark(held.port_id)

    def _forget(self, key: MacKey) -> None:
        port_id = self._held.pop(key).port_id
        keys = self._by_port[port_id]
        del keys[key]
        self._warned.pop(port_id, None)
        if not keys:
            del self._by_port[port_id], self._places[port_id]
        self._marks.claims.mark(port_id)


def _place(bound: BoundPort) -> tuple[str, int, int]:
    return bound.element, bound.evi, bound.ofport
