"""A VM without a floating IP reaches the outside: by two gateways, of which one fails.

Two nodes with a gateway each.  The outside is a host at a port of the external network, which is
the next router there and has addresses of its own behind it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from lab.hosts.vm import PortSpec, Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.traffic.inside import open_socket
from lab.traffic.ping import PingStream, ping
from lab.wait import wait_until

GATEWAYS = ("hv2", "hv3")
INTERNET, INTERNET6, BEHIND = "192.88.99.7", "2001:db8:99::7", "192.88.99.200"
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14  # ip(7)
PORT = 8080
SETTLED = 60.0
pytestmark = pytest.mark.timeout(240)


@dataclass
class Outside:
    """``address``: of the router on the external network; ``host``: the next router there."""

    lab: Lab
    tenant: Tenant
    address: str
    network: str
    host: Vm

    @property
    def vm(self) -> Vm:
        return self.tenant.vms["web1"]

    def first(self) -> str:
        """The gateway that takes what the VM's hypervisor sends."""
        before = {name: packets(self.lab, name) for name in GATEWAYS}
        assert ping(self.vm.space, INTERNET, 20, 0.02).ok
        return max(GATEWAYS, key=lambda name: packets(self.lab, name) - before[name])


def packets(lab: Lab, name: str) -> int:
    """How many packets a gateway has translated or handed on to be."""
    shown = lab.hypervisors[name].ofctl("dump-flows", "br-int", "table=snat")
    flows = [flow for flow in shown.splitlines() if "nat(src=" in flow]
    return sum(int(flow.split("n_packets=")[1].split(",")[0]) for flow in flows)


@pytest.fixture(scope="module")
def snat_lab() -> Iterator[Lab]:
    settings = {"ovsdb": ("path_hold = 2",)}
    with Lab(f"vncs{os.getpid()}", {"node1": ("hv1", "hv2"), "node2": ("hv3", "hv4")},
             settings=settings) as made:  # fmt: skip
        made.wait_converged()
        for name in GATEWAYS:
            made.hypervisors[name].vsctl(
                "set", "Open_vSwitch", ".", "external_ids:vnc-gateway=true")
        yield made


@pytest.fixture(scope="module")
def outside(snat_lab: Lab) -> Outside:
    client = snat_lab.nodes["node1"].client
    tenant = new_tenant("snat", client, ipv6=True)
    network = client.create("network", **{"name": "outside", "router:external": True})
    subnets = [
        client.create("subnet", network_id=network["id"], cidr=cidr, ip_version=version,
                      enable_dhcp=False, gateway_ip=gateway)
        for version, cidr, gateway in (
            (4, "203.0.113.0/24", "203.0.113.1"), (6, "2001:db8:1::/64", "2001:db8:1::1"))
    ]
    port = client.create(
        "port", network_id=network["id"], port_security_enabled=False, fixed_ips=[
            {"subnet_id": subnet["id"], "ip_address": subnet["gateway_ip"]} for subnet in subnets])
    router = client.update("router", tenant.router["id"],
                           external_gateway_info={"network_id": network["id"]})
    fixed = router["external_gateway_info"]["external_fixed_ips"]
    address, address6 = sorted((one["ip_address"] for one in fixed), key=lambda one: ":" in one)
    spec = replace(PortSpec.from_api(port, *subnets), gateway="", gateway6=address6)
    host = snat_lab.add_vm("outside", "hv4", spec)
    host.space.batch([
        f"address add {INTERNET}/32 dev lo", f"address add {INTERNET6}/128 dev lo",
    ])
    tenant.create_vms(snat_lab, (("web1", "hv1"), ("web2", "hv2"), ("db1", "hv1")))
    tenant.wait_active()
    made = Outside(snat_lab, tenant, address, network["id"], host)
    wait_until(lambda: ping(made.vm.space, INTERNET, 1).ok, "a first answer from outside", SETTLED)
    return made


def test_it_goes_out_with_the_address_of_the_router(outside: Outside) -> None:
    for name in ("web1", "web2", "db1"):
        with Capture(outside.host.space, "eth0", f"icmp and host {INTERNET}", 2) as capture:
            assert ping(outside.tenant.vms[name].space, INTERNET, 3).ok, name
            capture.wait()
            text = capture.text()
        assert f"{outside.address} > {INTERNET}" in text, name
        assert outside.tenant.vms[name].ip not in text, name
    # IPv6 keeps its own.
    assert ping(outside.vm.space, INTERNET6, 3).ok
    # And nothing is reached from outside but the address itself.
    outside.host.space.batch([f"route replace 10.0.1.0/24 via {outside.address}"])
    assert ping(outside.host.space, outside.address, 3).ok
    assert not ping(outside.host.space, outside.vm.ip, 2).received


@pytest.mark.parametrize("name", ["db1", "web2"])
def test_a_floating_ip_comes_first(outside: Outside, name: str) -> None:
    """Also of a VM on a gateway; when it goes the router's address is used again."""
    client, vm = outside.lab.nodes["node1"].client, outside.tenant.vms[name]
    made = client.create("floatingip", floating_network_id=outside.network, port_id=vm.port.id)
    wait_until(lambda: source(outside, vm) == made["floating_ip_address"], "the floating IP", 20)
    assert source(outside, outside.vm) == outside.address
    client.remove("floatingip", made["id"])
    wait_until(lambda: source(outside, vm) == outside.address, "the router's address", 20)


