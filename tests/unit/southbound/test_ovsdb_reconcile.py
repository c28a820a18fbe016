"""What is written to a hypervisor's database, held against a copy of it that the writes change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control.ids import bridge_datapath_id
from ryu_apps.control.messages import ObjectRefused, VrouterAcked
from ryu_apps.southbound.ovsdb.endpoints import tunnel_name
from ryu_apps.southbound.ovsdb.writing.bridge import PROTOCOLS
from ryu_apps.southbound.ovsdb.writing.reconcile import points_to
from ryu_apps.southbound.ovsdb.writing.requested import FIRST_PAUSE
from tests.unit.southbound.ovsdb_support import SPEC, TUNNELS, Database, asked
from vrouter_ovs.state import OVSDB, Endpoint, InterfaceInstalled, TunnelPort

SECOND, THIRD = (Endpoint(vtep) for vtep in ("10.0.0.2", "10.0.0.3"))


@pytest.fixture
def database() -> Database:
    """One that has all that is wanted."""
    made = Database()
    made.commit(made.diff())
    made.settle()
    return made


def test_an_empty_database_gets_the_bridge_then_its_tunnels() -> None:
    database = Database()
    database.commit(database.diff())
    bridge = database.row("Bridge", "br-int")
    assert bridge["fail_mode"] == "secure"
    assert bridge["protocols"] == set(PROTOCOLS)
    assert int(bridge["other_config"]["datapath-id"], 16) == bridge_datapath_id("hv1")
    database.settle()
    tunnels = database.replica.tables["Interface"].values()
    assert {row["options"].get("remote_ip") for row in tunnels} == {None, "10.0.0.2", "10.0.0.3"}


def test_while_held_tunnels_stay_and_then_those_go_that_no_object_asks_for(
    database: Database,
) -> None:
    assert database.settle(SPEC, asked(deferred=True)) == []
    assert database.settle(SPEC, asked(TUNNELS[1], deferred=True)) == []
    own = TunnelPort(Endpoint(SPEC.vtep))
    operations = database.settle(SPEC, asked(TUNNELS[1], own))
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
    operations = database.settle(SPEC, asked())
    assert [(one["op"], one["table"]) for one in operations] == [("mutate", "Bridge")]
    assert ["uuid", kept] in operations[0]["mutations"][0][2][1]


@pytest.mark.parametrize(("given", "used"), [
    ("4790", "4790"), ("", "4789"), ("0", "4789"), ("65536", "4789"), ("²", "4789"),
    ("9" * 5000, "4789"), ("1 2", "4789"),
])  # fmt: skip
def test_the_port_of_vxlan(given: str, used: str) -> None:
    database = Database(**{"vnc-vxlan-port": given})
    database.commit(database.diff())
    database.settle()
    tunnel = database.row("Interface", tunnel_name(SECOND))
    assert tunnel["options"]["dst_port"] == used


def test_what_others_write_beside_ours_is_kept(database: Database) -> None:
    uuid, _ = database.view.bridge
    database.mutate("Bridge", uuid, "other_config", "insert", ["map", [["theirs", "1"]]])
    database.mutate("Bridge", uuid, "other_config", "delete", ["set", ["disable-in-band"]])
    database.settle()
    options = database.row("Bridge", "br-int")["other_config"]
    assert options["theirs"] == "1"
    assert options["disable-in-band"] == "true"


def test_a_flow_table_row_that_two_tables_share_is_not_renamed(database: Database) -> None:
    uuid, bridge = database.view.bridge
    shared = bridge["flow_tables"][0]
    database.mutate("Bridge", uuid, "flow_tables", "delete", ["set", [1]])
    database.mutate("Bridge", uuid, "flow_tables", "insert", ["map", [[1, ["uuid", shared]]]])
    database.settle()
    names = {number: database.replica.tables["Flow_Table"][row]["name"]
             for number, row in database.view.bridge[1]["flow_tables"].items()}
    assert names == SPEC.table_names


def test_the_last_datapath_id_is_put_back_where_it_was_lost(database: Database) -> None:
    uuid, _ = database.view.bridge
    database.mutate("Bridge", uuid, "other_config", "delete", ["set", ["datapath-id"]])
    database.settle(replace(SPEC, datapath_id=0xABC))
    assert database.row("Bridge", "br-int")["other_config"]["datapath-id"] == f"{0xABC:016x}"


def test_a_second_controller_goes(database: Database) -> None:
    uuid, _ = database.view.bridge
    database.insert("Controller", "u#other", target="tcp:198.51.100.1:6653")
    database.mutate("Bridge", uuid, "controller", "insert", ["uuid", "u#other"])
    database.settle()
    left = database.view.bridge[1]["controller"]
    assert {database.replica.tables["Controller"][item]["target"] for item in left} \
        == {SPEC.controller}


def test_a_name_that_is_taken_is_a_problem_that_says_so(database: Database) -> None:
    name = tunnel_name(Endpoint("10.0.0.9"))
    database.insert("Interface", "u#taken", name=name)
    taken = TunnelPort(Endpoint("10.0.0.9"))
    transaction = database.diff(SPEC, asked(*TUNNELS, taken))
    assert (transaction.operations, transaction.problems) == ([], [])
    assert transaction.refused == {
        taken.key: f"no tunnel to 10.0.0.9: another bridge has a port {name}"
    }


def test_no_bridge_before_ovs_vswitchd_told_what_it_can_do() -> None:
    database = Database()
    database.update("Open_vSwitch", "root", "modify",
                    {"datapath_types": ["set", ["netdev", "system"]]})
    transaction = database.diff(replace(SPEC, owner=""))
    assert transaction.operations == []
    assert transaction.problems == ["br-int is not made yet: ovs-vswitchd is not running there"]


def test_marks_are_written_once_and_only_on_the_integration_bridge(database: Database) -> None:
    database.insert("Interface", "u#away", name="away")
    names = (tunnel_name(SECOND), "away", "nowhere")
    marked = asked(*TUNNELS, *(InterfaceInstalled(name, True) for name in names))
    for expected in (1, 0):
        transaction = database.diff(SPEC, marked)
        assert len(transaction.operations) == expected
        database.commit(transaction)
    assert database.settle(SPEC, asked(*TUNNELS)) == [], "of which nothing is said, that stays"
    database.settle(SPEC, asked(*TUNNELS, *(InterfaceInstalled(name, False) for name in names)))
    assert "vnc-installed" not in database.row("Interface", tunnel_name(SECOND))["external_ids"]


def test_each_operation_knows_the_object_that_it_is_for(database: Database) -> None:
    fourth, mark = TunnelPort(Endpoint("10.0.0.4")), InterfaceInstalled(tunnel_name(SECOND), True)
    transaction = database.diff(SPEC, asked(*TUNNELS, fourth, mark))
    assert [(one["op"], owner) for one, owner in
            zip(transaction.operations, transaction.owners, strict=True)] == [
        ("insert", fourth.key), ("insert", fourth.key), ("mutate", None), ("mutate", mark.key),
    ]  # fmt: skip


def test_what_no_tunnel_port_can_lead_to_is_refused_and_the_rest_is_done() -> None:
    database = Database()
    bad = TunnelPort(Endpoint("banana"))
    database.commit(database.diff())
    transaction = database.diff(SPEC, asked(*TUNNELS, bad))
    assert transaction.refused == {bad.key: "no tunnel port can lead to banana"}
    database.commit(transaction)
    assert len(database.view.tunnels) == 2


def test_an_object_that_the_database_refused_is_left_out_and_what_is_there_of_it_stays(
    database: Database,
) -> None:
    database.mutate("Interface", database.replica.interfaces_by_name[tunnel_name(SECOND)],
                    "options", "delete", ["set", ["key"]])
    fourth = TunnelPort(Endpoint("10.0.0.4"))
    requested = asked(*TUNNELS, fourth)
    requested.failed(TUNNELS[0].key, "constraint violation: no", 0.0)
    requested.failed(fourth.key, "constraint violation: no", 0.0)
    assert database.diff(SPEC, requested).operations == []
    assert not requested.is_due(FIRST_PAUSE - 0.1) and requested.is_due(FIRST_PAUSE)
    assert database.diff(SPEC, requested, FIRST_PAUSE).operations


# ------------------------------------------------------------ what the control core is told


def test_a_revision_is_confirmed_when_nothing_is_left_to_write_and_a_refusal_once() -> None:
    requested = asked(*TUNNELS)
    requested.settle({TUNNELS[0].key: "taken"}, 0.0)
    requested.settle({TUNNELS[0].key: "taken"}, 0.0)
    assert requested.posted == [
        ObjectRefused("hv1", TUNNELS[0].key, "taken", 1), VrouterAcked("hv1", 1, (OVSDB,)),
    ]  # fmt: skip
    requested.settle({}, 0.0)
    assert requested.posted[2:] == [VrouterAcked("hv1", 1, (OVSDB,), (TUNNELS[0].key,))]
    requested.change(2, [(TUNNELS[1].key, None)])
    requested.settle({}, 0.0)
    assert requested.posted[3:] == [VrouterAcked("hv1", 2, (OVSDB,))]


def test_another_session_has_to_confirm_everything_again() -> None:
    requested = asked(*TUNNELS)
    requested.settle({}, 0.0)
    requested.new_session()
    requested.settle({}, 0.0)
    assert requested.posted == [VrouterAcked("hv1", 1, (OVSDB,))] * 2


def test_a_failure_is_told_until_it_is_mended_and_waits_longer_each_time() -> None:
    requested = asked(*TUNNELS)
    key, now = TUNNELS[0].key, 0.0
    for pause in (FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE):
        requested.failed(key, "no", now)
        requested.settle({}, now)
        assert list(requested.failing(now + pause - 0.01)) == [key]
        assert not requested.failing(now + pause)
        now += pause
    assert requested.posted == [
        ObjectRefused("hv1", key, "no", 1), VrouterAcked("hv1", 1, (OVSDB,)),
    ]  # fmt: skip
    requested.settle({}, now)
    assert requested.posted[2:] == [VrouterAcked("hv1", 1, (OVSDB,), (key,))]


def test_what_changes_is_tried_at_once() -> None:
    requested = asked(*TUNNELS)
    requested.failed(TUNNELS[0].key, "no", 0.0)
    requested.change(2, [(TUNNELS[0].key, TUNNELS[0])])
    assert not requested.failing(0.0)


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
