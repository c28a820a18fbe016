"""Names asked by real clients in VMs, answered by the node that owns their hypervisor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.hosts.resolver import Resolver
from lab.hosts.vm import PortSpec
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.dhcp import Dhclient
from lab.wait import wait_until
from tests.lab.dns_support import dig, lab_with_resolvers, silent, with_resolv_conf
from tests.lab.ipv6_support import enable_ipv6, link_local

LAYOUT = (("web1", "hv1"), ("web2", "hv3"), ("db1", "hv1"))


@pytest.fixture(scope="module")
def named() -> Iterator[tuple[Lab, dict[str, Resolver]]]:
    with lab_with_resolvers(f"vncd{os.getpid()}", "forward_zones = corp.local") as made:
        yield made


@pytest.fixture(scope="module")
def lab(named: tuple[Lab, dict[str, Resolver]]) -> Lab:
    return named[0]


@pytest.fixture(scope="module")
def resolver(named: tuple[Lab, dict[str, Resolver]]) -> Resolver:
    """The one that node1 asks."""
    return named[1]["node1"]


def tenant_of(lab: Lab, name: str, node: str) -> Tenant:
    """VMs whose ports are called as they are, in networks without a domain of their own."""
    made = new_tenant(name, lab.nodes[node].client, dhcp=True)
    for network in made.networks.values():
        made.client.update("network", network["id"], dns_domain="")
    made.create_vms(lab, LAYOUT)
    made.wait_active()
    for vm in made.vms.values():
        vm.dhcp.wait()
    return made


@pytest.fixture(scope="module")
def red(lab: Lab) -> Tenant:
    return tenant_of(lab, "red", "node1")


@pytest.fixture(scope="module")
def blue(lab: Lab, red: Tenant) -> Tenant:
    """The same subnets and addresses as red; web2 of blue has another name."""
    made = tenant_of(lab, "blue", "node2")
    made.client.update("port", made.vms["web2"].port.id, dns_name="cobalt")
    return made


def edge(lab: Lab, hypervisor: str) -> dict[str, Any]:
    return lab.nodes[lab.owner(hypervisor)].client.v1(f"elements/{hypervisor}")["edge"]


def test_names_and_addresses_of_the_network(lab: Lab, red: Tenant) -> None:
    vm, far = red.vms["web1"], red.vms["web2"]
    for transport in ("+notcp", "+tcp"):
        for asker in (vm, far):
            found = dig(asker.space, transport, "web2.openstacklocal")
            assert (found.status, found.answers) == ("NOERROR", [far.ip])
            assert "aa" in found.flags
            back = dig(asker.space, transport, "-x", far.ip)
            assert (back.status, back.answers) == ("NOERROR", ["web2.openstacklocal."])
        assert dig(vm.space, transport, "WEB2").answers == [far.ip], "the host name alone"
        nothing = dig(vm.space, transport, "web2.openstacklocal", "AAAA")
        assert (nothing.status, nothing.answers) == ("NOERROR", [])
        assert dig(vm.space, transport, "nobody.openstacklocal").status == "NXDOMAIN"
        assert dig(vm.space, transport, "-x", "10.0.1.200").status == "NXDOMAIN"
    answered = edge(lab, "hv1")["answered"]
    assert answered["dns answer"] >= 3 and answered["dns nxdomain"] >= 2
    assert lab.nodes["node1"].client.get("/v1/dns")["networks"] == 2


def test_a_port_that_may_send_nothing_resolves(lab: Lab, red: Tenant) -> None:
    vm = red.vms["db1"]
    red.client.update("port", vm.port.id, security_groups=[])
    red.wait_active()
    assert dig(vm.space, "db1.openstacklocal", server="10.0.2.1").answers == [vm.ip]
    # Only its own network's names, at its own network's gateway.
    assert dig(vm.space, "web1.openstacklocal", server="10.0.2.1").status == "NXDOMAIN"
    assert silent(vm.space, "db1.openstacklocal", server="10.0.1.1")


def test_other_names_are_forwarded_and_remembered(
    lab: Lab, red: Tenant, resolver: Resolver
) -> None:
    vm = red.vms["web1"]
    first = dig(vm.space, "www.example.com")
    assert (first.status, first.answers) == ("NOERROR", ["203.0.113.80"])
    assert {"ra"} <= first.flags and "aa" not in first.flags
    for transport in ("+notcp", "+tcp"):
        assert dig(vm.space, transport, "www.example.com").answers == ["203.0.113.80"]
    assert len(resolver.asked("www.example.com. A")) == 1
    assert dig(vm.space, "www.example.com", "AAAA").answers == ["2001:db8::80"]
    assert dig(vm.space, "nowhere.example.com").status == "NXDOMAIN"
    large = dig(vm.space, "large.example.com", "TXT")
    assert len(large.answers) == 20 and "+tcp" not in large.text
    # Private addresses and names of nobody are no business of the outside.
    asked = len(resolver.asked())
    assert dig(vm.space, "-x", "10.99.0.1").status == "NXDOMAIN"
    assert dig(vm.space, "printer.local").status == "NXDOMAIN"
    assert len(resolver.asked()) == asked
    status = edge(lab, "hv1")["answered"]
    assert status["dns forwarded"] >= 2 and status["dns cached"] >= 1


def test_flags_and_what_is_others_to_deny(red: Tenant, resolver: Resolver) -> None:
    vm = red.vms["web1"]
    for words, said in ((("+adflag", "+noedns"), True), (("+noadflag", "+noedns"), False),
                        (("+noadflag", "+dnssec"), True)):  # fmt: skip
        assert ("ad" in dig(vm.space, *words, "third.example.com").flags) is said, words
    assert "cd" in dig(vm.space, "+cdflag", "third.example.com").flags
    assert dig(vm.space, "com.", "NS").answers == ["a.gtld-servers.net."]
    asked = len(resolver.asked())
    assert dig(vm.space, "com.", "A").status == "NOERROR"
    assert len(resolver.asked()) == asked
    # The resolvers have this zone; the others of its kind stay here.
    assert dig(vm.space, "dc1.corp.local").answers == ["203.0.113.82"]
    assert dig(vm.space, "printer.local").status == "NXDOMAIN"


def test_another_tenant_sees_its_own_names_alone(
    red: Tenant, blue: Tenant, resolver: Resolver
) -> None:
    assert red.vms["web2"].ip == blue.vms["web2"].ip
    asked = len(resolver.asked("www.example.com. A"))
    for tenant, own, foreign in ((red, "web2", "cobalt"), (blue, "cobalt", "web2")):
        for vm in (tenant.vms["web1"], tenant.vms["web2"]):
            assert dig(vm.space, f"{own}.openstacklocal").answers == [tenant.vms["web2"].ip]
            assert dig(vm.space, f"{foreign}.openstacklocal").status == "NXDOMAIN"
            back = dig(vm.space, "-x", tenant.vms["web2"].ip)
            assert back.answers == [f"{own}.openstacklocal."]
    # Nor what another has asked for: each network has a cache of its own.
    assert dig(blue.vms["web1"].space, "www.example.com").answers == ["203.0.113.80"]
    assert len(resolver.asked("www.example.com. A")) == asked + 1


def test_clients_learn_the_resolver_and_use_it(lab: Lab, red: Tenant, tmp_path: Path) -> None:
    vm, other = red.vms["web1"], red.vms["web2"]
    lease = vm.dhcp.wait()
    assert (lease["dns"], lease["domain"]) == ("10.0.1.1", "openstacklocal")
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"search {lease['domain']}\nnameserver {lease['dns']}\n")
    for name in ("web2", "web2.openstacklocal"):
        said = with_resolv_conf(vm.space, conf, "getent", "ahostsv4", name)
        assert said.split()[0] == other.ip
    said = with_resolv_conf(vm.space, conf, "getent", "hosts", other.ip)
    assert "web2.openstacklocal" in said
    assert "203.0.113.80" in with_resolv_conf(vm.space, conf, "getent", "ahostsv4",
                                              "www.example.com")
    conf.write_text(conf.read_text() + "options use-vc\n")
    assert other.ip in with_resolv_conf(vm.space, conf, "getent", "ahostsv4", "web2")
    client = Dhclient(vm.space, lab.journal)
    vm.dhcp.stop()
    client.start()
    told = client.wait()
    client.stop()
    assert told["new_domain_name_servers"] == "10.0.1.1"
    assert told["new_domain_name"] == "openstacklocal"
    vm.dhcp.start()
    vm.dhcp.wait()


def test_names_come_change_and_go_at_once(lab: Lab, red: Tenant) -> None:
    vm, client = red.vms["web1"], red.client
    port = client.create("port", **red.port_body("web9", dns_name="fresh"))
    try:
        assert dig(vm.space, "fresh.openstacklocal").answers == ["10.0.1.19"]
        client.update("port", port["id"], dns_name="older")
        assert dig(vm.space, "fresh.openstacklocal").status == "NXDOMAIN"
        assert dig(vm.space, "older.openstacklocal").answers == ["10.0.1.19"]
        client.update("port", port["id"], dns_domain="deep.example.org.")
        assert dig(vm.space, "older.deep.example.org").answers == ["10.0.1.19"]
        assert dig(vm.space, "-x", "10.0.1.19").answers == ["older.deep.example.org."]
        # Two of one name: both.
        client.update("port", port["id"], dns_domain="", dns_name="web2")
        both = dig(vm.space, "web2.openstacklocal").answers
        assert sorted(both) == ["10.0.1.12", "10.0.1.19"]
        network = red.networks["web"]["id"]
        client.update("network", network, dns_domain="red.example.")
        assert sorted(dig(vm.space, "web2.red.example").answers) == sorted(both)
        assert dig(vm.space, "-x", "10.0.1.19").answers == ["web2.red.example."]
        client.update("network", network, dns_domain="")
    finally:
        client.remove("port", port["id"])
    assert dig(vm.space, "web2.openstacklocal").answers == [red.vms["web2"].ip]
    assert dig(vm.space, "-x", "10.0.1.19").status == "NXDOMAIN"


def test_a_dead_resolver_takes_no_local_names_along(
    red: Tenant, resolver: Resolver
) -> None:
    vm = red.vms["web1"]
    resolver.kill()
    try:
        assert dig(vm.space, "other.example.com", patience=10).status == "SERVFAIL"
        assert dig(vm.space, "+tcp", "other.example.com", patience=10).status == "SERVFAIL"
        assert dig(vm.space, "web2.openstacklocal").answers == [red.vms["web2"].ip]
    finally:
        resolver.start()
    wait_until(
        lambda: dig(vm.space, "other.example.com").answers == ["203.0.113.81"],
        "the resolver to be asked again", 60, 0.5,
    )


def test_a_node_that_restarts_answers_again(lab: Lab, red: Tenant) -> None:
    vm, node = red.vms["web1"], lab.nodes["node1"]
    node.kill()
    assert silent(vm.space, "web2.openstacklocal", server="10.0.1.1")
    node.restart()
    wait_until(lambda: dig(vm.space, "web2.openstacklocal").answers == [red.vms["web2"].ip],
               "an answer after the restart", 60, 0.5)
    assert dig(vm.space, "+tcp", "-x", vm.ip).answers == ["web1.openstacklocal."]


def test_a_network_without_a_router(lab: Lab, tmp_path: Path) -> None:
    """The last address of the subnet that no port has is the resolver's."""
    client = lab.nodes["node1"].client
    network = client.create("network", name="island", dns_domain="island.example.")
    subnet = client.create(
        "subnet", network_id=network["id"], cidr="10.0.9.0/28", ip_version=4, gateway_ip=None
    )
    port = client.create("port", network_id=network["id"], dns_name="crusoe")
    vm = lab.add_vm("island", "hv1", PortSpec.from_api(port, subnet), dhcp=True)
    friday = None
    try:
        lease = vm.dhcp.wait()
        assert (lease["dns"], lease["domain"]) == ("10.0.9.14", "island.example")
        for transport in ("+notcp", "+tcp"):
            found = dig(vm.space, transport, "crusoe.island.example", server="10.0.9.14")
            assert found.answers == [vm.ip]
        friday = client.create("port", network_id=network["id"], dns_name="friday",
                               fixed_ips=[{"ip_address": "10.0.9.14"}])
        # The client asks at the server's former address, which is a port's now.
        vm.dhcp.renew()
        wait_until(lambda: vm.dhcp.wait(event="renew").get("dns") == "10.0.9.13",
                   "a lease with another resolver", 20)
        assert vm.dhcp.lease["serverid"] == "10.0.9.13"
        assert dig(vm.space, "friday.island.example", server="10.0.9.13").answers == ["10.0.9.14"]
    finally:
        vm.delete()
        for one in (port, friday):
            if one is not None:
                client.remove("port", one["id"])
        client.remove("network", network["id"])


