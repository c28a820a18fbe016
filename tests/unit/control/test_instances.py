"""Import by route target, and which of several paths is used."""

from __future__ import annotations

import pytest

from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Path
from ryu_apps.control.vpn.instances import Instances
from ryu_apps.control.vpn.rib import LIVE, LONG_LIVED, STALE, Rib
from ryu_apps.control.vpn.selection import select_hops, select_mac
from ryu_apps.control.vpn.translate import VpnInstanceSpec
from tests.unit.control.graph_support import Part

MAC = "fa:16:3e:00:00:0a"


def marked(instances: Instances) -> set:
    """The lookups that are to be computed again."""
    return set(instances._lookups)


def forget_marks(instances: Instances) -> None:
    instances._lookups.consumer = lambda lookup: None
    instances._lookups.drain()


def mac_path(vtep: str = "192.0.2.1", labels: tuple = (101,), **attributes) -> Path:
    attrs = Attributes(vtep, ("64512:101",))._replace(**attributes)
    return Path(MacIp(f"{vtep}:1", 0, MAC, "10.0.0.10"), attrs, labels)


def prefix_path(vtep: str = "192.0.2.1", **attributes) -> Path:
    attrs = Attributes(vtep, ("64512:201",), router_mac="02:00:00:00:00:01")
    return Path(IpPrefix(f"{vtep}:1", 0, "10.0.0.0/8"), attrs._replace(**attributes), (201,))


def tables() -> tuple[Rib, Instances]:
    rib = Rib()
    instances = Instances(rib, Part().marks("Instances"))
    instances.configure(VpnInstanceSpec("evi", "net", 101, 1, frozenset({"64512:101"}), ()))
    instances.configure(VpnInstanceSpec("vrf", "router", 201, 11, frozenset({"64512:201"}), ()))
    return rib, instances


def receive(path: Path) -> Instances:
    rib, instances = tables()
    instances.apply_best_changes(rib.update("p1", [path]))
    return instances


def test_a_routed_host_is_in_its_evi_and_its_vrf():
    path = mac_path(
        labels=(101, 201), rts=("64512:101", "64512:201"), router_mac="02:00:00:00:00:01"
    )
    instances = receive(path)
    assert instances.by_vni[101].macs == {MAC: (path,)}
    assert instances.by_vni[101].ips == {"10.0.0.10": (path,)}
    assert instances.by_vni[201].prefixes == {"10.0.0.10/32": (path,)}
    assert marked(instances) == {
        ("mac", 101, MAC), ("ip", 101, "10.0.0.10"), ("prefix", 201, "10.0.0.10/32")
    }


def test_a_route_of_nobody_here_is_not_imported():
    instances = receive(mac_path(labels=(999,), rts=("64512:999",)))
    assert not marked(instances)
    instances.configure(VpnInstanceSpec("evi", "late", 999, 9, frozenset({"64512:999"}), ()))
    assert MAC in instances.by_vni[999].macs, "a new instance finds what was there before"


@pytest.mark.parametrize("path", [
    mac_path(encaps=("mpls",)),
    mac_path(labels=(0,)),
    prefix_path(encaps=("vxlan-gpe", "mpls-in-gre")),
    Path(Imet("192.0.2.1:1", 0, "192.0.2.1"), Attributes("192.0.2.1", ("64512:101",)), (0,)),
])
def test_what_no_tunnel_here_can_carry_is_not_imported(path):
    """Its label would be taken for a VNI, perhaps another tenant's."""
    instances = receive(path)
    assert not marked(instances)
    assert not any(list(instance.lookups()) for instance in instances.by_vni.values())


def test_without_an_l3_vni_a_host_is_bridged_only():
    instances = receive(mac_path(labels=(101, 0), rts=("64512:101", "64512:201")))
    assert instances.by_vni[101].macs and not instances.by_vni[201].prefixes


def test_the_choice_for_a_mac():
    low, high = mac_path("192.0.2.1"), mac_path("192.0.2.10")
    newer = mac_path("192.0.2.30", mobility=1)
    sticky = mac_path("192.0.2.40", sticky=True)
    live = lambda nlri: LIVE  # noqa: E731
    assert select_mac((), live) is None
    assert select_mac((high, low), live) is low, "lowest VTEP, as a number"
    assert select_mac((high, low, newer), live) is newer
    assert select_mac((high, low, newer, sticky), live) is sticky
    assert select_mac((low, newer), lambda nlri: STALE if nlri == newer.nlri else LIVE) is low


def test_the_choice_for_a_prefix():
    one, two = prefix_path("192.0.2.1"), prefix_path("192.0.2.2")
    far = prefix_path("192.0.2.3", as_path=(65001,))
    host = mac_path(labels=(101, 201))
    live = lambda nlri: LIVE  # noqa: E731
    assert select_hops((), live) == ()
    assert select_hops((far,), live) == (far,)
    assert select_hops((one, far, two), live) == (one, two)
    assert select_hops((one, host, two), live) == (host,)
    assert select_hops((one, two), lambda nlri: STALE if nlri == one.nlri else LIVE) == (two,)
    fresh = {one.nlri: LONG_LIVED, two.nlri: STALE}
    assert select_hops((one, two), fresh.get) == (two,)
    assert select_hops((one, far), {one.nlri: LONG_LIVED, far.nlri: LONG_LIVED}.get) == (one,)


