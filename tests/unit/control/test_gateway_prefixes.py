"""Type 5 routes with a gateway address lead to where that address is (RFC 9136 section 4.1)."""

from __future__ import annotations

from ryu_apps.control import messages as msg
from ryu_apps.control.routes import Attributes, IpPrefix, MacIp, Path
from tests.hops import routed, vteps
from tests.property.world_model import check_collisions, target
from tests.unit.control.explain_support import FAR, RMAC, Site
from vrouter_ovs.state import LocalHop

PREFIX = "192.168.50.0/24"
KEY = ("route", 201, PREFIX)


def behind(gateway: str, vtep: str = FAR, prefix: str = PREFIX, **more) -> Path:
    attrs = Attributes(vtep, (target(201),), **more)
    return Path(IpPrefix(f"{vtep}:9", 0, prefix), attrs, (0,), "", gateway)


def hops(site: Site, element: str, key: tuple = KEY) -> tuple:
    item = site.tables[element].get(key)
    return item.hops if item is not None else ()


def test_a_prefix_behind_a_port_goes_to_the_port():
    for gateway, prefix in (("10.1.0.11", PREFIX), ("fd02::11", "fd99::/48")):
        site = Site()
        site.hear(behind(gateway, prefix=prefix))
        key = ("route", 201, prefix)
        port = site.world.ports.bound["b1"]
        gateway_mac = "fa:16:3e:01:06:01" if ":" in gateway else "fa:16:3e:01:04:01"
        assert hops(site, "e0", key) == (LocalHop(port.ofport, 102, port.mac, gateway_mac),)
        router_mac = site.world.elements.accepted["e0"].router_mac
        assert hops(site, "e1", key) == (routed("172.16.0.1", 201, router_mac),)


def test_it_follows_the_gateway():
    site = Site()
    site.hear(behind("10.1.0.11"))
    site.interface("e0", "tap1", None)
    site.settle()
    assert not hops(site, "e0") and not hops(site, "e1") and KEY not in site.tables["e0"]
    site.bind("e1", "tap3", "b1")
    site.settle()
    assert type(hops(site, "e1")[0]) is LocalHop and vteps(hops(site, "e0")[:1]) == ["172.16.0.2"]
    site.receive("p1", (), (behind("").nlri,))
    site.settle()
    assert KEY not in site.tables["e0"] and KEY not in site.tables["e1"]
    assert not site.world.instances.by_vni[201].overlay


def test_a_gateway_behind_another_systems_vtep():
    site = Site()
    attrs = Attributes("192.0.2.8", (target(101), target(201)), router_mac=RMAC)
    there = Path(MacIp("192.0.2.8:1", 0, "02:00:00:00:00:51", "10.0.0.51"), attrs, (101, 201))
    site.hear(behind("10.0.0.51"))
    assert not hops(site, "e0")
    site.hear(there)
    assert hops(site, "e0") == hops(site, "e1") == (routed("192.0.2.8", 201, RMAC),)
    site.receive("p1", (), (there.nlri,))
    site.settle()
    assert not hops(site, "e0")


def test_one_that_leads_nowhere_hides_none_that_leads_somewhere():
    site = Site()
    good = Path(
        IpPrefix("192.0.2.8:9", 0, PREFIX),
        Attributes("192.0.2.8", (target(201),), router_mac=RMAC), (201,),
    )
    site.hear(behind("10.1.0.99", local_pref=900), good)
    assert hops(site, "e0") == (routed("192.0.2.8", 201, RMAC),)
    # A prefix is no gateway's place, and a gateway behind itself is nowhere.
    site.hear(behind("192.168.50.7", "192.0.2.9", "192.168.50.7/32"))
    assert not hops(site, "e0", ("route", 201, "192.168.50.7/32"))


def test_another_gateway_for_the_same_route():
    site = Site()
    site.hear(behind("10.1.0.11"))
    site.hear(behind("10.1.0.12"))
    assert vteps(hops(site, "e0")[:1]) == ["172.16.0.2"] and type(hops(site, "e1")[0]) is LocalHop
    assert len(site.world.instances.by_vni[201].overlay) == 1


def test_a_later_instance_finds_them():
    site = Site()
    site.hear(behind("10.1.0.11"))
    router = site.inputs.config["router", "r"]
    site.set("router", "r", None)
    site.settle()
    site.set("router", "r", router)
    site.settle()
    assert type(hops(site, "e0")[0]) is LocalHop
    site.handle(msg.Tick())


def test_gateways_here_and_elsewhere_share_a_prefix():
    """A local hop and a remote one are equally good, on both sides."""
    site = Site()
    site.hear(behind("10.1.0.11"), behind("10.1.0.12", "192.0.2.8"))
    for element, other in (("e0", "172.16.0.2"), ("e1", "172.16.0.1")):
        local, remote = hops(site, element)
        assert type(local) is LocalHop and remote.endpoint.vtep == other
        site.says("allowed", "delivers", ask=("a1", "192.168.50.9"))
    check_collisions(site.tables["e0"])
