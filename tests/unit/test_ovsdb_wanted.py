"""What is written to a hypervisor's database, held against a copy of it that the writes change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control.ids import bridge_datapath_id
from ryu_apps.southbound.ovsdb.bridge import PROTOCOLS
from ryu_apps.southbound.ovsdb.changes import mark_interfaces, needed, points_to
from ryu_apps.southbound.ovsdb.endpoints import tunnel_name
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction
from vrouter_ovs.state import Endpoint

from .ovsdb_support import WISH, Database

SECOND, THIRD = (Endpoint(vtep) for vtep in ("10.0.0.2", "10.0.0.3"))


@pytest.fixture
def database() -> Database:
    """One that has all that is wanted."""
    made = Database()
    made.commit(needed(made.replica, made.view, WISH))
    made.settle(WISH)
    return made


def test_an_empty_database_gets_the_bridge_then_its_tunnels() -> None:
    database = Database()
    database.commit(needed(database.replica, database.view, WISH))
    bridge = database.row("Bridge", "br-int")
    assert bridge["fail_mode"] == "secure"
    assert bridge["protocols"] == set(PROTOCOLS)
    assert int(bridge["other_config"]["datapath-id"], 16) == bridge_datapath_id("hv1")
    database.settle(WISH)
    tunnels = database.replica.tables["Interface"].values()
    assert {row["options"].get("remote_ip") for row in tunnels} == {None, "10.0.0.2", "10.0.0.3"}


def test_tunnels_that_are_not_known_yet_stay_and_those_not_wanted_go(database: Database) -> None:
    assert database.settle(replace(WISH, tunnels=None)) == []
    operations = database.settle(replace(WISH, tunnels=frozenset({THIRD, Endpoint(WISH.vtep)})))
    assert [item["op"] for item in operations] == ["mutate"]
    assert len(database.view.tunnels) == 1


def test_a_port_that_holds_two_tunnels_nobody_wants_goes_as_a_whole(database: Database) -> None:
    """Without any interface it would be refused, and all else of the transaction with it."""
    kept, gone = (
        next(uuid for uuid, row in database.replica.tables["Port"].items()
             if row["name"] == tunnel_name(endpoint)) for endpoint in (SECOND, THIRD)
    )
    (moved,) = database.replica.tables["Port"][gone]["interfaces"]
    database.mutate("Bridge", database.view.bridge[0], "ports", "delete", ["uuid", gone])
    database.update("Port", gone, "delete", None)
    database.update("Port", kept, "modify", {"interfaces": ["uuid", moved]})
    operations = database.settle(replace(WISH, tunnels=frozenset()))
    assert [(one["op"], one["table"]) for one in operations] == [("mutate", "Bridge")]
    assert ["uuid", kept] in operations[0]["mutations"][0][2][1]


@pytest.mark.parametrize(("given", "used"), [
    ("4790", "4790"), ("", "4789"), ("0", "4789"), ("65536", "4789"), ("²", "4789"),
    ("9" * 5000, "4789"), ("1 2", "4789"),
])  # fmt: skip
def test_the_port_of_vxlan(given: str, used: str) -> None:
    database = Database(**{"vnc-vxlan-port": given})
    database.commit(needed(database.replica, database.view, WISH))
    database.settle(WISH)
    tunnel = database.row("Interface", tunnel_name(SECOND))
    assert tunnel["options"]["dst_port"] == used


def test_what_others_write_beside_ours_is_kept(database: Database) -> None:
    uuid, _ = database.view.bridge
    database.mutate("Bridge", uuid, "other_config", "insert", ["map", [["theirs", "1"]]])
    database.mutate("Bridge", uuid, "other_config", "delete", ["set", ["disable-in-band"]])
    database.settle(WISH)
    options = database.row("Bridge", "br-int")["other_config"]
    assert options["theirs"] == "1"
    assert options["disable-in-band"] == "true"


def test_a_flow_table_row_that_two_tables_share_is_not_renamed(database: Database) -> None:
    uuid, bridge = database.view.bridge
    shared = bridge["flow_tables"][0]
    database.mutate("Bridge", uuid, "flow_tables", "delete", ["set", [1]])
    database.mutate("Bridge", uuid, "flow_tables", "insert", ["map", [[1, ["uuid", shared]]]])
    database.settle(WISH)
    names = {number: database.replica.tables["Flow_Table"][row]["name"]
             for number, row in database.view.bridge[1]["flow_tables"].items()}
    assert names == WISH.table_names


def test_the_last_datapath_id_is_put_back_where_it_was_lost(database: Database) -> None:
    uuid, _ = database.view.bridge
    database.mutate("Bridge", uuid, "other_config", "delete", ["set", ["datapath-id"]])
    database.settle(replace(WISH, datapath_id=0xABC))
    assert database.row("Bridge", "br-int")["other_config"]["datapath-id"] == f"{0xABC:016x}"


def test_a_second_controller_goes(database: Database) -> None:
    uuid, _ = database.view.bridge
    database.insert("Controller", "u#other", target="tcp:198.51.100.1:6653")
    database.mutate("Bridge", uuid, "controller", "insert", ["uuid", "u#other"])
    database.settle(WISH)
    left = database.view.bridge[1]["controller"]
    assert {database.replica.tables["Controller"][item]["target"] for item in left} \
        == {WISH.controller}


def test_a_name_that_is_taken_is_a_problem_that_says_so(database: Database) -> None:
    name = tunnel_name(Endpoint("10.0.0.9"))
    database.insert("Interface", "u#taken", name=name)
    transaction = needed(
        database.replica, database.view,
        replace(WISH, tunnels=WISH.tunnels | {Endpoint("10.0.0.9")}),
    )
    assert transaction.operations == []
    assert transaction.problems == [f"no tunnel to 10.0.0.9: another bridge has a port {name}"]


def test_no_bridge_before_ovs_vswitchd_told_what_it_can_do() -> None:
    database = Database()
    database.update("Open_vSwitch", "root", "modify",
                    {"datapath_types": ["set", ["netdev", "system"]]})
    transaction = needed(database.replica, database.view, replace(WISH, owner=""))
    assert transaction.operations == []
    assert transaction.problems == ["br-int is not made yet: ovs-vswitchd is not running there"]


def test_marks_are_written_once_and_only_on_the_integration_bridge(database: Database) -> None:
    database.insert("Interface", "u#away", name="away")
    marks = {tunnel_name(SECOND): True, "away": True, "nowhere": True}
    for expected in (1, 0):
        transaction = Transaction()
        mark_interfaces(transaction, database.replica, database.view, marks)
        assert len(transaction.operations) == expected
        database.commit(transaction)
    transaction = Transaction()
    mark_interfaces(transaction, database.replica, database.view, dict.fromkeys(marks, False))
    database.commit(transaction)
    assert "vnc-installed" not in database.row("Interface", tunnel_name(SECOND))["external_ids"]


@pytest.mark.parametrize(("target", "local", "expected"), [
    ("tcp:192.0.2.1:6640", ("tcp", "192.0.2.1", 6640), True),
    ("tcp:192.0.2.1", ("tcp", "192.0.2.1", 6640), True),
    ("ssl:192.0.2.1:6640", ("tcp", "192.0.2.1", 6640), False),
    ("tcp:192.0.2.2:6640", ("tcp", "192.0.2.1", 6640), False),
    ("tcp:192.0.2.1:6641", ("tcp", "192.0.2.1", 6640), False),
    ("tcp:[2001:db8:0::1]:6640", ("tcp", "2001:db8::1", 6640), True),
    ("ssl:[2001:db8::1]", ("ssl", "2001:db8::1", 6640), True),
    ("tcp:node.example.org:6640", ("tcp", "192.0.2.1", 6640), True),
    ("ptcp:6640", ("tcp", "192.0.2.1", 6640), False),
])
def test_which_manager_led_here(target: str, local: tuple[str, str, int], expected: bool) -> None:
    assert points_to(target, local) is expected
