"""The OpenFlow numbers of one hypervisor's interfaces, as its database and its switch tell them.

The database has the word.  But ovs-vswitchd writes a number there only after it has looked at all
other ports of the bridge, while the switch itself says so as soon as it has made the port
(OFPT_PORT_STATUS, OpenFlow 1.4.0 section 7.4.3).  So an interface without a number in the database
takes the one that the switch announced for its name, until the database shows one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ryu_apps.control.messages import Interface

ANNOUNCED = 4096
"""So many announcements are kept of ports that the database does not show yet."""


class PortNumbers:
    def __init__(self) -> None:
        self._announced: dict[str, int] = {}
        self._taken: dict[int, dict[str, None]] = {}
        """Number -> the interfaces that have it, of the rows that are in use: two for a moment,
        where the database gives one the number before it takes it from the other."""

    def announced(self, name: str, ofport: int) -> None:
        """The switch has made the port ``name``."""
        self._announced.pop(name, None)
        self._announced[name] = ofport
        if len(self._announced) > ANNOUNCED:
            del self._announced[next(iter(self._announced))]

    def gone(self, name: str) -> bool:
        """The switch has the port ``name`` no more; returns whether its number was known from an
        announcement alone."""
        return self._announced.pop(name, None) is not None

    def forget(self) -> None:
        """The connection to the switch ended: what it announced may be true no more."""
        self._announced.clear()

    def effective(self, name: str, row: Interface) -> Interface:
        """``row``, with the announced number where the database shows none and no other interface
        has it."""
        if row.ofport > 0:
            self._announced.pop(name, None)
            return row
        ofport = self._announced.get(name)
        if ofport is None or row.error or self._taken.get(ofport, {name: None}) != {name: None}:
            return row
        return replace(row, ofport=ofport)

    def contradicted(
        self, changes: Mapping[str, Interface | None], rows: Mapping[str, Interface]
    ) -> dict[str, Interface]:
        """The rows in use whose announced number the database gives to another interface now:
        they have none again."""
        found = {}
        for name, row in changes.items():
            for other in self._taken.get(row.ofport, ()) if row is not None else ():
                if other != name and other not in changes and self._announced.pop(other, None):
                    found[other] = replace(rows[other], ofport=-1)
        return found

    def changed(self, name: str, old: Interface | None, new: Interface | None) -> None:
        """Interface ``name`` is used with the row ``new`` now."""
        holders = self._taken.get(old.ofport) if old is not None else None
        if holders is not None and holders.pop(name, name) is None and not holders:
            del self._taken[old.ofport]
        if new is not None and new.ofport > 0:
            self._taken.setdefault(new.ofport, {})[name] = None
