"""A router announces the MAC or an address of a port that is plugged in."""

from __future__ import annotations

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import ROUTER_INTERFACE, FixedIp, Network, Port, Router, Subnet
from ryu_apps.control.routes import LAST_SEQUENCE, Attributes, MacIp, Path
from ryu_apps.control.vpn.duplicates import FREEZE, MOVES, WINDOW
from ryu_apps.views.checks import duplicates
from ryu_apps.views.ports import port_detail, port_state
from tests.hops import vteps
from tests.property.world_model import ASN, Node, target
from tests.unit.control import learned_support as shared

MAC, OTHER = "fa:16:3e:00:00:0a", "02:00:00:00:00:99"
IP, IP6 = "10.0.0.10", "fd00::10"
ROUTER, LOW = "192.0.2.7", "10.0.0.7"
"""LOW wins of equal sequence numbers against the hypervisors', ROUTER does not."""
OURS = "172.16.0.1"


def node(plugged: bool = True, **port) -> Node:
    one = Node()
    one.set("network", "net", Network("net", 101, 1))
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24"))
    one.set("subnet", "b", Subnet("b", "net", "fd00::/64"))
    one.set("router", "r", Router("r", 201, 11))
    one.set("port", "if", Port(
        "if", "net", "fa:16:3e:00:00:01", fixed_ips=(FixedIp("a", "10.0.0.1"),), device_id="r",
        device_owner=ROUTER_INTERFACE, port_security_enabled=False,
    ))  # fmt: skip
    fixed = (FixedIp("a", IP), FixedIp("b", IP6))
    one.set("port", "vm", Port("vm", "net", MAC, fixed_ips=fixed, unfiltered=True, **port))
    one.set("port", "vm2", Port("vm2", "net", "fa:16:3e:00:00:0b", unfiltered=True))
    one.connect("e0")
    one.connect("e1")
    one.bind("e1", "tap0", "vm2")
    if plugged:
        one.bind("e0", "tap0", "vm")
    one.settle()
    return one


def route(
    mobility: int = 0, vtep: str = ROUTER, mac: str = MAC, ip: str = IP, rd: str = "", **attrs
) -> Path:
    attributes = Attributes(
        vtep, (target(101), target(201)), router_mac="02:00:00:00:00:77", mobility=mobility, **attrs
    )
    return Path(MacIp(rd or f"{vtep}:1", 0, mac, ip), attributes, (101, 201))


def hear(one: Node, *paths: Path) -> None:
    one.receive("p1", paths)
    one.settle()


def sequence(one: Node, ip: str = IP) -> int:
    (path,) = [
        path for path in one.announced.values()
        if type(path.nlri) is MacIp and (path.nlri.mac, path.nlri.ip) == (MAC, ip)
    ]
    assert path.attrs.next_hop == OURS
    return path.attrs.mobility


def works(one: Node) -> None:
    """The port is where it is plugged in, here and for the other hypervisor."""
    assert one.world.ports.bound["vm"].element == "e0"
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "host0")
    assert ("port", "vm") in one.tables["e0"] and ("mac", 101, MAC) not in one.tables["e0"]
    there = one.tables["e1"]
    assert vteps(there["mac", 101, MAC].hops) == [OURS]
    for ip, prefix in ((IP, f"{IP}/32"),):
        assert there["neighbor", 101, ip].mac == MAC
        assert vteps(there["route", 201, prefix].hops) == [OURS]


def war(one: Node, times: int, **more) -> None:
    """The router outdoes the port, so many times."""
    for _ in range(times):
        hear(one, route(sequence(one) + 1, **more))


def test_a_routers_route_takes_nothing_from_a_port_and_is_outdone():
    for mobility, security in ((0, True), (1, True), (7, False)):
        one = node(port_security_enabled=security)
        assert sequence(one) == 0
        hear(one, route(mobility))
        works(one)
        # Of equal numbers the lower VTEP stands, which is ours.
        assert sequence(one) == sequence(one, IP6) == (mobility + 1 if mobility else 0)
        assert port_detail(one.world, "vm")["duplicate"] is None


