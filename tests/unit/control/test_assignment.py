"""When a node proposes itself, or another, as the owner of an element, and when it waits."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import RECORDS, record
from ryu_apps.control.membership.assignment import (
    FIRST_WAIT,
    LONGEST_PAUSE,
    OUT_OF_REACH,
    RANK_WAIT,
)
from ryu_apps.control.ownership.records import (
    MAX_EPOCH,
    NODES,
    OWNERS,
    PROTOCOL,
    REACH,
    ReachRecord,
)
from ryu_apps.control.ownership.rendezvous import ranking
from ryu_apps.control.world import World
from tests.property.world_model import element_info

INFO = element_info("e0", "172.16.0.1")
WEIGHTS = {"n1": 100, "n2": 100}
FIRST, SECOND = ranking("e0", WEIGHTS)


class Node:
    """A World with a clock; ``name``: by default the second in rank for e0."""

    def __init__(self, name: str = SECOND, *stored: tuple[str, object]) -> None:
        self.world = World(world_settings(name, 65000, restart_deferral=0))
        self.now = 0.0
        self.name = name
        self.effects = self.give(msg.StatusChanged(tuple(stored), whole=True))

    def give(self, *events: object) -> list:
        for event in events:
            self.world.handle(event, self.now)
        return self.world.flush(self.now)

    def tell(self, key: str, value: object) -> list:
        return self.give(msg.StatusChanged(((key, value),)))

    def join(self, managers: int = 1, epoch: int = 0) -> list:
        info = replace(INFO, managers=managers, epoch=epoch)
        return self.give(msg.ElementConnected(1, info, (), ()))

    def wait(self, seconds: float) -> list:
        self.now += seconds
        return self.give(msg.Tick())


def proposals(effects: list) -> list[tuple[str, str, int]]:
    return [(one.element, one.owner, one.epoch) for one in effects
            if isinstance(one, msg.AssignElement)]


def alive(name: str, **more: object) -> tuple[str, object]:
    return NODES + name, {"url": f"http://{name}:9696", "ownership": PROTOCOL, **more}


def reached(name: str, **more: object) -> tuple[str, object]:
    return f"{REACH}{name}/e0", ReachRecord(**more).value(name, "e0")


def test_with_one_target_at_once():
    assert proposals(Node().join()) == [("e0", SECOND, 1)]


def test_nothing_before_the_store_was_read():
    world = World(world_settings("n1", 65000))
    assert not proposals(world.step(msg.ElementConnected(1, INFO, (), ()), 0.0))
    assert proposals(world.step(msg.StatusChanged((), whole=True), 0.0)) == [("e0", "n1", 1)]


def test_with_more_targets_it_waits_for_the_others_a_moment():
    one = Node()
    assert not proposals(one.join(managers=2))
    assert not proposals(one.wait(FIRST_WAIT / 2))
    assert proposals(one.wait(FIRST_WAIT)) == [("e0", SECOND, 1)], "nobody else came"


def test_the_first_in_rank_proposes_itself_and_the_next_waits_for_it():
    one, other = Node(SECOND, alive(FIRST)), Node(FIRST, alive(SECOND))
    assert not proposals(one.join(managers=2)) and not proposals(other.join(managers=2))
    assert proposals(other.give(msg.StatusChanged((reached(SECOND, managers=2),)))) == [
        ("e0", FIRST, 1)
    ]
    assert not proposals(one.give(msg.StatusChanged((reached(FIRST, managers=2),))))
    assert not proposals(one.wait(RANK_WAIT - 0.1))
    assert proposals(one.wait(0.2)) == [("e0", SECOND, 1)]


def test_what_a_former_run_owned_is_taken_anew_in_one_step_before_anything_is_written():
    stored = [(OWNERS + f"e{n}", owns("n1", f"e{n}", epoch=5 + n).changes[0][1]) for n in range(3)]
    one = Node("n1", *stored)
    assert sorted(proposals(one.effects)) == [("e0", "n1", 6), ("e1", "n1", 7), ("e2", "n1", 8)]
    effects = one.join()
    assert not any(isinstance(effect, msg.AcceptElement) for effect in effects)
    effects = one.give(owns("n1", "e0", epoch=9))
    assert msg.ReconsiderElement(1, "ovs") in effects
    (accepted,) = [one for one in one.join() if isinstance(one, msg.AcceptElement)]
    assert accepted.epoch == 9


def test_an_epoch_that_the_element_would_not_heed_is_exceeded():
    one = Node("n1")
    one.give(owns("n1", "e0", epoch=3))
    assert proposals(one.join(epoch=40)) == [("e0", "n1", 41)]
    effects = Node("n1").join(epoch=MAX_EPOCH)
    (refused,) = [one for one in effects if isinstance(one, msg.RefuseElement)]
    assert "external_ids vnc-epoch" in refused.reason and not refused.standby


@pytest.mark.parametrize("name", [FIRST, SECOND])
def test_a_dead_owner_is_replaced_at_once_and_one_out_of_reach_later(name):
    one = Node(name, alive("n9"), reached("n9", managers=2))
    one.give(owns("n9", "e0"))
    assert not proposals(one.join(managers=2))
    assert not proposals(one.tell(f"{REACH}n9/e0", None))
    assert not proposals(one.wait(OUT_OF_REACH - 1))
    assert not proposals(one.give(msg.StatusChanged((reached("n9", managers=2),))))
    one.tell(f"{REACH}n9/e0", None)
    assert proposals(one.wait(OUT_OF_REACH)) == [("e0", name, 2)]
    other = Node(name, alive("n9"), reached("n9", managers=2))
    other.give(owns("n9", "e0"))
    other.join(managers=2)
    assert proposals(other.tell(NODES + "n9", None)) == [("e0", name, 2)]


def test_a_proposal_is_taken_back_when_there_is_no_need_any_more():
    one = Node("n1", alive("n9"), reached("n9", managers=2))
    one.give(owns("n9", "e0"))
    one.join(managers=2)
    assert proposals(one.tell(NODES + "n9", None)) == [("e0", "n1", 2)]
    assert not proposals(one.wait(1)), "once is enough"
    assert proposals(one.give(msg.StatusChanged((alive("n9"),)))) == [("e0", "", 0)]


def test_a_record_that_went_is_written_again_by_the_owner_alone():
    one = Node("n1")
    one.join()
    one.give(owns("n1", "e0", epoch=7))
    one.join()
    assert "e0" in one.world.elements.accepted
    assert proposals(one.tell(OWNERS + "e0", None)) == [("e0", "n1", 8)]
    other = Node("n2", alive("n1"), reached("n1"), (RECORDS + "e0", record(INFO, "n1", True)))
    assert not proposals(other.join()) and not proposals(other.wait(60))


def test_a_node_of_a_former_version_counts_by_the_elements_record():
    """It knows no owners' records, and would not heed them."""
    other = NODES + "old", {"url": "http://old:9696"}
    one = Node("n1", other, (RECORDS + "e0", record(INFO, "old", True)))
    one.give(owns("n1", "e0"))
    effects = one.join()
    (refused,) = [one for one in effects if isinstance(one, msg.RefuseElement)]
    assert refused.standby and refused.warm and refused.reason == "owned by old"
    assert not proposals(one.wait(60))
    effects = one.tell(*(RECORDS + "e0", record(INFO, "old", False)))
    assert msg.ReconsiderElement(1, "ovs") in effects


def test_one_that_heeds_somebody_else_is_asked_ever_more_rarely():
    """As where two systems have one hypervisor."""
    one = Node("n1")
    one.give(owns("n1", "e0"))
    one.join()
    epoch, times = 1, []
    for _ in range(600):
        element = one.world.elements.accepted["e0"]
        if element.leaving is None:
            assert element.epoch == epoch
            found = proposals(one.give(msg.MastershipLost("e0", epoch + 1)))
        else:
            found = proposals(one.wait(1))
        if found:
            times.append(one.now)
            epoch = found[0][2]
            one.give(owns("n1", "e0", epoch=epoch))
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[0] <= 2 and pauses == sorted(pauses) and pauses[-1] >= LONGEST_PAUSE / 2
