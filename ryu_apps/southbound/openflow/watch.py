"""What others did to the flows of one vrouter: noted, counted, and put right."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ryu_apps.southbound.openflow.foreign import ForeignFlows
from ryu_apps.southbound.openflow.monitor import Repairs, took_named
from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from vrouter_ovs.wire.encode import is_ours
from vrouter_ovs.wire.flow_monitor import REMOVED, FlowEvent

LOG = logging.getLogger("vnc.openflow")


class Watch:
    """``counters``: the channel's.  The channel's worker owns it; :meth:`status` is for any
    thread."""

    def __init__(self, element: str, counters: dict[str, int]) -> None:
        self._element = element
        self._counters = counters
        self._foreign = ForeignFlows()
        self._repairs = Repairs()

    def status(self, ours: Collection[bytes]) -> dict[str, Any]:
        """See :meth:`ForeignFlows.status`."""
        return self._foreign.status(ours)

    def read(self, foreign: Mapping[bytes, int]) -> None:
        """All flows were read; these are the others'."""
        self._foreign.replace(foreign)

    def updates(self, events: Iterable[FlowEvent], flows: VrouterFlows) -> bool:
        """Others changed flows; ``flows``: those known and desired.  Whether a group or meter went
        with flows of ours: then it has to be made before them."""
        damaged = named = False
        for event in events:
            key, cookie, _ = event.flow
            ours, gone = is_ours(cookie), event.what == REMOVED
            if not ours and gone:
                self._foreign.removed(key)
                continue
            if ours:
                self._foreign.removed(key)
            else:
                self._foreign.added(key, cookie)
            damaged |= flows.disturbed(key, event.flow if ours and not gone else None)
            named |= ours and took_named(event)
        if damaged and not named:
            self._repairs.damaged(time.monotonic())
        return named

    def due_in(self, now: float) -> float | None:
        """Seconds until damage is to be put right; None: there is none."""
        return self._repairs.due_in(now)

    def repair(self, flows: VrouterFlows, now: float) -> None:
        """Have what is damaged put right, if it is time to."""
        due = self._repairs.due_in(now)
        if due is not None and due <= 0:
            self._repairs.begin(now)
            self.repaired(flows.repair())

    def repaired(self, count: int) -> None:
        """So many flows were found to be wrong."""
        if count:
            self._counters["repairs"] += count
            LOG.warning("vrouter %s: somebody else changed %d of our flows; putting them right",
                        self._element, count)
