"""Two nodes that both think that a hypervisor is theirs: its database takes the later one's."""

from __future__ import annotations

import threading

import pytest

from lab.beds.ovsdb_bed import Hypervisor, Node, until
from ryu_apps.control.messages import ElementChanged, ElementConnected, MastershipLost
from tests.ovs.ovsdb.session_support import endpoints, settled, up
from vrouter_ovs.state import Endpoint, TunnelPort


def own(node: Node, element: str, epoch: int) -> None:
    """What the control core does when it takes the element over."""
    session = node.connected(element).session
    node.shell.accept(session, element, epoch)


def epoch_of(hypervisor: Hypervisor) -> str:
    return hypervisor.vsctl("--if-exists", "get", "Open_vSwitch", ".",
                            "external_ids:vnc-epoch").strip('"')


def lost(node: Node) -> list[int]:
    return [event.epoch for event in node.of(MastershipLost)]


@pytest.fixture
def pair(bed):
    """A hypervisor that both nodes have a session with, and that neither owns yet."""
    one, two = (bed.node(accept=False, node_name=name) for name in ("one", "two"))
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*one.bound, *two.bound)
    one.connected("hv1")
    two.connected("hv1")
    return one, two, hypervisor


def test_the_owner_marks_the_database_and_the_former_stops(pair):
    one, two, hypervisor = pair
    own(one, "hv1", 5)
    settled(one, "hv1")
    assert epoch_of(hypervisor) == "5"
    until(lambda: any(event.info.epoch == 5 for event in two.of(ElementChanged)), "seen by two")
    info = two.of(ElementChanged)[-1].info
    assert info.managers == 2
    assert info.controller == "tcp:127.0.0.1:6653"
    own(two, "hv1", 6)
    until(lambda: lost(one) == [6], "told that it is another's")
    settled(two, "hv1")
    with hypervisor.watch_writes() as writes:
        one.set_tunnels("hv1", endpoints("10.0.0.9"))
        one.mark("hv1", "tap1")
        hypervisor.vsctl("set", "Open_vSwitch", ".", "external_ids:other=1")
        until(lambda: any("other" in line for line in writes), "the operator's change")
    assert not [line for line in writes if "vx0a000009" in line or "vnc-installed" in line]
    assert lost(one) == [6]
    assert epoch_of(hypervisor) == "6"


def test_a_node_that_does_not_know_yet_is_refused_by_the_database(pair):
    one, two, hypervisor = pair
    own(one, "hv1", 5)
    settled(one, "hv1")
    gate, held = threading.Event(), threading.Event()
    one.shell._poller.call(lambda: (held.set(), gate.wait(30)))
    assert held.wait(10)
    own(two, "hv1", 6)
    until(lambda: epoch_of(hypervisor) == "6", "claimed by two")
    settled(two, "hv1")
    before = one.state("hv1")["transactions"]
    with hypervisor.watch_writes() as writes:
        # What it is asked for is handled before what the database has told meanwhile.
        one.set_tunnels("hv1", endpoints("10.0.0.9"))
        gate.set()
        until(lambda: lost(one) == [6], "told")
    assert one.state("hv1")["transactions"] == before + 1, "it has tried"
    assert not [line for line in writes if "vx0a000009" in line]
    assert one.state("hv1")["failures"] == 0, "nothing to be tried again later"
    # The core decides that it is this node's after all.
    own(one, "hv1", 7)
    until(lambda: lost(two) == [7], "told")
    up(one, "hv1", "10.0.0.9")


def test_of_two_claims_at_once_the_later_epoch_stays(pair):
    one, two, hypervisor = pair
    for epoch in range(1, 41, 2):
        own(one, "hv1", epoch + epoch % 4 // 3)
        own(two, "hv1", epoch + 1 - epoch % 4 // 3)
        until(lambda epoch=epoch: epoch_of(hypervisor) == str(epoch + 1), "the higher one")


def test_what_is_no_epoch_is_taken_for_none(pair):
    one, _, hypervisor = pair
    hypervisor.vsctl("set", "Open_vSwitch", ".", "external_ids:vnc-epoch=often")
    own(one, "hv1", 3)
    settled(one, "hv1")
    assert epoch_of(hypervisor) == "3"
    assert not lost(one)


def test_a_database_that_was_wiped_is_claimed_anew(pair):
    one, two, hypervisor = pair
    own(one, "hv1", 5)
    settled(one, "hv1")
    connected = len(one.of(ElementConnected))
    hypervisor.wipe()
    hypervisor.join(*one.bound, *two.bound)
    until(lambda: len(one.of(ElementConnected)) > connected, "back")
    assert one.of(ElementConnected)[-1].info.epoch == 0
    own(one, "hv1", 5)
    until(lambda: epoch_of(hypervisor) == "5", "claimed")


def test_what_is_confirmed_began_after_it_was_asked_for(pair):
    one, two, _ = pair
    done: list[str] = []
    one.shell.confirm("hv1", 5, lambda: done.append("early"))
    own(one, "hv1", 5)
    until(lambda: done == ["early"], "the claim confirms")
    settled(one, "hv1")
    one.shell.confirm("hv1", 5, lambda: done.append("again"))
    until(lambda: done == ["early", "again"], "confirmed though nothing was to be written")
    one.shell.confirm("hv1", 4, lambda: done.append("another epoch"))
    own(two, "hv1", 6)
    until(lambda: lost(one) == [6], "lost")
    one.shell.confirm("hv1", 5, lambda: done.append("lost"))
    settled(two, "hv1")
    two.shell.confirm("hv1", 6, lambda: done.append("two"))
    until(lambda: "two" in done, "confirmed to its owner")
    assert done == ["early", "again", "two"]


def test_other_keys_of_the_row_do_not_fail_a_transaction(pair):
    one, _, hypervisor = pair
    own(one, "hv1", 5)
    settled(one, "hv1")
    for number in range(20):
        one.program("hv1", TunnelPort(Endpoint(f"10.0.1.{number + 1}")))
        hypervisor.vsctl("--no-wait", "set", "Open_vSwitch", ".", f"external_ids:busy={number}")
    up(one, "hv1", *(f"10.0.1.{number + 1}" for number in range(20)))
    assert one.state("hv1")["failures"] == 0


def test_a_place_is_kept_for_a_hypervisor_while_this_node_stands_by(pair):
    _, two, _ = pair
    session = two.connected("hv1").session
    two.shell.refuse(session, "another's", standby=True)
    until(lambda: two.shell._acceptance.is_known("127.0.0.1"), "kept")
    two.shell.refuse(session, "not wanted")
    until(lambda: not two.shell._acceptance.is_known("127.0.0.1"), "kept no longer")
