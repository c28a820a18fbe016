"""Bridge mappings of a hypervisor, and the patch ports to the bridges that they name."""

from __future__ import annotations

import pytest

from ryu_apps.control.kinds import Attachment
from ryu_apps.southbound.ovsdb.contents.physical_networks import attachments, patch_names
from tests.unit.southbound.ovsdb_support import SPEC, Database, asked
from vrouter_ovs.state import PatchPort


def with_bridges(text: str, *bridges: str, key: str = "vnc-bridge-mappings") -> Database:
    database = Database(**{key: text})
    database.commit(database.diff())
    root = database.replica.root[0]
    for name in bridges:
        database.insert("Bridge", f"b#{name}", name=name)
        database.mutate("Open_vSwitch", root, "bridges", "insert", ["uuid", f"b#{name}"])
    return database


def found(database: Database) -> tuple[Attachment, ...]:
    return attachments(database.replica, database.replica.root[1], "br-int")


def test_mappings_are_read() -> None:
    database = with_bridges(" physnet1:br-phy, physnet2:br-ex ,", "br-phy", "br-ex")
    assert found(database) == (Attachment("physnet1", "br-phy"), Attachment("physnet2", "br-ex"))
    assert found(with_bridges("", "br-phy")) == ()
    ovn = with_bridges("physnet1:br-phy", "br-phy", key="ovn-bridge-mappings")
    assert found(ovn) == (Attachment("physnet1", "br-phy"),)


@pytest.mark.parametrize("text,problem", [
    ("physnet2", "not PHYSICAL_NETWORK:BRIDGE"), (":br-ex", "not PHYSICAL_NETWORK:BRIDGE"),
    ("physnet2:", "not PHYSICAL_NETWORK:BRIDGE"), ("a/b:br-ex", "not PHYSICAL_NETWORK:BRIDGE"),
    ("physnet2:br-none", "there is no bridge br-none"),
    ("physnet2:br-int", "the integration bridge"),
    ("physnet2:br-phy", "br-phy is that of physnet1 already"),
    ("physnet1:br-ex", "mapped twice"),
])
def test_what_is_wrong_with_one_leaves_the_others(text: str, problem: str) -> None:
    first, other = found(with_bridges(f"physnet1:br-phy,{text}", "br-phy", "br-ex"))
    assert first == Attachment("physnet1", "br-phy")
    assert problem in other.problem


def test_mappings_have_bounds() -> None:
    many = ",".join(f"p{n}:b{n}" for n in range(100))
    assert "beyond the first 32" in found(with_bridges(many))[-1].problem
    (one,) = found(with_bridges("p:b" * 2000))
    assert "4096" in one.problem


def ports(database: Database, bridge: str) -> set[str]:
    rows = database.replica.tables
    (row,) = [row for row in rows["Bridge"].values() if row["name"] == bridge]
    return {rows["Port"][uuid]["name"] for uuid in row["ports"]}


def settle(database: Database, *objects: PatchPort, deferred: bool = False) -> None:
    for _ in range(3):
        transaction = database.diff(SPEC, asked(*objects, deferred=deferred))
        if not transaction.operations:
            return
        database.commit(transaction)
    raise AssertionError("it does not come to rest")


def test_a_pair_comes_goes_and_moves_to_another_bridge() -> None:
    database = with_bridges("physnet.1:br-phy", "br-phy", "br-ex")
    ours, theirs = patch_names("physnet.1")
    settle(database, PatchPort("physnet.1", "br-phy"))
    assert ours in ports(database, "br-int") and ports(database, "br-phy") == {theirs}
    assert database.row("Interface", ours)["options"] == {"peer": theirs}
    assert database.row("Interface", theirs)["options"] == {"peer": ours}
    settle(database, PatchPort("physnet.1", "br-ex"))
    assert ports(database, "br-phy") == set() and ports(database, "br-ex") == {theirs}
    settle(database, deferred=True)
    assert ours in ports(database, "br-int")
    settle(database)
    assert ours not in ports(database, "br-int") and ports(database, "br-ex") == set()


def test_what_somebody_broke_is_mended_and_what_is_theirs_stays() -> None:
    database = with_bridges("p:br-phy", "br-phy")
    settle(database, PatchPort("p", "br-phy"))
    uuid = database.replica.interfaces_by_name["vnc-phy-p"]
    database.mutate("Interface", uuid, "options", "delete", ["set", ["peer"]])
    settle(database, PatchPort("p", "br-phy"))
    assert database.row("Interface", "vnc-phy-p")["options"] == {"peer": "vnc-int-p"}
    other = with_bridges("p:br-phy", "br-phy")
    other.insert("Interface", "i#x", name="vnc-phy-p")
    other.insert("Port", "p#x", name="vnc-phy-p", interfaces=["uuid", "i#x"])
    wanted = PatchPort("p", "br-phy")
    transaction = other.diff(SPEC, asked(wanted))
    assert "another port vnc-phy-p" in transaction.refused[wanted.key]
    gone = PatchPort("p", "br-none")
    assert "no bridge" in other.diff(SPEC, asked(gone)).refused[gone.key]
