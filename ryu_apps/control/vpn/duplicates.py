"""Ports that are plugged here while a router announces their MAC or one of their addresses.

A node answers such a route with one of its own that has the next higher sequence number (RFC 7432
section 15).  Two that go on answering each other both have the MAC: after :data:`MOVES` answers
within :data:`WINDOW` seconds the port is frozen, its announcement stays as it is for
:data:`FREEZE` seconds or until an operator clears it, and operators are notified (section 15.1).
They are notified at once where an answer is of no use: the other route is sticky (section 15.2), or
has the largest sequence number there is (section 7.7: 32 bits).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ryu_apps.control.messages import Notice
from ryu_apps.control.routes import LAST_SEQUENCE, Path, next_sequence
from ryu_apps.control.vpn.selection import vtep_order

MOVES, WINDOW = 5, 180.0
FREEZE = 600.0

MOVED, STICKY, LARGEST = "moved", "sticky", "largest"
WHY = {
    MOVED: f"it was announced again {MOVES} times in {WINDOW:.0f} s and is frozen: nothing more is "
    "sent for it until this is cleared",
    STICKY: "that route is sticky, which says that the MAC never moves",
    LARGEST: "that route has the largest sequence number there is, and cannot be outdone",
}


class Duplicate(NamedTuple):
    """Who else announces a port: a VTEP, the MAC and address ("" for none) of its route and its
    sequence number.  ``until``: when it is no longer frozen; 0 where that ends with the route."""

    vtep: str
    mac: str
    address: str
    sequence: int
    kind: str
    until: float = 0.0

    @property
    def reason(self) -> str:
        return f"VTEP {self.vtep}, which is no hypervisor of this system, announces {self.mac}" + (
            f" with {self.address}" if self.address else ""
        ) + f" too: {WHY[self.kind]}"


class Duplicates:
    """``effects``: notices are appended to it."""

    def __init__(self, effects: list) -> None:
        self._effects = effects
        self.now = 0.0
        """The time of the event at hand."""
        self.by_port: dict[str, Duplicate] = {}
        """Port id -> what stands against it."""
        self._answers: dict[str, tuple[float, ...]] = {}

    def review(
        self, port_id: str, sequence: int, vtep: str, competing: Sequence[Path], fresh: bool
    ) -> int:
        """The sequence number with which a port is announced from ``vtep``: ``sequence``, or what
        outdoes the routers' ``competing`` routes.  ``fresh``: it was not announced from there
        before.
        """
        if not competing:
            self._report(port_id, None)
            return sequence
        best = max(competing, key=_rank)
        ahead = (
            best.attrs.mobility >= sequence if fresh
            else _rank(best) > (sequence, vtep_order(vtep))
        )  # fmt: skip
        if not ahead:
            self._report(port_id, _sticky(competing))
            return sequence
        if sequence == LAST_SEQUENCE:
            self._report(port_id, _duplicate(best, LARGEST))
            return sequence
        if self._may_answer(port_id):
            answer = next_sequence(best.attrs.mobility)
            outdone = (answer, vtep_order(vtep)) > _rank(best)
            self._report(port_id, _sticky(competing) if outdone else _duplicate(best, LARGEST))
            return answer
        if self._frozen(port_id) is None:
            self._report(port_id, _duplicate(best, MOVED, self.now + FREEZE))
        return sequence

    def _frozen(self, port_id: str) -> Duplicate | None:
        current = self.by_port.get(port_id)
        return current if current is not None and current.until > self.now else None

    def _may_answer(self, port_id: str) -> bool:
        """Whether a port may be announced once more against a router; it is counted."""
        if self._frozen(port_id) is not None:
            return False
        answers = tuple(
            one for one in self._answers.get(port_id, ()) if self.now - one < WINDOW
        )
        if len(answers) >= MOVES:
            return False
        self._answers[port_id] = (*answers, self.now)
        return True

    def _report(self, port_id: str, found: Duplicate | None) -> None:
        current = self.by_port.get(port_id)
        if current == found or self._frozen(port_id) is not None:
            return
        if found is None:
            self.by_port.pop(port_id, None)
            self._notice("info", port_id, "no longer a duplicate")
            return
        self.by_port[port_id] = found
        if current is None or current.kind != found.kind or current.vtep != found.vtep:
            self._notice("error", port_id, f"duplicate: {found.reason}")

    def _notice(self, level: str, port_id: str, text: str) -> None:
        self._effects.append(Notice(level, f"port {port_id}", text))

    def release(self, port_id: str) -> None:
        """The port was unplugged, or an operator says that the other one is gone."""
        self.by_port.pop(port_id, None)
        self._answers.pop(port_id, None)

    def expired(self) -> list[str]:
        """Ports that were frozen until now: they are announced anew."""
        for port_id in [
            port_id for port_id, answers in self._answers.items()
            if self.now - answers[-1] >= WINDOW
        ]:  # fmt: skip
            del self._answers[port_id]
        over = [
            port_id for port_id, current in self.by_port.items() if 0 < current.until <= self.now
        ]
        for port_id in over:
            self._notice("info", port_id, "no longer frozen as a duplicate")
            self.release(port_id)
        return over


def _rank(path: Path) -> tuple[int, tuple[int, int]]:
    return path.attrs.mobility, vtep_order(path.attrs.next_hop)


def _duplicate(path: Path, kind: str, until: float = 0.0) -> Duplicate:
    return Duplicate(
        path.attrs.next_hop, path.nlri.mac, path.nlri.ip, path.attrs.mobility, kind, until
    )


def _sticky(competing: Sequence[Path]) -> Duplicate | None:
    found = [path for path in competing if path.attrs.sticky]
    return _duplicate(max(found, key=_rank), STICKY) if found else None
