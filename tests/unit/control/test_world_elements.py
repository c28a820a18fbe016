"""Hypervisors in the World: who may join, reconnects, tunnels, other nodes' records."""

from __future__ import annotations

from dataclasses import replace

from lab.beds.option_values import world_settings
from ryu_apps.control import ids
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Network, Port, Subnet
from ryu_apps.control.elements.elements import MESH, RECORDS, record
from ryu_apps.control.elements.unknown_ports import GRACE, LINES
from ryu_apps.control.ownership.records import NODES
from ryu_apps.views.checks import hypervisors, tunnels
from ryu_apps.views.elements import elements, refused
from tests.property.world_model import ASN, NODE, Node, element_info
from tests.property.world_node import BARE
from tests.unit.control.elements_support import node
from tests.unit.control.ports_support import port
from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.state import (
    OVSDB,
    Endpoint,
    Punt,
    StormControl,
    Tunnel,
    Vrouter,
    tunnel_port_key,
)
from vrouter_ovs.state.meters import meter_pools


def join(one: Node, info: msg.ElementInfo, session: int = 99) -> list:
    one.own(info.element)
    one.handle(msg.ElementConnected(session, info, (), ()))
    return one.flush()


def refusal(effects: list) -> str:
    (effect,) = [effect for effect in effects if isinstance(effect, msg.RefuseElement)]
    notices = [effect for effect in effects if isinstance(effect, msg.Notice)]
    assert any(notice.level == "error" and effect.reason in notice.text for notice in notices)
    assert not any(isinstance(effect, msg.AcceptElement) for effect in effects)
    return effect.reason


def test_a_hypervisor_joins():
    one = Node()
    effects = join(one, element_info("e0", "172.16.0.1"))
    assert msg.AcceptElement(99, element_info("e0", "172.16.0.1"), 1) in effects
    assert msg.Defer("e0", False) in effects
    assert msg.RecordStatus(
        RECORDS + "e0", record(element_info("e0", "172.16.0.1"), NODE, True)
    ) in effects
    (program,) = [effect for effect in effects if isinstance(effect, msg.Program)]
    made = (Vrouter("02:76:ac:10:00:01"), *meter_pools(0))
    assert program.changes == tuple((item.key, item) for item in made)


def test_what_its_tunnels_carry():
    one = Node(world_settings(NODE, 65000, overlay_mtus=((VXLAN, 8950),)))
    join(one, element_info("e0", "172.16.0.1"))
    assert one.tables["e0"]["vrouter",].mtus == ((VXLAN, 8950),)


def test_the_same_vtep_is_refused():
    one = node()
    before = dict(one.tables["e0"])
    reason = refusal(join(one, element_info("e1", "172.16.0.1")))
    assert reason == (
        "VTEP 172.16.0.1 belongs to hypervisor host0 (e0); set another address: ovs-vsctl set "
        "Open_vSwitch . external_ids:vnc-encap-ip=A.B.C.D, or if that hypervisor is gone for "
        "good, DELETE /v1/elements/e0"
    )
    assert one.tables == {"e0": before}


def test_two_ipv6_vteps_whose_route_distinguishers_would_be_the_same():
    """The prefixes of one would hide those of the other."""
    seen: dict[str, str] = {}
    for number in range(1 << 18):
        vtep = f"fd00:16::{number:x}"
        other = seen.setdefault(ids.router_id(vtep), vtep)
        if other != vtep:
            break
    assert other != vtep and ids.router_id(other).startswith("24")
    one = Node()
    join(one, element_info("e0", other))
    reason = refusal(join(one, element_info("e1", vtep)))
    assert "route distinguishers" in reason and "host0 (e0)" in reason
    assert "vnc-encap-ip=A:B::C" in reason
    assert ids.router_id("192.0.2.1") == "192.0.2.1"


