"""Addresses that no host can have, gateways outside of their subnet, and what a subnet needs of its
network."""

from __future__ import annotations

import pytest

from ryu_apps.control.config.rules import networks
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.control.config.rules.routing import routers
from tests.unit.control.rules_support import Bench


@pytest.fixture
def bench():
    one = Bench()
    one.network = one.do(networks.create)
    one.subnet = one.do(subnets.create, network_id=one.network.id, cidr="10.0.0.0/24")
    return one


def pairs(*texts):
    return [{"ip_address": text} for text in texts]


@pytest.mark.parametrize("text", [
    "224.0.0.18", "224.0.0.18/32", "239.0.0.0/8", "255.255.255.255", "127.0.0.1", "127.0.0.0/9",
    "0.0.0.0", "0.1.2.3", "::1", "::", "::/128", "ff02::12", "ff00::/8", "::ffff:10.0.0.1",
    "10.0.0.0", "10.0.0.255", "10.0.0.255/32", "fe80::1%eth0",
])
def test_pairs_that_no_host_can_have(bench, text):
    bench.refused("HTTPBadRequest", 400, ports.create, network_id=bench.network.id,
                  allowed_address_pairs=pairs(text))
    port = bench.do(ports.create, network_id=bench.network.id)
    bench.refused("HTTPBadRequest", 400, ports.update, port.id, allowed_address_pairs=pairs(text))


def test_pairs_that_a_host_can_have(bench):
    texts = ("0.0.0.0/0", "::/0", "10.0.0.0/24", "10.0.1.255", "169.254.1.1", "fe80::1", "fd00::",
             "240.0.0.1")
    port = bench.do(ports.create, network_id=bench.network.id, allowed_address_pairs=pairs(*texts))
    assert [one.ip_address for one in port.allowed_address_pairs] == list(texts)


@pytest.mark.parametrize("one,other", [
    ({"ip_address": "10.0.43.9"}, {"ip_address": "10.0.43.9/32"}),
    ({"ip_address": "fd00::9"}, {"ip_address": "FD00:0::9/128"}),
    ({"ip_address": "10.0.0.0/24"}, {"ip_address": "10.0.0.0/255.255.255.0"}),
    ({"ip_address": "10.0.43.9"},
     {"ip_address": "10.0.43.9", "mac_address": "FA-16-3E-00-00-01"}),
    ({"ip_address": "10.0.43.9", "mac_address": "fa163e000002"},
     {"ip_address": "10.0.43.9", "mac_address": "fa:16:3e:00:00:02"}),
])
def test_a_pair_twice(bench, one, other):
    port = bench.do(ports.create, network_id=bench.network.id, mac_address="fa:16:3e:00:00:01")
    bench.refused("DuplicateAddressPairInRequest", 400, ports.update, port.id,
                  allowed_address_pairs=[one, other])
    bench.do(ports.update, port.id, allowed_address_pairs=[
        one, {"ip_address": "10.0.43.9", "mac_address": "fa:16:3e:00:00:03"}])


@pytest.mark.parametrize("cidr", [
    "224.0.0.0/24", "127.0.0.0/16", "0.0.0.0/8", "64.0.0.0/2", "0.0.0.0/0", "255.255.255.255/32",
    "255.255.255.0/24", "::/64", "::1/128", "ff00::/64", "::/0", "fe80::/64", "10.0.1.0/33",
])
def test_prefixes_that_are_no_subnet(bench, cidr):
    bench.refused("HTTPBadRequest", 400, subnets.create, network_id=bench.network.id, cidr=cidr)


