"""Ways out of routers: which vrouters are gateways, how packets get there, and in which order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import ids
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    ROUTER_GATEWAY,
    ExternalGateway,
    FixedIp,
    Network,
    Port,
    Subnet,
)
from ryu_apps.control.kinds import OvsFacts, is_gateway
from ryu_apps.control.outside.order import in_order
from ryu_apps.control.outside.way_out import way_out, zone_of
from ryu_apps.views import elements as elements_view
from ryu_apps.views import ways_out as ways_out_view
from ryu_apps.views.checks import gateways as gateways_check
from tests.hops import bridged, routed
from tests.property.world_model import ASN, check_collisions, rebuild, same
from tests.unit.control.explain_support import Site
from vrouter_ovs.state import (
    FIRST_NAT_ZONE,
    LAST_NAT_ZONE,
    OWNER_ROUTER,
    Endpoint,
    GatewayPort,
    NatRefusals,
    Neighbor,
    OtherGateway,
    OutsideHop,
    RemoteMac,
    Route,
)

ADDRESS, ADDRESS6, MAC = "203.0.113.10", "2001:db8::10", "fa:16:3e:0e:00:0a"
NEXT, NEXT6, NEXT_MAC = "203.0.113.1", "2001:db8::1", "fa:16:3e:0e:00:01"
VTEP = {"e0": "172.16.0.1", "e1": "172.16.0.2", "e2": "172.16.0.3"}
DEFAULT, DEFAULT6 = ("route", 201, "0.0.0.0/0"), ("route", 201, "::/0")
PORT = ("gatewayport", 300, MAC)
names = st.lists(st.text(min_size=1, max_size=8), max_size=12, unique=True)

# ---------------------------------------------------------------- pure


@given(st.text(max_size=8), names)
def test_every_node_finds_the_same_order(router, gateways) -> None:
    order = in_order(router, gateways)
    assert sorted(order) == sorted(gateways)
    assert order == in_order(router, reversed(gateways))


@given(st.text(max_size=8), names, st.data())
def test_one_that_comes_or_goes_moves_no_other(router, gateways, data) -> None:
    order = in_order(router, gateways)
    gone = data.draw(st.sampled_from(gateways or [""]))
    assert in_order(router, [one for one in gateways if one != gone]) == tuple(
        one for one in order if one != gone
    )


def test_routers_are_spread_over_the_gateways() -> None:
    first = [in_order(f"router-{n}", ("a", "b", "c"))[0] for n in range(600)]
    assert all(150 < first.count(one) < 250 for one in "abc")


def test_zones_are_no_ports() -> None:
    assert zone_of(1) == FIRST_NAT_ZONE + 1 and zone_of(0x3FFF) == LAST_NAT_ZONE
    assert zone_of(0x4000) == 0


# ---------------------------------------------------------------- in the core


def outside(*gateways: str, snat: bool = True, next_at: str = "") -> Site:
    """A site whose router has its way out on the network ``x`` (300), with hypervisors that are
    ``gateways``, and the next router there plugged in at ``next_at``."""
    site = Site(world_settings("n1", ASN, restart_deferral=0, path_hold=1.0))
    site.set("network", "x", Network("x", 300, 30, external=True))
    for version, cidr, gateway in ((4, "203.0.113.0/24", NEXT), (6, "2001:db8::/64", NEXT6)):
        site.set("subnet", f"x{version}", Subnet(f"x{version}", "x", cidr, gateway_ip=gateway))
    site.set("port", "gw", Port(
        "gw", "x", MAC, fixed_ips=(FixedIp("x4", ADDRESS), FixedIp("x6", ADDRESS6)), device_id="r",
        device_owner=ROUTER_GATEWAY, port_security_enabled=False,
    ))  # fmt: skip
    site.set("port", "next", Port(
        "next", "x", NEXT_MAC, fixed_ips=(FixedIp("x4", NEXT), FixedIp("x6", NEXT6)),
        unfiltered=True,
    ))  # fmt: skip
    site.set("router", "r", replace(
        site.inputs.config["router", "r"], gateways=(ExternalGateway("gw", snat),)))
    site.connect("e2")
    site.handle(msg.VrouterConnected("e2"))
    for one in VTEP:
        for other in VTEP:
            if one != other:
                bfd(site, one, other, "up")
    for name in gateways:
        offer(site, name, True)
    if next_at:
        site.bind(next_at, "tap9", "next")
    site.settle()
    return site


def bfd(site: Site, one: str, other: str, state: str) -> None:
    far = Endpoint(VTEP[other])
    site.tunnel(one, far, msg.TunnelStatus(far, 90 + int(other[1]), state))


def offer(site: Site, name: str, gateway: bool) -> None:
    site.change_facts(name, gateway=gateway)


def check(site: Site) -> None:
    same(site, rebuild(site))
    for objects in site.tables.values():
        check_collisions(objects)


def to(name: str):
    return routed(VTEP[name], 201, ids.router_mac(VTEP[name]))


def order_of(site: Site) -> tuple[str, ...]:
    return site.world.ways_out.gateways_of("r")


def test_where_nobody_is_a_gateway_nothing_is_there() -> None:
    site = outside()
    assert not any(DEFAULT in objects or PORT in objects for objects in site.tables.values())
    check(site)


def test_one_gateway() -> None:
    site = outside("e2", next_at="e2")
    zone = FIRST_NAT_ZONE + 11
    assert site.tables["e2"][PORT] == GatewayPort(
        201, 300, MAC, (ADDRESS, ADDRESS6), ids.router_mac(VTEP["e2"]), ADDRESS, zone)
    assert site.tables["e2"]["natrefusals", 201] == NatRefusals(201)
    ofport = site.world.ports.bound["next"].ofport
    for key in (DEFAULT, DEFAULT6):
        assert site.tables["e2"][key].hops == (OutsideHop(300, NEXT_MAC, MAC, ofport),)
        for name in ("e0", "e1"):
            assert site.tables[name][key] == Route(201, key[2], (to("e2"),), watch=((92,),))
            assert PORT not in site.tables[name]
    check(site)
    announced = {path.nlri.prefix: path for path in site.announced.values()
                 if getattr(path.nlri, "prefix", "").endswith("/0")}
    assert set(announced) == {"0.0.0.0/0", "::/0"}
    assert {path.attrs.next_hop for path in announced.values()} == {VTEP["e2"]}
    offer(site, "e2", False)
    site.settle()
    assert not any(DEFAULT in objects or PORT in objects for objects in site.tables.values())
    assert not any(getattr(path.nlri, "prefix", "").endswith("/0")
                   for path in site.announced.values())
    check(site)


def test_the_next_router_is_behind_another_vtep_or_not_there_yet() -> None:
    site = outside("e2")
    assert site.tables["e2"][DEFAULT].hops == ()
    site.bind("e1", "tap9", "next")
    site.settle()
    hop = OutsideHop(300, NEXT_MAC, MAC, 0, Endpoint(VTEP["e1"]), 300)
    assert site.tables["e2"][DEFAULT].hops == (hop,)
    # On the external network the gateway's address and MAC are known.
    assert site.tables["e1"]["neighbor", 300, ADDRESS] == Neighbor(
        300, ADDRESS, MAC, owner=OWNER_ROUTER)
    assert site.tables["e1"]["mac", 300, MAC] == RemoteMac(
        300, MAC, (bridged(VTEP["e2"], 300),), watch=((92,),))
    check(site)
    site.interface("e1", "tap9", None)
    site.settle()
    assert site.tables["e2"][DEFAULT].hops == ()
    check(site)


def test_two_gateways_take_over_from_each_other() -> None:
    site = outside("e1", "e2", next_at="e0")
    first, second = order_of(site)
    ports = {name: (90 + int(name[1]),) for name in VTEP}
    for key in (DEFAULT, DEFAULT6):
        assert site.tables["e0"][key] == Route(
            201, key[2], (to(first), to(second)), watch=(ports[first], ports[second]))
    assert site.tables["e0"]["mac", 300, MAC] == RemoteMac(
        300, MAC, (bridged(VTEP[first], 300), bridged(VTEP[second], 300)),
        watch=(ports[first], ports[second]))
    one, other = site.tables[first], site.tables[second]
    assert one[PORT].before == () and one[PORT].after == (
        OtherGateway(bridged(VTEP[second], 300), ports[second]),)
    assert other[PORT].after == () and other[PORT].before == (
        OtherGateway(bridged(VTEP[first], 300), ports[first]),)
    assert [type(hop) for hop in one[DEFAULT].hops] == [OutsideHop]
    assert other[DEFAULT].hops[0] == to(first) and other[DEFAULT].watch == (ports[first], ())
    check(site)
    # Where the first has failed it comes last until it has been back for long.
    bfd(site, "e0", first, "down")
    site.settle()
    assert site.tables["e0"][DEFAULT].hops == (to(second), to(first))
    bfd(site, "e0", first, "up")
    site.flush()
    assert site.tables["e0"][DEFAULT].hops == (to(second), to(first))
    site.tick(1.5)
    site.flush()
    assert site.tables["e0"][DEFAULT].hops == (to(first), to(second))
    check(site)


def test_the_port_is_announced_from_where_its_frames_are_taken() -> None:
    site = outside("e1", "e2", next_at="e0")
    first, second = order_of(site)

    def announced() -> dict[str, tuple[str, int]]:
        return {path.nlri.ip: (path.attrs.next_hop, path.attrs.mobility)
                for path in site.announced.values() if getattr(path.nlri, "mac", "") == MAC}

    assert announced() == {ADDRESS: (VTEP[first], 0), ADDRESS6: (VTEP[first], 0)}
    bfd(site, second, first, "down")
    site.settle()
    routes = [path for path in site.announced.values() if getattr(path.nlri, "mac", "") == MAC]
    assert {(path.attrs.next_hop, path.attrs.mobility) for path in routes} == {
        (VTEP[first], 0), (VTEP[second], 1)}
    bfd(site, second, first, "up")
    site.tick(1.5)
    site.settle()
    assert announced() == {ADDRESS: (VTEP[first], 0), ADDRESS6: (VTEP[first], 0)}
    check(site)


def test_without_translation_and_without_an_address() -> None:
    site = outside("e2", snat=False, next_at="e2")
    port = site.tables["e2"][PORT]
    assert (port.snat, port.zone) == ("", 0) and ("natrefusals", 201) not in site.tables["e2"]
    assert DEFAULT in site.tables["e0"]
    router = site.inputs.config["router", "r"]
    site.set("router", "r", replace(router, rd_index=0x4000, gateways=(ExternalGateway("gw"),)))
    site.settle()
    # No zone is left for it: what is not translated does not leave.
    assert DEFAULT not in site.tables["e0"] and DEFAULT6 in site.tables["e0"]
    check(site)


def test_it_goes_with_what_it_is_made_of_in_any_order() -> None:
    def router_down(site):
        site.set("router", "r", replace(site.inputs.config["router", "r"], admin_state_up=False))

    def no_gateway(site):
        site.set("router", "r", replace(site.inputs.config["router", "r"], gateways=()))

    for change in (
        router_down, no_gateway, lambda site: site.set("port", "gw", None),
        lambda site: site.set("network", "x", None), lambda site: site.disconnect("e2"),
        lambda site: site.forget("e2"), lambda site: site.set("router", "r", None),
        lambda site: site.set("subnet", "x4", None),
    ):
        site = outside("e1", "e2", next_at="e0")
        change(site)
        site.settle()
        check(site)


def test_it_is_announced_in_the_record_of_the_hypervisor() -> None:
    facts = OvsFacts("", 0, "br-int", None, gateway=True)
    assert is_gateway(facts.record()) and not is_gateway(replace(facts, gateway=False).record())
    site = outside("e2")
    assert way_out(site.world.config, "r").snat == ADDRESS


# ---------------------------------------------------------------- what people are shown


def test_it_is_shown_and_health_says_what_is_missing() -> None:
    site = outside("e1", "e2", next_at="e0")
    shown = ways_out_view.way_out(site.world, "r")
    assert (shown["snat"], shown["order"]) == (ADDRESS, list(order_of(site)))
    assert shown["next_hops"] == {"0.0.0.0/0": NEXT, "::/0": NEXT6}
    one, other = ways_out_view.gateways(site.world, "r")
    assert {one["element"], other["element"]} == {"e1", "e2"} and one["cookie"]
    assert one["next_routers"] == {"0.0.0.0/0": NEXT_MAC, "::/0": NEXT_MAC}
    assert not gateways_check.of(site.world).warning
    assert {one["id"]: one["gateway"] for one in elements_view.elements(site.world, VTEP)} == {
        "e0": False, "e1": True, "e2": True}
    site.interface("e0", "tap9", None)
    site.settle()
    assert "next router" in gateways_check.of(site.world).detail
    for name in ("e1", "e2"):
        offer(site, name, False)
    site.settle()
    check = gateways_check.of(site.world)
    assert check.ok and check.warning and "external_ids:vnc-gateway=true" in check.detail
    assert ways_out_view.way_out(site.world, "r") is None
    router = site.inputs.config["router", "r"]
    site.set("router", "r", replace(router, rd_index=0x4000))
    offer(site, "e2", True)
    site.settle()
    assert "no zone" in gateways_check.of(site.world).detail
    site.set("router", "r", replace(router, gateways=()))
    site.settle()
    assert not gateways_check.of(site.world).warning


def test_explain_follows_it_to_the_next_router() -> None:
    site = outside("e1", "e2", next_at="e2")
    site.settle()
    first = order_of(site)[0]
    site.says("allowed", "0.0.0.0/0 of its external gateway", f"with {ADDRESS} as source", NEXT_MAC,
              ask=("a1", "192.88.99.7"))
    site.says("allowed", "::/0", NEXT_MAC, ask=("a1", "2001:db8:99::7"))
    for name in VTEP:
        if name != first:
            bfd(site, name, first, "down")
    site.settle()
    second = order_of(site)[1]
    site.says("allowed", f"host{second[1]} is a gateway", ask=("a1", "192.88.99.7"))