def test_the_same_system_id_is_refused_while_the_other_is_connected():
    one = node()
    twin = replace(element_info("e0", "172.16.0.9"), identity="uuid-twin", address="1.2.3.4:5")
    reason = refusal(join(one, twin))
    assert reason.startswith("another hypervisor with system-id e0 is connected from 198.51.100.1")
    assert "external_ids:system-id=$(uuidgen)" in reason
    one.disconnect("e0")
    effects = join(one, replace(twin, vtep="172.16.0.1"))
    assert msg.AcceptElement(99, replace(twin, vtep="172.16.0.1"), 1) in effects


def test_twins_of_other_nodes_are_refused():
    one = Node()
    value = record(element_info("e5", "172.16.0.6"), "other", True)
    one.handle(msg.StatusChanged(((RECORDS + "e5", value),)))
    reason = refusal(join(one, element_info("e1", "172.16.0.6")))
    assert reason.startswith("VTEP 172.16.0.6 belongs to hypervisor host5 (e5)")
    twin = replace(element_info("e5", "172.16.0.7"), identity="uuid-twin")
    reason = refusal(join(one, twin, 98))
    assert "is connected to node other" in reason
    # The very same hypervisor may come here: the other node is not alive.
    info = element_info("e5", "172.16.0.6")
    assert msg.AcceptElement(97, info, 1) in join(one, info, 97)


def test_a_reconnect_changes_nothing_and_a_vanished_interface_does():
    one = node()
    tables, announced = dict(one.tables["e0"]), dict(one.announced)
    one.disconnect("e0")
    one.settle()
    one.connect("e0")
    one.settle()
    assert one.tables["e0"] == tables and one.announced == announced
    one.disconnect("e0")
    del one.inputs.elements["e0"].interfaces["tap0"]
    one.connect("e0")
    one.settle()
    assert one.tables["e0"].keys() == BARE and not one.announced


def test_words_of_an_older_session_are_not_heard():
    one = node()
    one.connect("e0")
    one.handle(msg.InterfacesChanged(1, "e0", (("tap0", None),)))
    one.handle(msg.ElementDisconnected(1, "e0", "late"))
    one.settle()
    assert one.world.ports.bound and one.world.elements.accepted["e0"].session == 2


def test_another_vtep_is_another_vrouter():
    one = node()
    one.change_vtep("e0", "172.16.0.101")
    effects = one.flush()
    order = [type(effect) for effect in effects]
    assert order.index(msg.ReleaseElement) < order.index(msg.AcceptElement)
    assert order.index(msg.AcceptElement) < order.index(msg.Program)
    one.settle()
    assert one.tables["e0"]["vrouter",] == Vrouter("02:76:ac:10:00:65")
    assert {path.attrs.next_hop for path in one.announced.values()} == {"172.16.0.101"}


def test_a_forgotten_hypervisor_takes_its_claims_and_routes_along():
    one = node()
    one.forget("e0")
    effects = one.flush()
    assert msg.RecordStatus(RECORDS + "e0", None) in effects
    assert msg.ReleaseElement("e0") in effects
    assert not one.announced and not one.tables and not one.world.ports.bound
    # Its VTEP is free again.
    info = element_info("e1", "172.16.0.1")
    assert msg.AcceptElement(99, info, 1) in join(one, info)


def test_a_hypervisor_that_joined_another_node_is_let_go():
    one = node()
    one.lose("e0")
    effects = one.flush()
    assert msg.ReleaseElement("e0") in effects
    assert not any(
        isinstance(effect, msg.RecordStatus) and effect.value is None
        and effect.key.startswith(RECORDS) for effect in effects
    ), "the record is the other node's now"
    assert one.announced, "until the other node announces them"
    one.tick(one.world.settings.restart_time)
    one.flush()
    assert not one.announced and "e0" in one.world.elements.records


