"""What is shown of owners: load, share, who stands by, and what a drain waits for."""

from __future__ import annotations

from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import RECORDS, record
from ryu_apps.control.ownership.records import (
    MAINTENANCE,
    NODES,
    OWNERS,
    PINS,
    PROTOCOL,
    REACH,
    ReachRecord,
)
from ryu_apps.control.ownership.targets import KEPT, MOST, StandbyTargets
from ryu_apps.views import owners
from ryu_apps.views.checks import owners as check
from tests.property.world_model import NODE, Node, element_info


def system(*more: tuple[str, object]) -> Node:
    """This node owns e0; "other" is there, owns e1 and stands by for e0, warm."""
    one = Node()
    one.connect("e0")
    theirs = element_info("e1", "172.16.0.2")
    one.handle(msg.StatusChanged((
        (NODES + "other", {"node": "other", "ownership": PROTOCOL, "weight": 300,
                           "load": {"ports": 4}}),
        (RECORDS + "e1", record(theirs, "other", True)),
        *owns("other", "e1", epoch=7).changes,
        (f"{REACH}other/e1", ReachRecord(load=48).value("other", "e1")),
        (f"{REACH}other/e0", ReachRecord("tcp:192.0.2.9:6653", 2, True).value("other", "e0")),
        *more,
    )))
    one.settle()
    return one


def shown(one: Node) -> dict[str, dict]:
    return {node["node"]: node for node in owners.nodes(one.world, {"node": NODE, "weight": 100})}


def test_nodes_with_load_and_share():
    found = shown(system())
    columns = ("elements", "units", "weight", "share")
    assert [found[NODE][column] for column in columns] == [1, 16, 100, 1.0]
    assert [found["other"][column] for column in columns] == [1, 48, 300, 1.0]
    assert found["other"]["load"] == {"ports": 4} and found["other"]["alive"]
    assert not found[NODE]["draining"] and found[NODE]["why"] == ""


def test_an_element_with_its_owner_and_who_stands_by():
    one = system((PINS + "e0", {"node": NODE}))
    found = owners.owner(one.world, "e0")
    assert (found["owner"], found["epoch"], found["pin"]) == (NODE, 1, NODE)
    assert found["standby"] == [
        {"node": "other", "warm": True, "reason": f"standby: owned by {NODE}"}
    ]
    found = owners.owner(one.world, "e1")
    assert (found["owner"], found["epoch"], found["load"]) == ("other", 7, 48)
    assert "standby" not in found, "nobody else reaches it"


def test_what_a_drain_waits_for():
    found = shown(system((MAINTENANCE + "other", {"drain": True})))
    assert found["other"]["draining"] and found["other"]["share"] is None
    assert found["other"]["why"] == "being drained, 1 left; no other node is ready for e1"
    found = shown(system((MAINTENANCE + "third", {"drain": True}),
                         (NODES + "third", {"node": "third", "ownership": PROTOCOL})))
    assert found["third"]["why"] == "drained"


def test_health_warns_and_does_not_fail():
    one = system()
    assert check.of(one.world) == ("owners", True, "every hypervisor has one", False)
    one.handle(msg.StatusChanged(((f"{REACH}other/e1", None), (OWNERS + "odd", {"owner": 7}),
                                  (f"{REACH}{NODE}x/e1", ReachRecord().value("x", "e1")))))
    found = check.of(one.world)
    assert found.ok and found.warning
    assert "host1 is owned by other, which has no session with it" in found.detail
    assert "1 records of owners cannot be read" in found.detail
    one.handle(msg.StatusChanged(((NODES + "other", None),)))
    assert "host1 has no owner that is alive" in check.of(one.world).detail


def test_targets_of_the_nodes_that_stand_by():
    """Bounded, well formed, and kept for a while."""
    targets = StandbyTargets("own")

    def reach(*names: str) -> dict[str, ReachRecord]:
        return {name: ReachRecord(name) for name in ("own", *names)}

    assert targets.update("e", reach("tcp:192.0.2.1:6653", "ssl:[2001:db8::1]:6653"), 0.0)
    assert targets.of("e") == ["ssl:[2001:db8::1]:6653", "tcp:192.0.2.1:6653"]
    odd = ("", "ptcp:6653", "tcp:a b", 'tcp:1"]', "tcp:" + "1" * 500)
    assert not targets.update("e", reach(*odd, "tcp:192.0.2.1:6653"), 1.0)
    assert not targets.tick(KEPT) and targets.tick(1.0 + KEPT) == ["e"]
    assert targets.of("e") == ["tcp:192.0.2.1:6653"]
    many = [f"tcp:192.0.2.{number}:6653" for number in range(100)]
    targets.update("e", reach(*many), 99.0)
    assert len(targets.of("e")) == MOST
