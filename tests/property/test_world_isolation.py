"""Two tenants with the same subnets and addresses: nothing of one ever names what is another's."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    AddressPair,
    FixedIp,
    Network,
    Port,
    Router,
    Subnet,
)
from ryu_apps.control.config.service_addresses import service_address, service_mac
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Path

from .world_model import DEEPER, ELEMENTS, Node, check_collisions, target

TENANTS = (0, 1, 2)
CIDRS = ("10.0.0.0/24", "10.0.1.0/24")
MACS = tuple(f"fa:16:3e:00:00:{n:02x}" for n in range(4))
"""The same MACs in every tenant, too."""


def evi(tenant: int, n: int) -> int:
    return 1000 + 100 * tenant + n


def vrf(tenant: int) -> int:
    return 2000 + 100 * tenant


def tenant_of(number: int) -> int:
    """Of an EVI, a VRF, an OpenFlow port: all carry the tenant's number."""
    return number // 100 % 10


tenants = st.sampled_from(TENANTS)
operation = st.one_of(
    st.tuples(st.just("port"), tenants, st.integers(0, 3), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.just("bind"), tenants, st.integers(0, 3), st.sampled_from(ELEMENTS),
              st.booleans()),
    st.tuples(st.just("router"), tenants, st.integers(0, 1), st.booleans()),
    st.tuples(st.just("network"), tenants, st.integers(0, 1), st.booleans()),
    st.tuples(st.just("path"), tenants, st.integers(0, 4), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("flush")),
    st.tuples(st.just("ack")),
)