def test_tunnels_and_their_bfd():
    one = node()
    far = Endpoint("192.0.2.7")
    one.tunnel("e0", far, msg.TunnelStatus(far, 7, "up"))
    one.settle()
    assert one.tables["e0"]["tunnel", "192.0.2.7"] == Tunnel(far, 7)
    one.tunnel("e0", far, msg.TunnelStatus(far, 7, "down"))
    texts = [effect.text for effect in one.flush() if isinstance(effect, msg.Notice)]
    assert texts == ["tunnel to 192.0.2.7: BFD is down"]
    one.tunnel("e0", far, None)
    one.settle()
    assert ("tunnel", "192.0.2.7") not in one.tables["e0"]


def test_records_of_nodes_come_and_go():
    one = Node()
    one.handle(msg.StatusChanged(((NODES + "n2", {"api": "http://n2"}),)))
    assert one.world.peers.nodes == {"n2": {"api": "http://n2"}}
    one.handle(msg.StatusChanged(((NODES + "n2", None),)))
    assert not one.world.peers.nodes


def test_of_two_that_joined_two_nodes_with_one_vtep_the_higher_system_id_leaves():
    """Each node accepted its own before it heard of the other's."""
    for own, theirs, stays in (("e1", "e0", False), ("e1", "e2", True)):
        for own_first in (True, False):
            one = Node()
            join(one, element_info(own, "172.16.0.1"), 1)
            echo = (RECORDS + own, record(element_info(own, "172.16.0.1"), NODE, True))
            other = (RECORDS + theirs, record(element_info(theirs, "172.16.0.1"), "other", True))
            effects = []
            for change in (echo, other) if own_first else (other, echo):
                one.handle(msg.StatusChanged((change,)))
                effects += one.flush()
            assert (own in one.tables) == stays
            if not stays:
                assert refusal(effects).startswith("VTEP 172.16.0.1 belongs to hypervisor host0")
                assert msg.RecordStatus(RECORDS + own, None) in effects


def test_few_hypervisors_have_their_tunnels_before_a_port_needs_them():
    one = Node()
    one.connect("e0")
    one.settle()
    assert one.tunnels["e0"] == frozenset()
    one.connect("e1")
    one.settle()
    first, second = (one.world.elements.accepted[name].vtep for name in ("e0", "e1"))
    assert one.tunnels == {
        "e0": frozenset({Endpoint(second)}), "e1": frozenset({Endpoint(first)}),
    }  # fmt: skip
    records = one.world.elements.records
    for number in range(MESH):
        one.world.elements.set_record(f"far{number}", {**records["e0"], "vtep": f"10.9.9.{number}"})
    one.tick(1)
    one.settle()
    assert one.tunnels["e0"] == frozenset(), "many hypervisors: a tunnel when it is needed"


def warnings(one: Node) -> list[str]:
    return [effect.text for effect in one.flush()
            if isinstance(effect, msg.Notice) and effect.level == "warning"]


def test_an_interface_that_names_no_port_is_told_of_once():
    one = node()
    one.bind("e0", "tap1", "nobody")
    one.bind("e0", "tap2", "later")
    assert [row.name for row in one.world.membership.interfaces.unknown_ports.of(
        one.world.elements.accepted["e0"])] == ["tap1", "tap2"]
    assert not warnings(one)
    one.set("port", "later", Port("later", "net", "fa:16:3e:00:00:0b"))
    one.tick(GRACE)
    assert warnings(one) == [
        "interface tap1 has the iface-id nobody, and no port has this id"
    ]
    one.interface("e0", "tap1", msg.Interface("tap1", "nobody", 7))
    one.tick(GRACE)
    assert not warnings(one), "it was told"
    one.interface("e0", "tap1", None)
    one.interface("e0", "tap1", msg.Interface("tap1", "nobody", 7))
    one.tick(GRACE)
    assert "tap1" in "".join(warnings(one)), "it is another"


def test_a_flood_of_unknown_ports_is_counted():
    one = node()
    one.interfaces("e0", *(
        (f"t{n}", msg.Interface(f"t{n}", f"nobody{n}", 100 + n)) for n in range(LINES + 30)
    ))  # fmt: skip
    one.tick(GRACE)
    told = warnings(one)
    assert len(told) == LINES + 1
    assert told[-1] == "and 30 more interfaces whose port does not exist"