def test_targets_of_any_as():
    """RFC 8365 section 5.1.2.1, and AS:VNI as most routers make it."""
    rib = Rib()
    instances = Instances(rib, Part().marks("Instances"), any_as=True)
    instances.configure(VpnInstanceSpec("evi", "net", 101, 1, frozenset({"64512:101"}), ()))
    for target, imported in (
        ("65001:101", True), ("4200000001:101", True), ("64512:101", True),
        (f"65001:{(1 << 28) + 101}", True),
        ("65001:102", False), ("192.0.2.1:101", False), (f"65001:{(2 << 28) + 101}", False),
        (f"65001:{(1 << 28) + (1 << 24) + 101}", False), (f"65001:{(1 << 31) + 101}", False),
    ):
        path = mac_path(rts=(target,))
        instances.apply_best_changes(rib.update("p1", [path]))
        assert (MAC in instances.by_vni[101].macs) is imported, target
        assert (101 in instances.importing((target,))) is imported
    instances.apply_best_changes(rib.update("p1", [mac_path(rts=("65001:101", "64512:101"))]))
    assert len(instances.by_vni[101].macs[MAC]) == 1
    instances.apply_best_changes(rib.update("p1", [], [mac_path().nlri]))
    assert not instances.by_vni[101].macs and not instances._by_target
    instances.remove(101)
    assert not instances._importers
    instances.apply_best_changes(rib.update("p1", [mac_path(rts=("65001:301",))]))
    instances.configure(VpnInstanceSpec("evi", "late", 301, 1, frozenset({"64512:301"}), ()))
    assert MAC in instances.by_vni[301].macs


RED, BLUE = "64512:101", "64512:102"


def evi(vni: int, *more: str) -> VpnInstanceSpec:
    return VpnInstanceSpec("evi", f"net{vni}", vni, vni, frozenset({f"64512:{vni}", *more}), ())


def two_networks(*paths: Path) -> Instances:
    """Red (101) alone, and what a peer announces."""
    rib = Rib()
    instances = Instances(rib, Part().marks("Instances"))
    instances.configure(evi(101))
    instances.apply_best_changes(rib.update("p1", paths))
    return instances


def test_a_route_does_not_lead_one_network_s_frames_into_another():
    """Its targets say red, its label blue."""
    imet = Path(Imet("192.0.2.1:1", 0, "192.0.2.1"), Attributes("192.0.2.1", (RED,)), (102,))
    instances = two_networks(mac_path(labels=(102,)), imet)
    red = instances.by_vni[101]
    assert red.macs and red.imets, "a VNI that is nobody's here means what its receiver says"
    forget_marks(instances)
    instances.configure(evi(102))
    assert not red.macs and not red.ips and not red.imets
    assert marked(instances) >= {
        ("mac", 101, MAC), ("ip", 101, "10.0.0.10"), ("imet", 101, "")
    }
    assert "VNI 102" in red.why_unused(imet)
    # It is blue's, too: then it may.
    instances.configure(evi(102, RED))
    assert red.macs and red.imets and not red.why_unused(imet)
    instances.configure(evi(102))
    assert not red.macs
    instances.remove(102)
    assert red.macs and red.imets


def test_a_network_may_import_another_s_routes():
    path = mac_path(labels=(102,), rts=(BLUE,))
    instances = two_networks(path)
    instances.configure(evi(102))
    instances.configure(evi(101, BLUE))
    assert instances.by_vni[101].macs == instances.by_vni[102].macs == {MAC: (path,)}


def test_a_route_that_was_misdirected_and_changes_or_goes():
    rib = Rib()
    instances = Instances(rib, Part().marks("Instances"))
    for vni in (101, 102):
        instances.configure(evi(vni))
    bad, good = mac_path(labels=(102,)), mac_path(labels=(101,))
    instances.apply_best_changes(rib.update("p1", [bad]))
    assert not instances.by_vni[101].macs
    instances.apply_best_changes(rib.update("p1", [good]))
    assert instances.by_vni[101].macs == {MAC: (good,)}
    instances.apply_best_changes(rib.update("p1", [bad]))
    instances.apply_best_changes(rib.update("p1", [], [bad.nlri]))
    red = instances.by_vni[101]
    assert not red.macs and not red.misdirected and not red.unused and not instances._labelled


def test_the_second_label_of_a_routed_host_is_the_vrf_s():
    rib, instances = tables()
    instances.configure(VpnInstanceSpec("vrf", "other", 202, 12, frozenset({"64512:202"}), ()))
    path = mac_path(labels=(101, 202), rts=(RED, "64512:201"), router_mac="02:00:00:00:00:01")
    instances.apply_best_changes(rib.update("p1", [path]))
    assert instances.by_vni[101].macs and not instances.by_vni[201].prefixes