def source(outside: Outside, vm: Vm) -> str:
    """The address that the host outside sees a VM's pings come from, or ""."""
    with Capture(outside.host.space, "eth0", f"icmp and dst host {INTERNET}") as capture:
        if not ping(vm.space, INTERNET, 2).received:
            return ""
        capture.wait()
        return capture.text().split(f" > {INTERNET}")[0].split()[-1]


def test_errors_of_icmp_reach_who_they_are_for(outside: Outside) -> None:
    """They quote a packet as it went out, and come in with the address that it had inside."""
    with open_socket(outside.vm.space, socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(10)
        sender.connect((INTERNET, 9))
        sender.send(b"nobody listens")
        with pytest.raises(ConnectionRefusedError):
            sender.recv(1)
    # A link of smaller packets behind the next router.
    outside.host.space.sysctl({"net.ipv4.ip_forward": 1})
    outside.host.space.batch([
        "link add narrow mtu 1000 type veth peer name far", "link set narrow up", "link set far up",
        f"route add {BEHIND}/32 dev narrow",
    ])
    with open_socket(outside.vm.space, socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        sender.connect((BEHIND, 9))

        def told() -> bool:
            with contextlib.suppress(OSError):
                sender.send(bytes(1200))
            return sender.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1000

        wait_until(told, "the MTU of the path", 15)


def test_explain_and_the_api_say_which_way(outside: Outside) -> None:
    client = outside.lab.nodes["node1"].client
    shown = client.get(f"/v1/routers/{outside.tenant.router['id']}/gateways")
    assert (shown["snat"], sorted(shown["order"])) == (outside.address, list(GATEWAYS))
    assert [one["element"] for one in shown["gateways"]] == shown["order"]
    assert shown["refused"] == 0 and not shown["unanswered"]
    path = f"/v1/explain?port={outside.vm.port.id}&to={INTERNET}&protocol=icmp"
    wait_until(lambda: client.get(path)["verdict"] == "allowed", "BFD on the tunnels", SETTLED)
    answer = client.get(path)
    assert "external gateway" in str(answer["stages"]), answer


def test_a_gateway_fails_and_returns(outside: Outside) -> None:
    """Pings and connections of before it failed go on, those that begin meanwhile too."""
    first = outside.first()
    with echoing(outside.host), connected(outside.vm) as held:
        stream = PingStream(outside.vm.space, INTERNET, interval=0.005)
        stream.wait_reply()
        with cut(outside.lab, first):
            assert exchange(held, b"after the first has failed")
            with connected(outside.vm) as other:
                assert exchange(other, b"begun at the second")
                mend(outside.lab, first)
                # It returns when it has been back for long enough.
                wait_until(lambda: outside.first() == first, "the first gateway again", SETTLED)
                assert exchange(other, b"begun at the second, now at the first")
                assert exchange(held, b"begun at the first, back there")
        result = stream.stop()
    assert result.lost < result.received, (result.lost, result.sent)


def test_the_switches_alone(outside: Outside) -> None:
    """While both nodes are away, and when they are back."""
    first = outside.first()
    with echoing(outside.host), connected(outside.vm) as held:
        for node in outside.lab.nodes.values():
            node.kill()
        assert exchange(held, b"headless")
        with cut(outside.lab, first):
            assert exchange(held, b"headless, and the first has failed")
            with connected(outside.vm) as other:
                assert exchange(other, b"begun headless")
        wait_until(lambda: outside.first() == first, "the first gateway again", SETTLED)
        assert exchange(held, b"headless, and the first is back")
        for node in outside.lab.nodes.values():
            node.restart(wait=False)
        outside.lab.wait_converged()
        with connected(outside.vm) as other:
            assert exchange(held, b"the nodes are back") and exchange(other, b"begun then")


@contextmanager
def cut(lab: Lab, name: str) -> Iterator[None]:
    """A hypervisor has no underlay."""
    lab.hypervisors[name].space.batch(["link set eth0 down"])
    try:
        yield
    finally:
        mend(lab, name)


def mend(lab: Lab, name: str) -> None:
    lab.hypervisors[name].space.batch(["link set eth0 up"])


@contextmanager
def echoing(host: Vm) -> Iterator[None]:
    """A host answers TCP connections with what they say."""
    listener = open_socket(host.space, socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((INTERNET, PORT))
    listener.listen(16)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextmanager
def connected(vm: Vm) -> Iterator[socket.socket]:
    with open_socket(vm.space, socket.AF_INET, socket.SOCK_STREAM) as made:
        made.settimeout(20)
        made.connect((INTERNET, PORT))
        assert exchange(made, b"begins")
        yield made


def exchange(connection: socket.socket, data: bytes) -> bool:
    connection.sendall(data)
    found = b""
    while len(found) < len(data):
        found += connection.recv(4096)
    return found == data