def test_health_tells_of_tunnels_between_hypervisors_that_are_down():
    one = node()
    one.connect("e1")
    one.handle(msg.VrouterConnected("e1"))
    far = Endpoint(one.world.elements.accepted["e1"].vtep)
    other = Endpoint("192.0.2.7")
    one.tunnel("e0", far, msg.TunnelStatus(far, 7, "up"))
    one.tunnel("e0", other, msg.TunnelStatus(other, 8, "down"))
    assert tunnels.of(one.world).ok, "a router that speaks no BFD"
    one.tunnel("e0", far, msg.TunnelStatus(far, 7, "down"))
    assert not tunnels.of(one.world).ok
    assert f"host0 to {far} (down)" in tunnels.of(one.world).detail
    one.disconnect("e0")
    assert tunnels.of(one.world).ok, "nobody knows"


def test_what_is_shown_of_a_refused_hypervisor():
    one = node()
    copy = replace(element_info("e0", "172.16.0.1"), address="198.51.100.99")
    join(one, copy)
    one.handle(msg.ElementUnusable(7, "198.51.100.7", "", "h", "system-id is missing"))
    shown = {item["id"]: item for item in (
        *elements(one.world, sorted(one.world.elements.records)), *refused(one.world, one.now + 2)
    )}  # fmt: skip
    assert (shown["e0"]["state"], shown["e0"]["mine"]) == ("connected", True)
    copied = shown["e0@198.51.100.99"]
    assert (copied["state"], copied["element"], copied["seconds"]) == ("refused", "e0", 2.0)
    assert "a copy of its database" in copied["refused"]
    assert shown["@198.51.100.7"]["refused"] == "system-id is missing"
    assert shown["e0"].keys() >= copied.keys() - {"refused", "session", "seconds"}


def test_what_is_shown_where_this_node_stands_by():
    one = Node()
    value = record(element_info("e5", "172.16.0.6"), "other", True)
    one.handle(msg.StatusChanged((
        (NODES + "other", {"url": "http://other:9696"}), (RECORDS + "e5", value)
    )))  # fmt: skip
    join(one, element_info("e5", "172.16.0.6"))
    (shown,) = elements(one.world, sorted(one.world.elements.records))
    assert not refused(one.world, one.now)
    assert (shown["owner"], shown["mine"], shown["state"]) == ("other", False, "connected")
    assert shown["standby"] == [
        {"node": NODE, "warm": False, "reason": "standby: owned by other"}
    ]


def test_health_says_who_refused_how_many_objects():
    one = Node()
    one.connect("e0")
    one.connect("e1")
    one.settle()
    assert hypervisors.refused_objects(one.world) == ""
    port = tunnel_port_key(Endpoint(one.world.elements.accepted["e1"].vtep))
    one.refuse("e0", port)
    notices = [effect.text for effect in one.flush() if isinstance(effect, msg.Notice)]
    assert notices == [f"the database refused {' '.join(map(str, port))}: no space"]
    one.refuse("e0", ("vrouter",))
    one.refuse("e1", ("meterpool", "punt"))
    assert hypervisors.refused_objects(one.world) == (
        "the databases refused 1 objects; the switches refused 2 objects"
    )
    one.handle(msg.VrouterAcked("e0", one.revisions["e0"], (OVSDB,), (port,)))
    assert hypervisors.refused_objects(one.world) == "the switches refused 2 objects"


def test_storm_control_is_there_where_it_is_asked_for():
    one = Node(world_settings("n1", ASN, storm_rate=100))
    one.set("network", "net", Network("net", 101, 1))
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24"))
    one.set("port", "vm", port("vm"))
    one.connect("e0")
    one.bind("e0", "tap0", "vm", 5)
    one.settle()
    assert one.tables["e0"]["stormcontrol",] == StormControl()
    assert one.tables["e0"]["meterpool", "storm"].rate == 100
    assert one.tables["e0"]["punt", "vm"] == Punt("vm", 5, storm=True)