def test_an_equal_number_of_a_lower_vtep_is_outdone():
    one = node()
    hear(one, route(0, LOW))
    works(one)
    assert sequence(one) == 1


def test_what_comes_from_behind_a_router_works_at_once():
    for rival in (route(3), route(0), route(3, ip=""), route(3, ip=IP6), route(3, mac=OTHER)):
        one = node(plugged=False)
        hear(one, rival)
        if rival.nlri.mac == MAC:
            state = port_state(one.world, "vm")
            assert (state.status, state.host) == ("DOWN", "") and ROUTER in state.reason
        one.bind("e0", "tap0", "vm")
        one.settle()
        works(one)
        assert sequence(one) == rival.attrs.mobility + 1
        hear(one)
        one.receive("p1", (), (rival.nlri,))
        one.settle()
        assert sequence(one) == rival.attrs.mobility + 1


def test_an_address_that_a_router_has_with_another_mac_stays_with_its_port():
    for ip in (IP, IP6):
        one = node()
        hear(one, route(4, mac=OTHER, ip=ip))
        works(one)
        assert one.tables["e1"]["neighbor", 101, ip].mac == MAC
        assert sequence(one, ip) == 5


def test_a_routers_route_of_the_very_name_of_ours():
    """The RIB prefers our own of that NLRI, and shows no change; other routers see both."""
    one = node()
    hear(one, route(9, rd=f"{OURS}:1"))
    works(one)
    assert sequence(one) == 10


def test_five_moves_freeze_and_time_thaws():
    one = node()
    war(one, MOVES)
    assert sequence(one) == 2 * MOVES
    assert not one.world.duplicates.known
    war(one, 1)
    frozen = sequence(one)
    assert frozen == 2 * MOVES, "nothing more is sent"
    works(one)
    detail = port_detail(one.world, "vm")
    assert detail["duplicate"] == {
        "vtep": ROUTER, "mac": MAC, "address": IP, "sequence": frozen + 1, "kind": "moved",
        "frozen_for": FREEZE, "reason": detail["duplicate"]["reason"],
    }  # fmt: skip
    assert "duplicate" in detail["state"]["reason"] and "frozen" in detail["state"]["reason"]
    for mobility in (50, 60):
        hear(one, route(mobility))
        assert sequence(one) == frozen
    works(one)
    one.tick(FREEZE - 1)
    one.settle()
    assert sequence(one) == frozen
    one.tick(1)
    one.settle()
    assert sequence(one) == 61 and not one.world.duplicates.known
    works(one)


def test_it_is_told_once_in_the_log_and_in_health():
    one = node()
    told = []
    for _ in range(MOVES + 3):
        one.receive("p1", (route(sequence(one) + 1),))
        told += [effect for effect in one.flush() if isinstance(effect, msg.Notice)]
    assert [(notice.level, notice.subject) for notice in told] == [("error", "port vm")]
    assert ROUTER in told[0].text and "frozen" in told[0].text
    found = duplicates.of(one.world)
    assert not found.ok and "vm" in found.detail
    one.interface("e0", "tap0", None)
    one.settle()
    assert duplicates.of(one.world).ok


def test_moves_that_are_far_apart_freeze_nothing():
    one = node()
    for _ in range(3 * MOVES):
        war(one, 1)
        one.tick(WINDOW / (MOVES - 1))
    assert not one.world.duplicates.known
    works(one)


def test_an_operator_clears_it():
    one = node()
    war(one, MOVES + 1)
    one.handle(msg.ClearDuplicate("vm"))
    one.settle()
    assert sequence(one) == 2 * MOVES + 2 and not one.world.duplicates.known
    one.handle(msg.ClearDuplicate("nobody"))
    one.settle()


def test_a_frozen_port_that_leaves_leaves_nothing_behind():
    one = node()
    war(one, MOVES + 1)
    one.interface("e0", "tap0", None)
    one.settle()
    assert not one.world.duplicates.known and not one.world.duplicates._answers
    assert port_state(one.world, "vm")[:2] == ("DOWN", "")
    one.bind("e0", "tap0", "vm")
    one.settle()
    works(one)
    assert sequence(one) == 2 * MOVES + 2


