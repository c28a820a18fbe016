"""Rules as pure functions: what each refuses, what follows from what it accepts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ryu_apps.control.config.rules import Context, RuleError, networks
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.control.config.rules.routing import extra_routes, routers
from ryu_apps.control.config.service_addresses import service_mac
from tests.unit.control.rules_support import Bench


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def site(bench):
    """A network with a subnet of 10.0.0.0/24, and a router."""
    network = bench.do(networks.create, name="n")
    return SimpleNamespace(
        bench=bench, network=network,
        subnet=bench.do(subnets.create, network_id=network.id, cidr="10.0.0.0/24"),
        router=bench.do(routers.create, name="r"),
    )


def test_network_identifiers(bench):
    first = bench.do(networks.create)
    assert (first.vni, first.rd_index, first.revision_number) == (1000, 1, 1)
    assert bench.do(networks.create, segmentation_id=5000).vni == 5000
    assert bench.do(routers.create).vni == 1001
    assert bench.do(networks.create).vni == 1002
    bench.refused("TunnelIdInUse", 409, networks.create, segmentation_id=1001)
    bench.refused("InvalidInput", 400, networks.create, segmentation_id=5)
    bench.refused("InvalidInput", 400, networks.create, network_type="gre")
    bench.refused("InvalidInput", 400, networks.create, physical_network="p")
    bench.refused("InvalidInput", 400, networks.update, first.id, segmentation_id=1)


def test_vni_exhaustion():
    bench = Bench(vni_range=(5, 6))
    made = [bench.do(networks.create).id, bench.do(networks.create).id]
    assert "vni_range" in bench.refused("NoNetworkAvailable", 503, networks.create)
    bench.drop(networks.delete, made[0])
    assert bench.do(networks.create).vni == 5


@pytest.mark.parametrize("target,ok", [
    ("64512:1", True), ("64512:4294967295", True), ("4200000000:65535", True),
    ("10.0.0.1:65535", True), ("64512:4294967296", False), ("4200000000:65536", False),
    ("10.0.0.256:1", False), ("x", False), ("1:2:3", False), ("10.0.0.1:65536", False),
    ("4294967296:1", False), ("", False),
])
def test_route_targets(bench, target, ok):
    if ok:
        made = bench.do(networks.create, import_targets=[target, target])
        assert made.import_targets == (target,)
    else:
        bench.refused("InvalidInput", 400, networks.create, export_targets=[target])


def test_network_in_use_and_cascade(site):
    bench = site.bench
    port = bench.do(ports.create, network_id=site.network.id)
    bench.refused_drop("NetworkInUse", networks.delete, site.network.id)
    bench.drop(ports.delete, port.id)
    bench.drop(networks.delete, site.network.id)
    assert not bench.config.subnets and not bench.config.networks


def test_revision_numbers(site):
    bench = site.bench
    same = bench.do(networks.update, site.network.id, name="n")
    assert same.revision_number == 2  # It has a subnet.
    assert bench.do(networks.update, site.network.id, name="m").revision_number == 3
    bench.context = Context(**{**vars(bench.context), "if_match": 2})
    bench.refused("RevisionNumberConstraintFailed", 412, networks.update, site.network.id, name="x")
    with pytest.raises(RuleError):
        bench.drop(networks.delete, site.network.id)


def test_tags_and_projects(bench):
    assert bench.do(networks.create, tags=["b", "a"]).tags == ("a", "b")
    bench.do(networks.create, tags=["a,b", "x" * 255, *map(str, range(48))])
    for wrong in (["a", "a"], ["x" * 256], [""]):
        bench.refused("InvalidInput", 400, networks.create, tags=wrong)
    bench.refused("BadRequest", 400, networks.create, tags=[str(i) for i in range(51)])
    assert bench.do(networks.create, tenant_id="t").project_id == "t"
    bench.refused("BadRequest", 400, networks.create, tenant_id="t", project_id="p")


@pytest.mark.parametrize("cidr", [
    "10.0.0.0", "x", "10.0.0.0/33", "10.0.0.0/255.255.255.0", "224.0.0.0/8",
    "127.0.0.0/8", "0.0.0.0/0", "fe80::/64", "fd00::1%eth0/64", "", None,
])
def test_bad_cidr(bench, cidr):
    network = bench.do(networks.create)
    with pytest.raises(RuleError) as caught:
        bench.do(subnets.create, network_id=network.id, cidr=cidr)
    assert caught.value.status == 400


def test_subnet_defaults(bench):
    network = bench.do(networks.create)
    one = bench.do(subnets.create, network_id=network.id, cidr="10.0.0.0/24")
    assert one.gateway_ip == "10.0.0.1"
    assert [(p.start, p.end) for p in one.allocation_pools] == [("10.0.0.2", "10.0.0.254")]
    none = bench.do(subnets.create, network_id=network.id, cidr="10.0.1.0/24", gateway_ip=None)
    assert none.gateway_ip == "" and none.allocation_pools[0].start == "10.0.1.1"
    six = bench.do(subnets.create, network_id=network.id, cidr="FD00:0::/64", ip_version=6)
    assert six.cidr == "fd00::/64" and six.gateway_ip == "fd00::1"
    bench.refused("InvalidInput", 400, subnets.create, network_id=network.id,
                  cidr="10.0.3.0/24", ip_version=6)


def test_subnet_overlap(site):
    for cidr in ("10.0.0.0/24", "10.0.0.128/25", "10.0.0.0/8"):
        site.bench.refused("InvalidInput", 400, subnets.create, network_id=site.network.id,
                           cidr=cidr)
    other = site.bench.do(networks.create)
    site.bench.do(subnets.create, network_id=other.id, cidr="10.0.0.0/24")


@pytest.mark.parametrize("gateway", [
    "10.0.0.0", "10.0.0.255", "fd00::1", "x", "224.0.0.1", "127.0.0.1", "0.0.0.0",
    "255.255.255.255", "10.0.1.1/32",
])
def test_bad_gateway(bench, gateway):
    network = bench.do(networks.create)
    with pytest.raises(RuleError) as caught:
        bench.do(subnets.create, network_id=network.id, cidr="10.0.0.0/24", gateway_ip=gateway)
    assert caught.value.status == 400


@pytest.mark.parametrize("pools,type,status", [
    ([("10.0.0.9", "10.0.0.3")], "InvalidAllocationPool", 400),
    ([("10.0.0.9", "10.0.1.3")], "OutOfBoundsAllocationPool", 400),
    ([("10.0.0.0", "10.0.0.3")], "OutOfBoundsAllocationPool", 400),
    ([("10.0.0.9", "10.0.0.255")], "OutOfBoundsAllocationPool", 400),
    ([("10.0.0.10", "10.0.0.20"), ("10.0.0.20", "10.0.0.30")], "OverlappingAllocationPools", 409),
    ([("10.0.0.1", "10.0.0.20")], "GatewayConflictWithAllocationPools", 409),
])
def test_bad_pools(bench, pools, type, status):
    network = bench.do(networks.create)
    bench.refused(type, status, subnets.create, network_id=network.id, cidr="10.0.0.0/24",
                  allocation_pools=[{"start": a, "end": b} for a, b in pools])


def test_subnet_update(site):
    bench, id = site.bench, site.subnet.id
    moved = bench.do(subnets.update, id, gateway_ip="10.0.0.254")
    assert moved.allocation_pools[0].start == "10.0.0.1"  # default pools follow the gateway
    bench.do(subnets.update, id, allocation_pools=[{"start": "10.0.0.10", "end": "10.0.0.20"}])
    bench.refused("GatewayConflictWithAllocationPools", 409, subnets.update, id,
                  gateway_ip="10.0.0.15")
    bench.do(subnets.update, id, gateway_ip="10.0.0.1")
    bench.do(routers.add_interface, site.router.id, subnet_id=id)
    bench.refused("GatewayIpInUse", 409, subnets.update, id, gateway_ip=None)
    port = bench.do(ports.create, network_id=site.network.id)
    assert port.fixed_ips[0].ip_address == "10.0.0.10"
    routes = bench.do(subnets.update, id, host_routes=[
        {"destination": "192.0.2.0/24", "nexthop": "10.0.0.9"}]).host_routes
    assert routes[0].destination == "192.0.2.0/24"
    bench.refused("HTTPBadRequest", 400, subnets.update, id, host_routes=[
        {"destination": "192.0.2.1/24", "nexthop": "10.0.0.9"}])
    bench.refused("HTTPBadRequest", 400, subnets.update, id, dns_nameservers=["x"])
    bench.refused_drop("SubnetInUse", subnets.delete, id)


def test_automatic_addresses(bench):
    network = bench.do(networks.create)
    assert bench.do(ports.create, network_id=network.id).fixed_ips == ()
    bench.do(subnets.create, network_id=network.id, cidr="10.0.0.0/29")
    bench.do(subnets.create, network_id=network.id, cidr="10.0.1.0/29")
    bench.do(subnets.create, network_id=network.id, cidr="fd00::/64")
    found = [[f.ip_address for f in bench.do(ports.create, network_id=network.id).fixed_ips]
             for _ in range(10)]
    assert found[0] == ["10.0.0.2", "fd00::2"] and found[5] == ["10.0.1.2", "fd00::7"]
    assert "Delete unused ports" in bench.refused(
        "IpAddressGenerationFailure", 409, ports.create, network_id=network.id)
    assert bench.do(ports.create, network_id=network.id, fixed_ips=[]).fixed_ips == ()


def test_wanted_addresses(site):
    bench, network = site.bench, site.network.id

    def create(*fixed):
        return bench.do(ports.create, network_id=network, fixed_ips=list(fixed))

    def refuse(type, status, *fixed):
        bench.refused(type, status, ports.create, network_id=network, fixed_ips=list(fixed))

    one = create({"ip_address": "10.0.0.2"}, {"subnet_id": site.subnet.id})
    assert [f.ip_address for f in one.fixed_ips] == ["10.0.0.2", "10.0.0.3"]
    refuse("IpAddressInUse", 409, {"ip_address": "10.0.0.2"})
    refuse("InvalidInput", 400, {"ip_address": "10.0.0.9"}, {"ip_address": "10.0.0.9"})
    refuse("InvalidIpForNetwork", 400, {"ip_address": "10.9.0.9"})
    refuse("InvalidIpForNetwork", 400, {"ip_address": "10.0.0.255"})
    refuse("InvalidIpForSubnet", 400, {"subnet_id": site.subnet.id, "ip_address": "10.9.0.9"})
    refuse("SubnetNotFound", 404, {"subnet_id": "nope"})
    refuse("InvalidInput", 400, {})
    other = bench.do(networks.create)
    foreign = bench.do(subnets.create, network_id=other.id, cidr="10.5.0.0/24")
    refuse("InvalidInput", 400, {"subnet_id": foreign.id})
    again = bench.do(ports.update, one.id, fixed_ips=[{"subnet_id": site.subnet.id}])
    assert [f.ip_address for f in again.fixed_ips] == ["10.0.0.2"]  # keeps what it has
    moved = bench.do(ports.update, one.id, fixed_ips=[{"ip_address": "10.0.0.77"}])
    assert moved.fixed_ips[0].ip_address == "10.0.0.77"
    assert create({"subnet_id": site.subnet.id}).fixed_ips[0].ip_address == "10.0.0.2"


def test_macs(site):
    bench, network = site.bench, site.network.id
    one = bench.do(ports.create, network_id=network, mac_address="FA:16:3E:00:00:01")
    assert one.mac_address == "fa:16:3e:00:00:01"
    bench.refused("MacAddressInUse", 409, ports.create, network_id=network,
                  mac_address="fa:16:3e:00:00:01")
    bench.refused("HTTPBadRequest", 400, ports.create, network_id=network,
                  mac_address="01:00:00:00:00:01")
    two = bench.do(ports.create, network_id=network)
    bench.refused("MacAddressInUse", 409, ports.update, two.id, mac_address="fa:16:3e:00:00:01")
    # The network itself answers from this one.
    own = service_mac(bench.config.networks[network].vni)
    bench.refused("MacAddressInUse", 409, ports.create, network_id=network, mac_address=own)
    bench.refused("MacAddressInUse", 409, ports.update, two.id, mac_address=own)
    other = bench.do(networks.create)
    bench.do(ports.create, network_id=other.id, mac_address="fa:16:3e:00:00:01")


def test_address_pairs(site):
    bench, network = site.bench, site.network.id
    made = bench.do(ports.create, network_id=network, security_groups=[], allowed_address_pairs=[
        {"ip_address": "10.0.0.200"}, {"ip_address": "10.8.0.0/16",
                                       "mac_address": "fa:16:3e:00:00:05"}])
    assert [p.ip_address for p in made.allowed_address_pairs] == ["10.0.0.200", "10.8.0.0/16"]
    bench.refused("AddressPairAndPortSecurityRequired", 409, ports.update, made.id,
                  port_security_enabled=False)
    done = bench.do(ports.update, made.id, port_security_enabled=False, allowed_address_pairs=[])
    assert not done.port_security_enabled
    bench.refused("DuplicateAddressPairInRequest", 400, ports.create, network_id=network,
                  allowed_address_pairs=[{"ip_address": "10.0.0.200"}] * 2)
    bench.refused("HTTPBadRequest", 400, ports.create, network_id=network,
                  allowed_address_pairs=[{"ip_address": "10.0.0.1/33"}])
    bench.refused("AllowedAddressPairExhausted", 400, ports.create, network_id=network,
                  allowed_address_pairs=[{"ip_address": f"10.0.0.{i}"} for i in range(11)])


def test_reserved_owners(site):
    site.bench.refused("InvalidInput", 400, ports.create, network_id=site.network.id,
                       device_owner="network:router_interface")
    port = site.bench.do(ports.create, network_id=site.network.id, device_owner="compute:nova")
    site.bench.refused("InvalidInput", 400, ports.update, port.id, device_owner="network:dhcp")


def test_router_interface_by_subnet(site):
    bench, router = site.bench, site.router.id
    answer = bench.do(routers.add_interface, router, subnet_id=site.subnet.id)
    port = bench.config.ports[answer["port_id"]]
    assert port.is_router_interface and port.fixed_ips[0].ip_address == "10.0.0.1"
    bench.refused("BadRequest", 400, routers.add_interface, router, subnet_id=site.subnet.id)
    bench.refused_drop("ServicePortInUse", ports.delete, port.id)
    bench.refused_drop("RouterInUse", routers.delete, router)
    bench.refused_drop("NetworkInUse", networks.delete, site.network.id)
    for body in ({"fixed_ips": [{"ip_address": "10.0.0.9"}]}, {"device_id": "x"},
                 {"device_owner": ""}, {"mac_address": "fa:16:3e:00:00:09"}):
        bench.refused("ServicePortInUse", 409, ports.update, port.id, **body)
    bench.do(ports.update, port.id, name="gw")
    second = bench.do(routers.create)
    bench.refused("SubnetInUse", 409, routers.add_interface, second.id, subnet_id=site.subnet.id)
    bench.refused("RouterInterfaceNotFoundForSubnet", 404, routers.remove_interface, second.id,
                  subnet_id=site.subnet.id)
    bench.refused("RouterInterfaceNotFound", 404, routers.remove_interface, second.id,
                  port_id=port.id)
    bench.refused("SubnetMismatchForPort", 409, routers.remove_interface, router,
                  port_id=port.id, subnet_id="other")
    bench.do(routers.remove_interface, router, subnet_id=site.subnet.id)
    assert not bench.config.ports
    bench.drop(routers.delete, router)


def test_router_interface_by_port(site):
    bench, router = site.bench, site.router.id
    port = bench.do(ports.create, network_id=site.network.id)
    bench.do(routers.add_interface, router, port_id=port.id)
    assert bench.config.ports[port.id].device_id == router
    bench.refused("PortInUse", 409, routers.add_interface, router, port_id=port.id)
    bench.do(routers.remove_interface, router, port_id=port.id)
    bare = bench.do(ports.create, network_id=site.network.id, fixed_ips=[])
    bench.refused("BadRequest", 400, routers.add_interface, router, port_id=bare.id)
    bench.refused("BadRequest", 400, routers.add_interface, router)
    bench.refused("BadRequest", 400, routers.add_interface, router, port_id="a", subnet_id="b")
    bench.refused("BadRequest", 400, routers.remove_interface, router)
    bench.refused("PortNotFound", 404, routers.add_interface, router, port_id="none")
    bench.refused("RouterNotFound", 404, routers.add_interface, "none", port_id="none")


def test_router_refusals(site):
    bench, router = site.bench, site.router.id
    bench.do(ports.create, network_id=site.network.id, fixed_ips=[{"ip_address": "10.0.0.1"}])
    bench.refused("IpAddressInUse", 409, routers.add_interface, router, subnet_id=site.subnet.id)
    other = bench.do(networks.create)
    none = bench.do(subnets.create, network_id=other.id, cidr="10.1.0.0/24", gateway_ip=None)
    bench.refused("BadRequest", 400, routers.add_interface, router, subnet_id=none.id)
    left = bench.do(subnets.create, network_id=other.id, cidr="10.2.0.0/24")
    third = bench.do(networks.create)
    overlapping = bench.do(subnets.create, network_id=third.id, cidr="10.2.0.0/16")
    bench.do(routers.add_interface, router, subnet_id=left.id)
    assert "overlaps" in bench.refused("BadRequest", 400, routers.add_interface, router,
                                       subnet_id=overlapping.id)


def routes(*pairs):
    return [{"destination": one, "nexthop": other} for one, other in pairs]


@pytest.fixture
def routed(site):
    bench = site.bench
    bench.do(routers.add_interface, site.router.id, subnet_id=site.subnet.id)
    return site


def test_extra_routes_of_a_router(routed):
    bench, id = routed.bench, routed.router.id
    made = bench.do(routers.update, id, routes=routes(
        ("192.168.0.9/16", "10.0.0.9"), ("172.16.0.0/12", "10.0.0.9"),
        ("172.16.0.0/12", "10.0.0.8"), ("0.0.0.0/0", "10.0.0.7"), ("10.0.0.64/26", "10.0.0.7")))
    assert [(one.destination, one.nexthop) for one in made.routes] == [
        ("0.0.0.0/0", "10.0.0.7"), ("10.0.0.64/26", "10.0.0.7"), ("172.16.0.0/12", "10.0.0.8"),
        ("172.16.0.0/12", "10.0.0.9"), ("192.168.0.0/16", "10.0.0.9")]
    assert bench.do(routers.update, id, name="other").routes == made.routes
    assert bench.do(routers.update, id, routes=[]).routes == ()


@pytest.mark.parametrize("destination,nexthop,type", [
    ("192.168.0.0/16", "10.1.0.9", "InvalidRoutes"),
    ("192.168.0.0/16", "10.0.0.1", "InvalidRoutes"),
    ("192.168.0.0/16", "fd00::1", "HTTPBadRequest"),
    ("192.168.0.0", "10.0.0.9", "HTTPBadRequest"), ("x", "10.0.0.9", "HTTPBadRequest"),
    ("224.0.0.0/8", "10.0.0.9", "HTTPBadRequest"), ("192.168.0.0/16", "x", "HTTPBadRequest"),
    ("fe80::/64", "fd00::9", "HTTPBadRequest"), ("192.168.0.0/16", "127.0.0.1", "HTTPBadRequest"),
])
def test_extra_routes_that_are_refused(routed, destination, nexthop, type):
    bench, id = routed.bench, routed.router.id
    for rule, body in ((routers.update, {"routes": routes((destination, nexthop))}),
                       (extra_routes.add, {"router": {"routes": routes((destination, nexthop))}})):
        bench.refused(type, 400, rule, id, **body)


def test_extra_routes_are_bounded_and_each_stands_once(routed):
    bench, id = routed.bench, routed.router.id
    many = routes(*((f"192.168.{n}.0/24", "10.0.0.9") for n in range(31)))
    bench.refused("OverQuota", 409, routers.update, id, routes=many)
    bench.refused("HTTPBadRequest", 400, routers.update, id, routes=[*many[:2], many[1]])
    bench.do(routers.update, id, routes=many[:30])
    bench.refused("OverQuota", 409, extra_routes.add, id, router={"routes": many[30:]})


def test_extra_routes_one_by_one(routed):
    bench, id = routed.bench, routed.router.id
    one, two, three = routes(*((f"192.168.{n}.0/24", "10.0.0.9") for n in range(3)))
    bench.do(extra_routes.add, id, router={"routes": [one, two]})
    made = bench.do(extra_routes.add, id, router={"routes": [two, three, three]})
    assert len(made.routes) == 3
    left = bench.do(extra_routes.remove, id, router={"routes": [one, routes(
        ("192.168.1.0/24", "10.0.0.8"))[0]]})
    assert [route.destination for route in left.routes] == ["192.168.1.0/24", "192.168.2.0/24"]
    again = bench.do(extra_routes.remove, id, router={"routes": [one]})
    assert again.revision_number == left.revision_number


def test_what_a_next_hop_is_on_stays(routed):
    bench, id = routed.bench, routed.router.id
    bench.do(routers.update, id, routes=routes(("192.168.0.0/16", "10.0.0.9")))
    for body in ({"subnet_id": routed.subnet.id},
                 {"port_id": next(iter(bench.config.interfaces_by_subnet[routed.subnet.id]))}):
        bench.refused("RouterInterfaceInUseByRoute", 409, routers.remove_interface, id, **body)
    other = bench.do(subnets.create, network_id=bench.do(networks.create).id,
                     cidr="192.168.0.0/16")
    bench.do(routers.add_interface, id, subnet_id=other.id)
    bench.do(routers.update, id, routes=[])
    bench.do(routers.remove_interface, id, subnet_id=routed.subnet.id)
