"""Shared addresses in the World: what ports are asked, what is told of moves, what is shown."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control import messages as msg
from ryu_apps.control.messages import Evidence
from ryu_apps.control.routes import MacIp, Path
from ryu_apps.views.addresses import shared_addresses
from tests.unit.control.learned_support import (
    FAR,
    VIP,
    VIP6,
    Node,
    announced,
    holder,
    mac,
    node,
    path,
    port,
    see,
)

# ---------------------------------------------------------------- questions


def probes(effects: list) -> list[tuple[str, int, str]]:
    return [
        (effect.element, effect.ofport, effect.address)
        for effect in effects if type(effect) is msg.Probe
    ]  # fmt: skip


def tick(one: Node, seconds: float = 1.0) -> list:
    one.tick(seconds)
    return one.flush()


def test_a_port_is_asked_when_its_flows_are_confirmed_and_twice_more() -> None:
    one = node()
    one.interface("e0", "tap1", None)
    one.settle()
    one.bind("e0", "tap1", "p1", 1)
    assert probes(one.flush()) == []
    one.ack("e0")
    assert probes(one.flush()) == [("e0", 1, VIP), ("e0", 1, VIP6)]
    asked = [probe for _ in range(3) for probe in probes(tick(one)) if probe == ("e0", 1, VIP)]
    assert len(asked) >= 2


def test_what_is_nowhere_is_asked_for_again_and_again() -> None:
    one = node()
    for _ in range(5):
        tick(one)
    asked = [probe for _ in range(20) for probe in probes(tick(one))]
    assert asked.count(("e0", 1, VIP)) == asked.count(("e1", 2, VIP6)) == 2
    see(one, 1)
    asked = [probe for _ in range(20) for probe in probes(tick(one))]
    assert ("e1", 2, VIP) not in asked
    assert asked.count(("e0", 1, VIP)) == 2, "whether it is still there"


def test_who_answers_no_more_loses_it() -> None:
    one = node()
    see(one, 1)
    for _ in range(60):
        tick(one)
    assert holder(one) == "p1", "it never answered: some hosts do not"
    see(one, 1, how=Evidence.ANSWERED)
    for _ in range(60):
        tick(one)
    assert holder(one) == ""


def test_others_are_asked_when_it_is_lost() -> None:
    one = node()
    see(one, 1)
    for _ in range(5):
        tick(one)
    one.interface("e0", "tap1", None)
    assert ("e1", 2, VIP) in probes(one.flush())


def start() -> Node:
    """A node that has just started; its ports are confirmed, its peer has sent nothing."""
    return node(peers=("p1",), restart_deferral=30)


def test_after_a_start_answers_are_waited_for() -> None:
    one = start()
    one.handle(msg.ConfigLoaded())
    for name in ("e0", "e1"):
        one.handle(msg.VrouterConnected(name))
    effects = one.flush()
    assert not any(type(effect) is msg.SendEndOfRib for effect in effects)
    assert "shared addresses" in one.world.convergence.waiting_for()
    for number in (1, 2):
        see(one, number, how=Evidence.ANSWERED, address=(VIP, VIP6)[number - 1])
    one.settle()
    assert one.world.convergence.announced, "all of them are known"


def test_but_not_for_long() -> None:
    one = start()
    one.handle(msg.ConfigLoaded())
    for name in ("e0", "e1"):
        one.handle(msg.VrouterConnected(name))
    effects = [effect for _ in range(3) for effect in tick(one)]
    assert any(type(effect) is msg.SendEndOfRib for effect in effects)


def test_what_is_found_after_a_start_loses_to_what_others_announce() -> None:
    """Whoever took it over meanwhile; afterwards it counts as any other."""
    one = start()
    one.handle(msg.ConfigLoaded())
    see(one, 1, how=Evidence.ANSWERED)
    assert announced(one) == [(mac(17), "172.16.0.1", 0)]
    see(one, 1, address=VIP6, how=Evidence.ANSWERED)
    one.receive("p1", (path(1, vtep="192.0.2.250"),))
    one.settle()
    assert holder(one) == "" and holder(one, VIP6) == "p1"
    for name in ("e0", "e1"):
        one.handle(msg.VrouterConnected(name))
    one.end_of_rib("p1")
    for _ in range(4):
        tick(one)
    assert one.world.convergence.converged
    assert announced(one, VIP6) == [(mac(17), "172.16.0.1", 1)]


# ---------------------------------------------------------------- what is told of moves


def told(effects: list) -> list[tuple]:
    return [
        (effect.element, effect.address, effect.mac, effect.holder_ofport, effect.router)
        for effect in effects if type(effect) is msg.SendGratuitousArp
    ]  # fmt: skip


def test_first_appearances_are_no_moves() -> None:
    one = node()
    effects = one.effects + see(one, 1)
    one.receive("p1", tuple(
        Path(MacIp(f"{FAR}:1", 0, mac(60 + n), f"10.0.0.{60 + n}"), path(0).attrs, (101, 201))
        for n in range(50)
    ))  # fmt: skip
    effects += one.flush() + tick(one) + tick(one)
    assert told(effects) == []


def test_a_take_over_is_told_twice() -> None:
    one = node()
    see(one, 1)
    expected = [("e0", VIP, mac(18), 0, False), ("e1", VIP, mac(18), 2, False)]
    assert told(see(one, 2)) == expected
    assert told(tick(one, 0.5)) == []
    assert told(tick(one, 0.5)) == expected
    assert told(tick(one, 1.0) + tick(one, 1.0)) == []


def test_a_flapping_address_is_told_once_a_second() -> None:
    one = node()
    see(one, 1)
    count = len(told([effect for turn in range(5) for effect in see(one, 2 - turn % 2)]))
    assert count == 2, "one address, two hypervisors"
    # What is told again is what is true then.
    assert {entry[2] for entry in told(tick(one, 1.0))} == {mac(16 + int(holder(one)[1]))}


def test_a_fixed_address_that_gets_another_port() -> None:
    one = node()
    one.set("port", "p3", None)
    one.settle()
    given = replace(port(3), id="p4", mac_address=mac(0x44))
    one.set("port", "p4", given)
    one.bind("e1", "tap4", "p4", 4)
    one.flush()
    one.ack("e1")
    effects = one.flush()
    assert told(effects) == [
        ("e0", "10.0.0.13", mac(0x44), 0, False), ("e1", "10.0.0.13", mac(0x44), 4, False),
    ]  # fmt: skip


def test_a_port_that_moves_and_one_that_comes_back() -> None:
    one = node()
    one.interface("e0", "tap3", None)
    one.settle()
    one.bind("e1", "tap3", "p3", 3)
    one.flush()
    one.ack("e1")
    assert {entry[0] for entry in told(one.flush())} == {"e0", "e1"}
    for _ in range(3):
        tick(one)
    one.interface("e1", "tap3", None)
    one.settle()
    one.bind("e1", "tap3", "p3", 3)
    one.flush()
    one.ack("e1")
    assert told(one.flush()) == [], "the same MAC at the same place"


def test_moves_between_other_nodes() -> None:
    one = node()
    one.receive("p1", (path(1),))
    one.flush()
    one.receive("p2", (path(2, "fa:16:3e:99:00:02", "192.0.2.8"),))
    assert {entry[2] for entry in told(one.flush())} == {"fa:16:3e:99:00:02"}
    for _ in range(3):
        tick(one)
    one.receive("p1", (), (path(1).nlri,))
    assert told(one.flush()) == [], "who lost it withdraws"


def test_a_route_that_replaces_another_in_one_message() -> None:
    one = node()
    one.receive("p1", (path(1),))
    one.flush()
    one.receive("p1", (path(2, "fa:16:3e:99:00:02", "192.0.2.8"),), (path(1).nlri,))
    assert {entry[2] for entry in told(one.flush())} == {"fa:16:3e:99:00:02"}


def test_a_port_that_is_taken_over_by_another_claim() -> None:
    """Here both routes change at once."""
    one = node()
    one.bind("e1", "tap9", "p3", 9)
    one.settle()
    one.interface("e0", "tap3", None)
    one.flush()
    one.ack("e1")
    assert {entry[0] for entry in told(one.flush())} == {"e0", "e1"}


def test_a_gateway_with_another_mac() -> None:
    one = node()
    interface = one.inputs.config["port", "if"]
    one.set("port", "if", replace(interface, mac_address=mac(2)))
    assert ("e0", "10.0.0.1", mac(2), 0, True) in told(one.flush())


# ---------------------------------------------------------------- what is shown


def test_where_it_is_shown() -> None:
    one = node()

    def shown(number: int) -> dict[str, tuple]:
        found = shared_addresses(one.world, f"p{number}")
        return {item["address"]: (item["host"], item["port"], item["here"]) for item in found}

    assert shown(1) == {VIP: ("", "", False), VIP6: ("", "", False)}
    see(one, 1)
    assert shown(1)[VIP] == ("host0", "p1", True) and shown(2)[VIP] == ("host0", "p1", False)
    one.receive("p1", (path(5),))
    one.settle()
    assert shown(1)[VIP] == (FAR, "", False)
    assert shown(3) == {} and shared_addresses(one.world, "unknown") == []
