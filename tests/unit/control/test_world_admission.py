"""Who may not join a node: copies, hypervisors with taken identifiers, those of other nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import RECORDS, record
from ryu_apps.control.ids import bridge_datapath_id
from ryu_apps.control.membership.own_records import ABSENCE
from ryu_apps.control.ownership.records import NODES
from tests.element_info import with_facts
from tests.property.world_model import NODE, Node, element_info

INFO = element_info("e0", "172.16.0.1")
COPY = replace(INFO, address="198.51.100.99")
"""The same disk in another machine."""


def join(one: Node, info: msg.ElementInfo, session: int = 99) -> list:
    one.own(info.element)
    one.handle(msg.ElementConnected(session, info, (), ()))
    return one.flush()


def answer(effects: list) -> msg.AcceptElement | msg.RefuseElement:
    """Of the session that came last; others may hear of a changed reason."""
    found = [
        effect for effect in effects if isinstance(effect, (msg.AcceptElement, msg.RefuseElement))
    ]
    (effect,) = [one for one in found if one.session == max(other.session for other in found)]
    return effect


def refusal(effects: list, standby: bool = False) -> str:
    found = answer(effects)
    assert isinstance(found, msg.RefuseElement) and found.standby == standby
    return found.reason


def accepted(effects: list) -> int:
    found = answer(effects)
    assert isinstance(found, msg.AcceptElement)
    return found.session


def elsewhere(one: Node, info: msg.ElementInfo, connected: bool = True, alive: bool = True) -> list:
    """The node "other" says that it has the hypervisor."""
    value = {"url": "http://203.0.113.2:9696"} if alive else None
    one.handle(msg.StatusChanged((
        (NODES + "other", value), (RECORDS + info.element, record(info, "other", connected)),
    )))  # fmt: skip
    return one.flush()


@pytest.fixture
def one() -> Node:
    return Node()


# ------------------------------------------------------------ copies


def test_a_copied_disk_does_not_take_its_originals_place(one):
    join(one, INFO, 1)
    before = dict(one.tables["e0"])
    reason = refusal(join(one, COPY, 2))
    assert "connected from 198.51.100.1, and this one has a copy of its database" in reason
    assert "external_ids:system-id=$(uuidgen)" in reason
    assert one.tables == {"e0": before}
    assert one.world.elements.accepted["e0"].session == 1
    (shown,) = one.world.elements.refused.values()
    assert (shown.address, shown.element, shown.standby) == ("198.51.100.99", "e0", False)


def test_a_second_session_of_the_same_place_stands_by(one):
    """Two manager targets that lead to one node."""
    join(one, INFO, 1)
    assert refusal(join(one, INFO, 2), standby=True) == (
        "connected already, by another session from 198.51.100.1"
    )


@pytest.mark.parametrize("info", [INFO, COPY], ids=["same place", "another address"])
def test_it_comes_in_when_the_older_session_is_dead(one, info):
    join(one, INFO, 1)
    refused = answer(join(one, info, 2))
    one.handle(msg.ElementDisconnected(1, "e0", "silent, also when probed"))
    effects = one.flush()
    assert msg.ReconsiderElement(refused.session, "ovs") in effects
    assert not one.world.elements.refused
    assert accepted(join(one, info, 2)) == 2


def test_one_that_left_is_looked_at_no_more(one):
    join(one, INFO, 1)
    join(one, COPY, 2)
    one.handle(msg.ElementDisconnected(2, "e0", "closed"))
    one.handle(msg.ElementDisconnected(1, "e0", "closed"))
    assert not any(isinstance(effect, msg.ReconsiderElement) for effect in one.flush())
    assert not one.world.elements.refused


def test_a_copy_on_another_node_is_refused_there(one):
    elsewhere(one, INFO)
    reason = refusal(join(one, COPY))
    assert "is connected to node other from 198.51.100.1, and this one has a copy" in reason


def test_after_a_start_the_place_is_kept_for_where_it_was(one):
    own = record(INFO, NODE, True)
    one.handle(msg.StatusChanged(((RECORDS + "e0", own),)))
    assert msg.ExpectElement("e0", INFO.address, "ovs") in one.flush()
    assert "may come back from there" in refusal(join(one, COPY, 1))
    assert accepted(join(one, INFO, 2)) == 2
    # Its copy hears now that it is there.
    assert "a copy of its database" in one.world.elements.refused[1].reason


def test_after_a_start_it_may_come_from_elsewhere_when_it_does_not_come_back(one):
    one.handle(msg.StatusChanged(((RECORDS + "e0", record(INFO, NODE, True)),)))
    one.flush()
    join(one, COPY, 1)
    one.tick(ABSENCE - 1)
    assert not one.flush()
    one.tick(1)
    effects = one.flush()
    assert msg.RecordStatus(RECORDS + "e0", record(INFO, NODE, False)) in effects
    assert msg.ReconsiderElement(1, "ovs") in effects
    assert accepted(join(one, COPY, 1)) == 1


# ------------------------------------------------------------ datapath ids


THIEF = with_facts(
    element_info("e1", "172.16.0.2"), datapath_id=INFO.facts.datapath_id, bridge="br-x"
)


@pytest.mark.parametrize("here", [True, False], ids=["here", "another node"])
def test_the_datapath_id_of_another_is_refused_with_the_command(one, here):
    join(one, INFO, 1) if here else elsewhere(one, INFO)
    tables = {name: dict(table) for name, table in one.tables.items()}
    reason = refusal(join(one, THIEF, 2))
    assert reason == (
        "datapath id 0000000000000001 belongs to hypervisor host0 (e0); give this one its own: "
        f"ovs-vsctl set Bridge br-x other_config:datapath-id={bridge_datapath_id('e1'):016x}, or "
        "if that hypervisor is gone for good, DELETE /v1/elements/e0"
    )
    assert one.tables == tables
    mended = with_facts(THIEF, datapath_id=bridge_datapath_id("e1"))
    assert accepted(join(one, mended, 3)) == 3


def test_a_joined_hypervisor_cannot_change_to_anothers_datapath_id(one):
    join(one, INFO, 1)
    join(one, element_info("e1", "172.16.0.2"), 2)
    one.handle(msg.ElementChanged(2, THIEF))
    effects = one.flush()
    assert "belongs to hypervisor host0 (e0)" in refusal(effects)
    assert one.world.elements.by_datapath == {1: "e0", 2: "e1"}
    assert not any(isinstance(effect, msg.ReleaseElement) for effect in effects)
    assert one.world.elements.accepted["e1"].session is None


def test_a_datapath_id_is_free_when_its_hypervisor_has_another_or_is_forgotten(one):
    join(one, INFO, 1)
    one.handle(msg.ElementChanged(1, with_facts(INFO, datapath_id=77)))
    one.flush()
    assert accepted(join(one, THIEF, 2)) == 2
    one.handle(msg.ElementDisconnected(2, "e1", "gone"))
    one.handle(msg.ForgetElement("e1"))
    one.flush()
    assert accepted(join(one, replace(THIEF, element="e2"), 3)) == 3


def test_datapath_ids_that_are_not_known_yet_are_nobodys(one):
    join(one, with_facts(INFO, datapath_id=0), 1)
    assert accepted(join(one, with_facts(THIEF, datapath_id=0), 2)) == 2


# ------------------------------------------------------------ nodes


def test_the_second_node_stands_by_and_takes_over(one):
    elsewhere(one, INFO)
    assert refusal(join(one, INFO, 1), standby=True) == "owned by other"
    assert not one.tables and not one.announced
    notices = [effect for effect in one.effects if isinstance(effect, msg.Notice)]
    assert [(notice.level, notice.text) for notice in notices] == [
        ("info", "standby: owned by other")
    ]
    effects = elsewhere(one, INFO, connected=False)
    assert msg.ReconsiderElement(1, "ovs") in effects
    assert accepted(join(one, INFO, 1)) == 1


def test_the_second_node_takes_over_when_the_first_is_dead(one):
    elsewhere(one, INFO)
    join(one, INFO, 1)
    one.handle(msg.StatusChanged(((NODES + "other", None),)))
    assert msg.ReconsiderElement(1, "ovs") in one.flush()


def test_what_a_hypervisor_shows_meanwhile_is_what_is_judged(one):
    """Its owner makes its bridge, and its datapath id becomes known."""
    elsewhere(one, with_facts(INFO, datapath_id=0))
    join(one, with_facts(INFO, datapath_id=0), 1)
    one.handle(msg.ElementChanged(1, INFO))
    one.flush()
    join(one, with_facts(THIEF, datapath_id=5), 2)
    one.handle(msg.ElementDisconnected(2, "e1", "gone"))
    assert one.world.elements.refused[1].info == INFO


def test_a_node_whose_hypervisor_joined_another_yields_to_it(one):
    """Both accepted it at once; the store has the other's word last."""
    join(one, INFO, 1)
    effects = elsewhere(one, INFO)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(msg.ReleaseElement) < kinds.index(msg.RefuseElement)
    assert refusal(effects, standby=True) == "owned by other"
    assert not any(isinstance(effect, msg.RecordStatus) and effect.key.startswith(RECORDS)
                   for effect in effects)