def test_over_ipv6(lab: Lab) -> None:
    client = lab.nodes["node1"].client
    network = client.create("network", name="six", dns_domain="six.example.")
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    subnet = client.create("subnet", network_id=network["id"], cidr="fd55::/64", ip_version=6,
                           **modes)
    router = client.create("router", name="six")
    answer = client.add_router_interface(router["id"], subnet["id"])
    gateway = client.show("port", answer["port_id"])
    local = link_local(gateway["mac_address"])
    port = client.create("port", network_id=network["id"], dns_name="host6")
    (address,) = (one["ip_address"] for one in port["fixed_ips"])
    vm = lab.add_vm("six", "hv1", PortSpec(port["id"], port["mac_address"], "192.0.2.1/32"))
    try:
        client.wait_ports([port["id"]])
        enable_ipv6(vm.space, address, "fd55::1")
        for server in ("fd55::1", f"{local}%eth0"):
            for transport in ("+notcp", "+tcp"):
                found = dig(vm.space, transport, "host6.six.example", "AAAA", server=server)
                assert found.answers == [address], found.text
        assert dig(vm.space, "-x", address, server="fd55::1").answers == ["host6.six.example."]
        assert dig(vm.space, "www.example.com", server="fd55::1").answers == ["203.0.113.80"]
        said = vm.space.run(["rdisc6", "-1", "eth0"], check=False).stdout
        words = dict(
            (part.strip() for part in line.split(":", 1)) for line in said.splitlines()
            if " : " in line
        )  # fmt: skip
        assert words["Recursive DNS server"] == "fd55::1"
        assert words["DNS search list"] == "six.example"
        # Without a router: the last address, which neighbor discovery knows.
        client.remove_router_interface(router["id"], subnet["id"])
        last = "fd55::ffff:ffff:ffff:ffff"
        wait_until(lambda: dig(vm.space, "host6", "AAAA", server=last).answers == [address],
                   "the service address to answer", 30)
    finally:
        vm.delete()
        client.remove("port", port["id"])
        client.remove("router", router["id"])
        client.remove("network", network["id"])
