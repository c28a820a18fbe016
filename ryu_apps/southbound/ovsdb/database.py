"""One hypervisor's database as the node knows it: what it says, and what to write.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ryu_apps.control.messages import ElementInfo
from ryu_apps.southbound.ovsdb.changes import mark_interfaces, needed
from ryu_apps.southbound.ovsdb.desired import Wish
from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.replica import Kinds, Replica
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction
from ryu_apps.southbound.ovsdb.rows import bad_encap, datapath_id, describe, shown
from ryu_apps.southbound.ovsdb.view import Changes, View
from ryu_apps.southbound.ovsdb.vtep import VtepCheck


class Database:
    """The replica, and what is read from it.  ``view``: the integration bridge's claims and
    tunnels."""

    def __init__(self, kinds: Kinds) -> None:
        self._replica = Replica(kinds)
        self.view = View(self._replica)
        self._datapath_id = 0

    def apply(self, updates: Any) -> Changes:
        """Follow a ``<table-updates2>``.  Raises :class:`ProtocolError` where it does not fit."""
        return self.view.apply(self._replica.apply(updates))

    def describe(self, address: str, check: VtepCheck) -> tuple[ElementInfo | None, str]:
        """(who the hypervisor is, or None; what is missing and how to mend it).  ``address``: where
        it connects from.  ``check``: whether its VTEP can be one."""
        bridge = self.view.bridge
        info, problem = describe(self._replica, bridge[1] if bridge is not None else None, address)
        problem = problem or bad_encap(check.problem(info.vtep) if info is not None else "")
        return (None if problem else info), problem

    def shown_names(self) -> tuple[str, str]:
        """What it says its system-id and its host name are, in a form that can be shown."""
        root = self._replica.root
        ids = root[1]["external_ids"] if root is not None else {}
        return shown(ids.get("system-id")), shown(ids.get("hostname"))

    def check_same(self, known: ElementInfo, info: ElementInfo | None) -> None:
        """Raises :class:`ProtocolError` where this is another hypervisor than ``known``.  It is the
        same where only its address is missing: ``info`` is None then."""
        if info is None:
            root = self._replica.root
            if root is None or root[1]["external_ids"].get("system-id") != known.element:
                raise ProtocolError("its system-id went away")
        elif (known.element, known.identity) != (info.element, info.identity):
            raise ProtocolError(f"its system-id changed from {known.element} to {info.element}")

    def last_datapath_id(self) -> int:
        """What the integration bridge was last seen configured with; 0 where it never was."""
        bridge = self.view.bridge
        if bridge is not None and "datapath-id" in bridge[1]["other_config"]:
            self._datapath_id = datapath_id(bridge[1])
        return self._datapath_id

    def needed(self, wish: Wish, marks: Mapping[str, bool]) -> Transaction:
        """What to write now.  ``marks``: interface name -> installed."""
        transaction = needed(self._replica, self.view, wish)
        mark_interfaces(transaction, self._replica, self.view, marks)
        return transaction
