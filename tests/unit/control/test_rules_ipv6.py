"""IPv6 subnets and their modes, addresses made of the MAC, interfaces with several prefixes; DNS
names and extra DHCP options: what the rules accept, refuse and derive."""

from __future__ import annotations

import ipaddress

import pytest

from ryu_apps.control.config import ipam
from ryu_apps.control.config.dns_names import assignments
from ryu_apps.control.config.model import DhcpOption, Network, Port, Subnet
from ryu_apps.control.config.rules import networks
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.control.config.rules.routing import routers
from ryu_apps.control.config.stored import decode, encode
from ryu_apps.control.ids import link_local
from tests.unit.control.rules_support import Bench

MAC, EUI = "fa:16:3e:00:00:07", "f816:3eff:fe00:7"
MODES = (None, "slaac", "dhcpv6-stateful", "dhcpv6-stateless")


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def network(bench):
    return bench.do(networks.create, name="n")


def subnet(bench, network, cidr, mode=None, **body):
    modes = {"ipv6_ra_mode": mode, "ipv6_address_mode": mode} if mode else {}
    return bench.do(subnets.create, network_id=network.id, cidr=cidr, **modes, **body)


def addresses(port):
    return [fixed.ip_address for fixed in port.fixed_ips]


def update(bench, rule, id, **body):
    return bench.do(rule, id, **body)


# ------------------------------------------------------------ subnets


@pytest.mark.parametrize("length", [3, 48, 63, 64, 65, 120, 126, 127, 128])
def test_a_prefix_of_any_length(bench, network, length):
    net = ipaddress.ip_network(f"2001:db8::/{length}", strict=False)
    if length == 128:
        bench.refused("InvalidInput", 400, subnets.create, network_id=network.id, cidr=str(net))
        alone = subnet(bench, network, str(net), gateway_ip="fe80::1")
        assert [pool.start for pool in alone.allocation_pools] == ["2001:db8::"]
        return
    made = subnet(bench, network, str(net))
    assert made.ip_version == 6 and not made.auto_address
    first = net[0] if length > 126 else net[1]
    assert made.gateway_ip == str(first)
    if length < 128:
        port = bench.do(ports.create, network_id=network.id)
        (ip,) = addresses(port)
        assert ipaddress.ip_address(ip) in net and ip != made.gateway_ip
    else:
        assert made.allocation_pools == ()
        bench.refused("IpAddressGenerationFailure", 409, ports.create, network_id=network.id)


@pytest.mark.parametrize("ra", MODES)
@pytest.mark.parametrize("address", MODES)
def test_combinations_of_modes(bench, network, ra, address):
    body = {"network_id": network.id, "cidr": "fd00::/64", "ipv6_ra_mode": ra,
            "ipv6_address_mode": address}
    if ra and address and ra != address:
        message = bench.refused("InvalidInput", 400, subnets.create, **body)
        assert "must be the same value" in message
        return
    made = bench.do(subnets.create, **body)
    assert (made.ipv6_ra_mode, made.ipv6_address_mode) == (ra or "", address or "")
    assert made.auto_address is bool({ra, address} & {"slaac", "dhcpv6-stateless"})
    assert decode("subnet", encode(made)) == made


def test_modes_that_are_refused(bench, network):
    def refused(type, cidr, **body):
        return bench.refused(type, 400, subnets.create, network_id=network.id, cidr=cidr, **body)

    assert "ip_version is 4" in refused("InvalidInput", "10.0.0.0/24", ipv6_ra_mode="slaac")
    refused("HTTPBadRequest", "fd00::/64", ipv6_ra_mode="radvd")
    refused("InvalidInput", "fd00::/64", ipv6_ra_mode="slaac", enable_dhcp=False)
    refused("InvalidInput", "fd00::/64", ip_version=4)
    for length in (63, 65, 128):
        cidr = f"fd00::/{length}"
        for mode in ("slaac", "dhcpv6-stateless"):
            assert "/64" in refused("InvalidInput", cidr, ipv6_address_mode=mode)
            assert "/64" in refused("InvalidInput", cidr, ipv6_ra_mode=mode)
    made = subnet(bench, network, "fd00::/80", "dhcpv6-stateful")
    bench.refused("InvalidInput", 400, subnets.update, made.id, enable_dhcp=False)
    refused("InvalidInput", "fd00::/64")  # overlaps
    for bad in ("fe80::/64", "ff00::/8", "::1/128", "::/0", "fd01::1/129"):
        refused("HTTPBadRequest", bad)