def test_a_sticky_route_is_told_at_once_and_takes_nothing():
    one = node()
    hear(one, route(0, sticky=True))
    works(one)
    detail = port_detail(one.world, "vm")
    assert detail["duplicate"]["kind"] == "sticky" and detail["duplicate"]["frozen_for"] is None
    hear(one, route(5, sticky=True))
    works(one)
    assert sequence(one) == 6
    one.receive("p1", (), (route().nlri,))
    one.settle()
    assert port_detail(one.world, "vm")["duplicate"] is None


def test_the_largest_sequence_number_is_met_and_told():
    one = node()
    hear(one, route(LAST_SEQUENCE))
    works(one)
    assert sequence(one) == LAST_SEQUENCE, "of equal numbers the lower VTEP wins: ours"
    assert not one.world.duplicates.known
    one = node()
    hear(one, route(LAST_SEQUENCE, LOW))
    works(one)
    assert sequence(one) == LAST_SEQUENCE
    assert one.world.duplicates.known["vm"].kind == "largest"
    one.receive("p1", (), (route(vtep=LOW).nlri,))
    one.settle()
    assert not one.world.duplicates.known
    # A move between our own hypervisors has no number above it either.
    one.interface("e0", "tap0", None)
    one.settle()
    one.bind("e1", "tap1", "vm")
    one.settle()
    assert {
        path.attrs.mobility for path in one.announced.values() if getattr(path.nlri, "ip", "") == IP
    } == {LAST_SEQUENCE}


def test_a_route_that_turns_out_to_be_a_nodes_is_a_claim():
    """The record of the hypervisor comes later than its route."""
    one = node()
    hear(one, route(3))
    assert sequence(one) == 4
    hear(one, route(5))
    one.elsewhere(ROUTER)
    one.settle()
    assert sequence(one) == 6, "it was outdone meanwhile"
    works(one)
    hear(one, route(7))
    assert "vm" not in one.world.ports.bound
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "far-7")
    one.elsewhere(ROUTER, False)
    one.settle()
    works(one)
    assert sequence(one) == 8


def test_a_waiting_claim_learns_that_a_route_is_a_nodes():
    one = node(plugged=False)
    one.elsewhere(ROUTER)
    hear(one, route(3))
    one.bind("e0", "tap0", "vm")
    one.settle()
    assert "vm" not in one.world.ports.bound
    one.elsewhere(ROUTER, False)
    one.settle()
    works(one)


def test_what_others_choose_follows_whose_a_route_is():
    """Another node's port, and a router that outdoes it: the node's own answer may be late."""
    one = node(plugged=False)
    one.elsewhere(ROUTER)
    hear(one, route(1))
    one.receive("p2", (route(5, LOW, sticky=True),))
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [ROUTER]
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "far-7")
    one.elsewhere(ROUTER, False)
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [LOW]
    assert one.tables["e1"]["neighbor", 101, IP].mac == MAC
    assert vteps(one.tables["e1"]["route", 201, f"{IP}/32"].hops) == [LOW]
    one.elsewhere(ROUTER)
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [ROUTER]


def test_after_a_restart_the_port_is_announced_above_what_the_router_says():
    one = node()
    war(one, 3)
    before = sequence(one)
    again = Node(world_settings("n1", ASN, ("p1",), restart_deferral=30), converged=False)
    again.handle(msg.ConfigLoaded())
    for (kind, id), item in one.inputs.config.items():
        again.set(kind, id, item)
    again.connect("e0")
    again.connect("e1")
    again.bind("e1", "tap0", "vm2")
    again.bind("e0", "tap0", "vm")
    again.settle()
    assert sequence(again) == 0
    hear(again, route(before))
    assert sequence(again) == before + 1
    works(again)


