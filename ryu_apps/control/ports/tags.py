"""Which vrouters have subports, and so the flows that put tags on what leaves."""

from __future__ import annotations

from ryu_apps.control.desired.desired import Desired
from vrouter_ovs.state import Trunks

SCOPE = ("element",)


class Tags:
    """Reads and marks nothing; what it says of a vrouter is desired state."""

    def __init__(self, desired: Desired) -> None:
        self._desired = desired
        self._subports: dict[str, dict[str, None]] = {}
        """Element -> the subports that have flows there."""

    def placed(self, port_id: str, before: set[str], after: set[str]) -> None:
        """A subport has flows at the elements ``after``, and had them at ``before``."""
        for element in sorted(after - before):
            self._subports.setdefault(element, {})[port_id] = None
            self._desired.put(element, SCOPE, Trunks())
        for element in sorted(before - after):
            subports = self._subports[element]
            del subports[port_id]
            if not subports:
                del self._subports[element]
                if element in self._desired.objects:
                    self._desired.delete(element, SCOPE, (Trunks.kind,))
