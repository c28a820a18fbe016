"""The groups of one vrouter: what it should hold and what it does hold.  Pure.

Group changes travel in the bundle of the flows (Open vSwitch takes them there,
tests/ovs/openflow/test_groups.py): new and changed groups before the first flow, deletions behind
the last, so that no flow ever names a group that is not there, and all is one atomic step.  Groups
bear no cookie; those whose ids are ours by :func:`vrouter_ovs.wire.groups.is_our_group` are
compared byte by byte with what was read back, all others are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.state import FloodParts, Group, Key
from vrouter_ovs.wire.buckets import encode_group
from vrouter_ovs.wire.groups import GROUP_ADD, GROUP_DELETE, GROUP_MODIFY, EncodedGroup


class GroupOperation(NamedTuple):
    """``command``: GROUP_ADD, GROUP_MODIFY or GROUP_DELETE.  ``owner``: as of a flow's
    :class:`~ryu_apps.southbound.openflow.reconcile.Operation`."""

    command: int
    group: EncodedGroup
    owner: Key | None


class VrouterGroups:
    """``rejected``: objects that cannot be encoded, or that the switch refused, and why.
    ``deferred``: see messages.Defer: groups are added, but none is deleted, nor changed where it
    depends on peers."""

    def __init__(self) -> None:
        self.objects: dict[Key, Group | FloodParts] = {}
        self.installed: dict[int, EncodedGroup] = {}
        self.rejected: dict[Key, str] = {}
        self.deferred = True
        self._desired: dict[int, tuple[EncodedGroup, Key]] = {}
        self._ids: dict[Key, int] = {}
        self._touched: dict[int, None] = {}
        self._refused: list[tuple[Key, str]] = []

    # ------------------------------------------------------------ input

    def change(self, key: Key, group: Group | FloodParts | None) -> None:
        """Take over a new, changed or (None) deleted object."""
        self.objects.pop(key, None)
        self.rejected.pop(key, None)
        self._drop(key)
        if group is None:
            return
        self.objects[key] = group
        try:
            encoded = encode_group(group)
        except PipelineError as error:
            self.reject(key, f"cannot be encoded: {error}")
            return
        self._ids[key] = encoded.id
        self._desired[encoded.id] = encoded, key
        self._touched[encoded.id] = None

    def _drop(self, key: Key) -> None:
        wire_id = self._ids.pop(key, None)
        if wire_id is not None:
            del self._desired[wire_id]
            self._touched[wire_id] = None

    def defer(self, deferred: bool) -> None:
        """See messages.Defer.  Its end has every group looked at."""
        if self.deferred and not deferred:
            self._touch_all()
        self.deferred = deferred

    def replace_installed(self, groups: dict[int, EncodedGroup]) -> int:
        """The switch holds these of ours.  Returns how many are not as was believed."""
        old, self.installed = self.installed, groups
        self._touch_all()
        return sum(old.get(wire_id) != groups.get(wire_id) for wire_id in {*old, *groups})

    def retry_rejected(self) -> None:
        """Try the refused objects once more (a new connection may be another switch)."""
        for key in list(self.rejected):
            self.change(key, self.objects[key])

    def _touch_all(self) -> None:
        self._touched.update(dict.fromkeys((*self._desired, *self.installed)))

    # ------------------------------------------------------------ output

    @property
    def pending(self) -> bool:
        """Whether there may be something to send."""
        return bool(self._touched)

    def additions(self) -> list[GroupOperation]:
        """New and changed groups, before the flows."""
        operations = []
        for wire_id in self._touched:
            desired, have = self._desired.get(wire_id), self.installed.get(wire_id)
            if desired is None or desired[0] == have:
                continue
            if have is None:
                operations.append(GroupOperation(GROUP_ADD, *desired))
            elif not (self.deferred and self.objects[desired[1]].depends_on_peers):
                operations.append(GroupOperation(GROUP_MODIFY, *desired))
        return operations

    def deletions(self) -> list[GroupOperation]:
        """Groups that no object asks for, behind the flows.  All has been looked at by then."""
        touched, self._touched = self._touched, {}
        if self.deferred:
            return []
        return [
            GroupOperation(GROUP_DELETE, self.installed[wire_id], None)
            for wire_id in touched if wire_id in self.installed and wire_id not in self._desired
        ]

    # ------------------------------------------------------------ outcome

    def confirm(self, done: Iterable[GroupOperation]) -> None:
        """The switch made these changes."""
        for command, group, _ in done:
            if command == GROUP_DELETE:
                self.installed.pop(group.id, None)
            else:
                self.installed[group.id] = group

    def retry(self, undone: Iterable[GroupOperation]) -> None:
        """These were not made; they come again, where they are still asked for."""
        self._touched.update(dict.fromkeys(operation.group.id for operation in undone))

    def reject(self, key: Key, reason: str) -> None:
        """The object cannot be had: what the switch has of it stays in its place."""
        wire_id = self._ids.get(key)
        have = self.installed.get(wire_id) if wire_id is not None else None
        if have is None:
            self._drop(key)
        else:
            self._desired[have.id] = have, key
        self.rejected[key] = reason
        self._refused.append((key, reason))

    def take_refused(self) -> list[tuple[Key, str]]:
        """Objects refused since the last call, with reasons."""
        refused, self._refused = self._refused, []
        return refused
