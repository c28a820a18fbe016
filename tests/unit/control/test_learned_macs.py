"""MACs behind ports without port security: where each is, and what bounds them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control import messages as msg
from ryu_apps.control.routes import Attributes, MacIp, Path
from tests.property.world_model import Node, target
from tests.unit.control.learned_support import FAR, GATEWAY, mac, node, port
from vrouter_ovs.state import KnownSource, LearningPort, LocalMac

ONE, TWO = "52:54:00:00:01:01", "52:54:00:00:01:02"


@pytest.fixture
def made() -> Node:
    """p1 on e0 and p2 on e1 have no port security, p3 on e0 has."""
    one = node(mac_limit=3, mac_ageing=60.0)
    for number in (1, 2):
        one.set("port", f"p{number}", port(number, port_security_enabled=False))
    one.settle()
    return one


def see(one: Node, number: int, source: str) -> None:
    element = one.world.ports.bound[f"p{number}"].element
    one.handle(msg.MacSeen(element, f"p{number}", source))
    one.settle()


def places(one: Node, source: str) -> dict[str, int]:
    """Element -> the OpenFlow port that it sends to for a MAC."""
    return {
        element: objects["localmac", 101, source].ofport
        for element, objects in one.world.desired.objects.items()
        if ("localmac", 101, source) in objects
    }


def announced(one: Node, source: str) -> list[int]:
    """The sequence numbers with which it is announced."""
    return [path.attrs.mobility for owner in one.world.publisher.owners()
            for path in one.world.publisher.get(owner) if getattr(path.nlri, "mac", "") == source]


def test_one_that_is_seen_is_there(made: Node) -> None:
    objects = made.world.desired.objects["e0"]
    assert objects["learningport", "p1"] == LearningPort("p1", 1, mac(17))
    assert ("learningport", "p3") not in objects
    see(made, 1, ONE)
    assert objects["localmac", 101, ONE] == LocalMac(101, ONE, 1)
    assert objects["source", "p1", ONE] == KnownSource("p1", 1, ONE)
    assert announced(made, ONE) == [0] and places(made, ONE) == {"e0": 1}
    assert ("mac", 101, ONE) in made.world.desired.objects["e1"]
    assert objects["evi", 101].flood_macs and objects["evi", 101].flood_unknown


def test_it_moves_with_the_next_number(made: Node) -> None:
    see(made, 1, ONE)
    see(made, 2, ONE)
    assert places(made, ONE) == {"e1": 2} and announced(made, ONE) == [1]
    assert ("source", "p1", ONE) not in made.world.desired.objects["e0"]


def test_what_is_anothers_is_not_learned(made: Node) -> None:
    for source in (mac(17), mac(19), GATEWAY, "00:00:00:00:00:00", "01:00:5e:00:00:01"):
        see(made, 1, source)
        assert not made.world.ports.bound["p1"].macs
    made.handle(msg.MacSeen("e0", "p3", ONE))
    made.handle(msg.MacSeen("e1", "p1", ONE))
    made.settle()
    assert announced(made, ONE) == []
    see(made, 1, ONE)
    made.set("port", "p4", replace(port(4), mac_address=ONE))
    made.settle()
    assert not made.world.ports.bound["p1"].macs


def test_so_many_and_no_more(made: Node) -> None:
    for number in range(5):
        see(made, 1, f"52:54:00:00:02:{number:02x}")
    assert len(made.world.ports.bound["p1"].macs) == 3
    assert made.world.macs.refused["p1"] == {"beyond the limit": 2}


def test_it_is_forgotten_when_nothing_comes(made: Node) -> None:
    see(made, 1, ONE)
    see(made, 1, TWO)
    made.tick(31)
    made.settle()
    objects = made.world.desired.objects["e0"]
    assert ("source", "p1", ONE) not in objects and places(made, ONE) == {"e0": 1}
    see(made, 1, ONE)
    assert ("source", "p1", ONE) in objects
    made.tick(31)
    made.settle()
    assert places(made, ONE) == {"e0": 1} and places(made, TWO) == {}
    assert announced(made, TWO) == []


def test_it_goes_with_its_port_and_with_port_security(made: Node) -> None:
    see(made, 1, ONE)
    see(made, 2, TWO)
    made.interface("e0", "tap1", None)
    made.set("port", "p2", port(2))
    made.settle()
    for source in (ONE, TWO):
        assert places(made, source) == {} and announced(made, source) == []
    for objects in made.world.desired.objects.values():
        assert not [key for key in objects if key[0] in ("learningport", "source")]


def test_a_route_with_a_higher_number_takes_it(made: Node) -> None:
    see(made, 1, ONE)
    path = Path(MacIp("192.0.2.7:1", 0, ONE, ""),
                Attributes(FAR, (target(101),), mobility=5), (101,))
    made.receive("peer0", (path,))
    made.settle()
    assert places(made, ONE) == {} and announced(made, ONE) == []