def test_pools_and_gateway(bench, network):
    made = subnet(bench, network, "fd00::/64", gateway_ip="fd00::ff")
    assert [(one.start, one.end) for one in made.allocation_pools] == [
        ("fd00::1", "fd00::fe"), ("fd00::100", "fd00::ffff:ffff:ffff:ffff"),
    ]
    other = subnet(bench, network, "FD00:0:0:1:0::/64", gateway_ip=None,
                   allocation_pools=[{"start": "fd00:0:0:1::a", "end": "FD00:0:0:1::000B"}])
    assert other.cidr == "fd00:0:0:1::/64" and other.gateway_ip == ""
    got = [addresses(bench.do(ports.create, network_id=network.id,
                              fixed_ips=[{"subnet_id": other.id}])) for _ in range(2)]
    assert got == [["fd00:0:0:1::a"], ["fd00:0:0:1::b"]]
    bench.refused("IpAddressGenerationFailure", 409, ports.create, network_id=network.id,
                  fixed_ips=[{"subnet_id": other.id}])
    for number, gateway in enumerate(("fd03::1", "fe80::1", "fd00:0:0:f2::")):
        outside = subnet(bench, network, f"fd00:0:0:f{number}::/64", gateway_ip=gateway)
        assert outside.gateway_ip == gateway
    for wrong in ("ff02::1", "::1", "::", "::ffff:10.0.0.1", "10.0.0.1", "fe80::1%eth0"):
        bench.refused("HTTPBadRequest", 400, subnets.create, network_id=network.id,
                      cidr="fd02::/64", gateway_ip=wrong)


# ------------------------------------------------------------ addresses made of the MAC


def test_eui64():
    assert ipam.eui64_address("2001:db8:1:2::/64", MAC) == f"2001:db8:1:2:{EUI}"
    assert link_local(MAC) == f"fe80::{EUI}"
    assert link_local("02:00:00:00:00:01") == "fe80::ff:fe00:1"


def test_a_port_has_an_address_of_every_automatic_subnet(bench, network):
    subnet(bench, network, "10.0.0.0/24")
    subnet(bench, network, "fd00::/64", "slaac")
    subnet(bench, network, "fd01::/64", "dhcpv6-stateless")
    stateful = subnet(bench, network, "fd02::/64", "dhcpv6-stateful")
    port = bench.do(ports.create, network_id=network.id, mac_address=MAC)
    assert addresses(port) == ["10.0.0.2", "fd02::2", f"fd00::{EUI}", f"fd01::{EUI}"]
    chosen = bench.do(ports.create, network_id=network.id, mac_address="fa:16:3e:00:00:08",
                      fixed_ips=[{"ip_address": "10.0.0.77"}, {"subnet_id": stateful.id}])
    assert addresses(chosen) == [
        "10.0.0.77", "fd02::3", "fd00::f816:3eff:fe00:8", "fd01::f816:3eff:fe00:8",
    ]
    none = bench.do(ports.create, network_id=network.id, fixed_ips=[])
    assert addresses(none) == []


def test_an_automatic_address_is_not_chosen(bench, network):
    auto = subnet(bench, network, "fd00::/64", "slaac")
    for item in ({"ip_address": "fd00::5"}, {"ip_address": "fd00::5", "subnet_id": auto.id}):
        bench.refused("AllocationOnAutoAddressSubnet", 400, ports.create, network_id=network.id,
                      mac_address=MAC, fixed_ips=[item])
    port = bench.do(ports.create, network_id=network.id, mac_address=MAC,
                    fixed_ips=[{"subnet_id": auto.id}])
    assert addresses(port) == [f"fd00::{EUI}"]
    # Clients send back what they read.
    same = update(bench, ports.update, port.id, fixed_ips=[
        {"subnet_id": auto.id, "ip_address": f"fd00::{EUI}"}])
    assert same == port
    assert addresses(update(bench, ports.update, port.id, fixed_ips=[])) == []
    assert addresses(update(bench, ports.update, port.id, fixed_ips=[
        {"subnet_id": auto.id}])) == [f"fd00::{EUI}"]


def test_automatic_addresses_follow_mac_and_subnets(bench, network):
    v4 = subnet(bench, network, "10.0.0.0/24")
    port = bench.do(ports.create, network_id=network.id, mac_address=MAC)
    router = bench.do(routers.create)
    bench.do(routers.add_interface, router.id, subnet_id=v4.id)
    auto = subnet(bench, network, "fd00::/64", "slaac")
    port = bench.config.ports[port.id]
    assert addresses(port) == ["10.0.0.2", f"fd00::{EUI}"] and port.revision_number == 2
    assert bench.config.interfaces_by_subnet.get(auto.id) is None
    port = update(bench, ports.update, port.id, mac_address="fa:16:3e:00:00:09")
    assert addresses(port) == ["10.0.0.2", "fd00::f816:3eff:fe00:9"]
    port = update(bench, ports.update, port.id, fixed_ips=[{"ip_address": "10.0.0.9"}])
    assert addresses(port) == ["10.0.0.9", "fd00::f816:3eff:fe00:9"]
    bench.drop(subnets.delete, auto.id)
    assert addresses(bench.config.ports[port.id]) == ["10.0.0.9"]


