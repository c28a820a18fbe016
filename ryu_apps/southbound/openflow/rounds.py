"""Rounds of programming: changes go out together, and the switch takes or refuses them.

A round is one atomic, ordered bundle (OpenFlow 1.4, 6.9): new groups, flows, groups that go.  A
refused bundle names the message that was at fault; its object is left out and the rest sent again.
Where a switch refuses a bundle and blames nothing, or blames something new three times, the changes
go as plain messages before a barrier.  Meters, which no bundle takes, are made before it, and
deleted in a round of their own when no flow names them any more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from ryu_apps.southbound.openflow.connection import (
    BARRIER_REPLY,
    BUNDLE_CONTROL,
    ERROR,
    OUR_XIDS,
    OpenFlowConnection,
)
from ryu_apps.southbound.openflow.groups import GroupOperation, VrouterGroups
from ryu_apps.southbound.openflow.meters import MeterChange, VrouterMeters
from ryu_apps.southbound.openflow.reconcile import Operation, VrouterFlows, one_by_one
from vrouter_ovs.state import Key
from vrouter_ovs.wire import encode as wire
from vrouter_ovs.wire.groups import group_mod

LOG = logging.getLogger("vnc.openflow")

CLOSE_REPLY, COMMIT_REPLY = b"\0\3", b"\0\5"
BUNDLE_ATTEMPTS = 3
PER_SECOND = 200
"""Flow changes that even a slow switch makes in a second; large bundles get more time.  It takes 50
messages each time around its main loop, which with 5,000 ports and busy processors is up to a
second.  Cut off for its slowness it would have to be read back and to begin anew; whether it lives
at all is asked by echo requests."""
SECONDS_PER_ZONE = 0.1
"""For a zone to be forgotten: the switch looks at all of its connections for each."""


class Outcome(NamedTuple):
    """What became of a round's changes."""

    done: Sequence[Operation | GroupOperation]
    """The switch made these."""
    refused: dict[Key, str]
    """Objects that cannot be had, and why."""
    undone: Sequence[Operation | GroupOperation]
    """These were not made, through no fault of theirs or of an object in ``refused``."""
    grouped: bool
    """Whether there are groups among them."""
    meters: dict[int, str]
    """Meters whose change was refused, and why."""


class _Round:
    """A bundle (or, with ``plain``, single messages) under way."""

    def __init__(self, bundle: int, first: int, plain: bool) -> None:
        self.bundle = bundle
        self.first = first
        self.plain = plain
        self.operations: list[Operation | GroupOperation] = []
        self.grouped = False
        self.errors: dict[int, str] = {}
        self.meters: dict[int, str] = {}
        self.zones: list[int] = []
        """To be flushed when the switch has closed the bundle."""
        self.flushed = 0
        self.end_xid = 0
        self.deadline = 0.0


