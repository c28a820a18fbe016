"""The southbounds of a node by kind: what concerns an element goes to the one of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ryu_apps.control import messages as msg
from ryu_apps.southbound.base import Southbound, VrouterQueries


class Southbounds(VrouterQueries):
    """Looks like one southbound that has elements of all kinds.

    Which kind an element is of is known from its acceptance until its release.  An effect that
    names an element which is not accepted, or a kind that no southbound is for, raises KeyError.
    """

    def __init__(self) -> None:
        self._by_kind: dict[str, Southbound] = {}
        self._by_element: dict[str, Southbound] = {}
        self._warm: dict[str, Southbound] = {}
        """Both changed on the controller thread alone."""

    def add(self, southbound: Southbound) -> None:
        """Before :meth:`start`.  Raises ValueError where there is one of that kind already."""
        if southbound.kind in self._by_kind:
            raise ValueError(f"two southbounds for elements of the kind {southbound.kind!r}")
        self._by_kind[southbound.kind] = southbound

    def start(self) -> None:
        """Start all, in the order in which they were added.  Raises what the first raises."""
        for southbound in self._by_kind.values():
            southbound.start()

    def stop(self) -> None:
        """Stop all, the last first."""
        for southbound in reversed(self._by_kind.values()):
            southbound.stop()

    # ------------------------------------------------------------ controller thread

    def subscriptions(self) -> msg.Subscriptions:
        by_kind, by_element = self._by_kind, self._by_element
        return {
            msg.AcceptElement: self._accept,
            msg.RefuseElement: self._refuse,
            msg.ExpectElement: lambda effect: by_kind[effect.kind].expect(effect),
            msg.ReconsiderElement: lambda effect: by_kind[effect.kind].reconsider(effect),
            msg.ReleaseElement: lambda effect: by_element.pop(effect.element).release(effect),
            msg.Program: lambda effect: by_element[effect.element].program(effect),
            msg.Defer: lambda effect: by_element[effect.element].defer(effect),
        }

    def _accept(self, effect: msg.AcceptElement) -> None:
        southbound = self._by_kind[effect.info.kind]
        self._by_element[effect.info.element] = southbound
        southbound.accept(effect)

    def _refuse(self, effect: msg.RefuseElement) -> None:
        southbound = self._by_kind[effect.info.kind]
        if effect.warm:
            self._warm[effect.info.element] = southbound
        southbound.refuse(effect)

    def _of(self, element: str) -> Southbound:
        """Raises KeyError where this node neither has the element nor stands by it."""
        return self._by_element.get(element) or self._warm[element]

    # ------------------------------------------------------------ any thread

    def packet_out(self, element: str, port: int, frame: bytes) -> bool:
        """Send a frame out of a port; never waits.  False: it was not sent."""
        southbound = self._by_element.get(element)
        return southbound is not None and southbound.packet_out(element, port, frame)

    def inject(
        self, element: str, in_port: int, table: str, registers: Mapping[str, int], frame: bytes
    ) -> bool:
        """Have a switch go on with a frame; see :meth:`Southbound.inject`."""
        southbound = self._by_element.get(element)
        return southbound is not None and southbound.inject(
            element, in_port, table, registers, frame
        )

    def status(self, element: str) -> dict[str, Any]:
        return self._of(element).status(element)

    def flows(self, element: str, timeout: float = 20.0) -> list[dict[str, Any]]:
        return self._of(element).flows(element, timeout)

    def counters(self, element: str, timeout: float = 20.0) -> dict[int, tuple[int, int]]:
        return self._of(element).counters(element, timeout)

    def dropped(self, element: str, timeout: float = 20.0) -> dict[int, int]:
        return self._of(element).dropped(element, timeout)
