"""ICMP errors of the distributed router, and the hops that a guest counts, with real packets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.hosts.vm import PortSpec, Vm
from lab.topology import Lab
from lab.traffic.ping import PingStream, ping
from lab.wait import wait_until
from tests.lab.ipv6_support import Tenant6, enable_ipv6, link_local

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web3", "hv3"), ("db1", "hv1"), ("db3", "hv3"))
PREFIXES = {
    ("web", 4): "10.88.1.0/24", ("web", 6): "fd88:0:0:1::/64",
    ("db", 4): "10.88.2.0/24", ("db", 6): "fd88:0:0:2::/64",
}  # fmt: skip
GATEWAYS = {4: "10.88.1.1", 6: "fd88:0:0:1::1"}
"""Of web."""
NOWHERE = {4: "203.0.113.9", 6: "2001:db8::9"}
OVERLAY = 1450
HEADERS = {4: 28, 6: 48}
TOO_BIG = {4: f"Frag needed and DF set (mtu = {OVERLAY})", 6: f"Packet too big: mtu={OVERLAY}"}
EXCEEDED = {4: "Time to live exceeded", 6: "Time exceeded: Hop limit"}
NO_ROUTE = {4: "Destination Net Unreachable", 6: "Destination unreachable: No route"}
both = pytest.mark.parametrize("version", [4, 6])
far = pytest.mark.parametrize("target", ["web3", "db3"])


class DualStack(Tenant6):
    """Networks "web" and "db", both with both families, and guests whose MTU is too large."""

    def create_networks(self) -> None:
        create, owned = self.client.create, {"project_id": self.project_id}
        router = create("router", name=self.name, **owned)
        self.open_up()
        for network in ("web", "db"):
            self.networks[network] = create("network", name=f"{self.name}-{network}", **owned)
            for version in (4, 6):
                subnet = self.subnets[f"{network}{version}"] = create(
                    "subnet", network_id=self.networks[network]["id"], ip_version=version,
                    cidr=PREFIXES[network, version], **owned,
                )
                self.client.add_router_interface(router["id"], subnet["id"])

    def create_vms(self, lab: Lab, layout=LAYOUT) -> None:
        wanted = []
        for name, hypervisor in layout:
            port = self.ports[name] = self.client.create(
                "port", name=name, network_id=self.networks[name[:-1]]["id"],
                project_id=self.project_id,
            )
            spec = PortSpec.from_api(port, self.subnets[f"{name[:-1]}4"])
            wanted.append((f"{self.name}-{name}", hypervisor, spec))
        for (name, _), vm in zip(layout, lab.add_vms(wanted), strict=True):
            self.vms[name] = vm
            enlarge(vm)
            gateway = self.subnets[f"{name[:-1]}6"]["gateway_ip"]
            enable_ipv6(vm.space, self.address(name), gateway)
        self.client.wait_ports([port["id"] for port in self.ports.values()])

    def of(self, name: str, version: int) -> str:
        return self.vms[name].ip if version == 4 else self.address(name)


def enlarge(vm: Vm) -> None:
    """By hand, to what the overlay does not carry."""
    assert vm.hypervisor is not None
    vm.hypervisor.space.batch([f"link set {vm.interface} mtu 1500"])
    vm.space.batch(["link set eth0 mtu 1500"])


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[DualStack]:
    made = DualStack("errors", lab.nodes["node1"].client)
    made.create_networks()
    made.create_vms(lab)
    for name in ("web3", "db3"):
        for version in (4, 6):
            wait_reply(made.vms["web1"], made.of(name, version))
            wait_reply(made.vms[name], made.of("web1", version))
    yield made
    for name, vm in made.vms.items():
        vm.delete()
        lab.vms.pop(vm.name, None)
        made.client.remove("port", made.ports[name]["id"])


def wait_reply(vm: Vm, address: str) -> None:
    stream = PingStream(vm.space, address, interval=0.05)
    try:
        stream.wait_reply(30)
    finally:
        stream.stop()


def pinged(vm: Vm, address: str, *options: str, count: int = 2) -> str:
    """What ping says, answered or not."""
    return vm.space.run(
        ["ping", "-n", "-c", str(count), "-i", "0.2", "-W", "3", *options, address], check=False,
        timeout=60,
    ).stdout  # fmt: skip


def large(vm: Vm, address: str, size: int, count: int = 2) -> str:
    """Of IP packets of ``size`` bytes, to whoever forgot what it learned of paths."""
    version = 6 if ":" in address else 4
    vm.space.run(["ip", f"-{version}", "route", "flush", "cache"])
    return pinged(vm, address, "-M", "do", "-s", str(size - HEADERS[version]), count=count)


def counted(lab: Lab, hypervisor: str, what: str) -> int:
    node = lab.nodes[lab.owner(hypervisor)]
    return node.client.v1(f"elements/{hypervisor}")["edge"]["answered"].get(what, 0)


# ------------------------------------------------------------ path MTU


@both
@far
def test_one_byte_too_large(lab: Lab, tenant: DualStack, version: int, target: str) -> None:
    """Switched and routed; from the gateway, and the guest's kernel believes it."""
    vm, address = tenant.vms["web1"], tenant.of(target, version)
    what = "icmp too-big" if version == 4 else "icmpv6 too-big"
    before = counted(lab, "hv1", what)
    said = large(vm, address, OVERLAY + 1)
    assert f"From {GATEWAYS[version]} icmp_seq=1 {TOO_BIG[version]}" in said
    assert f"mtu {OVERLAY}" in vm.space.run(["ip", "route", "get", address]).stdout
    assert counted(lab, "hv1", what) > before
    assert " 0% packet loss" in large(vm, address, OVERLAY)


