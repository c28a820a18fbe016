"""Routers in the World: gateways, routes, and what peers may say about them."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    Change,
    FixedIp,
    Network,
    Port,
    Router,
    Subnet,
)
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Path
from tests.hops import bridged, routed, vteps
from tests.property.world_model import Node, target
from vrouter_ovs.state import (
    Endpoint,
    Flood,
    FloodRemotes,
    Gateway,
    LocalHop,
    Route,
    Vrf,
)

VM = "fa:16:3e:00:00:0a"
GATEWAY = "fa:16:3e:00:00:01"
PEER_VTEP = "192.0.2.7"
PEER_MAC = "02:76:c0:00:02:07"


def interface(router: str, subnet: str = "a", network: str = "net", mac: str = GATEWAY) -> Port:
    return Port(
        f"if-{subnet}", network, mac, fixed_ips=(FixedIp(subnet, "10.0.0.1"),), device_id=router,
        device_owner=ROUTER_INTERFACE, port_security_enabled=False,
    )


def node(routed: bool = True) -> Node:
    """One network with a VM on e0, two routers; the subnet is attached to the first."""
    one = Node()
    one.set("network", "net", Network("net", 101, 1))
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24"))
    one.set("router", "red", Router("red", 201, 11))
    one.set("router", "blue", Router("blue", 202, 12))
    one.set("port", "vm", Port("vm", "net", VM, fixed_ips=(FixedIp("a", "10.0.0.10"),)))
    if routed:
        one.set("port", "if-a", interface("red"))
    one.connect("e0")
    one.bind("e0", "tap0", "vm")
    one.settle()
    return one


def test_a_routed_port_has_its_vrf_gateway_and_route():
    objects = node().tables["e0"]
    assert objects["vrf", 201] == Vrf(201, "02:76:ac:10:00:01")
    assert objects["gateway", 101, GATEWAY] == Gateway(101, 201, GATEWAY, ("10.0.0.1",))
    assert objects["route", 201, "10.0.0.10/32"].hops == (LocalHop(1, 101, VM, GATEWAY),)
    assert objects["route", 201, "10.0.0.0/24"] == Route(201, "10.0.0.0/24", ())


def test_attaching_a_router_announces_the_port_again_with_both_vnis():
    one = node(routed=False)
    (path,) = [path for path in one.announced.values() if type(path.nlri) is MacIp]
    assert path.labels == (101,) and path.attrs.rts == (target(101),)
    assert not path.attrs.router_mac
    one.set("port", "if-a", interface("red"))
    one.settle()
    (path,) = [path for path in one.announced.values() if type(path.nlri) is MacIp]
    assert path.labels == (101, 201) and path.attrs.rts == (target(101), target(201))
    assert path.attrs.router_mac == "02:76:ac:10:00:01"
    (subnet,) = [path for path in one.announced.values() if type(path.nlri) is IpPrefix]
    assert subnet.nlri == IpPrefix("172.16.0.1:11", 0, "10.0.0.0/24") and subnet.labels == (201,)


def test_a_subnet_moves_to_another_router_in_one_commit():
    for taken in (("red", "blue"), ("blue", "red")):
        one = node()
        # Both routers change as well, so that the order in which they are looked at is ours.
        one.configure(
            *(Change("router", id, replace(one.inputs.config["router", id], name="new"))
              for id in taken),
            Change("port", "if-a", interface("blue")),
        )
        one.settle()
        objects = one.tables["e0"]
        assert objects["gateway", 101, GATEWAY].vrf == 202
        assert ("vrf", 202) in objects and ("vrf", 201) not in objects
        assert objects["route", 202, "10.0.0.10/32"].hops == (LocalHop(1, 101, VM, GATEWAY),)
        # And the gateway's address still cannot be taken over.
        one.receive("p1", (host_path("10.0.0.1", GATEWAY),))
        one.settle()
        assert ("neighbor", 101, "10.0.0.1") not in one.tables["e0"]
        assert ("mac", 101, GATEWAY) not in one.tables["e0"]


def host_path(ip: str, mac: str, **attributes) -> Path:
    attrs = Attributes(
        PEER_VTEP, (target(101), target(201)), router_mac=PEER_MAC, **attributes
    )
    return Path(MacIp(f"{PEER_VTEP}:1", 0, mac, ip), attrs, (101, 201))


def prefix_path(prefix: str, vtep: str = PEER_VTEP, router_mac: str = PEER_MAC) -> Path:
    attrs = Attributes(vtep, (target(201),), router_mac=router_mac)
    return Path(IpPrefix(f"{vtep}:11", 0, prefix), attrs, (201,))


def test_a_host_of_a_peer_gets_mac_neighbor_and_route():
    one = node()
    one.receive("p1", (host_path("10.0.0.20", "fa:16:3e:00:00:20"),))
    one.settle()
    objects = one.tables["e0"]
    assert vteps(objects["mac", 101, "fa:16:3e:00:00:20"].hops) == [PEER_VTEP]
    assert objects["neighbor", 101, "10.0.0.20"].mac == "fa:16:3e:00:00:20"
    assert objects["route", 201, "10.0.0.20/32"].hops == (routed(PEER_VTEP, 201, PEER_MAC),)
    assert one.tunnels["e0"] == {Endpoint(PEER_VTEP)}


def test_nobody_takes_the_gateway():
    one = node()
    before = dict(one.tables["e0"])
    one.receive("p1", (
        host_path("10.0.0.1", GATEWAY),
        host_path("10.0.0.1", "fa:16:3e:00:00:66", sticky=True),
        host_path("10.0.0.21", GATEWAY, mobility=9),
        prefix_path("10.0.0.0/24"),
    ))
    one.settle()
    after = one.tables["e0"]
    assert all(after[key] == item for key, item in before.items())
    assert ("neighbor", 101, "10.0.0.1") not in after
    assert ("mac", 101, GATEWAY) not in after


def test_equal_prefixes_are_ecmp_and_without_routers_mac_unused():
    one = node()
    one.receive("p1", (prefix_path("0.0.0.0/0"), prefix_path("0.0.0.0/0", "192.0.2.8"),
                       prefix_path("0.0.0.0/0", "192.0.2.9", "")))
    one.settle()
    hops = one.tables["e0"]["route", 201, "0.0.0.0/0"].hops
    assert vteps(hops) == [PEER_VTEP, "192.0.2.8"]
    one.receive("p1", (), (prefix_path("0.0.0.0/0").nlri,))
    one.settle()
    hops = one.tables["e0"]["route", 201, "0.0.0.0/0"].hops
    assert vteps(hops) == ["192.0.2.8"]


def test_flooding_has_one_leaf_for_each_route():
    """A VTEP that announces two EVIs which are imported here gets a copy for each, in any order."""
    paths = [
        Path(Imet(f"{PEER_VTEP}:{n}", 0, PEER_VTEP), Attributes(PEER_VTEP, (target(101),)), (n,))
        for n in (300, 301)
    ]
    for order in (paths, paths[::-1]):
        one = node()
        for path in order:
            one.receive("p1", (path,))
        one.settle()
        assert one.tables["e0"]["flood", 101] == Flood(101, (1,))
        assert one.tables["e0"]["floodremotes", 101] == FloodRemotes(
            101, (bridged(PEER_VTEP, 300), bridged(PEER_VTEP, 301))
        )


def test_a_gateway_that_is_attached_later_takes_back_its_address():
    one = node(routed=False)
    one.receive("p1", (host_path("10.0.0.1", GATEWAY),))
    one.settle()
    assert ("neighbor", 101, "10.0.0.1") in one.tables["e0"]
    one.set("port", "if-a", interface("red"))
    one.settle()
    assert ("neighbor", 101, "10.0.0.1") not in one.tables["e0"]
    assert ("mac", 101, GATEWAY) not in one.tables["e0"]


def test_of_two_places_of_a_mac_the_one_that_is_alive():
    one = node()
    mac, here = "fa:16:3e:00:00:20", host_path("10.0.0.20", "fa:16:3e:00:00:20", mobility=5)
    there = here._replace(
        nlri=here.nlri._replace(rd="192.0.2.8:1"),
        attrs=here.attrs._replace(next_hop="192.0.2.8", mobility=0),
    )
    one.receive("p1", (here,))
    one.receive("p2", (there,))
    one.settle()
    assert vteps(one.tables["e0"]["mac", 101, mac].hops) == [PEER_VTEP]
    one.peer_down("p1")
    one.settle()
    assert vteps(one.tables["e0"]["mac", 101, mac].hops) == ["192.0.2.8"]


def test_a_port_that_was_never_confirmed_leaves_nothing():
    one = node()
    one.set("port", "new", Port("new", "net", "fa:16:3e:00:00:0b",
                                fixed_ips=(FixedIp("a", "10.0.0.11"),)))
    before = dict(one.tables["e0"])
    one.bind("e0", "tap1", "new")
    one.flush()
    assert one.tables["e0"] != before
    one.interface("e0", "tap1", None)
    one.flush()
    assert one.tables["e0"] == before
