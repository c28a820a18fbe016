"""Provider networks in the control core: who is attached, by what frames go, and how a network
becomes another on the wire."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control.elements.claims import RefusalKind
from ryu_apps.control.forwarding.segments import LINGER
from ryu_apps.control.kinds import Attachment
from ryu_apps.control.messages import Interface
from tests.property.world_model import Node
from tests.unit.control.elements_support import node
from vrouter_ovs.encapsulation import NATIVE, VXLAN
from vrouter_ovs.state import (
    Evi,
    FloodRemotes,
    LocalPort,
    PatchPort,
    PhysicalNetwork,
    RemoteMac,
    Segment,
)

VNI, MAC, OTHER_MAC = 101, "fa:16:3e:00:00:0a", "fa:16:3e:00:00:0b"
AT = Attachment("phys", "br-ex", "", 900)
NATIVE_FIELDS = {"network_type": "vlan", "physical_network": "phys", "vlan_id": 7}


def two() -> Node:
    """Two hypervisors, each with a port of one overlay."""
    one = node()
    port = one.inputs.config["port", "vm"]
    one.set("port", "vm2", replace(port, id="vm2", mac_address=OTHER_MAC, fixed_ips=()))
    one.connect("e1")
    one.interface("e1", "tap0", Interface("tap0", "vm2", 5))
    one.settle()
    return one


def become(one: Node, **fields: object) -> None:
    network = one.inputs.config["network", "net"]
    one.set("network", "net", replace(network, **fields))


def attach(one: Node, *names: str, at: Attachment = AT) -> None:
    for name in names:
        one.change_facts(name, attachments=(at,))


def native(one: Node) -> Node:
    attach(one, "e0", "e1")
    become(one, **NATIVE_FIELDS)
    one.settle()
    return one


def kinds(one: Node, element: str) -> dict[type, object]:
    return {type(item): item for item in one.tables[element].values()}


def test_a_port_waits_for_its_hypervisor_to_be_attached() -> None:
    one = two()
    become(one, **NATIVE_FIELDS)
    one.settle()
    assert not one.world.ports.bound
    assert {refusal.kind for refused in one.world.ports.refused.values()
            for refusal in refused.values()} == {RefusalKind.NOT_ATTACHED}
    attach(one, "e0")
    one.settle()
    assert set(one.world.ports.bound) == {"vm"}
    one.change_facts("e0", attachments=(replace(AT, problem="there is no bridge"),))
    one.settle()
    assert not one.world.ports.bound and Segment not in kinds(one, "e0")


def test_the_patch_port_comes_first() -> None:
    one = two()
    attach(one, "e0", at=replace(AT, ofport=-1))
    become(one, **NATIVE_FIELDS)
    one.settle()
    found = kinds(one, "e0")
    assert found[PatchPort] == PatchPort("phys", "br-ex")
    assert Segment not in found and PhysicalNetwork not in found
    attach(one, "e0")
    one.settle()
    found = kinds(one, "e0")
    assert found[Segment] == Segment(VNI, 900, 7, ("dhcp6",))
    assert found[PhysicalNetwork] == PhysicalNetwork("phys", 900)
    assert found[Evi].flood_unknown
    assert found[LocalPort].outward == ("arp", "dhcp6", "rs")


def test_frames_go_by_the_segment_to_who_takes_them_and_by_tunnel_to_others() -> None:
    one = native(two())
    for name in ("e0", "e1"):
        found = kinds(one, name)
        assert RemoteMac not in found and FloodRemotes not in found
    assert {path.attrs.encaps for path in one.announced.values()} == {(VXLAN, NATIVE)}
    one.disconnect("e1")  # What another node's says counts as well.
    path = next(path for path in one.announced.values() if getattr(path.nlri, "mac", "") == MAC)
    far = path._replace(
        nlri=path.nlri._replace(rd="192.0.2.7:1", mac="fa:16:3e:00:00:0c", ip=""),
        attrs=path.attrs._replace(next_hop="192.0.2.7", encaps=(VXLAN,)),
    )
    one.receive("p1", (far,))
    one.settle()
    assert one.tables["e0"]["mac", VNI, "fa:16:3e:00:00:0c"].hops
    taking = far._replace(attrs=far.attrs._replace(encaps=(VXLAN, NATIVE)))
    one.receive("p1", (taking,))
    one.settle()
    assert ("mac", VNI, "fa:16:3e:00:00:0c") not in one.tables["e0"]


def test_it_is_announced_when_the_switch_has_confirmed_it() -> None:
    one = two()
    attach(one, "e0", "e1")
    become(one, **NATIVE_FIELDS)
    one.flush()
    assert {path.attrs.encaps for path in one.announced.values()} == {(VXLAN,)}
    assert RemoteMac in kinds(one, "e0"), "nobody takes it yet"
    one.ack("e1")
    one.flush()
    assert RemoteMac not in kinds(one, "e0") and RemoteMac in kinds(one, "e1")
    one.settle()
    assert RemoteMac not in kinds(one, "e1")


def test_the_way_back_begins_with_the_senders() -> None:
    one = native(two())
    become(one, network_type=VXLAN, physical_network="", vlan_id=0)
    one.settle()
    for name in ("e0", "e1"):
        found = kinds(one, name)
        assert found[RemoteMac].hops and found[FloodRemotes].remotes
        assert found[Segment] == Segment(VNI, 900, 7, sends=False), "it takes what is under way"
        assert PatchPort in found
    one.tick(1)
    one.tick(LINGER)
    one.settle()
    for name in ("e0", "e1"):
        assert not {Segment, PatchPort, PhysicalNetwork} & kinds(one, name).keys()
    assert {path.attrs.encaps for path in one.announced.values()} == {(VXLAN,)}


def test_a_vlan_is_one_networks_at_any_time() -> None:
    """A network takes the VLAN of one that has just become an overlay."""
    one = native(two())
    become(one, network_type=VXLAN, physical_network="", vlan_id=0)
    one.settle()
    net = one.inputs.config["network", "net"]
    one.set("network", "new", replace(net, id="new", vni=105, rd_index=5, **NATIVE_FIELDS))
    port = one.inputs.config["port", "vm"]
    one.set("port", "vm3", replace(port, id="vm3", network_id="new", fixed_ips=()))
    one.interface("e0", "tap1", Interface("tap1", "vm3", 6))
    one.settle()
    segments = [item for item in one.tables["e0"].values() if type(item) is Segment]
    assert [item.evi for item in segments] == [105]


def test_nothing_is_left_behind() -> None:
    for last in ("port", "network", "attachment"):
        one = native(two())
        if last == "attachment":
            one.change_facts("e0", attachments=())
        else:
            one.set("port", "vm", None)
            if last == "network":
                one.set("port", "vm2", None)
                one.set("subnet", "a", None)
                one.set("network", "net", None)
        one.settle()
        assert not {Segment, PatchPort, PhysicalNetwork} & kinds(one, "e0").keys(), last
    one.forget("e1")
    one.settle()
    assert not one.world.segments._used.get("e1")
