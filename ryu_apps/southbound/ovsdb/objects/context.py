"""What the reconciler of a kind of object may look at, and where it puts what is to be done."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from ryu_apps.southbound.ovsdb.contents.view import View
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction
from ryu_apps.southbound.ovsdb.writing.spec import HypervisorSpec
from vrouter_ovs.state import Key


class Context(NamedTuple):
    """``root``: the Open_vSwitch row.  ``bridge``: (UUID, row) of the integration bridge.
    ``deferred``: see messages.Defer: nothing is deleted.  ``failing``: objects whose operations the
    database refused; they wait for their time, and what is there of them stays."""

    transaction: Transaction
    replica: Replica
    view: View
    root: Row
    bridge: tuple[str, Row]
    spec: HypervisorSpec
    deferred: bool
    failing: Container[Key] = ()