@both
def test_on_one_hypervisor_there_is_no_limit(tenant: DualStack, version: int) -> None:
    for target in ("web2", "db1"):
        said = large(tenant.vms["web1"], tenant.of(target, version), 1500)
        assert " 0% packet loss" in said


def test_between_link_local_addresses(tenant: DualStack) -> None:
    vm = tenant.vms["web1"]
    said = large(vm, f"{link_local(tenant.mac('web3'))}%eth0", 1451)
    assert f"{TOO_BIG[6]}" in said and "From fe80::" in said


_SERVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 8088), family=family) as server:
    print("ready", flush=True)
    link, _ = server.accept()
    total = 0
    while part := link.recv(65536):
        total += len(part)
    link.sendall(bytes(300000))
    link.shutdown(socket.SHUT_WR)
    print(total, flush=True)
"""
_CLIENT = """
import socket, sys
link = socket.create_connection((sys.argv[1], 8088), 60)
link.sendall(bytes(300000))
link.shutdown(socket.SHUT_WR)
total = 0
while part := link.recv(65536):
    total += len(part)
print(total)
"""


@both
@far
def test_tcp_finds_the_path_mtu(lab: Lab, tenant: DualStack, version: int, target: str) -> None:
    """Both sides offer segments for 1500 bytes, and send as much both ways."""
    source, address = tenant.vms["web1"], tenant.of(target, version)
    what = "icmp too-big" if version == 4 else "icmpv6 too-big"
    for vm in (source, tenant.vms[target]):
        vm.space.run(["ip", f"-{version}", "route", "flush", "cache"])
    before = counted(lab, "hv1", what), counted(lab, "hv3", what)
    with subprocess.Popen(
        [*tenant.vms[target].space.prefix, sys.executable, "-c", _SERVER, address],
        stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stdout.readline() == "ready\n"
            done = source.space.run([sys.executable, "-c", _CLIENT, address], timeout=90)
            assert done.stdout.strip() == "300000"
            assert server.stdout.readline() == "300000\n"
        finally:
            server.kill()
    assert counted(lab, "hv1", what) > before[0] and counted(lab, "hv3", what) > before[1]


def test_a_network_without_a_router(lab: Lab) -> None:
    """The address that answers DHCP tells the sender, too."""
    client = lab.nodes["node1"].client
    network = client.create("network", name="errors-island", port_security_enabled=False)
    subnet = client.create(
        "subnet", network_id=network["id"], cidr="10.88.9.0/28", ip_version=4, gateway_ip=None
    )
    ports = [client.create("port", network_id=network["id"]) for _ in range(2)]
    one, other = vms = [
        lab.add_vm(f"errors-i{number}", hypervisor, PortSpec.from_api(port, subnet))
        for number, (port, hypervisor) in enumerate(zip(ports, ("hv1", "hv3"), strict=True))
    ]
    try:
        client.wait_ports([port["id"] for port in ports])
        for vm in vms:
            enlarge(vm)
        wait_reply(one, other.ip)
        assert f"From 10.88.9.14 icmp_seq=1 {TOO_BIG[4]}" in large(one, other.ip, 1451)
    finally:
        for vm, port in zip(vms, ports, strict=True):
            vm.delete()
            lab.vms.pop(vm.name, None)
            client.remove("port", port["id"])
        client.remove("network", network["id"])


# ------------------------------------------------------------ hops


@both
@pytest.mark.parametrize("target", ["db1", "db3"])
def test_the_gateway_is_one_hop(tenant: DualStack, version: int, target: str) -> None:
    """On one hypervisor and between two: the gateway, then the target."""
    vm, address = tenant.vms["web1"], tenant.of(target, version)
    said = pinged(vm, address, "-t", "1")
    assert f"From {GATEWAYS[version]} icmp_seq=1 {EXCEEDED[version]}" in said
    assert f"from {address}" in pinged(vm, address, "-t", "2")
    assert f"from {tenant.of('web3', version)}" in pinged(vm, tenant.of("web3", version), "-t", "1")


# ------------------------------------------------------------ unreachable


@both
def test_no_route(tenant: DualStack, version: int) -> None:
    said = pinged(tenant.vms["web1"], NOWHERE[version])
    assert f"From {GATEWAYS[version]} icmp_seq=1 {NO_ROUTE[version]}" in said


_REFUSED = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as link:
    link.settimeout(20)
    link.connect((sys.argv[1], 33434))
    link.send(b"x")
    try:
        link.recv(1)
    except ConnectionRefusedError:
        print("refused")
try:
    socket.create_connection((sys.argv[1], 443), 20)
except ConnectionRefusedError:
    print("refused")
"""


