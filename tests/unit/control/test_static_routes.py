"""Extra routes of a router: what is for a destination goes to the port that has the next hop."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control.config.model import ExtraRoute, Router
from ryu_apps.control.routes import Attributes, IpPrefix, MacIp, Path
from tests.hops import routed, vteps
from tests.property.world_model import check_collisions, rebuild, same, target
from tests.unit.control.explain_support import FAR, RMAC, Site, prefix
from vrouter_ovs.state import LocalHop

DESTINATION = "192.168.50.0/24"
KEY = ("route", 201, DESTINATION)


def hops(site: Site, element: str, key: tuple = KEY) -> tuple:
    item = site.tables[element].get(key)
    return item.hops if item is not None else ()


def route(site: Site, *routes: tuple[str, str]) -> None:
    router = site.inputs.config["router", "r"]
    made = tuple(ExtraRoute(*one) for one in routes)
    site.set("router", "r", replace(router, routes=made))
    site.settle()


def check(site: Site) -> None:
    same(site, rebuild(site))
    for objects in site.tables.values():
        check_collisions(objects)


def test_it_leads_to_the_port_of_the_next_hop_from_everywhere():
    for gateway, destination in (("10.1.0.11", DESTINATION), ("fd02::11", "fd99::/48")):
        site = Site()
        route(site, (destination, gateway))
        key = ("route", 201, destination)
        port = site.world.ports.bound["b1"]
        gateway_mac = "fa:16:3e:01:06:01" if ":" in gateway else "fa:16:3e:01:04:01"
        assert hops(site, "e0", key) == (LocalHop(port.ofport, 102, port.mac, gateway_mac),)
        router_mac = site.world.elements.accepted["e0"].router_mac
        assert hops(site, "e1", key) == (routed("172.16.0.1", 201, router_mac),)
        check(site)


def test_it_follows_the_port_and_goes_with_the_route():
    site = Site()
    route(site, (DESTINATION, "10.1.0.11"))
    site.interface("e0", "tap1", None)
    site.settle()
    # Nobody has the next hop: it is dropped, and no shorter prefix takes it.
    assert KEY in site.tables["e0"] and not hops(site, "e0") and not hops(site, "e1")
    check(site)
    site.bind("e1", "tap3", "b1")
    site.settle()
    assert type(hops(site, "e1")[0]) is LocalHop and vteps(hops(site, "e0")) == ["172.16.0.2"]
    route(site, (DESTINATION, "10.0.0.11"))
    assert type(hops(site, "e0")[0]) is LocalHop and vteps(hops(site, "e1")) == ["172.16.0.1"]
    route(site)
    assert KEY not in site.tables["e0"] and KEY not in site.tables["e1"]
    check(site)


def test_several_next_hops_share_what_is_sent():
    site = Site()
    route(site, (DESTINATION, "10.1.0.11"), (DESTINATION, "10.0.0.12"))
    for element in ("e0", "e1"):
        kinds = [type(hop) for hop in hops(site, element)]
        assert len(kinds) == 2 and kinds[0] is LocalHop and kinds[1] is not LocalHop
    check(site)


def test_only_next_hops_on_attached_subnets_count():
    site = Site()
    route(site, (DESTINATION, "10.9.0.1"))
    assert KEY not in site.tables["e0"]
    route(site, (DESTINATION, "10.1.0.11"))
    assert hops(site, "e0")
    interface = site.inputs.config["port", "if-b4"]
    site.set("port", "if-b4", replace(interface, admin_state_up=False))
    site.settle()
    assert KEY not in site.tables["e0"] and KEY not in site.tables["e1"]
    check(site)


def test_of_an_attached_subnet_it_has_what_nobody_has():
    site, subnet = Site(), ("route", 201, "10.1.0.0/24")
    hosts = {key: site.tables["e0"]["route", 201, key] for key in ("10.1.0.11/32", "10.1.0.12/32")}
    assert site.tables["e0"][subnet].hops == ()
    route(site, ("10.1.0.0/24", "10.0.0.11"))
    assert type(hops(site, "e0", subnet)[0]) is LocalHop
    assert vteps(hops(site, "e1", subnet)) == ["172.16.0.1"]
    assert {key: site.tables["e0"]["route", 201, key] for key in hosts} == hosts
    site.says("allowed", "own route 10.1.0.0/24 to 10.0.0.11", ask=("a2", "10.1.0.77"))
    site.says("allowed", "port b2", ask=("a1", "10.1.0.12"))
    check(site)
    route(site)
    assert site.tables["e0"][subnet].hops == ()
    check(site)


def test_it_comes_before_what_others_announce_but_not_before_a_port():
    site = Site()
    site.hear(prefix(DESTINATION), prefix("0.0.0.0/0"))
    assert hops(site, "e0") == (routed(FAR, 201, RMAC),)
    route(site, (DESTINATION, "10.1.0.11"), ("0.0.0.0/0", "10.1.0.12"),
          ("10.0.0.12/32", "10.1.0.11"))
    assert type(hops(site, "e0")[0]) is LocalHop
    assert type(hops(site, "e1", ("route", 201, "0.0.0.0/0"))[0]) is LocalHop
    # a2 has 10.0.0.12, on e1.
    assert vteps(hops(site, "e0", ("route", 201, "10.0.0.12/32"))) == ["172.16.0.2"]
    assert type(hops(site, "e1", ("route", 201, "10.0.0.12/32"))[0]) is LocalHop
    check(site)
    route(site)
    assert hops(site, "e0") == (routed(FAR, 201, RMAC),)


def test_a_next_hop_behind_another_systems_vtep():
    site = Site()
    attrs = Attributes("192.0.2.8", (target(101), target(201)), router_mac=RMAC)
    there = Path(MacIp("192.0.2.8:1", 0, "02:00:00:00:00:51", "10.0.0.51"), attrs, (101, 201))
    route(site, (DESTINATION, "10.0.0.51"))
    assert KEY in site.tables["e0"] and not hops(site, "e0")
    site.hear(there)
    assert hops(site, "e0") == hops(site, "e1") == (routed("192.0.2.8", 201, RMAC),)
    site.receive("p1", (), (there.nlri,))
    site.settle()
    assert not hops(site, "e0")


def test_whoever_has_the_vrf_announces_the_destination():
    site = Site()
    route(site, (DESTINATION, "10.1.0.11"))
    own = [path for path in site.announced.values()
           if type(path.nlri) is IpPrefix and path.nlri.prefix == DESTINATION]
    assert sorted(path.attrs.next_hop for path in own) == ["172.16.0.1", "172.16.0.2"]
    assert all(path.labels == (201,) and path.attrs.router_mac and not path.gateway
               for path in own)
    route(site)
    assert not [path for path in site.announced.values()
                if path is not None and getattr(path.nlri, "prefix", "") == DESTINATION]


def test_it_is_explained():
    site = Site()
    route(site, (DESTINATION, "10.1.0.11"))
    for sender in ("a1", "a2"):
        answer = site.ask(sender, "192.168.50.7")
        assert answer["verdict"] == "allowed", answer
        assert f"its own route {DESTINATION} to 10.1.0.11" in str(answer["stages"])
    site.interface("e0", "tap1", None)
    site.settle()
    site.says("unreachable", "no way", ask=("a2", "192.168.50.7"))


def test_a_router_that_is_down_or_gone_has_no_routes():
    site = Site()
    route(site, (DESTINATION, "10.1.0.11"))
    router = site.inputs.config["router", "r"]
    site.set("router", "r", replace(router, admin_state_up=False))
    site.settle()
    assert KEY not in site.tables["e0"]
    site.set("router", "r", None)
    site.settle()
    assert not site.world.presence.static and not site.world.presence._behind
    site.set("router", "r", Router("r", 202, 12, routes=router.routes))
    site.settle()
    assert hops(site, "e0", ("route", 202, DESTINATION))
    check(site)