def test_a_late_word_of_the_former_owner_is_corrected(one):
    """It says that the hypervisor left, after it joined here."""
    join(one, INFO, 1)
    effects = elsewhere(one, INFO, connected=False)
    assert msg.RecordStatus(RECORDS + "e0", record(INFO, NODE, True)) in effects
    assert one.world.elements.accepted["e0"].session == 1


def test_the_address_of_a_node_is_no_vtep_except_on_its_own_host(one):
    one.handle(msg.StatusChanged(((NODES + "other", {"url": "http://172.16.0.1:9696"}),)))
    assert "is the address of node other" in refusal(join(one, INFO, 1))
    assert accepted(join(one, replace(INFO, address="172.16.0.1"), 2)) == 2
    one.handle(msg.ForgetElement("e0"))
    one.handle(msg.StatusChanged(((NODES + "other", None),)))
    assert accepted(join(one, INFO, 3)) == 3


# ------------------------------------------------------------ what cannot be judged


def test_one_that_says_nothing_usable_is_shown(one):
    one.handle(msg.ElementUnusable(5, "198.51.100.7", "", "host", "system-id is missing"))
    one.flush()
    (shown,) = one.world.elements.refused.values()
    assert (shown.address, shown.hostname, shown.reason) == (
        "198.51.100.7", "host", "system-id is missing"
    )
    one.handle(msg.ElementUnusable(5, "198.51.100.7", "", "host", ""))
    assert not one.world.elements.refused