def test_a_router_that_names_a_hypervisor_as_next_hop_is_a_router():
    """What it says leads to a VTEP of ours, or of another node, and is no claim."""
    one = Node(world_settings("n1", ASN, ("p1", "p2"), restart_deferral=0, peer_kinds={
        "p1": "auto", "p2": "reflector"}))  # fmt: skip
    again = node(plugged=False)
    for (kind, id), item in again.inputs.config.items():
        one.set(kind, id, item)
    one.connect("e0")
    one.connect("e1")
    one.elsewhere(ROUTER)
    one.bind("e0", "tap0", "vm")
    one.bind("e1", "tap0", "vm2")
    one.handle(msg.ConfigLoaded())
    one.settle()
    for vtep in (ROUTER, "172.16.0.2"):
        hear(one, route(7, vtep))
        works(one)
    one.interface("e0", "tap0", None)
    one.settle()
    assert port_state(one.world, "vm").status == "DOWN"
    one.bind("e0", "tap0", "vm")
    one.settle()
    works(one)
    # The same from a reflector is the node's that has the hypervisor.
    one.receive("p2", (route(30, ROUTER, rd=f"{ROUTER}:2"),))
    one.settle()
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "far-7")


def test_what_a_node_says_of_its_own_route_comes_before_what_a_router_says():
    one = Node(world_settings("n1", ASN, ("p1", "p2"), restart_deferral=0, peer_kinds={
        "p1": "auto", "p2": "auto"}))  # fmt: skip
    for (kind, id), item in node(plugged=False).inputs.config.items():
        one.set(kind, id, item)
    one.connect("e1")
    one.bind("e1", "tap0", "vm2")
    one.elsewhere(ROUTER)
    one.handle(msg.ConfigLoaded())
    one.settle()
    record = {"router_id": "198.51.100.2", "local_as": ASN}
    one.handle(msg.PeerUp("p1", {"router_id": "198.51.100.2", "remote_as": ASN}))
    one.receive("p1", (route(1, ROUTER),))
    one.receive("p2", (route(9, LOW, rd=f"{ROUTER}:1", local_pref=900),))
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [LOW], (
        "nobody knows yet that p1 is a node"
    )
    one.handle(msg.StatusChanged((("/status/nodes/n2", record),)))
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [ROUTER]
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "far-7")
    one.handle(msg.PeerUp("p1", {"router_id": "198.51.100.9", "remote_as": ASN}))
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [LOW]


def test_a_router_takes_nothing_while_a_node_restarts():
    """Its hypervisors forward on; only when it stays away the router's word counts."""
    one = node(plugged=False)
    one.elsewhere(ROUTER)
    hear(one, route(1))
    one.receive("p2", (route(5, LOW),))
    one.settle()
    there = one.tables["e1"]
    one.peer_down("p1")
    one.settle()
    assert vteps(there["mac", 101, MAC].hops) == [ROUTER] and there["neighbor", 101, IP].mac == MAC
    one.tick(one.world.settings.restart_time)
    one.settle()
    assert vteps(there["mac", 101, MAC].hops) == [LOW]
    assert port_state(one.world, "vm").status == "DOWN"
    one.handle(msg.PeerUp("p1"))
    hear(one, route(6))
    assert vteps(there["mac", 101, MAC].hops) == [ROUTER]


def test_shared_addresses_and_routers():
    """They may move to a machine behind a router and back; with the MAC of a port that is plugged
    in, no router has them."""
    one = shared.node()
    shared.see(one, 1)
    one.settle()
    mine = shared.mac(17)
    one.receive("p1", (shared.path(8, mine),))
    one.settle()
    assert shared.holder(one) == "p1", "a router says that our MAC is there"
    one.receive("p1", (), (shared.path(8, mine).nlri,))
    one.receive("p1", (shared.path(9),))
    one.settle()
    assert shared.holder(one) == "" and not shared.announced(one)
    shared.see(one, 1)
    one.settle()
    assert shared.holder(one) == "p1" and shared.announced(one)[0][2] == 10
    one.receive("p1", (shared.path(LAST_SEQUENCE, vtep=LOW),))
    one.settle()
    for _ in range(9):
        shared.see(one, 1)
        one.settle()
        one.tick(1)
    assert shared.holder(one) == "", "nothing outdoes it, and nothing breaks"
