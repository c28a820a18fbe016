"""Claims that wait for a port: recorded, so that every node can show both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ryu_apps.control.elements.elements import Claim
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.messages import RecordStatus
from ryu_apps.control.tables import Tables

RecordedRefusal = tuple[str, str]
"""(kind of the refusal, text), as they are recorded."""
CLAIMS = "/status/claims/"
"""Then the id of the port, and the element whose claim waits."""


class ClaimRecords:
    """Reads: refused claims, elements.  Marks: ports whose records are to be looked at again.
    Emits: RecordStatus, appended to ``effects``."""

    def __init__(self, tables: Tables, marks: Marks, effects: list) -> None:
        self._config = tables.config
        self._elements = tables.elements
        self._refused = tables.refused
        self._marks = marks
        self._effects = effects
        self._recorded: dict[str, dict[str, RecordedRefusal]] = {}
        """Port id -> element -> what its record says."""

    def recall(self, port_id: str, element: str, record: Mapping[str, Any]) -> None:
        """Before the start: a record of this node's former run, which goes unless it is true.  One
        that a former version wrote has no kind, and is written again."""
        refusal = str(record.get("kind", "")), str(record.get("reason", ""))
        self._recorded.setdefault(port_id, {})[element] = refusal

    def review(self) -> None:
        """All that claim ports of this node are back: what is recorded is looked at again."""
        self._marks.conflicts.mark_all(self._recorded)

    def write(self, port_id: str) -> None:
        """Have the store's records of a port say which claims wait for it."""
        waiting = {
            claim: refusal for claim, refusal in self._refused.get(port_id, {}).items()
            if refusal.waits
        }
        elements = {claim.element for claim in waiting}
        recorded = self._recorded.pop(port_id, {})
        for element in [element for element in recorded if element not in elements]:
            del recorded[element]
            self._effects.append(RecordStatus(f"{CLAIMS}{port_id}/{element}", None))
        if port_id in self._config.ports:
            for claim, (kind, text) in waiting.items():
                if recorded.get(claim.element) != (kind.value, text):
                    recorded[claim.element] = kind.value, text
                    self._record(port_id, claim, kind.value, text)
        if recorded:
            self._recorded[port_id] = recorded

    def _record(self, port_id: str, claim: Claim, kind: str, reason: str) -> None:
        value = {
            "port": port_id,
            "element": claim.element,
            "host": self._elements.accepted[claim.element].info.hostname,
            "interface": claim.interface,
            "kind": kind,
            "reason": reason,
            "node": self._elements.node,
        }
        self._effects.append(RecordStatus(f"{CLAIMS}{port_id}/{claim.element}", value))
