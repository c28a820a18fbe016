"""What must stand in a hypervisor's database, and the operations that make it so.  Pure.

Everything is compared first: where the database is right there are no operations.  Sets and maps
are changed by ``mutate``, never rewritten, so that what ``ovs-vsctl`` writes at the same moment is
kept; only scalars and the integration bridge's controllers, which are the node's alone, are set.

Sources: ovs-vswitchd.conf.db(5); RFC 7047 section 5.2.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from ryu_apps.southbound.ovsdb.bridge import check_bridge, create_bridge
from ryu_apps.southbound.ovsdb.datapath import check_connection_limit
from ryu_apps.southbound.ovsdb.desired import INACTIVITY_PROBE, MAX_BACKOFF, Wish
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction
from ryu_apps.southbound.ovsdb.rows import INSTALLED_MARK
from ryu_apps.southbound.ovsdb.tunnels import check_tunnels
from ryu_apps.southbound.ovsdb.view import View

OWNER_MARK = "vnc-owner"


def needed(replica: Replica, view: View, wish: Wish) -> Transaction:
    """What to write now, so that the database becomes as ``wish`` says."""
    transaction = Transaction()
    if replica.root is None:
        transaction.problems.append("the database has no Open_vSwitch row")
        return transaction
    root_uuid, root = replica.root
    if wish.owner:
        transaction.set_keys(
            "Open_vSwitch", root_uuid, "external_ids", root, {OWNER_MARK: wish.owner}
        )
    _check_managers(transaction, replica, root, wish.local)
    if view.bridge is None:
        create_bridge(transaction, replica, root_uuid, root, wish)
    else:
        check_bridge(transaction, replica, root, view.bridge, wish)
        check_connection_limit(
            transaction, replica, root_uuid, root, view.bridge[1], wish.connections_per_port
        )
        if wish.tunnels is not None:
            check_tunnels(transaction, replica, root, view, wish.tunnels, wish)
    return transaction


def mark_interfaces(
    transaction: Transaction, replica: Replica, view: View, marks: Mapping[str, bool]
) -> None:
    """Write ``external_ids:vnc-installed=true`` (or remove it) on interfaces by name.  Those that
    are not on the integration bridge are left alone."""
    for name, installed in marks.items():
        uuid = replica.interfaces_by_name.get(name)
        if uuid is None or view.member(uuid) is None:
            continue
        row = replica.tables["Interface"][uuid]
        if installed:
            transaction.set_keys("Interface", uuid, "external_ids", row, {INSTALLED_MARK: "true"})
        elif INSTALLED_MARK in row["external_ids"]:
            transaction.mutate(
                "Interface", uuid, ["external_ids", "delete", ["set", [INSTALLED_MARK]]]
            )


def _check_managers(
    transaction: Transaction, replica: Replica, root: Row, local: tuple[str, str, int]
) -> None:
    """The manager that led the hypervisor here comes back soon and notices a dead node."""
    rows = replica.tables["Manager"]
    for uuid in root["manager_options"]:
        row = rows.get(uuid)
        if row is None or not points_to(row["target"], local):
            continue
        wrong = {
            column: value
            for column, value in (
                ("max_backoff", MAX_BACKOFF), ("inactivity_probe", INACTIVITY_PROBE)
            )
            if row[column] != value
        }
        if wrong:
            transaction.update("Manager", uuid, wrong)


def points_to(target: str, local: tuple[str, str, int]) -> bool:
    """Whether ``target``, a manager's as in ovsdb(7), is the node's end ``local``: (scheme "tcp" or
    "ssl", address, port).  A host name is taken to be, as nothing is resolved here."""
    scheme, _, rest = target.partition(":")
    host, port = rest, "6640"
    if rest.startswith("["):
        host, _, after = rest[1:].partition("]")
        port = after.lstrip(":") or port
    elif ":" in rest:
        host, _, port = rest.rpartition(":")
    if scheme != local[0] or port != str(local[2]):
        return False
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(local[1])
    except ValueError:
        return bool(host)
