"""The limit of the connections of a port, where the database can hold it and where it cannot."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lab.hosts.open_vswitch import schema_path
from ryu_apps.southbound.ovsdb.contents.rows import describe
from ryu_apps.southbound.ovsdb.protocol.replica import MAP, OPTION
from ryu_apps.southbound.ovsdb.protocol.schema import Plan, plan_for
from ryu_apps.southbound.ovsdb.writing.datapath import LIMIT, LIMIT_MARK
from tests.unit.southbound.ovsdb_support import KINDS, LIMITING_KINDS, SPEC, Database

LIMITED = replace(SPEC, connections_per_port=1000)


DAMAGES = {
    "as it is": lambda tables: None,
    "no table": lambda tables: (
        tables.pop("Datapath"), tables["Open_vSwitch"]["columns"].pop("datapaths")
    ),
    "a limit of another type": lambda tables: tables["Datapath"]["columns"].update(
        {LIMIT: {"type": "string"}}
    ),
}


def plan(limiting: bool, damage: str = "as it is") -> Plan:
    """Of the schema on this machine, with the column or without."""
    schema = json.loads(schema_path().read_text())
    columns = schema["tables"]["Datapath"]["columns"]
    columns.pop(LIMIT, None)
    if limiting:
        columns[LIMIT] = {"type": {"key": "integer", "min": 0, "max": 1}}
    DAMAGES[damage](schema["tables"])
    raw = json.dumps(schema).encode()
    return plan_for(schema, raw)


def test_a_schema_with_the_column_is_followed() -> None:
    made = plan(limiting=True)
    assert made.kinds["Datapath"] == {LIMIT: OPTION, "external_ids": MAP, "capabilities": MAP}
    assert made.kinds["Open_vSwitch"]["datapaths"] == MAP
    assert made.requests["Datapath"] == [{"columns": [LIMIT, "external_ids", "capabilities"]}]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_schema_without_it_is_taken_too(damage: str) -> None:
    made = plan(limiting=False, damage=damage)
    assert "Datapath" not in made.kinds
    assert "Datapath" not in made.requests


def limited(database: Database) -> dict[str, dict]:
    """Datapath type -> row."""
    _, root = database.replica.root
    rows = database.replica.tables["Datapath"]
    return {name: rows[uuid] for name, uuid in root["datapaths"].items()}


def shown(database: Database) -> int | None:
    info, problem = describe(database.replica, database.view.bridge[1], "198.51.100.1")
    assert not problem
    return info.facts.connection_limit


def made(kinds=LIMITING_KINDS) -> Database:
    """One that has all that is wanted, but no limit."""
    database = Database(kinds, **{"system-id": "hv1", "vnc-encap-ip": "10.0.0.1"})
    database.commit(database.diff())
    database.settle()
    return database


@pytest.fixture
def database() -> Database:
    return made()


def operator(database: Database, limit: int | None) -> None:
    """Write the limit as an operator does."""
    _, root = database.replica.root
    value = ["set", []] if limit is None else limit
    database.update("Datapath", root["datapaths"]["system"], "modify", {LIMIT: value})


def test_where_the_database_has_no_place_nothing_is_written() -> None:
    database = made(KINDS)
    assert database.settle(LIMITED) == []
    assert shown(database) is None


def test_the_datapath_of_the_bridge_gets_the_limit(database: Database) -> None:
    assert shown(database) == 0
    database.settle(LIMITED)
    assert limited(database) == {
        "system": {LIMIT: 1000, "external_ids": {LIMIT_MARK: "1000"}}
    }
    assert shown(database) == 1000


def test_another_type_of_datapath_has_a_limit_of_its_own(database: Database) -> None:
    database.settle(LIMITED)
    uuid, _ = database.view.bridge
    database.update("Bridge", uuid, "modify", {"datapath_type": "netdev"})
    assert shown(database) == 0
    database.settle(LIMITED)
    assert limited(database).keys() == {"system", "netdev"}
    assert shown(database) == 1000


def test_a_row_that_is_there_keeps_what_others_wrote(database: Database) -> None:
    database.insert("Datapath", "u#theirs", external_ids=["map", [["theirs", "1"]]])
    database.mutate("Open_vSwitch", "root", "datapaths", "insert",
                    ["map", [["system", ["uuid", "u#theirs"]]]])
    database.settle(LIMITED)
    assert limited(database)["system"] == {
        LIMIT: 1000, "external_ids": {"theirs": "1", LIMIT_MARK: "1000"}
    }


def test_our_limit_follows_the_option_and_stays_without_it(database: Database) -> None:
    database.settle(LIMITED)
    database.settle(replace(LIMITED, connections_per_port=2000))
    assert shown(database) == 2000
    assert database.settle(replace(LIMITED, connections_per_port=0)) == []
    assert shown(database) == 2000
    database.settle(LIMITED)
    assert shown(database) == 1000


@pytest.mark.parametrize("given", [0, 5, 100_000])
def test_the_limit_of_an_operator_stays(database: Database, given: int) -> None:
    database.settle(LIMITED)
    operator(database, given)
    assert database.settle(LIMITED) == []
    assert database.settle(replace(LIMITED, connections_per_port=2000)) == []
    assert shown(database) == given
    operator(database, None)
    database.settle(LIMITED)
    assert shown(database) == 1000


@pytest.mark.parametrize("before", [None, 1000])
def test_an_operator_who_writes_at_the_same_moment_wins(
    database: Database, before: int | None
) -> None:
    database.settle(LIMITED)
    operator(database, before)
    late = database.diff(replace(LIMITED, connections_per_port=2000))
    assert late.operations
    operator(database, 77)
    database.commit(late)
    assert limited(database)["system"] == {LIMIT: 77, "external_ids": {LIMIT_MARK: "1000"}}
    assert database.settle(LIMITED) == []
