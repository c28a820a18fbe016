"""A hypervisor that takes VNIs and MPLS labels: what it announces, and which of both is used."""

from __future__ import annotations

import pytest

from ryu_apps.control import ids
from ryu_apps.control.config.ipam import NEW_RD_INDEXES, RD_INDEX_RANGE
from ryu_apps.control.messages import TunnelStatus
from ryu_apps.control.routes import Imet, IpPrefix, MacIp, Path
from ryu_apps.control.vpn.encapsulations import by_preference, can_follow
from ryu_apps.control.vpn.translate import egresses
from tests.unit.control.explain_support import Site
from vrouter_ovs.state import BridgedHop, Endpoint, RemoteHop

E0, E1 = "172.16.0.1", "172.16.0.2"


def announced(site: Site, vtep: str, kind: type) -> list[Path]:
    return sorted(path for path in site.announced.values()
                  if type(path.nlri) is kind and path.attrs.next_hop == vtep)


def test_each_kind_of_label_is_a_route_of_its_own():
    """RFC 8365 section 5.1.3: the label of a route is of one kind."""
    assert [(one.encaps, one.mpls) for one in egresses(E0, ("mpls-in-gre", "nvgre", "vxlan"))] == [
        (("vxlan", "nvgre"), False), (("mpls-in-gre",), True)]
    assert [one.mpls for one in egresses(E0, ("mpls-in-gre",))] == [True]
    assert [one.mpls for one in egresses(E0, ("geneve",))] == [False]


def test_what_one_that_takes_both_announces():
    site = Site()
    site.change_encapsulations("e1", ("mpls-in-gre", "vxlan"))
    site.settle()
    for kind in (MacIp, Imet, IpPrefix):
        by_kind: dict[tuple, list] = {("vxlan",): [], ("mpls-in-gre",): []}
        for path in announced(site, E1, kind):
            by_kind[path.attrs.encaps].append(path)
        vnis, labels = by_kind.values()
        assert len(vnis) == len(labels) > 0
        assert not {path.nlri.rd for path in vnis} & {path.nlri.rd for path in labels}
        assert {path.nlri[1:] for path in vnis} == {path.nlri[1:] for path in labels}
        assert all(16 <= label < 1 << 20 for path in labels for label in path.labels)
        assert not any(path.attrs.router_mac for path in labels)
    site.change_encapsulations("e1", ("vxlan",))
    site.settle()
    assert not [path for path in announced(site, E1, MacIp) if path.attrs.encaps != ("vxlan",)]


def test_ipv4_and_ipv6_of_a_vrf_have_labels_of_their_own():
    site = Site()
    site.change_encapsulations("e1", ("mpls-in-gre",))
    site.settle()
    routed = [path for path in announced(site, E1, MacIp) if len(path.labels) == 2]
    found = {":" in path.nlri.ip: path.labels[1] for path in routed}
    assert len(found) == 2 and found[False] != found[True]
    vrf = site.world.desired.get("e1", ("vrf", 201))
    assert vrf.labels == (found[False], found[True])


def test_each_sends_by_what_it_prefers_of_what_the_other_takes():
    site = Site()
    for names in (("vxlan", "mpls-in-gre"), ("mpls-in-gre", "vxlan")):
        site.change_encapsulations("e0", names)
        site.change_encapsulations("e1", ("vxlan", "mpls-in-gre"))
        for vtep, element in ((E1, "e0"), (E0, "e1")):
            for encap in names:
                endpoint = Endpoint(vtep, encap)
                site.tunnel(element, endpoint, TunnelStatus(endpoint, 90, "up"))
        site.settle()
        there = Endpoint(E1, names[0])
        objects = site.world.desired.objects["e0"].values()
        hops = [hop for item in objects for hop in getattr(item, "hops", ())
                if type(hop) in (BridgedHop, RemoteHop)]
        assert hops and {hop.endpoint for hop in hops} == {there}
        assert all((hop.label >= 1 << 16) == (names[0] == "mpls-in-gre") for hop in hops)
        back = site.world.desired.objects["e1"].values()
        assert {hop.endpoint.encap for item in back for hop in getattr(item, "hops", ())
                if type(hop) in (BridgedHop, RemoteHop)} == {"vxlan"}


@pytest.mark.parametrize("ask", [
    ("a1", "a2"), ("a1", "b2"), ("b2", "a1"), ("a1", "fd01::12"), ("a1", "fd02::12")])
def test_explain_follows_a_label_to_its_instance(ask):
    """Both hypervisors are this node's, which knows what the far end has."""
    site = Site()
    for element, vtep in (("e0", E1), ("e1", E0)):
        site.change_encapsulations(element, ("mpls-in-gre",))
        endpoint = Endpoint(vtep, "mpls-in-gre")
        site.tunnel(element, endpoint, TunnelStatus(endpoint, 90, "up"))
    site.settle()
    site.says("allowed", "MPLS label", "delivers it", ask=ask)


@pytest.mark.parametrize("index", [1, 777, NEW_RD_INDEXES[1], NEW_RD_INDEXES[1] + 1, 65535])
def test_labels_are_unique_and_in_range(index):
    found = [ids.evi_label(index), ids.vrf_label(index, 4), ids.vrf_label(index, 6)]
    if index > NEW_RD_INDEXES[1]:
        assert found == [0, 0, 0]
        return
    others = [label for other in (1, 2, 778, NEW_RD_INDEXES[1]) if other != index for label in (
        ids.evi_label(other), ids.vrf_label(other, 4), ids.vrf_label(other, 6))]
    assert len({*found, *others}) == 3 + len(others)
    assert all(16 <= label < 1 << 20 for label in found)
    number = int(ids.mpls_route_distinguisher(E0, index).rpartition(":")[2])
    assert NEW_RD_INDEXES[1] < number <= RD_INDEX_RANGE[1]


def test_of_each_vtep_the_way_that_is_preferred():
    site = Site()
    site.change_encapsulations("e1", ("mpls-in-gre", "vxlan"))
    site.settle()
    paths = announced(site, E1, Imet)
    for supported, wanted in (
        (("vxlan",), {("vxlan",)}), (("mpls-in-gre", "vxlan"), {("mpls-in-gre",)}),
        (("geneve", "vxlan", "mpls-in-gre"), {("vxlan",)}), (("geneve",), set()),
    ):
        found = by_preference(can_follow(paths, supported), supported)
        assert {path.attrs.encaps for path in found} == wanted
