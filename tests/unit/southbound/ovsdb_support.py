"""A hypervisor's database: its columns as the schema has them, and a copy that writes change."""

from __future__ import annotations

import itertools
from typing import Any

from ryu_apps.southbound.ovsdb.contents.view import View
from ryu_apps.southbound.ovsdb.protocol.replica import (
    MAP,
    OPTION,
    SCALAR,
    SET,
    Kinds,
    Replica,
    read_value,
)
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction
from ryu_apps.southbound.ovsdb.writing.reconcile import diff
from ryu_apps.southbound.ovsdb.writing.requested import RequestedDatabase
from ryu_apps.southbound.ovsdb.writing.spec import HypervisorSpec
from vrouter_ovs.state import Endpoint, TunnelPort

KINDS = {
    "Open_vSwitch": {"bridges": SET, "manager_options": SET, "external_ids": MAP,
                     "ovs_version": OPTION, "datapath_types": SET},
    "Bridge": {"name": SCALAR, "ports": SET, "datapath_id": OPTION, "datapath_type": SCALAR,
               "fail_mode": OPTION, "protocols": SET, "controller": SET, "flow_tables": MAP,
               "other_config": MAP},
    "Port": {"name": SCALAR, "interfaces": SET},
    "Interface": {"name": SCALAR, "type": SCALAR, "ofport": OPTION, "external_ids": MAP,
                  "link_state": OPTION, "admin_state": OPTION, "options": MAP, "bfd": MAP,
                  "bfd_status": MAP},
    "Controller": {"target": SCALAR, "max_backoff": OPTION, "inactivity_probe": OPTION,
                   "connection_mode": OPTION},
    "Manager": {"target": SCALAR, "max_backoff": OPTION, "inactivity_probe": OPTION},
    "Flow_Table": {"name": OPTION},
}
LIMITING_KINDS = KINDS | {
    "Open_vSwitch": KINDS["Open_vSwitch"] | {"datapaths": MAP},
    "Datapath": {"ct_zone_default_limit": OPTION, "external_ids": MAP},
}
"""Those of a schema that can limit the connections of a zone."""

SPEC = HypervisorSpec(
    element="hv1", vtep="10.0.0.1",
    controller="tcp:192.0.2.1:6653", local=("tcp", "192.0.2.1", 6640),
    table_names={0: "classify", 1: "guard"}, bfd_interval=1000, bfd_multiplier=3, owner="node1",
)


TUNNELS = (TunnelPort(Endpoint("10.0.0.2")), TunnelPort(Endpoint("10.0.0.3")))


def asked(*objects: Any, deferred: bool = False) -> RequestedDatabase:
    """What a vrouter is asked to have; what comes of it is in its ``posted``."""
    posted: list[object] = []
    made = RequestedDatabase("hv1", posted.append)
    made.posted = posted  # type: ignore[attr-defined]
    made.change(1, [(item.key, item) for item in objects])
    made.deferred = deferred
    return made


class Database:
    """The rows of a hypervisor, and as much of RFC 7047 section 5.2 as the node uses."""

    def __init__(self, kinds: Kinds = KINDS, **external_ids: str) -> None:
        self.replica = Replica(kinds)
        self.view = View(self.replica)
        self._numbers = itertools.count()
        self.insert("Open_vSwitch", "root", external_ids=["map", list(external_ids.items())],
                    datapath_types=["set", ["netdev", "system"]])

    def update(self, table: str, uuid: str, how: str, row: dict | None) -> None:
        self.view.apply(self.replica.apply({table: {uuid: {how: row}}}))

    def insert(self, table: str, uuid: str, **row: Any) -> None:
        self.update(table, uuid, "insert", row)

    def row(self, table: str, name: str) -> dict:
        return next(row for row in self.replica.tables[table].values() if row["name"] == name)

    def mutate(self, table: str, uuid: str, column: str, how: str, value: list) -> None:
        old = self.replica.tables[table][uuid][column]
        if self.replica.kinds[table][column] == MAP and how == "delete":
            value = ["map", [[key, self._atom(old[key])] for key in value[1]]]
        elif self.replica.kinds[table][column] == MAP:
            assert not {key for key, _ in value[1]} & set(old), "an insertion that changes nothing"
        self.update(table, uuid, "modify", {column: value})

    @staticmethod
    def _atom(value: Any) -> Any:
        return ["uuid", value] if isinstance(value, str) and value.startswith("u#") else value

    def _holds(self, table: str, uuid: str, column: str, function: str, value: Any) -> bool:
        kind, present = self.replica.kinds[table][column], self.replica.tables[table][uuid][column]
        asked = read_value(kind, value)
        if function == "includes" and kind == SET:
            return asked <= present
        assert function == "=="
        return present == asked

    def commit(self, transaction: Transaction) -> None:
        names: dict[str, str] = {}

        def resolve(value: Any) -> Any:
            if isinstance(value, list) and value[:1] == ["named-uuid"]:
                return ["uuid", names[value[1]]]
            if isinstance(value, list):
                return [resolve(item) for item in value]
            return value

        for operation in transaction.operations:
            table, row = operation["table"], operation.get("row", {})
            if operation["op"] == "insert":
                uuid = names[operation["uuid-name"]] = f"u#{next(self._numbers)}"
                self.insert(table, uuid, **{key: resolve(value) for key, value in row.items()})
                continue
            uuid = operation["where"][0][2][1]
            if not all(self._holds(table, uuid, *one) for one in operation["where"][1:]):
                continue
            for column, value in row.items():
                wanted = resolve(value)
                if self.replica.kinds[table][column] == SET:
                    old = [["uuid", item] for item in self.replica.tables[table][uuid][column]]
                    new = wanted[1] if wanted[0] == "set" else [wanted]
                    wanted = ["set", [item for item in old if item not in new]
                              + [item for item in new if item not in old]]
                self.update(table, uuid, "modify", {column: wanted})
            for column, how, value in operation.get("mutations", ()):
                self.mutate(table, uuid, column, how, resolve(value))

    def diff(
        self, spec: HypervisorSpec = SPEC, requested: RequestedDatabase | None = None,
        now: float = 0.0,
    ) -> Transaction:
        """``requested``: by default, :data:`TUNNELS`."""
        requested = asked(*TUNNELS) if requested is None else requested
        return diff(self.replica, self.view, spec, requested, now)

    def settle(
        self, spec: HypervisorSpec = SPEC, requested: RequestedDatabase | None = None
    ) -> list[dict]:
        """Write what is needed; then nothing may be."""
        transaction = self.diff(spec, requested)
        self.commit(transaction)
        again = self.diff(spec, requested)
        assert again.operations == []
        assert again.problems == []
        return transaction.operations
