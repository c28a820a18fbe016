"""Ports that move while their VMs run: which claims may be moved to, and which one is.

While a VM moves it is claimed at two hypervisors.  Its port names the one where it is to be (the
host of its ACTIVE binding) and those that it may move to: hosts of further, INACTIVE bindings, and
``migrating_to`` of its profile.  It moves when its guest sends at one of these, or when the ACTIVE
binding becomes another: that is an *arrival*, which a claim that holds the port does not outlast.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from ryu_apps.control.config.model import Port
from ryu_apps.control.elements.elements import Claim, Elements


class Role(Enum):
    """What a hypervisor is to a port.  HOME: it may have it, as any other; NAMED: it is the one
    that is to have it; TARGET: the port may move there; LEFT: it has moved from there; OTHER: it
    may not have it."""

    HOME = "home"
    NAMED = "named"
    TARGET = "target"
    LEFT = "left"
    OTHER = "other"


MAY_HOLD = (Role.HOME, Role.NAMED)
"""Those that get a port that nobody has."""


def role(port: Port, names: tuple[str, ...]) -> Role:
    """``names``: those of a hypervisor (:attr:`~ryu_apps.control.messages.ElementInfo.hosts`)."""
    if port.requested_host in names:
        return Role.NAMED
    for binding in port.bindings:
        if binding.host in names:
            return Role.LEFT if binding.left else Role.TARGET
    if port.migrating_to in names:
        return Role.TARGET
    return Role.OTHER if port.requested_host else Role.HOME


class Arrivals:
    """Reads: elements.  Marks and emits nothing.  Only of ports that are claimed here."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._to: dict[str, str] = {}
        """Port id -> the hypervisor that it moves to, by one of its names."""
        self._from: dict[str, tuple[str, Role]] = {}
        """Port id -> the element that it has moved from, and what that was to it.  What it goes on
        sending there is no arrival, until the configuration has it otherwise."""
        self._requested: dict[str, str] = {}
        """Port id -> where it was to be, when that was looked at last."""

    def names(self, element: str) -> tuple[str, ...]:
        """Those of an accepted element."""
        return self._elements.accepted[element].info.hosts

    def role(self, port: Port, element: str) -> Role:
        """What an accepted element is to a port."""
        return role(port, self.names(element))

    def review(self, port: Port, claims: Iterable[Claim]) -> None:
        """The configuration may name another host than before: the port moves there."""
        source, was = self._from.get(port.id, ("", None))
        if source and (
            all(claim.element != source for claim in claims) or self.role(port, source) != was
        ):
            del self._from[port.id]
        before = self._requested.get(port.id)
        if before == port.requested_host:
            return
        self._requested[port.id] = port.requested_host
        if before is not None:
            self._from.pop(port.id, None)
            self._to.pop(port.id, None)
            if port.requested_host:
                self._to[port.id] = port.requested_host

    def seen(self, port: Port, element: str) -> bool:
        """The guest sends at an element where its port may come; False where it may not."""
        if not self.is_watched(port, element):
            return False
        self._to[port.id] = element
        return True

    def is_watched(self, port: Port, element: str) -> bool:
        """Whether the port moves to an element when its guest sends there."""
        return (
            self._from.get(port.id, ("",))[0] != element
            and self.role(port, element) in (Role.TARGET, Role.NAMED)
        )

    def arriving(self, port_id: str, element: str) -> bool:
        """Whether the port moves to an accepted element."""
        target = self._to.get(port_id)
        return target is not None and target in self.names(element)

    def left(self, port: Port, element: str) -> None:
        """The port is not at an element any more, though it is claimed there still."""
        self._from[port.id] = element, self.role(port, element)

    def arrived(self, port_id: str) -> None:
        """The port is announced from where it moved to."""
        self._to.pop(port_id, None)

    def forget(self, port_id: str) -> None:
        """Nobody claims it here any more, or it is no more."""
        for table in (self._to, self._from, self._requested):
            table.pop(port_id, None)
