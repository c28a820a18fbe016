"""One session's hypervisor, from the contents of its database on: who it is, what the control core
makes of it, and what is written to it.  No I/O: events are posted, transactions handed over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ryu_apps.control.messages import (
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    ElementInfo,
    ElementUnusable,
    InterfacesChanged,
    TunnelsChanged,
)
from ryu_apps.southbound.ovsdb.database import Database
from ryu_apps.southbound.ovsdb.desired import Wanted, wish_for
from ryu_apps.southbound.ovsdb.pacing import Writes
from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.transaction import Operation
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings
from ryu_apps.southbound.ovsdb.view import Changes
from ryu_apps.southbound.ovsdb.vtep import VtepCheck, vtep_problem

LOG = logging.getLogger("vnc.ovsdb")
REFUSED_HOLD = 30.0
"""Seconds that a refused session is kept, so that its hypervisor does not come back at once."""
WAITING_LIMIT = 60.0
"""Seconds that a session may last without saying who it is."""


class Origin(NamedTuple):
    """Where a session comes from.  ``number``: the session's.  ``peer``: its (address, port).
    ``local``: (scheme "tcp" or "ssl", address, port) that it connected to."""

    number: int
    peer: tuple[str, int]
    local: tuple[str, str, int]


class Request(NamedTuple):
    """A transaction to send.  ``identifier``: of the request, to know the reply by."""

    identifier: str
    operations: list[Operation]


class Element:
    """The hypervisor of one session.  Its methods raise :class:`ProtocolError` where the session
    must be closed; the caller then calls :meth:`closed`.

    ``state``: "waiting" (something is missing in the database, or bad), "identified" (until
    :meth:`introduce`), "connected" (posted), "accepted", "refused", "standby" or "closed".
    ``info``: who it is, None while it is waiting.  ``problem``: what is missing, or why it is not
    accepted.  ``dirty``: whether :meth:`to_write` may have something, from ``writes.not_before``
    on.

    ``vtep_problem``: see :func:`~ryu_apps.southbound.ovsdb.vtep.vtep_problem`.
    """

    def __init__(
        self,
        origin: Origin,
        database: Database,
        settings: OvsdbSettings,
        post: Callable[[object], None],
        now: float,
        vtep_problem: Callable[[str, str], str] = vtep_problem,
    ) -> None:
        self.origin = origin
        self.database = database
        self.state = "waiting"
        self.info: ElementInfo | None = None
        self.problem = ""
        self.dirty = False
        self.writes = Writes(now)
        self._settings = settings
        self._post = post
        self._wanted: Wanted | None = None
        self._marks: dict[str, bool] = {}
        self._problems: list[str] = []
        self._closed_at: float | None = None
        self._began = now
        self._vtep = VtepCheck(vtep_problem, origin.peer[0])

    def __str__(self) -> str:
        name = f" {self.info.element}" if self.info is not None else ""
        address, port = self.origin.peer
        return f"session {self.origin.number}{name} from {address}:{port}"

    @property
    def trouble(self) -> str:
        """For people: what keeps the database from being as wanted, empty where nothing does."""
        return self.problem or "; ".join(self._problems) or self.writes.last_error

    # ------------------------------------------------------------ what the database says

    def begin(self, changes: Changes) -> None:
        """Post the contents of the database, when it says who the hypervisor is."""
        self._log_garbage(changes.garbage)
        self._identify()

    def follow(self, changes: Changes) -> None:
        """Post what an update of the database changed."""
        self._log_garbage(changes.garbage)
        if changes.configuration or self._problems:
            self.dirty = True
        self._identify()
        if self.state not in ("connected", "accepted") or self.info is None:
            return
        element = self.info.element
        if changes.interfaces:
            for name, claim in changes.interfaces.items():
                if claim is None and self._wanted is not None:
                    self._wanted.marks.pop(name, None)
            self._post(
                InterfacesChanged(self.origin.number, element, tuple(changes.interfaces.items()))
            )
        if changes.tunnels:
            self._post(TunnelsChanged(self.origin.number, element, tuple(changes.tunnels.items())))

    def _log_garbage(self, lines: list[str]) -> None:
        for line in lines[:20]:
            LOG.warning("%s: %s", self, line)
        if len(lines) > 20:
            LOG.warning("%s: and %d more such interfaces", self, len(lines) - 20)

    def _identify(self) -> None:
        """Find out who the hypervisor is, and post what changed about that."""
        info, problem = self.database.describe(self.origin.peer[0], self._vtep)
        # The reason of a refusal stays.
        if problem != self.problem and self.state not in ("refused", "standby"):
            self.problem = problem
            if problem:
                LOG.warning("%s: %s", self, problem)
            if self.state == "waiting":
                self._post_problem(problem)
        if self.info is not None:
            self.database.check_same(self.info, info)
        if info is None or (info == self.info and self.state != "waiting"):
            return
        self.info = info
        self.dirty = True
        if self.state == "waiting":
            self.state = "identified"
            self._closed_at = None
        elif self.state != "identified":
            self._post(ElementChanged(self.origin.number, info))

    def _post_problem(self, problem: str) -> None:
        name, hostname = self.database.shown_names()
        self._post(
            ElementUnusable(self.origin.number, self.origin.peer[0], name, hostname, problem)
        )

    def introduce(self) -> None:
        """Post who the hypervisor is and what it has, for the control core to judge: at first, and
        again when what stood against it is gone."""
        if self.state not in ("identified", "refused", "standby") or self.info is None:
            return
        info = self.info
        if self.state == "identified":
            LOG.info(
                "%s: %s, VTEP %s, OVS %s", self, info.hostname, info.vtep, info.facts.ovs_version
            )
        self.state = "connected"
        self.problem = ""
        self._closed_at = None
        self._post(
            ElementConnected(
                self.origin.number,
                info,
                tuple(self.database.view.claims.values()),
                tuple(self.database.view.tunnels.values()),
            )
        )

    # ------------------------------------------------------------ what the controller wants

    def accept(self, wanted: Wanted) -> None:
        """From now on the database is kept as ``wanted``, whose changes :meth:`wanted_changed` and
        :meth:`mark` tell of."""
        if self.state == "connected":
            self.state = "accepted"
            self._wanted = wanted
            self._marks = dict(wanted.marks)
            self.dirty = True

    def refuse(self, reason: str, now: float) -> None:
        """Write nothing any more; closed after :data:`REFUSED_HOLD`."""
        if self._turned_away("refused", reason):
            LOG.warning("%s: refused: %s", self, reason)
            self._closed_at = now + REFUSED_HOLD

    def stand_by(self, reason: str) -> None:
        """Write nothing any more, and read on."""
        if self._turned_away("standby", reason):
            LOG.info("%s: standby: %s", self, reason)
            self._closed_at = None

    def _turned_away(self, state: str, reason: str) -> bool:
        if self.state not in ("connected", "accepted", "refused", "standby"):
            return False
        self.state = state
        self.problem = reason
        self._wanted = None
        self._marks.clear()
        return True

    def forget(self) -> None:
        """Back to reading only, until it is accepted again."""
        if self.state == "accepted":
            LOG.info("%s: released", self)
            self.state = "connected"
            self._wanted = None
            self._marks.clear()

    def wanted_changed(self) -> None:
        """Hold the database against what is wanted now."""
        self.dirty = True

    def mark(self, names: Mapping[str, bool]) -> None:
        """Write the marks of interfaces: name -> installed."""
        self._marks.update(names)
        self.dirty = True

    # ------------------------------------------------------------ what is written

    def to_write(self, now: float) -> Request | None:
        """The next transaction; at most one is under way.  None where nothing is to be written, or
        not yet."""
        if self.state != "accepted" or self.writes.under_way:
            self.dirty = False
            return None
        if now < self.writes.not_before:
            return None
        assert self._wanted is not None and self.info is not None
        wish = wish_for(
            self._settings, self.info, self.origin.local, self._wanted.tunnels,
            self.database.last_datapath_id(),
        )
        transaction = self.database.needed(wish, self._marks)
        self._log_problems(transaction.problems)
        self.dirty = False
        changes = len(transaction.operations)
        if not changes:
            self._marks.clear()
            return None
        identifier = self.writes.begin(now)
        if identifier is None:
            self.dirty = True
            return None
        transaction.comment(f"{self._settings.node_name or 'vnc'}: {changes} changes")
        return Request(identifier, transaction.operations)

    def written(self, error: str, now: float) -> None:
        """The transaction was answered; ``error``: empty where it succeeded.  Its updates came
        before the reply, so the next look at the replica sees what it did, or what somebody else
        did instead (RFC 7047 section 4.1.3)."""
        self.dirty = True
        if self.writes.end(error, now):
            LOG.warning("%s: a transaction failed and will be tried again: %s",
                        self, self.writes.last_error)

    def _log_problems(self, problems: list[str]) -> None:
        if problems != self._problems:
            self._problems = problems
            for problem in problems[:20]:
                LOG.warning("%s: %s", self, problem)

    # ------------------------------------------------------------ time

    def tick(self, now: float) -> None:
        """Raises :class:`ProtocolError` where it was refused long enough ago to try again, or has
        not said for too long who it is."""
        if self.state == "waiting" and now > self._began + WAITING_LIMIT:
            raise ProtocolError(f"{self.problem} (waited {WAITING_LIMIT:.0f} s)")
        if self._closed_at is not None and now > self._closed_at:
            raise ProtocolError(f"refused: {self.problem}")

    def closed(self, reason: str) -> None:
        """Tell the control core, once, that the session is over."""
        if self.state == "waiting":
            self._post_problem("")
        elif self.state not in ("identified", "closed") and self.info is not None:
            self._post(ElementDisconnected(self.origin.number, self.info.element, reason))
        self.state = "closed"