@pytest.mark.parametrize("cidr,stored", [
    ("10.80.0.1/24", "10.80.0.0/24"), ("FD00::1/64", "fd00::/64"), ("10.80.0.7/32", "10.80.0.7/32"),
])
def test_host_bits_are_cleared(bench, cidr, stored):
    made = bench.do(subnets.create, network_id=bench.network.id, cidr=cidr, gateway_ip=None)
    assert made.cidr == stored
    port = bench.do(ports.create, network_id=bench.network.id, allowed_address_pairs=pairs(cidr))
    assert port.allowed_address_pairs[0].ip_address == stored
    bench.refused("DuplicateAddressPairInRequest", 400, ports.update, port.id,
                  allowed_address_pairs=pairs(cidr, stored))


def test_link_local_ipv4_is_a_subnet(bench):
    made = bench.do(subnets.create, network_id=bench.network.id, cidr="169.254.0.0/16")
    assert made.gateway_ip == "169.254.0.1"


@pytest.mark.parametrize("cidr,gateway,pool", [
    ("203.0.113.7/32", "10.9.0.1", "203.0.113.7"), ("203.0.113.8/29", "203.0.112.1", "203.0.113.9"),
    ("203.0.113.8/31", None, "203.0.113.8"), ("203.0.113.7/32", None, "203.0.113.7"),
    ("fd00::/64", "fe80::1", "fd00::1"), ("fd00::/64", "fd00::", "fd00::1"),
    ("fd00::7/128", "fd0f::1", "fd00::7"), ("203.0.113.8/31", "203.0.113.8", "203.0.113.9"),
])
def test_gateways(bench, cidr, gateway, pool):
    network = bench.do(networks.create)
    made = bench.do(subnets.create, network_id=network.id, cidr=cidr, gateway_ip=gateway)
    assert made.gateway_ip == (gateway or "") and made.allocation_pools[0].start == pool
    port = bench.do(ports.create, network_id=network.id)
    assert port.fixed_ips[0].ip_address == pool
    router = bench.do(routers.create)
    if gateway and gateway not in ("fd00::", "203.0.113.8"):
        bench.refused("InvalidIpForSubnet", 400, routers.add_interface, router.id,
                      subnet_id=made.id)
        bench.do(routers.add_interface, router.id, port_id=port.id)
    elif gateway:
        bench.do(routers.add_interface, router.id, subnet_id=made.id)


def test_a_gateway_moves_outside_and_back(bench):
    subnet = bench.do(subnets.update, bench.subnet.id, gateway_ip="192.0.2.1")
    assert [(one.start, one.end) for one in subnet.allocation_pools] == [
        ("10.0.0.1", "10.0.0.254")]
    subnet = bench.do(subnets.update, bench.subnet.id, gateway_ip="10.0.0.254")
    assert [(one.start, one.end) for one in subnet.allocation_pools] == [
        ("10.0.0.1", "10.0.0.253")]
    router = bench.do(routers.create)
    bench.do(routers.add_interface, router.id, subnet_id=subnet.id)
    bench.refused("GatewayIpInUse", 409, subnets.update, subnet.id, gateway_ip="192.0.2.1")


@pytest.mark.parametrize("cidr", ["10.81.0.1/32", "fd00::1/128"])
def test_no_pool_is_empty_by_itself(bench, cidr):
    network = bench.do(networks.create)
    assert "gateway" in bench.refused("InvalidInput", 400, subnets.create, network_id=network.id,
                                      cidr=cidr)
    alone = bench.do(subnets.create, network_id=network.id, cidr=cidr, gateway_ip=None)
    bench.refused("InvalidInput", 400, subnets.update, alone.id, gateway_ip=cidr.split("/")[0])


@pytest.mark.parametrize("nexthop", ["224.0.0.1", "127.0.0.1", "255.255.255.255", "fd00::1"])
def test_host_routes(bench, nexthop):
    route = {"destination": "10.5.0.0/16", "nexthop": nexthop}
    bench.refused("HTTPBadRequest", 400, subnets.update, bench.subnet.id, host_routes=[route])
    bench.do(subnets.update, bench.subnet.id, host_routes=[{**route, "nexthop": "0.0.0.0"}])
    double = [{"destination": "10.5.0.0/16", "nexthop": "10.0.0.9"},
              {"destination": "10.5.0.0/255.255.0.0", "nexthop": "10.0.0.9"}]
    bench.refused("HTTPBadRequest", 400, subnets.update, bench.subnet.id, host_routes=double)


