"""What a network may be on the wire: flat and VLAN networks of physical networks, and their
ranges."""

from __future__ import annotations

import pytest

from ryu_apps.control.config import consistency
from ryu_apps.control.config.model import Change, Network
from ryu_apps.control.config.rules import networks, segment_ranges
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.routing import routers
from tests.unit.control.rules_support import Bench

VLAN = {"network_type": "vlan", "physical_network": "physnet1"}
FLAT = {"network_type": "flat", "physical_network": "physnet1"}


@pytest.fixture
def bench():
    return Bench()


def test_a_vlan_of_a_physical_network_is_one_networks(bench):
    made = bench.do(networks.create, **VLAN, segmentation_id=210)
    assert (made.network_type, made.physical_network, made.vlan_id) == ("vlan", "physnet1", 210)
    assert made.segmentation_id == 210 and made.vni == 1000, "it has a VNI all the same"
    text = bench.refused("VlanIdInUse", 409, networks.create, **VLAN, segmentation_id=210)
    assert made.id in text
    other = {**VLAN, "physical_network": "physnet2"}
    assert bench.do(networks.create, **other, segmentation_id=210).vlan_id == 210
    assert bench.do(networks.create, segmentation_id=1002).vlan_id == 0
    bench.drop(networks.delete, made.id)
    assert bench.do(networks.create, **VLAN, segmentation_id=210).vlan_id == 210


def test_one_network_has_the_untagged_frames(bench):
    made = bench.do(networks.create, **FLAT)
    assert (made.vlan_id, made.segmentation_id) == (0, None)
    bench.refused("FlatNetworkInUse", 409, networks.create, **FLAT)
    bench.do(networks.create, **VLAN, segmentation_id=1)
    bench.do(networks.create, network_type="flat", physical_network="physnet2")


@pytest.mark.parametrize("body", [
    {"network_type": "flat"},
    {**FLAT, "segmentation_id": 7},
    {"network_type": "vlan", "segmentation_id": 7},
    {**VLAN, "segmentation_id": 0},
    {**VLAN, "segmentation_id": 4095},
    {**VLAN, "physical_network": "a b", "segmentation_id": 7},
    {**VLAN, "physical_network": "x" * 65, "segmentation_id": 7},
    {**VLAN, "physical_network": "a/b"},
    {"network_type": "vxlan", "physical_network": "physnet1"},
    {"network_type": "gre"},
])
def test_what_is_no_such_network(bench, body):
    bench.refused("InvalidInput", 400, networks.create, **body)


def test_vlans_come_out_of_ranges(bench):
    text = bench.refused("NoNetworkAvailable", 503, networks.create, **VLAN)
    assert "physnet1" in text
    bench.do(segment_ranges.create, **VLAN, minimum=210, maximum=211)
    bench.do(segment_ranges.create, network_type="vlan", physical_network="physnet2", minimum=210,
             maximum=210)
    bench.do(segment_ranges.create, **VLAN, minimum=300, maximum=300, shared=False,
             project_id="red")
    bench.do(networks.create, **VLAN, segmentation_id=210)
    assert bench.do(networks.create, **VLAN).vlan_id == 211
    own = bench.do(networks.create, **VLAN, project_id="red")
    assert own.vlan_id == 300, "a project's own come first"
    found = bench.do(networks.create, network_type="vlan")
    assert (found.physical_network, found.vlan_id) == ("physnet2", 210)
    bench.refused("NoNetworkAvailable", 503, networks.create, network_type="vlan")
    assert bench.do(networks.create).vni == 1004, "VNIs are not of these"


def test_ranges_of_vlans_and_of_vnis_are_apart(bench):
    made = bench.do(segment_ranges.create, **VLAN, minimum=100, maximum=200)
    bench.do(segment_ranges.create, network_type="vxlan", minimum=100, maximum=200)
    bench.do(segment_ranges.create, network_type="vlan", physical_network="physnet2", minimum=100,
             maximum=200)
    bench.refused("NetworkSegmentRangeOverlaps", 409, segment_ranges.create, **VLAN, minimum=200,
                  maximum=201)
    network = bench.do(networks.create, **VLAN, project_id="red")
    assert segment_ranges.users(bench.config, made) == {100: "red"}
    assert segment_ranges.available(bench.config, made)[0] == 101
    bench.refused_drop("NetworkSegmentRangeReferencedByProject", segment_ranges.delete, made.id)
    bench.drop(networks.delete, network.id)
    bench.drop(segment_ranges.delete, made.id)
    assert not list(consistency.faults(bench.config))


