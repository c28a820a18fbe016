"""Which session configures which element, and what is wanted of the elements meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ryu_apps.southbound.ovsdb_element import Element
from ryu_apps.southbound.ovsdb_poller import Poller
from ryu_apps.southbound.ovsdb_session import Session
from ryu_apps.southbound.ovsdb_wish import Wanted


class Acceptance:
    """Carries out what the control core decided, on the thread of ``poller``, whose sessions it is
    about.  Elements are known by name, sessions by number."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._wanted: dict[str, Wanted] = {}
        self._accepted: dict[str, Session] = {}

    def accept(self, number: int, name: str) -> None:
        """The session configures the element from now on; the one that did is closed."""
        session = self._poller.session(number)
        if session is None or _name(session) != name:
            return
        other = self._accepted.get(name)
        if other is not None and other is not session:
            self._poller.close(other, f"session {number} took its place")
        wanted = self._wanted_of(name)
        self._accepted[name] = session
        self._serve(session, lambda element: element.accept(wanted))

    def refuse(self, number: int, reason: str) -> None:
        """The session reads on, but configures nothing."""
        session = self._poller.session(number)
        if session is not None:
            self._serve(session, lambda element: element.refuse(reason, time.monotonic()))

    def set_tunnels(self, name: str, vteps: frozenset[str]) -> None:
        """All remote VTEPs that the element must have a tunnel port to."""
        self._wanted_of(name).tunnels = vteps
        session = self._accepted.get(name)
        if session is not None:
            self._serve(session, lambda element: element.wanted_changed())

    def mark(self, name: str, marks: Mapping[str, bool]) -> None:
        """Interface name -> installed; others stay as they were."""
        self._wanted_of(name).marks.update(marks)
        session = self._accepted.get(name)
        if session is not None:
            self._serve(session, lambda element: element.mark(marks))

    def forget(self, name: str) -> None:
        """The element is no longer ours; its sessions read on."""
        self._wanted.pop(name, None)
        self._accepted.pop(name, None)
        for session in self._poller.sessions:
            if _name(session) == name:
                self._serve(session, lambda element: element.forget())

    def ended(self, session: Session, was_accepted: bool) -> None:
        """The session is over.  Who was refused because of it need not wait any longer."""
        info = session.element.info if session.element is not None else None
        if info is None:
            return
        if self._accepted.get(info.element) is session:
            del self._accepted[info.element]
        if not was_accepted:
            return
        refused = [item for item in self._poller.sessions if item.state == "refused"]
        for other in refused:
            element = other.element
            if element is None or element.info is None:
                continue
            if element.info.element == info.element or element.info.vtep == info.vtep:
                self._poller.close(other, f"refused: {element.problem}; it may try again")

    def _wanted_of(self, name: str) -> Wanted:
        return self._wanted.setdefault(name, Wanted())

    def _serve(self, session: Session, what: Callable[[Element], None]) -> None:
        element = session.element
        if element is not None:
            self._poller.serve(session, lambda _: what(element))


def _name(session: Session) -> str | None:
    element = session.element
    return element.info.element if element is not None and element.info is not None else None