def test_a_subnet_with_an_interface_stays(bench, network):
    auto = subnet(bench, network, "fd00::/64", "slaac")
    port = bench.do(ports.create, network_id=network.id)
    router = bench.do(routers.create)
    bench.do(routers.add_interface, router.id, subnet_id=auto.id)
    bench.refused_drop("SubnetInUse", subnets.delete, auto.id)
    assert len(addresses(bench.config.ports[port.id])) == 1
    bench.do(routers.remove_interface, router.id, subnet_id=auto.id)
    bench.drop(subnets.delete, auto.id)
    assert addresses(bench.config.ports[port.id]) == []


def test_an_automatic_address_that_is_taken(bench, network):
    auto = subnet(bench, network, "fd00::/64", "slaac", gateway_ip=f"fd00::{EUI}")
    bench.refused("IpAddressInUse", 409, ports.create, network_id=network.id, mac_address=MAC)
    other = bench.do(ports.create, network_id=network.id)
    bench.refused("IpAddressInUse", 409, ports.update, other.id, mac_address=MAC)
    assert auto.id in bench.config.subnets


def test_automatic_subnets_are_bounded(bench, network):
    for number in range(8):
        subnet(bench, network, f"fd00:0:0:{number}::/64", "slaac")
    bench.refused("SubnetQuotaExceeded", 409, subnets.create, network_id=network.id,
                  cidr="fd01::/64", ipv6_ra_mode="slaac")
    port = bench.do(ports.create, network_id=network.id)
    assert len(port.fixed_ips) == 8


# ------------------------------------------------------------ routers


def test_ipv6_subnets_of_a_network_share_an_interface(bench, network):
    four = subnet(bench, network, "10.0.0.0/24")
    one, two = subnet(bench, network, "fd00::/64", "slaac"), subnet(bench, network, "fd01::/64")
    router = bench.do(routers.create)
    first = bench.do(routers.add_interface, router.id, subnet_id=four.id)
    second = bench.do(routers.add_interface, router.id, subnet_id=one.id)
    third = bench.do(routers.add_interface, router.id, subnet_id=two.id)
    assert first["port_id"] != second["port_id"] == third["port_id"]
    assert third["subnet_id"] == two.id
    assert addresses(bench.config.ports[second["port_id"]]) == ["fd00::1", "fd01::1"]
    bench.refused("BadRequest", 400, routers.add_interface, router.id, subnet_id=two.id)
    bench.do(routers.remove_interface, router.id, subnet_id=one.id)
    assert addresses(bench.config.ports[second["port_id"]]) == ["fd01::1"]
    bench.do(routers.remove_interface, router.id, subnet_id=two.id)
    assert second["port_id"] not in bench.config.ports
    assert first["port_id"] in bench.config.ports


def test_overlapping_prefixes_do_not_meet_in_a_router(bench, network):
    other = bench.do(networks.create)
    one = subnet(bench, network, "fd00::/48")
    two = subnet(bench, other, "fd00:0:0:7::/64")
    router = bench.do(routers.create)
    bench.do(routers.add_interface, router.id, subnet_id=one.id)
    bench.refused("BadRequest", 400, routers.add_interface, router.id, subnet_id=two.id)


def test_address_pairs(bench, network):
    port = bench.do(ports.create, network_id=network.id, allowed_address_pairs=[
        {"ip_address": "FD00::00FF"}, {"ip_address": "fd00:1::/64"}])
    assert [one.ip_address for one in port.allowed_address_pairs] == ["fd00::ff", "fd00:1::/64"]


# ------------------------------------------------------------ names


