"""EdgePorts from the configuration: what DHCP and router advertisements say of a port."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control import ids
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    Change,
    DhcpOption,
    FixedIp,
    HostRoute,
    Network,
    Port,
    Router,
    Subnet,
)
from ryu_apps.control.config.service_addresses import resolver_addresses, service_mac
from ryu_apps.control.edge.edge import Edges, edge_port
from ryu_apps.control.vpn.translate import BoundPort, bound_port
from tests.unit.control.graph_support import Part

MAC, GATEWAY = "fa:16:3e:00:00:11", "fa:16:3e:00:00:01"


def config(routed: bool = True, **subnet: object) -> Config:
    made = Config()
    items = [
        ("network", Network("n", 100, 1, mtu=1400)),
        ("subnet", Subnet("s4", "n", "10.0.1.0/24", **{"gateway_ip": "10.0.1.1", **subnet})),
        ("subnet", Subnet("s6", "n", "fd00:1::/64", gateway_ip="fd00:1::1")),
        ("port", Port("p", "n", MAC, fixed_ips=(
            FixedIp("s4", "10.0.1.11"), FixedIp("s6", "fd00:1::11"),
        ))),
    ]  # fmt: skip
    if routed:
        items += [
            ("router", Router("r", 900, 2)),
            ("port", Port(
                "gw", "n", GATEWAY, device_id="r", device_owner=ROUTER_INTERFACE,
                fixed_ips=(FixedIp("s4", "10.0.1.1"), FixedIp("s6", "fd00:1::1")),
            )),
        ]  # fmt: skip
    for kind, item in items:
        made.apply(Change(kind, item.id, item))
    return made


def bind(made: Config, element: str = "hv1", ofport: int = 5) -> BoundPort:
    return bound_port(made, made.ports["p"], element, "tap0", ofport)


def test_a_routed_port() -> None:
    made = config(
        dns_nameservers=("192.0.2.53",), host_routes=(HostRoute("10.8.0.0/16", "10.0.1.9"),)
    )
    port = edge_port(made, bind(made))
    assert (port.mac, port.gateway_mac, port.mtu, port.ofport) == (MAC, GATEWAY, 1400, 5)
    (lease,) = port.v4
    assert (lease.address, lease.prefix_length) == ("10.0.1.11", 24)
    assert (lease.gateway, lease.server) == ("10.0.1.1", "10.0.1.1")
    assert lease.dns == ("192.0.2.53",) and lease.dhcp
    assert lease.routes == (("10.8.0.0/16", "10.0.1.9"),)
    (lease6,) = port.v6
    assert (lease6.address, lease6.prefix, lease6.gateway) == (
        "fd00:1::11", "fd00:1::/64", "fd00:1::1",
    )  # fmt: skip
    assert (lease6.ra_mode, lease6.address_mode) == ("", "")
    assert (port.host_name, port.domain) == ("host-10-0-1-11", "openstacklocal")


def test_names_modes_and_extra_options() -> None:
    made = config()
    options = (DhcpOption(4, "bootfile-name", "boot.img"), DhcpOption(6, "ntp-server", "fd00::1"))
    made.apply(Change("network", "n", replace(made.networks["n"], dns_domain="example.org.")))
    made.apply(Change("subnet", "s6", replace(
        made.subnets["s6"], ipv6_ra_mode="slaac", ipv6_address_mode="dhcpv6-stateless"
    )))  # fmt: skip
    made.apply(Change("port", "p", replace(
        made.ports["p"], dns_name="vm1", extra_dhcp_opts=options
    )))  # fmt: skip
    port = edge_port(made, bind(made))
    assert (port.host_name, port.domain) == ("vm1", "example.org")
    assert port.extra_options == options
    assert (port.v6[0].ra_mode, port.v6[0].address_mode) == ("slaac", "dhcpv6-stateless")


def test_without_a_router_the_last_address_answers() -> None:
    made = config(routed=False, enable_dhcp=False)
    port = edge_port(made, bind(made))
    assert port.gateway_mac == "" and port.service_mac == service_mac(100)
    # The gateway of the subnet is somebody's: it is told, but does not answer.
    assert (port.v4[0].gateway, port.v4[0].server) == ("10.0.1.1", "10.0.1.254")
    assert not port.v4[0].dhcp
    assert port.v6[0].gateway == ""


def follow(made: Config, bound: dict) -> Part:
    """What the edge answers to the ports in ``bound``."""
    part = Part()
    edges = Edges(made, bound, part.marks("Edges"), part.effects)
    part.consume(edges=edges.resolve, answers=edges.emit)
    return part


def test_a_place_changes_hands() -> None:
    """A port leaves its OpenFlow port in the same moment as another takes it."""
    made = config()
    made.apply(Change("port", "q", Port(
        "q", "n", "fa:16:3e:00:00:12", fixed_ips=(FixedIp("s4", "10.0.1.12"),)
    )))  # fmt: skip
    bound = {"p": bind(made)}
    part = follow(made, bound)
    part.mark("edges", "p")
    ((element, ofport, port),) = [(e.element, e.ofport, e.port) for e in part.flush()]
    assert (element, ofport, port.port_id) == ("hv1", 5, "p")
    assert part.flush() == []
    part.mark("edges", "p")
    assert part.flush() == [], "nothing changed"

    for order in ("pq", "qp"):
        bound.clear()
        bound["p"] = bind(made)
        part = follow(made, bound)
        part.mark("edges", "p")
        table = {(e.element, e.ofport): e.port for e in part.flush()}
        del bound["p"]
        bound["q"] = bound_port(made, made.ports["q"], "hv1", "tap1", 5)
        part.mark("edges", *order)
        for effect in part.flush():
            table[effect.element, effect.ofport] = effect.port
        assert {place: p and p.port_id for place, p in table.items()} == {("hv1", 5): "q"}
        del bound["q"]
        part.mark("edges", "q")
        assert [effect.port for effect in part.flush()] == [None]


def told(made: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    port = edge_port(made, bind(made))
    return port.v4[0].dns, port.v6[0].dns


def test_a_subnet_without_nameservers_tells_the_networks_own_resolver() -> None:
    assert told(config()) == (("10.0.1.1",), ("fd00:1::1",))
    assert told(config(routed=False)) == (("10.0.1.254",), ("fd00:1::ffff:ffff:ffff:ffff",))
    assert told(config(dns_nameservers=("192.0.2.53",)))[0] == ("192.0.2.53",)
    # Neutron's way to ask for none at all.
    assert told(config(dns_nameservers=("0.0.0.0",)))[0] == ()
    assert told(config(routed=False, enable_dhcp=False))[0] == ()


def test_the_routers_own_address_counts_where_it_is_not_the_gateway() -> None:
    made = config(gateway_ip="10.0.1.9")
    port = edge_port(made, bind(made))
    assert (port.v4[0].gateway, port.v4[0].server) == ("10.0.1.9", "10.0.1.1")
    assert port.v4[0].dns == ("10.0.1.1",)
    assert resolver_addresses(made, made.subnets["s4"]) == ("10.0.1.1",)
    local = ids.link_local(GATEWAY)
    assert resolver_addresses(made, made.subnets["s6"]) == ("fd00:1::1", local)


def test_an_ipv6_router_that_is_not_the_gateway_has_an_address_of_its_own() -> None:
    made = config()
    made.apply(Change("subnet", "s6", replace(made.subnets["s6"], gateway_ip="fe80::1")))
    (lease,) = edge_port(made, bind(made)).v6
    assert (lease.gateway, lease.router, lease.router_mac) == ("fe80::1", "fd00:1::1", GATEWAY)


def test_each_subnet_has_the_mac_of_its_own_router() -> None:
    made = config()
    made.apply(Change("port", "gw", replace(
        made.ports["gw"], fixed_ips=(FixedIp("s4", "10.0.1.1"),)
    )))  # fmt: skip
    made.apply(Change("router", "r2", Router("r2", 901, 3)))
    other = "fa:16:3e:00:00:02"
    made.apply(Change("port", "gw2", Port(
        "gw2", "n", other, device_id="r2", device_owner=ROUTER_INTERFACE,
        fixed_ips=(FixedIp("s6", "fd00:1::1"),),
    )))  # fmt: skip
    port = edge_port(made, bind(made))
    assert (port.v4[0].router_mac, port.v6[0].router_mac) == (GATEWAY, other)
