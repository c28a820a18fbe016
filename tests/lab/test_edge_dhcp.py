"""DHCP by real clients in VMs, answered by the node that owns their hypervisor."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts.vm import PortSpec, Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic import dhcp_load
from lab.traffic.capture import Capture
from lab.traffic.dhcp import Dhclient, Udhcpc
from lab.traffic.ping import ping
from lab.wait import wait_until
from tests.lab.dns_support import dig
from vrouter_ovs.state.meters import PUNT_BURST, PUNT_RATE

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web3", "hv3"), ("db1", "hv1"))


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    made = new_tenant("dyn", lab.nodes["node1"].client, dhcp=True)
    made.create_vms(lab, LAYOUT)
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


def shown(vm: Vm, *words: str) -> str:
    return vm.space.run(["ip", *words]).stdout


def edge(lab: Lab, hypervisor: str) -> dict:
    node = lab.nodes[lab.owner(hypervisor)]
    return node.client.v1(f"elements/{hypervisor}")["edge"]


def cpu_seconds(pid: int) -> float:
    """Processor time of a process with all of its threads (proc(5), stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_vms_boot_with_dhcp_alone(lab: Lab, tenant: Tenant) -> None:
    tenant.wait_active()
    for vm in tenant.vms.values():
        lease = vm.dhcp.wait()
        assert (lease["ip"], lease["mask"]) == (vm.ip, "24")
        assert lease["router"] == lease["serverid"] == vm.port.gateway
        assert lease["lease"] == "86400"
        assert f"inet {vm.ip}/24" in shown(vm, "-4", "address", "show", "eth0")
        assert "mtu 1450 " in shown(vm, "link", "show", "eth0")
        assert f"default via {vm.port.gateway}" in shown(vm, "route")
    tenant.wait_reachable()
    # What the MTU says fits through the tunnel, whole.
    a, b = tenant.vms["web1"], tenant.vms["web3"]
    done = a.space.run(["ping", "-M", "do", "-s", "1422", "-c", "3", "-i", "0.05", b.ip])
    assert " 0% packet loss" in done.stdout
    status = edge(lab, "hv1")
    assert status["ports"] >= 3 and status["answered"]["dhcp ack"] >= 3
    assert status["dropped"] == 0


def test_renewal(tenant: Tenant) -> None:
    client = tenant.vms["web1"].dhcp
    client.wait()
    client.renew()
    assert client.wait(event="renew")["ip"] == tenant.vms["web1"].ip


def test_what_the_subnet_says_reaches_the_client(tenant: Tenant) -> None:
    vm, subnet = tenant.vms["db1"], tenant.subnets["db"]
    vm.dhcp.wait()
    routes = [
        {"destination": "203.0.113.0/24", "nexthop": "10.0.2.99"},
        # The gateway is the default, and nobody is his own next hop.
        {"destination": "0.0.0.0/0", "nexthop": "10.0.2.98"},
        {"destination": "198.51.100.0/24", "nexthop": vm.ip},
    ]
    servers = ["192.0.2.53", "192.0.2.54"]
    tenant.client.update("subnet", subnet["id"], dns_nameservers=servers, host_routes=routes)

    def told() -> bool:
        vm.dhcp.renew()
        return vm.dhcp.wait().get("dns") == " ".join(servers)

    wait_until(told, "the new resolvers in a renewed lease", 20, 0.1)
    found = shown(vm, "route")
    assert "203.0.113.0/24 via 10.0.2.99" in found and "198.51.100.0" not in found
    assert [line.split()[2] for line in found.splitlines() if "default" in line] == [
        vm.port.gateway
    ]  # fmt: skip
    assert vm.dhcp.lease["staticroutes"].count("0.0.0.0/0") == 1
    tenant.client.update("subnet", subnet["id"], dns_nameservers=[], host_routes=[])


def test_dhclient_and_another_ports_address(lab: Lab, tenant: Tenant) -> None:
    """It remembers an address that is its neighbor's: NAK, and then its own."""
    vm, neighbor = tenant.vms["web2"], tenant.vms["web1"]
    vm.dhcp.stop()
    client = Dhclient(vm.space, lab.journal)
    client.start(remembered=neighbor.ip)
    lease = client.wait()
    client.stop()
    assert f"DHCPREQUEST for {neighbor.ip}" in client.log
    assert f"DHCPNAK from {vm.port.gateway}" in client.log
    assert (lease["new_ip_address"], lease["new_routers"]) == (vm.ip, vm.port.gateway)
    assert lease["new_interface_mtu"] == "1450"
    assert ping(vm.space, neighbor.ip).ok
    # udhcpc asks for an address by the side of its DISCOVER: it is offered its own.
    vm.dhcp.start("-r", neighbor.ip)
    assert vm.dhcp.wait()["ip"] == vm.ip


def test_a_client_that_checks_whether_its_address_is_free(tenant: Tenant) -> None:
    """RFC 5227 section 2.1.1: nobody has its own address, and others have theirs."""
    vm, neighbor = tenant.vms["web1"], tenant.vms["web2"]
    vm.dhcp.start("-a500")
    assert vm.dhcp.wait()["ip"] == vm.ip

    def is_free(address: str) -> bool:
        words = ["arping", "-0", "-q", "-c", "2", "-w", "3", "-i", "eth0", address]
        return vm.space.run(words, check=False).returncode != 0

    assert is_free(vm.ip)
    for other in (neighbor.ip, tenant.vms["web3"].ip, vm.port.gateway):
        assert not is_free(other), other


def test_a_subnet_without_dhcp_stays_silent(lab: Lab, tenant: Tenant) -> None:
    vm, subnet = tenant.vms["db1"], tenant.subnets["db"]
    tenant.client.update("subnet", subnet["id"], enable_dhcp=False)
    before = edge(lab, "hv1")["ignored"].get("dhcp: DHCPv4 is off", 0)
    vm.dhcp.start()
    wait_until(lambda: edge(lab, "hv1")["ignored"].get("dhcp: DHCPv4 is off", 0) > before,
               "a question that is ignored", 20)
    assert vm.dhcp.lease == {}
    tenant.client.update("subnet", subnet["id"], enable_dhcp=True)
    assert vm.dhcp.wait()["ip"] == vm.ip


def test_while_the_node_is_away_nothing_leaks_and_then_all_is_well(
    lab: Lab, tenant: Tenant
) -> None:
    vm, other = tenant.vms["web1"], tenant.vms["web2"]
    node = lab.nodes["node1"]
    assert vm.hypervisor is not None
    in_vxlan = "udp dst port 4789 and udp[39] = 17 and udp[52:2] = 67"
    with (
        Capture(other.space, "eth0", "udp dst port 67") as near,
        Capture(vm.hypervisor.space, "eth0", in_vxlan) as far,
    ):
        node.kill()
        vm.dhcp.start()
        asked = vm.dhcp.asked
        wait_until(lambda: vm.dhcp.asked > asked + 2, "a client that asks in vain", 20)
        assert vm.dhcp.lease == {}
        node.restart()
        assert vm.dhcp.wait()["ip"] == vm.ip
        assert (near.text(), far.text()) == ("", "")
    tenant.wait_active()


def test_a_flood_from_one_vm_leaves_its_neighbor_served(lab: Lab, tenant: Tenant) -> None:
    """10,000 requests a second from one VM: its meter is what reaches the node."""
    attacker, victim = tenant.vms["web2"], tenant.vms["web1"]
    attacker.dhcp.stop()
    victim.dhcp.stop()
    before, begun = edge(lab, "hv1"), time.monotonic()
    node = lab.nodes["node1"].daemon
    used = cpu_seconds(node.pid)
    flood = dhcp_load.start(attacker.space, "flood", 10_000, 5)
    time.sleep(0.5)
    probe = dhcp_load.start(victim.space, "probe", 20, 4)
    leases = 0
    while flood.poll() is None:
        victim.dhcp.start()
        assert victim.dhcp.wait()["ip"] == victim.ip
        leases += 1
    told = dhcp_load.result(flood)
    timed = dhcp_load.result(probe)
    after, spent = edge(lab, "hv1"), time.monotonic() - begun
    victims = timed["asked"] + 10 * leases
    punted = after["punted"] - before["punted"]
    print(f"flood: {told}; neighbor: {leases} leases, {timed}; punted {punted} in {spent:.1f} s; "
          f"node: {cpu_seconds(node.pid) - used:.2f} CPU s")
    assert told["sent"] > 20 * punted
    assert punted <= PUNT_BURST + PUNT_RATE * (spent + 1) + victims
    assert leases > 0 and timed["answered"] > 0
    assert after["dropped"] == before["dropped"]
    attacker.dhcp.start()
    assert attacker.dhcp.wait()["ip"] == attacker.ip


def test_a_network_without_a_router(lab: Lab) -> None:
    """The last address of the subnet answers, also when a client renews by unicast."""
    client = lab.nodes["node1"].client
    network = client.create("network", name="island")
    subnet = client.create(
        "subnet", network_id=network["id"], cidr="10.0.9.0/28", ip_version=4, gateway_ip=None
    )
    port = client.create("port", network_id=network["id"])
    vm = lab.add_vm("island", "hv1", PortSpec.from_api(port, subnet), dhcp=True)
    try:
        lease = vm.dhcp.wait()
        assert (lease["ip"], lease["mask"], lease["serverid"]) == (vm.ip, "28", "10.0.9.14")
        assert "router" not in lease
        vm.dhcp.renew()
        assert vm.dhcp.wait(event="renew")["ip"] == vm.ip
        assert "02:56:4e:" in shown(vm, "neighbor", "show", "10.0.9.14")
    finally:
        vm.delete()
        client.remove("port", port["id"])
        client.remove("network", network["id"])


def test_a_subnet_without_a_free_address(lab: Lab) -> None:
    """Of four addresses one is the client's, one the gateway's, who is no router of ours.  Another
    subnet is one address, with the first client as its gateway."""
    client = lab.nodes["node1"].client
    network = client.create("network", name="islet")
    subnet = client.create("subnet", network_id=network["id"], cidr="10.9.9.0/30", ip_version=4)
    rock = client.create("subnet", network_id=network["id"], cidr="203.0.113.7/32", ip_version=4,
                         gateway_ip="10.9.9.2")  # fmt: skip
    ports = [client.create("port", network_id=network["id"], fixed_ips=[{"subnet_id": one["id"]}])
             for one in (subnet, rock)]  # fmt: skip
    vm, far = (
        lab.add_vm(name, "hv1", PortSpec.from_api(port, one), dhcp=True)
        for name, port, one in zip(("islet", "rock"), ports, (subnet, rock), strict=True)
    )
    try:
        lease = vm.dhcp.wait()
        assert (lease["ip"], lease["serverid"]) == ("10.9.9.2", "169.254.255.254")
        assert "169.254.255.254 dev eth0 scope link" in shown(vm, "route")
        assert "default via 10.9.9.1" in shown(vm, "route")
        vm.dhcp.renew()
        assert vm.dhcp.wait(event="renew")["ip"] == vm.ip
        assert "02:56:4e:" in shown(vm, "neighbor", "show", "169.254.255.254")
        resolver = lease["dns"]
        assert dig(vm.space, "host-10-9-9-2.openstacklocal", server=resolver).answers == [vm.ip]

        lease = far.dhcp.wait()
        assert (lease["ip"], lease["mask"], lease["router"]) == ("203.0.113.7", "32", "10.9.9.2")
        routes = shown(far, "route")
        assert "10.9.9.2 dev eth0 scope link" in routes and "default via 10.9.9.2" in routes
        vm.space.run(["ip", "route", "add", "203.0.113.7/32", "dev", "eth0"])
        wait_until(lambda: ping(far.space, "10.9.9.2", count=1).ok, "the gateway outside", 20)
        far.dhcp.renew()
        assert far.dhcp.wait(event="renew")["ip"] == far.ip
    finally:
        for one, port in ((vm, ports[0]), (far, ports[1])):
            one.delete()
            client.remove("port", port["id"])
        client.remove("network", network["id"])


def test_unplugged_and_plugged_elsewhere(lab: Lab, tenant: Tenant) -> None:
    vm = tenant.vms["web2"]
    vm.unplug()
    vm.plug(lab.hypervisors["hv3"])
    assert vm.dhcp.wait()["ip"] == vm.ip
    assert Udhcpc(vm.space, lab.journal).interface == "eth0"
