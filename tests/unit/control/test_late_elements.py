"""A hypervisor that joins when the node has converged: nothing of what its switch holds goes
before what it waits for has come, and that is not waited for without end."""

from __future__ import annotations

import pytest

from ryu_apps.control import messages as msg
from ryu_apps.control.families import EVPN
from ryu_apps.control.messages import Evidence
from tests.unit.control.learned_support import VIP6, Node, announced, holder, node, path, see
from vrouter_ovs.state import Endpoint

DEFERRAL = 30
LATE = "e1"


def let_go(effects: list) -> set[str]:
    return {one.element for one in effects if type(one) is msg.Defer and not one.deferred}


def tick(one: Node, seconds: float = 1.0) -> set[str]:
    one.tick(seconds)
    return let_go(one.flush())


@pytest.fixture
def late() -> Node:
    """A node that has converged with its peer; then e1 comes, with a port that may have shared
    addresses, from another node."""
    one = node(peers=("p1",), restart_deferral=DEFERRAL)
    one.forget(LATE)
    one.handle(msg.ConfigLoaded())
    one.handle(msg.PeerUp("p1", {"graceful_restart": True}))
    one.end_of_rib("p1")
    one.handle(msg.VrouterConnected("e0"))
    one.settle()
    one.tick(DEFERRAL)
    one.settle()
    assert one.world.convergence.converged
    one.inputs.elements.pop(LATE, None)
    one.connect(LATE)
    one.bind(LATE, "tap2", "p2", 2)
    assert LATE not in let_go(one.flush())
    return one


def test_it_waits_for_its_switch_and_for_what_its_ports_answer(late: Node) -> None:
    assert not tick(late)
    late.handle(msg.VrouterConnected(LATE))
    late.ack(LATE)
    effects = late.flush()
    assert any(type(one) is msg.Probe and one.element == LATE for one in effects)
    assert not let_go(effects), "its flows of shared addresses are not known yet"
    see(late, 2, how=Evidence.ANSWERED)
    late.ack(LATE)
    effects = late.flush() + see(late, 2, address=VIP6, how=Evidence.ANSWERED)
    late.ack(LATE)
    assert LATE in let_go(effects + late.flush())
    assert holder(late) == "p2"


def test_but_not_without_end_for_answers(late: Node) -> None:
    late.handle(msg.VrouterConnected(LATE))
    late.ack(LATE)
    assert not let_go(late.flush())
    assert LATE in tick(late) | tick(late) | tick(late)


def test_nor_for_a_switch_that_does_not_come(late: Node) -> None:
    assert not any(tick(late) for _ in range(DEFERRAL - 1))
    assert tick(late) == {LATE}


def test_what_is_found_again_loses_to_what_others_announce_until_it_is_let_go(late: Node) -> None:
    late.handle(msg.VrouterConnected(LATE))
    late.ack(LATE)
    late.flush()
    see(late, 2, how=Evidence.ANSWERED)
    late.settle()
    assert [one[2] for one in announced(late)] == [0]
    for _ in range(4):
        tick(late)
        late.settle()
    assert [one[2] for one in announced(late)] == [1]


def test_a_peer_that_came_back_is_waited_for(late: Node) -> None:
    """As far as the node waited for it: one that never told everything."""
    one = node(peers=("p1", "p2"), restart_deferral=DEFERRAL)
    one.forget(LATE)
    one.handle(msg.ConfigLoaded())
    one.handle(msg.PeerUp("p1", {"graceful_restart": True}))
    one.end_of_rib("p1")
    one.tick(DEFERRAL)
    one.settle()
    assert one.world.convergence.converged, "the time is over"
    one.inputs.elements.pop(LATE, None)
    one.connect(LATE)
    one.flush()
    one.handle(msg.VrouterConnected(LATE))
    one.settle()
    assert not tick(one), "p2 may say where the addresses are"
    one.handle(msg.PeerUp("p2", {"graceful_restart": True}))
    one.receive("p2", (path(1),))
    assert not tick(one)
    one.handle(msg.EndOfRib("p2", EVPN))
    assert LATE in let_go(one.flush()) | tick(one)


def test_one_that_was_let_go_and_reconnects_is_not_held_again(late: Node) -> None:
    late.handle(msg.VrouterConnected(LATE))
    late.ack(LATE)
    late.flush()
    for _ in range(4):
        tick(late)
    late.connect(LATE)
    assert LATE in let_go(late.flush())


def test_its_tunnels_stay_until_then(late: Node) -> None:
    far = Endpoint("192.0.2.200")
    late.tunnel(LATE, far, msg.TunnelStatus(far, 7))
    late.connect(LATE)
    late.flush()
    assert far in late.tunnels[LATE]
    late.handle(msg.VrouterConnected(LATE))
    late.ack(LATE)
    late.flush()
    for _ in range(4):
        tick(late)
    assert far not in late.tunnels[LATE]
