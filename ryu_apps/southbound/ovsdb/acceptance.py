"""Which session configures which element, and what is asked of the elements meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from ryu_apps.southbound.ovsdb.element import OvsdbElement
from ryu_apps.southbound.ovsdb.poller import Poller
from ryu_apps.southbound.ovsdb.session import OvsdbSession
from ryu_apps.southbound.ovsdb.writing.requested import RequestedDatabase
from vrouter_ovs.state import Key, StateObject


class Acceptance:
    """Carries out what the control core decided, on the thread of ``poller``, whose sessions it is
    about.  Elements are known by name, sessions by number.  ``post``: see
    :class:`~ryu_apps.southbound.ovsdb.writing.requested.RequestedDatabase`.  ``standby_ended``:
    called with each element whose session stood by and is over."""

    def __init__(
        self, poller: Poller, post: Callable[[object], None], standby_ended: Callable[[str], None]
    ) -> None:
        self._poller = poller
        self._standby_ended = standby_ended
        self._post = post
        self._requested: dict[str, RequestedDatabase] = {}
        self._accepted: dict[str, OvsdbSession] = {}
        self._standing_by: dict[str, OvsdbSession] = {}
        self._epochs: dict[str, int] = {}
        """Of the elements that are accepted."""
        self._confirmations: dict[str, tuple[int, Callable[[], None]]] = {}
        """Element -> what is to be confirmed, and what to call then: the last one asked for."""
        self._addresses: dict[str, str] = {}
        """Element -> where it was connected from last."""
        self._at: Counter[str] = Counter()

    def identified(self, session: OvsdbSession) -> None:
        """The session says for the first time which hypervisor it is of.  The control core hears of
        it when no other session configures that hypervisor, or when it is known whether the other
        is still alive: a hypervisor that lost its connection takes its place at once, and a copy of
        it does not."""
        other = self._accepted.get(_name(session) or "")
        if other is None:
            self._serve(session, lambda element: element.introduce())
        else:
            self._poller.serve(
                other, lambda item: item.challenge(time.monotonic(), partial(self._alive, session))
            )

    def _alive(self, newcomer: OvsdbSession) -> None:
        """The older session answered."""
        self._serve(newcomer, lambda element: element.introduce())

    def accept(self, number: int, name: str, epoch: int) -> None:
        """The session configures the element from now on; the one that did is closed."""
        session = self._poller.session(number)
        if session is None or _name(session) != name:
            return
        other = self._accepted.get(name)
        if other is not None and other is not session:
            self._poller.close(other, f"session {number} took its place")
        requested = self._requested_of(name)
        self._standing_by.pop(name, None)
        self._accepted[name] = session
        self._move(name, session.origin.peer[0])
        self._epochs[name] = epoch
        self._serve(session, lambda element: element.accept(requested, epoch))
        self._confirm(name)

    def confirm(self, name: str, epoch: int, done: Callable[[], None]) -> None:
        """Call ``done`` when a transaction that begins after this has shown that the element's
        database has this node's ``epoch``; an earlier wish of the kind is forgotten."""
        self._confirmations[name] = epoch, done
        self._confirm(name)

    def _confirm(self, name: str) -> None:
        epoch, done = self._confirmations.get(name, (0, None))
        session = self._accepted.get(name)
        if done is None or session is None or self._epochs.get(name) != epoch:
            return

        def confirmed() -> None:
            if self._confirmations.get(name) == (epoch, done):
                del self._confirmations[name]
            done()

        self._serve(session, lambda element: element.confirm(confirmed))

    def refuse(self, number: int, reason: str, standby: bool) -> None:
        """The session reads on, but configures nothing."""
        session = self._poller.session(number)
        if session is None:
            return
        name = _name(session) or ""
        if self._accepted.get(name) is session:
            del self._accepted[name]
        if standby:
            self._standing_by[name] = session
            # It may become this node's any time: its places are kept.
            self._move(name, session.origin.peer[0])
            self._serve(session, lambda element: element.stand_by(reason))
        else:
            if self._standing_by.get(name) is session:
                del self._standing_by[name]
                self._move(name, None)
            self._serve(session, lambda element: element.refuse(reason, time.monotonic()))

    def reconsider(self, number: int) -> None:
        """Tell the control core of the session's hypervisor again."""
        session = self._poller.session(number)
        if session is not None:
            self._serve(session, lambda element: element.introduce())

    def program(
        self, name: str, revision: int, changes: Iterable[tuple[Key, StateObject | None]]
    ) -> None:
        """Objects of the element's database change; None: they go."""
        self._requested_of(name).change(revision, changes)
        self._requested_changed(name)

    def defer(self, name: str, deferred: bool) -> None:
        """While deferred, nothing of the element's database is deleted."""
        self._requested_of(name).deferred = deferred
        self._requested_changed(name)

    def forget(self, name: str) -> None:
        """The element is no longer ours; its sessions read on."""
        self._requested.pop(name, None)
        self._accepted.pop(name, None)
        self._epochs.pop(name, None)
        self._confirmations.pop(name, None)
        self._move(name, None)
        for session in self._poller.sessions:
            if _name(session) == name:
                self._serve(session, lambda element: element.forget())

    def ended(self, session: OvsdbSession) -> None:
        """The session is over, and those that waited for it are next."""
        name = _name(session)
        if name is not None and self._accepted.get(name) is session:
            del self._accepted[name]
        if name is not None and self._standing_by.get(name) is session:
            del self._standing_by[name]
            self._standby_ended(name)
        for newcomer in session.challengers:
            newcomer()

    def expect(self, name: str, address: str) -> None:
        """The element was connected from there before the node started."""
        if name not in self._addresses:
            self._move(name, address)

    def is_known(self, address: str) -> bool:
        """Whether an element was connected from there last."""
        return address in self._at

    def _move(self, name: str, address: str | None) -> None:
        old = self._addresses.pop(name, None)
        if old is not None:
            self._at[old] -= 1
            if not self._at[old]:
                del self._at[old]
        if address is not None:
            self._addresses[name] = address
            self._at[address] += 1

    def _requested_of(self, name: str) -> RequestedDatabase:
        requested = self._requested.get(name)
        if requested is None:
            requested = self._requested[name] = RequestedDatabase(name, self._post)
        return requested

    def _requested_changed(self, name: str) -> None:
        session = self._accepted.get(name)
        if session is not None:
            self._serve(session, lambda element: element.requested_changed())

    def _serve(self, session: OvsdbSession, what: Callable[[OvsdbElement], None]) -> None:
        element = session.element
        if element is not None:
            self._poller.serve(session, lambda _: what(element))


def _name(session: OvsdbSession) -> str | None:
    element = session.element
    return element.info.element if element is not None and element.info is not None else None