def test_the_mtu_is_the_physical_networks():
    bench = Bench(physical_mtus={"": 1500, "physnet1": 9000})
    assert bench.do(networks.create, **FLAT).mtu == 9000
    made = bench.do(networks.create, network_type="flat", physical_network="physnet2")
    assert made.mtu == 1500
    bench.refused("InvalidInput", 400, networks.create, **VLAN, segmentation_id=1, mtu=9001)
    bench.refused("InvalidInput", 400, networks.update, made.id, mtu=1501)
    assert bench.do(networks.update, made.id, mtu=1400).mtu == 1400


@pytest.mark.parametrize("network", [
    Network("n", 5, 5, network_type="gre"),
    Network("n", 5, 5, network_type="vlan", physical_network="p"),
    Network("n", 5, 5, network_type="vlan", vlan_id=5),
    Network("n", 5, 5, network_type="flat", physical_network="p", vlan_id=5),
    Network("n", 5, 5, vlan_id=5),
])
def test_faults_of_a_configuration(bench, network):
    bench.config.apply(Change("network", "n", network))
    assert len(list(consistency.faults(bench.config))) == 1


def test_an_overlay_becomes_a_segment_and_an_overlay_again(bench):
    net = bench.do(networks.create)
    made = bench.do(networks.update, net.id, **VLAN, segmentation_id=7)
    assert (made.network_type, made.physical_network, made.vlan_id) == ("vlan", "physnet1", 7)
    assert (made.vni, made.rd_index) == (net.vni, net.rd_index)
    assert bench.do(networks.update, net.id, name="x").vlan_id == 7, "it stays what it is"
    assert bench.do(networks.update, net.id, **VLAN, segmentation_id=7) == bench.config.networks[
        net.id]
    back = bench.do(networks.update, net.id, network_type="vxlan")
    assert (back.network_type, back.physical_network, back.vlan_id) == ("vxlan", "", 0)
    bench.do(networks.create, **VLAN, segmentation_id=7)
    bench.refused("VlanIdInUse", 409, networks.update, net.id, **VLAN, segmentation_id=7)


def test_what_a_network_cannot_become(bench):
    net = bench.do(networks.create, **VLAN, segmentation_id=7)
    for body in (
        {"segmentation_id": 8}, {"physical_network": "physnet2"}, FLAT,
        {"network_type": "vxlan", "segmentation_id": net.vni + 1}, {"network_type": "gre"},
    ):
        bench.refused("InvalidInput", 400, networks.update, net.id, **body)
    text = bench.refused("NetworkInUse", 409, networks.update, net.id, network_type="vxlan")
    assert "1500" in text, "its guests send more than the overlay carries"
    bench.do(networks.update, net.id, mtu=1400)
    assert bench.do(networks.update, net.id, network_type="vxlan").vlan_id == 0


def test_a_network_with_ports_elsewhere_stays_an_overlay():
    bench = Bench(unattached=lambda physical: ["hv7"] if physical == "physnet1" else [])
    net = bench.do(networks.create)
    assert "hv7" in bench.refused("NetworkInUse", 409, networks.update, net.id, **FLAT)
    other = {"network_type": "flat", "physical_network": "physnet2"}
    assert bench.do(networks.update, net.id, **other).network_type == "flat"


def test_a_segment_has_no_router(bench):
    net = bench.do(networks.create, **FLAT)
    subnet = bench.do(subnets.create, network_id=net.id, cidr="10.0.0.0/24", ip_version=4)
    router = bench.do(routers.create)
    bench.refused("NotImplemented", 501, routers.add_interface, router.id, subnet_id=subnet.id)
    overlay = bench.do(networks.create)
    inside = bench.do(subnets.create, network_id=overlay.id, cidr="10.1.0.0/24", ip_version=4)
    bench.do(routers.add_interface, router.id, subnet_id=inside.id)
    bench.refused("NotImplemented", 501, networks.update, overlay.id, **VLAN, segmentation_id=9)


def test_frames_have_one_tag(bench):
    assert bench.do(networks.create, vlan_transparent=True).vlan_transparent
    flat = bench.do(networks.create, **FLAT, vlan_transparent=True)
    assert flat.vlan_transparent
    bench.refused("VlanTransparencyDriverError", 400, networks.create, **VLAN, segmentation_id=5,
                  vlan_transparent=True)
    overlay = bench.do(networks.create, vlan_transparent=True)
    bench.refused("VlanTransparencyDriverError", 400, networks.update, overlay.id, **VLAN,
                  segmentation_id=5)
