"""The meters of one vrouter: what pools it should have, and what must be changed.  Pure.

Meters cannot be part of a bundle (OpenFlow 1.4, 7.3.9.2), so they are made before the flows that
name them and deleted when those are gone: a flow that names a meter which is not there is refused,
and a meter that is deleted takes its flows along.  One that is right is not touched: changing it
would begin its bucket anew under a running node.

What the switch has is read before each change rather than remembered: pools are constant, and there
are thousands of meters on every switch.  A meter bears no mark of its owner.  So those are deleted
that were an object's before, and the limits', which are known by their ids; others' stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from vrouter_ovs.state import Key, MeterPool
from vrouter_ovs.state.limits import is_limit_meter
from vrouter_ovs.state.meters import PACKETS, MeterConfig
from vrouter_ovs.wire.encode import METER_ADD, METER_DELETE, METER_MODIFY

Config = MeterConfig | None
"""None: something that we never make."""


class MeterChange(NamedTuple):
    """``command``: METER_ADD, METER_MODIFY or METER_DELETE."""

    command: int
    meter: int
    rate: int
    burst: int
    unit: str


class VrouterMeters:
    """``refused``: pools that the switch refused, and why.  ``deferred``: see messages.Defer:
    no meter is deleted."""

    def __init__(self) -> None:
        self.pools: dict[Key, MeterPool] = {}
        self.refused: dict[Key, str] = {}
        self.deferred = True
        self._news: list[tuple[Key, str]] = []
        self._unread = True
        self._changes: list[MeterChange] = []
        self._withdrawn: dict[int, None] = {}
        """Meters of pools that went, or shrank."""

    # ------------------------------------------------------------ input

    def change(self, key: Key, pool: MeterPool | None) -> None:
        """Take over a new, changed or (None) deleted pool."""
        before = self.pools.pop(key, None)
        self.refused.pop(key, None)
        if before is not None:
            self._withdrawn.update(dict.fromkeys(before.ids))
        if pool is not None:
            self.pools[key] = pool
            for meter in pool.ids:
                self._withdrawn.pop(meter, None)
        self._unread = True

    def forget_switch(self) -> None:
        """Another connection, and perhaps another switch: refused pools are tried again."""
        self.refused.clear()
        self._changes.clear()
        self._unread = True

    @property
    def unread(self) -> bool:
        """Whether the meters of the switch must be read, before any flow that names one."""
        return self._unread and bool(self.pools or self._withdrawn)

    def read(self, found: Mapping[int, Config], refusal: str = "") -> None:
        """The switch has these meters: id -> configuration.  ``refusal``: it has no meters at all,
        and this is why."""
        self._unread = False
        if refusal:
            for key in self.pools:
                self._refuse(key, refusal)
        self._changes = [
            MeterChange(METER_MODIFY if meter in found else METER_ADD, meter, *pool.config)
            for key, pool in self.pools.items() if key not in self.refused
            for meter in pool.ids if found.get(meter) != pool.config
        ]
        wanted = {meter for pool in self.pools.values() for meter in pool.ids}
        # Limits that went while no node was there.
        self._withdrawn |= {
            meter: None for meter in found if is_limit_meter(meter) and meter not in wanted
        }
        self._withdrawn = {meter: None for meter in self._withdrawn if meter in found}

    # ------------------------------------------------------------ output

    @property
    def pending(self) -> bool:
        """Whether there is something to send."""
        return bool(self._changes or (self._withdrawn and not self.deferred and not self._unread))

    def take_changes(self) -> list[MeterChange]:
        """New and changed meters, once; before the flows."""
        changes, self._changes = self._changes, []
        return changes

    def take_deletions(self) -> list[MeterChange]:
        """Meters that nobody names any more, once; when no flow is to be changed."""
        if self.deferred or self._unread:
            return []
        gone, self._withdrawn = self._withdrawn, {}
        return [MeterChange(METER_DELETE, meter, 0, 0, PACKETS) for meter in gone]

    # ------------------------------------------------------------ outcome

    def refuse(self, meter: int, reason: str) -> None:
        """The switch refused a change of this meter: its pool cannot be had as a whole."""
        for key, pool in self.pools.items():
            if meter in pool.ids:
                self._refuse(key, reason)

    def _refuse(self, key: Key, reason: str) -> None:
        if key not in self.refused:
            self.refused[key] = reason
            self._news.append((key, reason))

    def take_refused(self) -> Iterable[tuple[Key, str]]:
        """Pools refused since the last call, with reasons."""
        news, self._news = self._news, []
        return news