@both
def test_the_gateway_refuses_what_it_does_not_do(tenant: DualStack, version: int) -> None:
    """So a traceroute to it ends."""
    for network in ("web", "db"):
        gateway = tenant.subnets[f"{network}{version}"]["gateway_ip"]
        done = tenant.vms["web1"].space.run([sys.executable, "-c", _REFUSED, gateway], timeout=60)
        assert done.stdout == "refused\nrefused\n"
        assert ping(tenant.vms["web1"].space, gateway).ok


# ------------------------------------------------------------ the node


@far
def test_while_the_node_is_away(lab: Lab, tenant: DualStack, target: str) -> None:
    """What fits goes on, and of the rest nobody is told, until the node is back."""
    vm, address = tenant.vms["web1"], tenant.of(target, 4)
    node = lab.nodes["node1"]
    node.kill()
    try:
        for what in (large(vm, address, 1451), pinged(vm, tenant.of("db1", 4), "-t", "1"),
                     pinged(vm, NOWHERE[6])):  # fmt: skip
            assert " 100% packet loss" in what and "From" not in what
        assert " 0% packet loss" in large(vm, address, 1450, 5)
    finally:
        node.restart()
    wait_until(lambda: TOO_BIG[4] in large(vm, address, 1451), "the error again", 40)
    assert EXCEEDED[6] in pinged(vm, tenant.of("db3", 6), "-t", "1")
    assert NO_ROUTE[4] in pinged(vm, NOWHERE[4])
