"""The difference between a hypervisor's database and how it is to be, as operations.  Pure.

Everything is compared first: where the database is right there are no operations.  Sets and maps
are changed by ``mutate``, never rewritten, so that what ``ovs-vsctl`` writes at the same moment is
kept; only scalars are set.

Sources: ovs-vswitchd.conf.db(5); RFC 7047 section 5.2.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ryu_apps.southbound.ovsdb.contents.view import View
from ryu_apps.southbound.ovsdb.objects import KINDS, Context
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction
from ryu_apps.southbound.ovsdb.writing.bridge import check_bridge, create_bridge
from ryu_apps.southbound.ovsdb.writing.datapath import check_connection_limit
from ryu_apps.southbound.ovsdb.writing.fence import EPOCH_MARK
from ryu_apps.southbound.ovsdb.writing.requested import RequestedDatabase
from ryu_apps.southbound.ovsdb.writing.spec import INACTIVITY_PROBE, MAX_BACKOFF, HypervisorSpec
from vrouter_ovs.state import ControllerTarget

OWNER_MARK = "vnc-owner"


def diff(
    replica: Replica, view: View, spec: HypervisorSpec, requested: RequestedDatabase,
    now: float = 0.0,
) -> Transaction:
    """What to write now, so that the database becomes as ``spec`` and the objects of ``requested``
    say."""
    transaction = Transaction()
    if replica.root is None:
        transaction.problems.append("the database has no Open_vSwitch row")
        return transaction
    root_uuid, root = replica.root
    marks = {}
    if spec.epoch:
        marks[EPOCH_MARK] = str(spec.epoch)
    if spec.owner:
        marks[OWNER_MARK] = spec.owner
    transaction.set_keys("Open_vSwitch", root_uuid, "external_ids", root, marks)
    nodes = requested.objects.get(ControllerTarget.kind, {}).values()
    _check_managers(transaction, replica, root, spec.local, [item.method for item in nodes])
    if view.bridge is None:
        create_bridge(transaction, replica, root_uuid, root, spec)
        return transaction
    check_bridge(transaction, replica, root, view.bridge, spec)
    check_connection_limit(
        transaction, replica, root_uuid, root, view.bridge[1], spec.connections_per_port
    )
    context = Context(transaction, replica, view, root, view.bridge, spec, requested.deferred,
                      requested.failing(now))
    for kind, reconcile in KINDS.items():
        reconcile(context, requested.objects.get(kind, {}))
    return transaction


def _check_managers(
    transaction: Transaction, replica: Replica, root: Row, local: tuple[str, str, int],
    controllers: Iterable[str],
) -> None:
    """The manager that led the hypervisor here comes back soon and notices a dead node; so do those
    that lead to the nodes which are its ``controllers``, too."""
    hosts = {_host_and_port(method.partition(":")[2], "")[0] for method in controllers}
    rows = replica.tables["Manager"]
    for uuid in root["manager_options"]:
        row = rows.get(uuid)
        if row is None:
            continue
        target = row["target"]
        if not points_to(target, local) and (
            _host_and_port(target.partition(":")[2], "")[0] not in hosts
        ):
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
    host, port = _host_and_port(rest, "6640")
    if scheme != local[0] or port != str(local[2]):
        return False
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(local[1])
    except ValueError:
        return bool(host)


def _host_and_port(text: str, port: str) -> tuple[str, str]:
    """HOST, HOST:PORT, [HOST] or [HOST]:PORT; ``port``: where there is none."""
    if text.startswith("["):
        host, _, after = text[1:].partition("]")
        return host, after.lstrip(":") or port
    host, colon, after = text.rpartition(":")
    return (host, after) if colon else (text, port)
