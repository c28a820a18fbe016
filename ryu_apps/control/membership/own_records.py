"""What this node has the store know of its elements."""

from __future__ import annotations

from typing import Any

from ryu_apps.control import messages as msg
from ryu_apps.control.elements.admission import Refusals
from ryu_apps.control.elements.elements import RECORDS, Element, Elements, record
from ryu_apps.control.kinds import kind_of

ABSENCE = 10.0
"""Seconds after a start; a hypervisor of ours that has not come back by then is recorded as not
connected, so that it may join another node, or from elsewhere."""


class OwnRecords:
    """Reads: elements and the records of all.
    Marks nothing.
    Emits: RecordStatus and ExpectElement, appended to ``effects``."""

    def __init__(self, elements: Elements, refusals: Refusals, effects: list) -> None:
        self._elements = elements
        self._refusals = refusals
        self._effects = effects
        self._absent: dict[str, float] = {}
        """Ours by the records, but not here -> since when."""
        self.yielded: set[str] = set()
        """Those that were left to another node, and not accepted here since."""
        self._arriving: dict[str, None] = {}
        """Those that this node took in, and whose switch has not confirmed everything since."""

    def entered(self, name: str) -> None:
        """This node took an element in."""
        self._arriving[name] = None
        self.yielded.discard(name)

    def left(self, name: str) -> None:
        """This node let an element go."""
        self.yielded.discard(name)
        self._arriving.pop(name, None)

    def write(self, element: Element) -> None:
        """Have the store know what an accepted element is now."""
        name = element.info.element
        if element.leaving is not None:
            return  # The next owner's word counts.
        value = record(
            element.info, self._elements.node, element.session is not None, element.served,
            element.serving,
        )
        if self._elements.records.get(name) != value:
            self.put(name, value)

    def put(self, name: str, value: dict[str, Any] | None) -> None:
        """Have the store know this of an element; None: nothing."""
        self._elements.set_record(name, value)
        self._refusals.look_again()
        self._effects.append(msg.RecordStatus(RECORDS + name, value))

    def is_ours(self, known: dict[str, Any]) -> bool:
        """Whether an element is this node's by its record, and connected."""
        return (
            known["owner"] == self._elements.node and known["connected"]
            and self._elements.owner_of(known["element"]) == self._elements.node
        )

    def served(self, name: str) -> None:
        """The switch of an element speaks OpenFlow with this node."""
        element = self._elements.accepted.get(name)
        if element is not None and not element.served:
            element.served = True
            self.write(element)

    def arrivals(self, now: float) -> None:
        """Tell former owners of those whose switches have confirmed everything; part of each
        flush."""
        for name in list(self._arriving):
            element = self._elements.accepted.get(name)
            if element is None:
                del self._arriving[name]
            elif element.settled and element.leaving is None:
                del self._arriving[name]
                element.serving = True
                self.write(element)

    def missing(self, name: str, value: dict[str, Any], now: float) -> None:
        """By its record, ``value``, an element is connected here, and it is not."""
        if name not in self.yielded:
            if name not in self._absent:
                self._absent[name] = now
                self._effects.append(msg.ExpectElement(name, value["address"], kind_of(value)))
        elif not any(known.element == name for known in self._elements.refused.values()):
            # The record was under way when this node yielded, and the session has ended since.
            self.put(name, {**value, "connected": False})

    def tick(self, now: float) -> None:
        """Record the hypervisors that do not come back after a start."""
        for name, since in list(self._absent.items()):
            known = self._elements.records.get(name)
            if known is None or name in self._elements.accepted or not self.is_ours(known):
                del self._absent[name]
            elif now - since >= ABSENCE:
                del self._absent[name]
                self.put(name, {**known, "connected": False})