class Tenants:
    def __init__(self) -> None:
        self.node = Node()
        for tenant in TENANTS:
            for n in (0, 1):
                self.network(tenant, n, True)
                self.node.set(
                    "subnet", f"s{tenant}{n}", Subnet(f"s{tenant}{n}", f"n{tenant}{n}", CIDRS[n])
                )
            self.node.set("router", f"r{tenant}", Router(f"r{tenant}", vrf(tenant), 50 + tenant))
            self.router(tenant, 0, True)
        for element in ELEMENTS:
            self.node.connect(element)

    def network(self, tenant: int, n: int, exists: bool) -> None:
        id = f"n{tenant}{n}"
        item = Network(id, evi(tenant, n), 1 + 2 * tenant + n)
        self.node.set("network", id, item if exists else None)

    def router(self, tenant: int, n: int, attached: bool) -> None:
        id = f"i{tenant}{n}"
        item = Port(
            id, f"n{tenant}{n}", "fa:16:3e:00:00:f0",
            fixed_ips=(FixedIp(f"s{tenant}{n}", f"10.0.{n}.1"),),
            device_id=f"r{tenant}", device_owner=ROUTER_INTERFACE, port_security_enabled=False,
        )
        self.node.set("port", id, item if attached else None)

    def port(self, tenant: int, number: int, n: int, kind: int) -> None:
        id = f"p{tenant}{number}"
        n = number % 2
        item = Port(
            id, f"n{tenant}{n}", MACS[number],
            fixed_ips=(FixedIp(f"s{tenant}{n}", f"10.0.{n}.{10 + number}"),),
            allowed_address_pairs=(AddressPair("10.0.0.0/16"),) if kind == 1 else (),
        )
        self.node.set("port", id, item if kind else None)

    def bind(self, tenant: int, number: int, element: str, there: bool) -> None:
        tap = f"t{tenant}{number}"
        if there:
            self.node.bind(element, tap, f"p{tenant}{number}", 5000 + 100 * tenant + number)
        else:
            self.node.interface(element, tap, None)

    def path(self, tenant: int, kind: int, number: int, there: bool) -> None:
        vtep = f"192.0.2.{10 + tenant}"
        n = number % 2
        attrs = Attributes(vtep, (target(evi(tenant, n)),), router_mac="02:76:c0:00:02:0a")
        rd = f"{vtep}:{1 + number}"
        if kind == 0:
            path = Path(Imet(rd, 0, vtep), attrs, (evi(tenant, n),))
        elif kind == 1:
            attrs = attrs._replace(rts=(target(vrf(tenant)),))
            path = Path(IpPrefix(rd, 0, ("0.0.0.0/0", "10.0.9.0/24")[n]), attrs, (vrf(tenant),))
        elif kind == 2:
            path = Path(MacIp(rd, 0, MACS[number], ""), attrs, (evi(tenant, n),))
        else:
            attrs = attrs._replace(rts=(target(evi(tenant, n)), target(vrf(tenant))))
            labels = (evi(tenant, n), vrf(tenant))
            path = Path(MacIp(rd, 0, MACS[number], f"10.0.{n}.{20 + number}"), attrs, labels)
        if there:
            self.node.receive("p1", (path,))
        else:
            self.node.receive("p1", (), (path.nlri,))

    def flush(self) -> None:
        self.node.flush()
        self.check()

    def ack(self) -> None:
        for element in ELEMENTS:
            self.node.ack(element)

    def check(self) -> None:
        bound = self.node.world.ports.bound
        for element, objects in self.node.tables.items():
            check_collisions(objects)
            for item in objects.values():
                self._check(element, item, bound)

    def _check(self, element: str, item: Any, bound: dict) -> None:
        match item.kind:
            case "port":
                tenant = tenant_of(item.evi)
                assert item.port_id[1] == str(tenant) and tenant_of(item.ofport) == tenant
                assert bound[item.port_id].element == element
            case "punt":
                assert item.port_id[1] == str(tenant_of(item.ofport))
                assert bound[item.port_id].element == element
            case "gateway":
                assert tenant_of(item.vrf) == tenant_of(item.evi)
            case "mac":
                for endpoint, vni in item.hops:
                    assert vni == item.evi
                    self._foreign(item.evi, endpoint.vtep)
            case "neighbor" if item.remote:
                pass
            case "neighbor" if item.mac == service_mac(item.evi):
                config = self.node.world.config
                assert item.address in {
                    service_address(config, subnet) for subnet in config.subnets.values()
                }
                assert not any(
                    item.address == fixed.ip_address
                    for port in config.ports.values()
                    if port.network_id in config.networks
                    and config.networks[port.network_id].vni == item.evi
                    for fixed in port.fixed_ips
                )
            case "neighbor":
                (port,) = [
                    one for one in bound.values()
                    if one.element == element and one.evi == item.evi and one.mac == item.mac
                ]
                assert item.address in {address.ip for address in port.addresses}
            case "route":
                for hop in item.hops:
                    if hasattr(hop, "label"):
                        assert hop.label == item.vrf
                        self._foreign(item.vrf, hop.endpoint.vtep)
                    else:
                        assert tenant_of(hop.evi) == tenant_of(item.vrf) == tenant_of(hop.ofport)
            case "flood":
                assert {tenant_of(port) for port in item.ports} <= {tenant_of(item.evi)}
            case "floodremotes":
                for endpoint, vni in item.remotes:
                    assert vni == item.evi
                    self._foreign(item.evi, endpoint.vtep)

    @staticmethod
    def _foreign(vni: int, vtep: str) -> None:
        """A VTEP outside is of one tenant alone."""
        if vtep.startswith("192.0.2."):
            assert vtep == f"192.0.2.{10 + tenant_of(vni)}"


@settings(
    max_examples=150 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.lists(operation, max_size=50))
def test_no_object_of_a_tenant_names_anything_of_another(operations):
    world = Tenants()
    for name, *arguments in operations:
        getattr(world, name)(*arguments)
    world.node.settle()
    world.check()
    for path in world.node.announced.values():
        (tenant,) = {tenant_of(label) for label in path.labels}
        assert {tenant_of(int(rt.partition(":")[2])) for rt in path.attrs.rts} == {tenant}
