"""What one vrouter should hold and what it does hold: a pure calculation, no I/O, no threads.

Objects become flows (:func:`vrouter_ovs.wire.encode.encode_object`), flows are compared with what
the switch holds, byte by byte, and the difference comes out as operations.  A flow is identified by
``Encoded.key`` (table, priority and match); a later object that renders the same flow as another
takes it over and gives it back when it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from vrouter_ovs.state import Key, StateObject
from vrouter_ovs.wire.encode import (
    ADD,
    DELETE_STRICT,
    Encoded,
    encode_object,
    port_given,
    renumbered,
)

STREAM_OBJECTS = 1000
"""Objects that are encoded before their flows are given out."""


class Operation(NamedTuple):
    """``command``: ADD, which also replaces a flow of the same key (OpenFlow 1.4, 6.4), or
    DELETE_STRICT."""

    command: int
    flow: Encoded
    owner: Key | None
    """The object it is for; None for a leftover of no object, and for a flow that only gets
    the table id of this version."""


def one_by_one(operations: Iterable[Operation]) -> list[Operation]:
    """The order for a switch that is changed message by message, and so forwards by what it has of
    them until then: nothing is let in before everything behind it is there.

    Additions from the last table to the first, as a packet begins in the first and a table without
    a flow for it drops it; in a table from the highest priority, as what is denied is an exception
    from what a lower one permits.  Then deletions, the other way round.
    """

    def place(operation: Operation) -> bytes:
        return operation.flow.key[:3]  # Table and priority.

    additions, deletions = [], []
    for operation in operations:
        (additions if operation.command is ADD else deletions).append(operation)
    additions.sort(key=place, reverse=True)
    deletions.sort(key=place)
    return additions + deletions


class VrouterFlows:
    """Desired objects, their flows, and the flows of the switch.

    A *round* is: :meth:`change` (any number), :meth:`operations`, then :meth:`confirm` or, after
    :meth:`reject` or :meth:`retry`, :meth:`operations` again.
    """

    def __init__(self, encode: Callable[[StateObject], Sequence[Encoded]] = encode_object) -> None:
        self._encode = encode
        self.objects: dict[Key, StateObject] = {}
        self.desired: dict[bytes, Encoded] = {}
        self.installed: dict[bytes, Encoded] = {}
        self.rejected: dict[Key, str] = {}
        """Objects that the encoder or the switch refused, and why."""
        self.deferred = True
        self.following = False
        """The switch is another node's: only what it holds is kept in step."""
        self._owners: dict[bytes, Key] = {}
        self._rendered: dict[Key, Sequence[Encoded]] = {}
        self._contested: dict[bytes, list[Key]] = {}
        self._touched: set[bytes] = set()
        self._waiting: dict[Key, StateObject] = {}
        self._before: dict[Key, Sequence[Encoded]] = {}
        self._refused: list[tuple[Key, str]] = []
        self._disturbed: set[bytes] = set()
        """Flows that others changed since the last :meth:`repair`."""
        self._renumbered: dict[bytes, Encoded] = {}
        """What the switch holds as an earlier version numbered it, as this one does; to be added
        before anything else."""
        self._lost: dict[bytes, int] = {}
        """Flows that give a port its number that somebody else took away -> their cookies."""

    # ------------------------------------------------------------ input

    def change(self, changes: Iterable[tuple[Key, StateObject | None]]) -> None:
        """Take over new, changed (value) and deleted (None) objects; encoded by operations()."""
        for key, value in changes:
            if key not in self._before:
                self._before[key] = self._rendered.get(key, ())
            self._withdraw(key)
            self.rejected.pop(key, None)
            if value is None:
                self.objects.pop(key, None)
                self._waiting.pop(key, None)
            else:
                self.objects[key] = value
                self._waiting[key] = value

    def defer(self, deferred: bool) -> None:
        """See messages.Defer.  Its end makes the next operations() look at every flow."""
        if self.deferred and not deferred:
            self._touch_differences()
        self.deferred = deferred

    def follow(self) -> None:
        """The switch is another node's: only keep in step with what it holds, until
        :meth:`take_over`."""
        self.following = True

    def take_over(self) -> None:
        """The switch is this node's from now on; what it holds is known."""
        if self.following:
            self.following = False
            self._renumber()
            self._touch_differences()

    def replace_installed(self, flows: dict[bytes, Encoded], known: bool = False) -> int:
        """``flows`` is what the switch holds of ours.  Returns how many flows differ from what
        this object believed.  Everything that is not as desired is put right by operations().
        ``known``: the switch is the one that confirmed the flows believed in, on this connection.
        """
        old, desired = self.installed, self.desired
        self._lost = self._lost | {
            key: flow.cookie for key, flow in old.items()
            if key not in flows and port_given(key) is not None
        } if known else {}
        differing = {key for key, flow in flows.items() if old.get(key) != flow}
        differing.update(key for key in old if key not in flows)
        # What was known to be wrong has not been put right yet.
        differing.update(key for key in self._disturbed if flows.get(key) != desired.get(key))
        self._disturbed.clear()
        self.installed = flows
        if self.following:
            return len(differing)
        self._renumber()
        self._touch_differences()
        return len(differing)

    def _renumber(self) -> None:
        """Have the flows of an earlier version's tables added to this version's: see
        :mod:`vrouter_ovs.wire.renumber`.

        They are copies, so the packets of a switch whose objects are not known yet (a deferred one)
        go on as they went.  Those that they are copied from are leftovers then, which no packet
        comes to: they go when leftovers do.
        """
        installed = self.installed
        self._renumbered = {
            flow.key: flow for flow in renumbered(installed.values())
            if flow.key[0] == 0 or flow.key not in installed
        }
        # A port keeps its number, and with it its connections.
        self._lost = self._lost | {
            key: flow.cookie for key, flow in self._renumbered.items()
            if port_given(key) is not None
        }

    def disturbed(self, key: bytes, flow: Encoded | None) -> bool:
        """Somebody else made ``flow`` of the flow ``key``; None: it is gone, or not ours any more.
        Whether that is not as it was known to be; then :meth:`repair` puts it right."""
        have = self.installed.get(key)
        if flow == have:
            return False
        if flow is not None:
            self.installed[key] = flow
        elif have is not None:
            del self.installed[key]
            if port_given(key) is not None:
                self._lost[key] = have.cookie
        if self.following or flow == self.desired.get(key):
            return False
        self._disturbed.add(key)
        return True

    def repair(self) -> int:
        """Let operations() put right what others changed, as far as it is wrong; how many flows."""
        wrong = {key for key in self._disturbed if self.installed.get(key) != self.desired.get(key)}
        self._disturbed.clear()
        self._touched |= wrong
        return len(wrong)

    def retry_rejected(self) -> None:
        """Try the refused objects once more (a new connection may be another switch)."""
        self.change([(key, self.objects[key]) for key in list(self.rejected)
                     if key in self.objects])

    def _touch_differences(self) -> None:
        desired, installed = self.desired, self.installed
        self._touched.update(key for key, flow in desired.items() if installed.get(key) != flow)
        self._touched.update(key for key in installed if key not in desired)

    # ------------------------------------------------------------ output

    @property
    def renumbering(self) -> int:
        """How many flows get other table ids in the next round."""
        return len(self._renumbered)

    @property
    def pending(self) -> bool:
        """Whether operations() may have something to say."""
        return bool(self._renumbered or self._waiting or self._touched)

    def operations(self) -> Iterator[list[Operation]]:
        """The changes for the switch, in order and in batches: what is new first, deletions last.

        Exhaust it, then confirm() what was done.  What the encoder refuses is left as it was and
        told by take_refused().  Flows that get other table ids are a round of their own.
        """
        if self._renumbered:
            flows, self._renumbered = self._renumbered, {}
            yield [Operation(ADD, flow, None) for flow in flows.values()]
            return
        while self._waiting:
            fresh: list[bytes] = []
            batch = list(islice(self._waiting.items(), STREAM_OBJECTS))
            for key, value in batch:
                del self._waiting[key]
                try:
                    flows = self._encode(value)
                except (ValueError, TypeError, KeyError, OverflowError) as error:
                    self.reject(key, f"cannot be encoded: {error}")
                    continue
                self._render(key, flows)
                fresh += [flow.key for flow in flows]
            additions = self._additions(fresh)
            self._touched.difference_update(fresh)
            if additions:
                yield additions
        additions = self._additions(self._touched)
        if additions:
            yield additions
        deletions = self._deletions()
        if deletions:
            yield deletions

    def zones_given(self, operations: Iterable[Operation]) -> list[int]:
        """The zones of connections that get another owner by these operations.

        A port's zone is its OpenFlow number.  The flow that gives the number carries the port's
        cookie, whatever else of the port changes.  A switch that holds it goes on with the port's
        connections; where it holds none, or another port's, what the number's last port had open
        would count as connections of the new one.
        """
        installed, lost = self.installed, self._lost
        zones = []
        for command, flow, _ in operations:
            number = port_given(flow.key) if command is ADD else None
            if number is None:
                continue
            have = installed.get(flow.key)
            before = lost.get(flow.key) if have is None else have.cookie
            if before != flow.cookie:
                zones.append(number)
        return zones

    def _additions(self, keys: Iterable[bytes]) -> list[Operation]:
        desired, installed, owners = self.desired, self.installed, self._owners
        found: list[Operation] = []
        for key in keys:
            flow = desired.get(key)
            if flow is None:
                continue
            have = installed.get(key)
            if flow == have:
                continue
            owner = owners[key]
            if have is not None and self.deferred and self.objects[owner].depends_on_peers:
                continue
            found.append(Operation(ADD, flow, owner))
        return found

    def _deletions(self) -> list[Operation]:
        touched, self._touched = self._touched, set()
        if self.deferred:
            return []
        return [Operation(DELETE_STRICT, self.installed[key], None)
                for key in touched if key not in self.desired and key in self.installed]

    # ------------------------------------------------------------ outcome

    def confirm(self, done: Iterable[Operation]) -> None:
        """The switch made these changes; the round is over unless reject() was called."""
        installed = self.installed
        for command, flow, _ in done:
            if command is ADD:
                installed[flow.key] = flow
                self._lost.pop(flow.key, None)
            else:
                installed.pop(flow.key, None)

    def finish(self) -> None:
        """No change of this round can be refused any more."""
        self._before.clear()

    def retry(self, undone: Iterable[Operation]) -> None:
        """These changes were not made: operations() gives them again, where still desired."""
        for command, flow, owner in undone:
            if command is ADD and owner is None:
                self._renumbered[flow.key] = flow
            else:
                self._touched.add(flow.key)

    def reject(self, key: Key, reason: str) -> None:
        """The object cannot be had: what it had before this round stays in its place."""
        self._withdraw(key)
        self._waiting.pop(key, None)
        before = self._before.get(key, ())
        if before and key in self.objects:
            self._render(key, before)
            self._touched.update(flow.key for flow in before)
        # A second refusal, of what was there before, leaves nothing.
        self._before[key] = ()
        self.rejected[key] = reason
        self._refused.append((key, reason))

    def take_refused(self) -> list[tuple[Key, str]]:
        """Objects refused since the last call, with reasons."""
        refused, self._refused = self._refused, []
        return refused

    # ------------------------------------------------------------ flows of one object

    def _withdraw(self, key: Key) -> None:
        owners, desired = self._owners, self.desired
        for flow in self._rendered.pop(key, ()):
            flow_key = flow.key
            self._touched.add(flow_key)
            others = self._contested.get(flow_key)
            if others is not None and key in others:
                others.remove(key)
            if owners.get(flow_key) != key:
                continue
            del owners[flow_key], desired[flow_key]
            if others:
                heir = others[-1]
                owners[flow_key] = heir
                desired[flow_key] = next(f for f in self._rendered[heir] if f.key == flow_key)
            if others is not None and len(others) < 2:
                del self._contested[flow_key]

    def _render(self, key: Key, flows: Sequence[Encoded]) -> None:
        owners, desired = self._owners, self.desired
        for flow in flows:
            flow_key = flow.key
            owner = owners.get(flow_key)
            if owner is not None and owner != key:
                self._contested.setdefault(flow_key, [owner]).append(key)
            owners[flow_key] = key
            desired[flow_key] = flow
        self._rendered[key] = flows
