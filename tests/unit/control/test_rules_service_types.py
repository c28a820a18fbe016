"""Service types of subnets: which ports get addresses of them."""

from __future__ import annotations

import pytest

from ryu_apps.control.config.rules import networks
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.control.config.rules.routing import routers
from tests.unit.control.rules_support import Bench

NOVA = "compute:nova"


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def network(bench):
    return bench.do(networks.create).id


def subnet(bench, network, cidr, *types, **fields):
    return bench.do(subnets.create, network_id=network, cidr=cidr, service_types=list(types),
                    **fields)


def where(port):
    return [fixed.subnet_id for fixed in port.fixed_ips]


@pytest.mark.parametrize("types,error", [
    (["foo"], "InvalidSubnetServiceType"), ([""], "InvalidSubnetServiceType"),
    ([NOVA, NOVA], "HTTPBadRequest"),
])
def test_types_that_are_refused(bench, network, types, error):
    bench.refused(error, 400, subnets.create, network_id=network, cidr="10.0.0.0/24",
                  service_types=types)
    made = subnet(bench, network, "10.0.0.0/24")
    bench.refused(error, 400, subnets.update, made.id, service_types=types)
    assert bench.do(subnets.update, made.id, service_types=["compute:", "x:1"]).service_types == (
        "compute:", "x:1")
    assert bench.do(subnets.update, made.id, service_types=None).service_types == ()


def test_who_gets_an_address_of_which(bench, network):
    open_ = subnet(bench, network, "10.0.0.0/24")
    typed = subnet(bench, network, "10.1.0.0/30", NOVA)
    other = subnet(bench, network, "10.2.0.0/24", "network:foo")
    # The one that names the owner first, and what is for all when that is full.
    assert where(bench.do(ports.create, network_id=network, device_owner=NOVA)) == [typed.id]
    assert where(bench.do(ports.create, network_id=network, device_owner=NOVA)) == [open_.id]
    assert where(bench.do(ports.create, network_id=network)) == [open_.id]
    for owner, request in (
        ("", {"subnet_id": other.id}), (NOVA, {"subnet_id": other.id}),
        ("", {"subnet_id": typed.id}),
    ):
        bench.refused("InvalidInput", 400, ports.create, network_id=network, device_owner=owner,
                      fixed_ips=[request])
    bench.refused("InvalidIpForNetwork", 400, ports.create, network_id=network,
                  fixed_ips=[{"ip_address": "10.2.0.9"}])


def test_a_network_without_a_subnet_for_a_port(bench, network):
    assert bench.do(ports.create, network_id=network).fixed_ips == ()
    made = subnet(bench, network, "10.0.0.0/24", NOVA)
    bench.refused("IpAddressGenerationFailureNoMatchingSubnet", 409, ports.create,
                  network_id=network)
    assert bench.do(ports.create, network_id=network, fixed_ips=[]).fixed_ips == ()
    port = bench.do(ports.create, network_id=network, device_owner=NOVA)
    # What it has it keeps, whatever is changed, and may name again; another it does not get.
    bench.do(subnets.update, made.id, service_types=["network:foo"])
    kept = [{"subnet_id": made.id, "ip_address": port.fixed_ips[0].ip_address}]
    assert bench.do(ports.update, port.id, fixed_ips=kept).fixed_ips == port.fixed_ips
    bench.do(ports.update, port.id, fixed_ips=[])
    bench.refused("InvalidInput", 400, ports.update, port.id, fixed_ips=kept)


def test_automatic_addresses_follow_the_owner(bench, network):
    before = bench.do(ports.create, network_id=network, device_owner=NOVA)
    plain = bench.do(ports.create, network_id=network)
    six = subnet(bench, network, "fd00::/64", NOVA, ipv6_address_mode="slaac",
                 ipv6_ra_mode="slaac")
    subnet(bench, network, "10.0.0.0/24")
    assert where(bench.config.ports[before.id]) == [six.id]
    assert bench.config.ports[plain.id].fixed_ips == ()
    assert six.id in where(bench.do(ports.create, network_id=network, device_owner=NOVA))
    assert six.id not in where(bench.do(ports.create, network_id=network))


def test_a_router_is_a_port_like_others(bench, network):
    router = bench.do(routers.create).id
    made = subnet(bench, network, "10.0.0.0/24", NOVA)
    bench.refused("InvalidInput", 400, routers.add_interface, router, subnet_id=made.id)
    bench.do(subnets.update, made.id, service_types=[NOVA, "network:router_interface"])
    bench.do(routers.add_interface, router, subnet_id=made.id)