class Rounds:
    """The rounds of one connection, one after the other.  ``answer_timeout``: seconds that the
    switch has for a round, besides the time for its size.

    The channel's worker owns it; :meth:`awaits` is for the receiving thread.
    """

    def __init__(self, connection: OpenFlowConnection, answer_timeout: float) -> None:
        self._connection = connection
        self._answer_timeout = answer_timeout
        self._round: _Round | None = None
        self._bundle = 0
        self._attempts = 0
        self._awaited = (0, 0)
        self._flush_xid = 0
        self._flush_refused = False
        self._meters_xid = 0

    @property
    def idle(self) -> bool:
        """No round is under way."""
        return self._round is None

    @property
    def plain(self) -> bool:
        """Whether the round under way is of plain messages, of which each is done on its own."""
        return self._round is not None and self._round.plain

    def abort(self) -> Outcome | None:
        """This node may not change the switch any more: what was not made of the round under way.
        A bundle is done by its commit, which the switch answers before it tells of another
        master."""
        current = self._round
        if current is None:
            return None
        self._round, self._awaited = None, (0, 0)
        return Outcome((), {}, current.operations, current.grouped, {})

    def overdue(self, now: float) -> str:
        """Why the connection is no good any more, or ""."""
        current = self._round
        if current is not None and now > current.deadline:
            return f"no answer to {len(current.operations)} flow changes"
        return ""

    # ------------------------------------------------------------ sending

    def start(
        self, flows: VrouterFlows, groups: VrouterGroups, meters: VrouterMeters
    ) -> bool:
        """Send the outstanding changes; False if there were none.  None may be under way."""
        connection = self._connection
        connection.begin_run()
        metered = self._send_meters(meters.take_changes())
        self._flush_xid = connection.next_xid()
        self._bundle = self._bundle % 0x7FFF_FFFF + 1
        current = _Round(self._bundle, connection.next_xid(), self._attempts >= BUNDLE_ATTEMPTS)
        # Open to the end: how many changes there are shows as they are encoded.
        self._awaited = (current.first, OUR_XIDS | (OUR_XIDS - 1))
        self._send_changes(current, flows, groups)
        operations, plain = current.operations, current.plain
        if not operations:
            metered = metered or self._send_meters(meters.take_deletions())
            if not metered:
                self._awaited = (0, 0)
                return False
            plain = current.plain = True  # Nothing but a barrier.
        current.end_xid = current.first + len(operations) + 1
        connection.end_run(current.end_xid)
        self._awaited = (current.first, current.end_xid)
        current.deadline = (time.monotonic() + self._answer_timeout
                            + len(operations) / PER_SECOND
                            + current.flushed * SECONDS_PER_ZONE)
        self._round = current
        connection.counters["zone_flushes"] += current.flushed
        connection.counters["bundles"] += not plain
        connection.counters["flow_mods"] += len(operations)
        if plain:
            connection.send(wire.barrier(current.end_xid))
        elif current.zones:
            connection.send(wire.bundle_close(current.bundle, current.end_xid))
        else:
            connection.send(wire.bundle_commit(current.bundle, current.end_xid))
        return True

    def _closed(self, current: _Round) -> None:
        """The switch has closed the bundle, so it still takes changes from this node: it would
        flush zones for any (:mod:`vrouter_ovs.wire.roles`)."""
        zones, current.zones = current.zones, []
        self._connection.send(b"".join([
            *(wire.flush_zone(zone, self._flush_xid) for zone in zones),
            wire.bundle_commit(current.bundle, current.end_xid),
        ]))  # fmt: skip

    def _send_meters(self, changes: Sequence[MeterChange]) -> bool:
        """Send changes of meters; whether there are any."""
        if changes:
            connection = self._connection
            xid = self._meters_xid = connection.next_xid()
            connection.counters["meter_mods"] += len(changes)
            connection.send(b"".join([wire.meter_mod(*change, xid) for change in changes]))
        return bool(changes)

    def _send_groups(self, current: _Round, changes: Sequence[GroupOperation]) -> None:
        """Send changes of groups as a part of the round."""
        if not changes:
            return
        connection, operations = self._connection, current.operations
        if not operations and not current.plain:
            connection.send(wire.bundle_open(current.bundle, current.first))
        current.grouped = True
        for change in changes:
            operations.append(change)
            xid = current.first + len(operations)
            data = group_mod(change.command, change.group, xid)
            connection.send(data if current.plain else wire.bundle_add(current.bundle, xid, data))

    def _send_changes(
        self, current: _Round, flows: VrouterFlows, groups: VrouterGroups
    ) -> None:
        """Send what is to be changed, batch by batch, each change with the next xid."""
        connection, operations, plain = self._connection, current.operations, current.plain
        build, bundle = wire.bundle_flow_mod, current.bundle
        self._send_groups(current, groups.additions())
        batches: Iterable[list[Operation]] = flows.operations()
        if plain:
            batches = filter(None, [one_by_one(chain.from_iterable(batches))])
        for batch in batches:
            if not operations and not plain:
                connection.send(wire.bundle_open(bundle, current.first))
            xid = current.first + len(operations)
            operations += batch
            if plain:
                data = [wire.flow_mod(command, flow, xid + at)
                        for at, (command, flow, _) in enumerate(batch, 1)]
            else:
                data = [build(bundle, command, flow, xid + at)
                        for at, (command, flow, _) in enumerate(batch, 1)]
            zones = flows.zones_given(batch)
            if zones:
                # No part of a bundle: done at once, before any of these flows is there.  What the
                # number's last port sent has ended by then, its device is gone.
                current.flushed += len(zones)
                if plain:
                    data[:0] = [wire.flush_zone(zone, self._flush_xid) for zone in zones]
                else:
                    current.zones += zones
            if not connection.send(b"".join(data)):
                break
        if not flows.pending:  # Else flows that name one may be in a later round.
            self._send_groups(current, groups.deletions())

    # ------------------------------------------------------------ replies

    def awaits(self, xid: int) -> bool:
        """Whether a reply with this xid is one to us."""
        first, last = self._awaited
        return first <= xid <= last or xid in (self._flush_xid, self._meters_xid)

    def covers(self, xid: int) -> bool:
        """Whether this is an xid of the round under way."""
        current = self._round
        return current is not None and current.first <= xid <= current.end_xid

    def reply(self, kind: int, xid: int, message: bytes) -> Outcome | None:
        """Take a reply to the round under way; the outcome, where it ends the round.

        Raises ValueError and struct.error for a malformed one.
        """
        current = self._round
        if current is None:
            return None
        if kind == ERROR:
            text = wire.decode_error(message)[3]
            at = xid - current.first - 1
            if 0 <= at < len(current.operations):
                current.errors.setdefault(at, text)
            elif xid in (current.end_xid, current.first):
                return self._finish(current, text)
        elif xid == current.end_xid and current.zones and (
                kind == BUNDLE_CONTROL and message[12:14] == CLOSE_REPLY):
            self._closed(current)
        elif xid == current.end_xid and (
                kind == BARRIER_REPLY if current.plain
                else kind == BUNDLE_CONTROL and message[12:14] == COMMIT_REPLY):
            return self._finish(current, "")
        return None

    def refused(self, xid: int, message: bytes) -> bool:
        """Whether this OFPT_ERROR is about what goes before the bundle: a change of the meters,
        which is of the outcome then, or connections that cannot be forgotten, which is logged."""
        if xid == self._meters_xid:
            if self._round is not None:
                text = wire.decode_error(message)[3]
                self._round.meters.setdefault(wire.failed_meter(message), text)
            return True
        if xid != self._flush_xid:
            return False
        connection = self._connection
        connection.counters["errors"] += 1
        if not self._flush_refused:
            self._flush_refused = True
            LOG.error("vrouter %s cannot forget the connections of a port that left (%s): the next "
                      "port with its number takes them over", connection.element,
                      wire.decode_error(message)[3])
        return True

    def _finish(self, current: _Round, failure: str) -> Outcome:
        """``failure``: why the whole bundle was refused, or ""."""
        self._round, self._awaited = None, (0, 0)
        element, counters = self._connection.element, self._connection.counters
        operations, errors = current.operations, current.errors
        culprits: dict[Any, str] = {}
        for at, text in errors.items():
            culprits.setdefault(operations[at].owner, text)
        if failure:
            counters["errors"] += 1
            LOG.warning("vrouter %s refused a bundle of %d flow changes: %s%s", element,
                        len(operations), failure, "" if errors else ", and blames none of them")
            self._attempts = self._attempts + 1 if errors else BUNDLE_ATTEMPTS
        else:
            self._attempts = 0
        # A change nobody owns that is refused stays for the next audit; it is not repeated.
        leftover = culprits.pop(None, None)
        if leftover is not None:
            counters["errors"] += 1
            LOG.warning("vrouter %s refused to delete or renumber a flow: %s", element, leftover)
        counters["errors"] += len(culprits) + len(current.meters)
        if failure:
            return Outcome((), culprits, [
                operation for at, operation in enumerate(operations)
                if at not in errors or operation.owner is not None
            ], current.grouped, current.meters)  # fmt: skip
        done = operations if not errors else [
            operation for at, operation in enumerate(operations) if at not in errors
        ]  # fmt: skip
        return Outcome(done, culprits, (), current.grouped, current.meters)