@pytest.mark.parametrize("address", ["10.0.0.0", "10.0.0.255", "127.0.0.1", "224.0.0.1"])
def test_fixed_addresses_and_pools(bench, address):
    for where in ({}, {"subnet_id": bench.subnet.id}):
        with pytest.raises(Exception) as caught:
            bench.do(ports.create, network_id=bench.network.id,
                     fixed_ips=[{"ip_address": address, **where}])
        assert caught.value.status == 400
    with pytest.raises(Exception) as caught:
        bench.do(subnets.update, bench.subnet.id, allocation_pools=[
            {"start": address, "end": address}])
    assert caught.value.status == 400


def test_a_subnet_needs_an_mtu(bench):
    small = bench.do(networks.create, mtu=1279)
    bench.do(subnets.create, network_id=small.id, cidr="10.0.0.0/24")
    bench.refused("NetworkMTUSubnetConflict", 409, subnets.create, network_id=small.id,
                  cidr="fd00::/64")
    bench.refused("NetworkMTUSubnetConflict", 409, networks.update, small.id, mtu=67)
    bench.do(networks.update, small.id, mtu=1280)
    bench.do(subnets.create, network_id=small.id, cidr="fd00::/64")
    bench.refused("NetworkMTUSubnetConflict", 409, networks.update, small.id, mtu=1279)
    tiny = bench.do(networks.create, mtu=67)
    bench.refused("NetworkMTUSubnetConflict", 409, subnets.create, network_id=tiny.id,
                  cidr="10.0.0.0/24")
    assert bench.do(networks.update, tiny.id, mtu=0).mtu == bench.context.mtu


def test_what_belongs_to_a_resource_raises_its_revision(bench):
    def revision(kind, item):
        return bench.config.tables[kind][item.id].revision_number

    network, router = bench.do(networks.create), bench.do(routers.create)
    assert revision("network", network) == revision("router", router) == 1
    subnet = bench.do(subnets.create, network_id=network.id, cidr="10.0.0.0/24")
    assert revision("network", network) == 2
    bench.do(subnets.update, subnet.id, name="new")
    assert revision("network", network) == 3
    bench.do(subnets.update, subnet.id, name="new")
    assert revision("network", network) == 3
    bench.do(routers.add_interface, router.id, subnet_id=subnet.id)
    assert revision("router", router) == 2
    bench.do(routers.remove_interface, router.id, subnet_id=subnet.id)
    assert revision("router", router) == 3
    port = bench.do(ports.create, network_id=network.id)
    bench.do(routers.add_interface, router.id, port_id=port.id)
    assert revision("router", router) == 4
    bench.do(routers.remove_interface, router.id, port_id=port.id)
    assert revision("router", router) == 5
    bench.drop(subnets.delete, subnet.id)
    assert revision("network", network) == 4


def test_an_interface_may_be_told_its_own_addresses(bench):
    router = bench.do(routers.create)
    answer = bench.do(routers.add_interface, router.id, subnet_id=bench.subnet.id)
    id = answer["port_id"]
    for same in ({"subnet_id": bench.subnet.id}, {"ip_address": "10.0.0.1"},
                 {"subnet_id": bench.subnet.id, "ip_address": "10.0.0.1"}):
        bench.do(ports.update, id, fixed_ips=[same], name="x")
    for other in ([], [{"ip_address": "10.0.0.2"}], [{"subnet_id": bench.subnet.id}] * 2):
        bench.refused("ServicePortInUse", 409, ports.update, id, fixed_ips=other)
    mac = bench.config.ports[id].mac_address
    bench.do(ports.update, id, mac_address=mac.upper().replace(":", "-"))