def test_names(bench):
    network = bench.do(networks.create, dns_domain="Example.ORG.")
    assert network.dns_domain == "example.org."
    subnet(bench, network, "10.0.0.0/24")
    subnet(bench, network, "fd00::/64", "slaac")
    port = bench.do(ports.create, network_id=network.id, dns_name="VM1", mac_address=MAC)
    assert assignments(port, network.dns_domain) == [
        ("10.0.0.2", "vm1", "vm1.example.org."), (f"fd00::{EUI}", "vm1", "vm1.example.org."),
    ]
    port = update(bench, ports.update, port.id, dns_domain="lab.test.")
    assert assignments(port, network.dns_domain)[0].fqdn == "vm1.lab.test."
    port = update(bench, ports.update, port.id, dns_name="", dns_domain="")
    assert assignments(port, network.dns_domain)[0] == (
        "10.0.0.2", "host-10-0-0-2", "host-10-0-0-2.example.org.")
    assert assignments(port, "")[1].fqdn == f"host-fd00--{EUI.replace(':', '-')}.openstacklocal."
    whole = update(bench, ports.update, port.id, dns_name="a.b.example.org.")
    assert assignments(whole, network.dns_domain)[0].fqdn == "a.b.example.org."


@pytest.mark.parametrize("name", [
    "-a", "a-", "a..b", ".", "a_b", "a" * 64, "x.123", ".".join(["a" * 60] * 5), "vm 1", "é",
    "other.test.",
])  # fmt: skip
def test_names_that_are_refused(bench, network, name):
    bench.refused("HTTPBadRequest", 400, ports.create, network_id=network.id, dns_name=name)


@pytest.mark.parametrize("name", ["example.org", "a..b.", "-a.test.", "."])
def test_domains_that_are_refused(bench, network, name):
    bench.refused("HTTPBadRequest", 400, networks.create, dns_domain=name)
    bench.refused("HTTPBadRequest", 400, ports.create, network_id=network.id, dns_domain=name)


def test_a_name_with_its_domain_is_not_too_long(bench, network):
    long = ".".join(["a" * 62] * 3)
    port = bench.do(ports.create, network_id=network.id, dns_name=long)
    bench.refused("HTTPBadRequest", 400, ports.update, port.id, dns_domain=f"{'b' * 63}.c.")


# ------------------------------------------------------------ DHCP options


def option(name, value, version=4):
    return {"opt_name": name, "opt_value": value, "ip_version": version}


def test_extra_options(bench, network):
    port = bench.do(ports.create, network_id=network.id, extra_dhcp_opts=[
        option("tftp-server", "10.0.0.9"), option("bootfile-name", "pxelinux.0"),
        option("dns-server", "fd00::53", 6)])
    assert port.extra_dhcp_opts == (
        DhcpOption(4, "bootfile-name", "pxelinux.0"), DhcpOption(4, "tftp-server", "10.0.0.9"),
        DhcpOption(6, "dns-server", "fd00::53"),
    )
    assert decode("port", encode(port)) == port
    port = update(bench, ports.update, port.id, extra_dhcp_opts=[
        option("tftp-server", None), option("bootfile-name", "other"), option("mtu", "1400")])
    assert port.extra_dhcp_opts == (
        DhcpOption(4, "bootfile-name", "other"), DhcpOption(4, "mtu", "1400"),
        DhcpOption(6, "dns-server", "fd00::53"),
    )
    assert update(bench, ports.update, port.id, extra_dhcp_opts=[]) == port


@pytest.mark.parametrize("item", [
    option("no-such-option", "1"), option("server-id", "10.0.0.1"), option("53", "5"),
    option("mtu", "many"), option("dns-server", "10.0.0.1", 6), option("mtu", "1400", 5),
    option(" ", "1"),
])  # fmt: skip
def test_options_that_no_client_would_get(bench, network, item):
    bench.refused("ExtraDhcpOptBadData", 400, ports.create, network_id=network.id,
                  extra_dhcp_opts=[item])


def test_options_are_bounded(bench, network):
    many = [option(str(number), "x") for number in range(150, 190)]
    bench.refused("ExtraDhcpOptBadData", 400, ports.create, network_id=network.id,
                  extra_dhcp_opts=many)
    long = [option(str(number), "x" * 250) for number in range(160, 164)]
    bench.refused("ExtraDhcpOptBadData", 400, ports.create, network_id=network.id,
                  extra_dhcp_opts=long)


def test_what_older_versions_stored_is_read():
    for item in (Network("n", 1, 1), Subnet("s", "n", "fd00::/64"), Port("p", "n", MAC)):
        kind = type(item).__name__.lower()
        value = encode(item)
        for field in (b"dns_domain", b"dns_name", b"ipv6_ra_mode", b"ipv6_address_mode"):
            value = value.replace(b'"' + field + b'":"",', b"")
        value = value.replace(b'"extra_dhcp_opts":[],', b"").replace(b'"flood_unknown":false,', b"")
        value = value.replace(b'"mdns":"flood",', b"")
        assert decode(kind, value) == item
