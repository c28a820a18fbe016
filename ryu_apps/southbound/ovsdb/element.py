"""One session's hypervisor, from the contents of its database on: who it is, what the control core
makes of it, and what is written to it.  No I/O: events are posted, transactions handed over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ryu_apps.connections.certified import Certified
from ryu_apps.control.messages import (
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    ElementInfo,
    ElementUnusable,
    InterfacesChanged,
    MastershipLost,
    TunnelsChanged,
)
from ryu_apps.southbound.ovsdb.contents.rows import (
    bad_encap,
    describe,
    not_certified,
    vteps_not_certified,
)
from ryu_apps.southbound.ovsdb.contents.view import Changes, View
from ryu_apps.southbound.ovsdb.contents.vtep import VtepCheck, vtep_problem
from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.transaction import Operation
from ryu_apps.southbound.ovsdb.settings import (
    VTEPS_IGNORED,
    VTEPS_REQUIRED,
    OvsdbSettings,
)
from ryu_apps.southbound.ovsdb.writing.fence import Ownership, epoch_of
from ryu_apps.southbound.ovsdb.writing.pacing import TransactionPacing
from ryu_apps.southbound.ovsdb.writing.reconcile import diff
from ryu_apps.southbound.ovsdb.writing.requested import RequestedDatabase
from ryu_apps.southbound.ovsdb.writing.spec import controller_target, spec_for
from vrouter_ovs.state import InterfaceInstalled, Key

LOG = logging.getLogger("vnc.ovsdb")
REFUSED_HOLD = 30.0
"""Seconds that a refused session is kept, so that its hypervisor does not come back at once."""
WAITING_LIMIT = 60.0
"""Seconds that a session may last without saying who it is."""


class Origin(NamedTuple):
    """Where a session comes from.  ``number``: the session's.  ``peer``: its (address, port).
    ``local``: (scheme "tcp" or "ssl", address, port) that it connected to.  ``certified``: what it
    may be, by its certificate; None: it needs none."""

    number: int
    peer: tuple[str, int]
    local: tuple[str, str, int]
    certified: Certified | None = None


class Transact(NamedTuple):
    """A transaction to send.  ``identifier``: of the request, to know the reply by."""

    identifier: str
    operations: list[Operation]


class OvsdbElement:
    """The hypervisor of one session.  Its methods raise :class:`ProtocolError` where the session
    must be closed; the caller then calls :meth:`closed`.

    ``state``: "waiting" (something is missing in the database, or bad), "identified" (until
    :meth:`introduce`), "connected" (posted), "accepted", "refused", "standby" or "closed".
    ``info``: who it is, None while it is waiting.  ``problem``: what is missing, or why it is not
    accepted.  ``dirty``: whether :meth:`to_write` may have something, from ``pacing.not_before``
    on.

    ``vtep_problem``: see :func:`~ryu_apps.southbound.ovsdb.contents.vtep.vtep_problem`.
    """

    def __init__(
        self,
        origin: Origin,
        view: View,
        settings: OvsdbSettings,
        post: Callable[[object], None],
        now: float,
        vtep_problem: Callable[[str, str], str] = vtep_problem,
    ) -> None:
        self.origin = origin
        self.view = view
        self.state = "waiting"
        self.info: ElementInfo | None = None
        self.problem = ""
        self.dirty = False
        self.pacing = TransactionPacing(now)
        self._settings = settings
        self._post = post
        self._requested: RequestedDatabase | None = None
        self._owners: list[Key | None] = []
        """Of the operations of the transaction under way."""
        self._ownership = Ownership()
        self._bad_epoch = ""
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
        """For people: what keeps the database from being as asked for, empty where nothing does."""
        return self.problem or "; ".join(self._problems) or self.pacing.last_error

    # ------------------------------------------------------------ what the database says

    def begin(self, changes: Changes) -> None:
        """Post the contents of the database, when it says who the hypervisor is."""
        self._log_garbage(changes.garbage)
        self._identify()

    def on_update(self, changes: Changes) -> None:
        """Post what an update of the database changed."""
        self._log_garbage(changes.garbage)
        if changes.configuration or self._problems:
            self.dirty = True
        self._identify()
        if self.state not in ("connected", "accepted") or self.info is None:
            return
        element = self.info.element
        if changes.interfaces:
            requested = self._requested
            if requested is not None and any(
                (InterfaceInstalled.kind, name) in requested for name in changes.interfaces
            ):
                self.dirty = True  # An interface that was made anew has lost its mark.
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
        info, problem = self._describe()
        # The reason of a refusal stays.
        if problem != self.problem and self.state not in ("refused", "standby"):
            self.problem = problem
            if problem:
                LOG.warning("%s: %s", self, problem)
            if self.state == "waiting":
                self._post_problem(problem)
        if self.info is not None:
            self._check_same(self.info, info)
        if info is None or (info == self.info and self.state != "waiting"):
            return
        self.info = info
        self.dirty = True
        if self.state == "waiting":
            self.state = "identified"
            self._closed_at = None
        elif self.state != "identified":
            self._post(ElementChanged(self.origin.number, info))

    def _describe(self) -> tuple[ElementInfo | None, str]:
        """(who the hypervisor is, or None; what is missing and how to mend it)."""
        bridge = self.view.bridge
        info, problem = describe(
            self.view.replica, bridge[1] if bridge is not None else None, self.origin.peer[0],
            self.view.uplinks.found, self._settings.encapsulations,
        )
        if info is not None:
            problem = problem or self._not_certified(info)
        problem = problem or bad_encap(self._vtep.problem(info.vteps) if info is not None else "")
        if info is None or problem:
            return None, problem
        root = self.view.replica.root
        assert root is not None, "it was described"
        epoch, garbage = epoch_of(root[1])
        if garbage and garbage != self._bad_epoch:
            LOG.warning("%s: %s", self, garbage)
        self._bad_epoch = garbage
        return replace(
            info,
            controller=controller_target(self._settings, self.origin.local),
            managers=len(root[1]["manager_options"]),
            epoch=epoch,
            certified=self.origin.certified.names if self.origin.certified else None,
        ), ""

    def _not_certified(self, info: ElementInfo) -> str:
        """Why its certificate does not let it be what it says to be, or ""."""
        certified, how = self.origin.certified, self._settings.certified_vteps
        if certified is None:
            return ""
        problem = not_certified(info.element, certified.names)
        if problem or how == VTEPS_IGNORED:
            return problem
        return vteps_not_certified(
            info.element, info.vteps, certified.addresses, how == VTEPS_REQUIRED
        )

    def _check_same(self, expected: ElementInfo, info: ElementInfo | None) -> None:
        """Raises :class:`ProtocolError` where this is another hypervisor than ``expected``.  It is
        the same where only its address is missing: ``info`` is None then."""
        if info is None:
            root = self.view.replica.root
            if root is None or root[1]["external_ids"].get("system-id") != expected.element:
                raise ProtocolError("its system-id went away")
        elif (expected.element, expected.identity) != (info.element, info.identity):
            raise ProtocolError(f"its system-id changed from {expected.element} to {info.element}")

    def _post_problem(self, problem: str) -> None:
        name, hostname = self.view.names
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
                "%s: %s, VTEP %s, OVS %s", self, info.hostname, ", ".join(info.vteps),
                info.facts.ovs_version,
            )
        self.state = "connected"
        self.problem = ""
        self._closed_at = None
        self._post(
            ElementConnected(
                self.origin.number,
                info,
                tuple(self.view.claims.values()),
                tuple(self.view.tunnels.values()),
            )
        )

    # ------------------------------------------------------------ what the controller asks for

    def accept(self, requested: RequestedDatabase, epoch: int = 0) -> None:
        """From now on the database is kept as ``requested`` says, whose changes
        :meth:`requested_changed` tells of.  ``epoch``: see messages.AcceptElement."""
        if self.state == "connected":
            self.state = "accepted"
            self._requested = requested
            requested.new_session()
            self.dirty = True
        if self.state == "accepted" and self._ownership.take(epoch):
            self.dirty = True

    def confirm(self, done: Callable[[], None]) -> None:
        """Call ``done`` when a transaction that begins after this has succeeded: then the database
        has the epoch of this node, and no later one."""
        self._ownership.confirm(done)
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
        self._own_no_more()
        return True

    def _own_no_more(self) -> None:
        self._requested = None
        self._ownership = Ownership()

    def forget(self) -> None:
        """Back to reading only, until it is accepted again."""
        if self.state == "accepted":
            LOG.info("%s: released", self)
            self.state = "connected"
            self._own_no_more()

    def requested_changed(self) -> None:
        """Compare the database with what is asked for now."""
        self.dirty = True

    # ------------------------------------------------------------ what is written

    def to_write(self, now: float) -> Transact | None:
        """The next transaction; at most one is under way.  None where nothing is to be written, or
        not yet."""
        if self.state != "accepted" or self.pacing.under_way:
            self.dirty = False
            return None
        if now < self.pacing.not_before:
            return None
        assert self._requested is not None and self.info is not None
        if self._is_lost():
            self.dirty = False
            return None
        spec = spec_for(
            self._settings, self.info, self.origin.local, self.view.last_datapath_id(),
            self._ownership.epoch,
        )
        transaction = diff(self.view.replica, self.view, spec, self._requested, now)
        self._log_problems([*transaction.problems, *transaction.refused.values()])
        self.dirty = False
        changes = len(transaction.operations)
        if not changes and not transaction.problems:
            self._requested.settle(transaction.refused, now)
        if not changes and not self._ownership.unconfirmed:
            return None
        self._requested.report(transaction.refused)
        identifier = self.pacing.begin(now)
        if identifier is None:
            self.dirty = True
            return None
        if changes:
            transaction.comment(f"{self._settings.node_name or 'vnc'}: {changes} changes")
        guards = self._ownership.begin(self.view.replica.root)
        self._owners = [*(None for _ in guards), *transaction.owners]
        return Transact(identifier, [*guards, *transaction.operations])

    def _is_lost(self) -> bool:
        """Whether the database has heard of a later owner than this node; the core is told once."""
        held, news = self._ownership.lost_to(self.view.replica.root)
        if news and self.info is not None:
            LOG.warning("%s: nothing is written any more: its owner has the epoch %d, this node "
                        "had %d", self, held, self._ownership.epoch)
            self._post(MastershipLost(self.info.element, held))
        return held > 0

    def written(self, error: str, now: float, at: int | None = None) -> None:
        """The transaction was answered; ``error``: empty where it succeeded; ``at``: the operation
        that it is of, where it is of one.  Its updates came before the reply, so the next look at
        the replica sees what it did, or what somebody else did instead (RFC 7047 section 4.1.3)."""
        self.dirty = True
        if self._ownership.ended(error, at, self.view.replica.root):
            self.pacing.end("", now)
            return
        owner = self._owners[at] if at is not None and at < len(self._owners) else None
        if owner is not None and self._requested is not None:
            self._requested.failed(owner, error, now)
        if self.pacing.end(error, now):
            LOG.warning("%s: a transaction failed and will be tried again: %s",
                        self, self.pacing.last_error)

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
        if self._requested is not None and self._requested.is_due(now):
            self.dirty = True

    def closed(self, reason: str) -> None:
        """Tell the control core, once, that the session is over."""
        if self.state == "waiting":
            self._post_problem("")
        elif self.state not in ("identified", "closed") and self.info is not None:
            self._post(ElementDisconnected(self.origin.number, self.info.element, reason))
        self.state = "closed"
