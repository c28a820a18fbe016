"""Where the switch of an element finds the nodes that stand by: OpenFlow targets, from the records
of what nodes reach.  A target stays for a while when its record goes: a node that is away for a
moment must not cost a change of the hypervisor's database, and find its switch connected again."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ryu_apps.control.ownership.records import ReachRecord

KEPT = 60.0
"""Seconds."""
MOST = 16
"""Targets of one element."""
_TARGET = re.compile(r"(tcp|ssl):[0-9A-Za-z.:\[\]_-]{1,200}")


class StandbyTargets:
    def __init__(self, node: str) -> None:
        self._node = node
        self._known: dict[str, dict[str, float | None]] = {}
        """Element -> target -> since when no node names it; None: one does."""

    def of(self, element: str) -> list[str]:
        """The targets of an element, but for this node's."""
        return list(self._known.get(element, ()))

    def update(self, element: str, reach: Mapping[str, ReachRecord], now: float) -> bool:
        """Nodes reach the element so now; whether its targets changed."""
        own = reach[self._node].controller if self._node in reach else ""
        named = {
            record.controller for node, record in sorted(reach.items())
            if node != self._node and record.controller != own
            and _TARGET.fullmatch(record.controller)
        }
        before = self._known.pop(element, {})
        targets: dict[str, float | None] = {}
        for target, since in before.items():
            if target in named:
                targets[target] = None
            elif target != own:
                targets[target] = now if since is None else since
        for target in sorted(named):
            if len(targets) < MOST:
                targets.setdefault(target)
        if targets:
            self._known[element] = targets
        return targets.keys() != before.keys()

    def tick(self, now: float) -> list[str]:
        """The elements whose targets changed because time passed."""
        changed = []
        for element, targets in list(self._known.items()):
            over = [one for one, since in targets.items()
                    if since is not None and now - since >= KEPT]
            for target in over:
                del targets[target]
            if over:
                changed.append(element)
            if not targets:
                del self._known[element]
        return changed
