"""Interfaces that name a port which does not exist: nobody else would ever hear of them."""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control.config.config import Config
from ryu_apps.control.elements.elements import Claim, Element, Elements
from ryu_apps.control.messages import Interface, Notice

GRACE = 3.0
"""Seconds that a port may be created later than its interface, before a word is said."""
LINES = 20
"""Reported one by one at a time; more are counted."""


class UnknownPorts:
    """Reports each such interface once.  ``effects``: what is to be done is appended to it."""

    def __init__(self, config: Config, elements: Elements, effects: list) -> None:
        self._config = config
        self._elements = elements
        self._effects = effects
        self._waiting: dict[Claim, tuple[str, float]] = {}
        """-> (its iface-id, since when)."""
        self._reported: dict[Claim, str] = {}

    def of(self, element: Element) -> list[Interface]:
        """The interfaces of an element whose port does not exist now."""
        ports = self._config.ports
        return [row for row in element.interfaces.values() if row.iface_id not in ports]

    def changed(self, name: str, rows: Iterable[tuple[str, Interface | None]], now: float) -> None:
        """Interfaces of the element came, went or changed."""
        for interface, row in rows:
            is_known = row is None or row.iface_id in self._config.ports
            if is_known and not (self._waiting or self._reported):
                continue
            claim = Claim(name, interface)
            if is_known:
                self._waiting.pop(claim, None)
                self._reported.pop(claim, None)
            elif row.iface_id not in (
                self._reported.get(claim), self._waiting.get(claim, ("",))[0]
            ):
                self._waiting[claim] = row.iface_id, now

    def tick(self, now: float) -> None:
        """Tell of those that have waited long enough."""
        due = [
            (claim, iface_id) for claim, (iface_id, since) in self._waiting.items()
            if now - since >= GRACE
        ]
        count = 0
        for claim, iface_id in due:
            del self._waiting[claim]
            element = self._elements.accepted.get(claim.element)
            row = element.interfaces.get(claim.interface) if element is not None else None
            if row is None or row.iface_id != iface_id or iface_id in self._config.ports:
                continue
            self._reported[claim] = iface_id
            count += 1
            if count <= LINES:
                self._notice(element, f"interface {claim.interface} has the iface-id {iface_id}, "
                             "and no port has this id")
        if count > LINES:
            self._notice(element, f"and {count - LINES} more interfaces whose port does not exist")

    def _notice(self, element: Element | None, text: str) -> None:
        host = element.info.hostname if element is not None else ""
        self._effects.append(Notice("warning", f"hypervisor {host}", text))
