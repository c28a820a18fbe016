"""Provider networks: VMs of several hypervisors and physical hosts on one segment, flat and VLAN.

``hv1`` is one node's, ``hv3`` the other's; ``hv2`` is attached to the physical network later.  What
goes by the segment is read off the physical switch, which learns MACs as any does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.client import ApiError
from lab.hosts.physical import PhysicalHost, PhysicalNetwork
from lab.hosts.vm import PortSpec, Vm
from lab.net import Namespace
from lab.process import Daemon
from lab.topology import Lab
from lab.traffic import packets as p
from lab.traffic.capture import Capture
from lab.traffic.dhcp import Udhcpc
from lab.traffic.frames import inject, udp4
from lab.traffic.ipv6 import learned, link_local, listen
from lab.traffic.ping import PingStream, ping, reach_all
from lab.traffic.steady import Steady, plan
from lab.wait import wait_until
from tests.lab.conftest import PEER_OPTIONS

pytestmark = pytest.mark.timeout(240)

VID = 210


@dataclass
class Network:
    """``number``: in its addresses.  ``served``: the node answers DHCP and advertises."""

    name: str
    number: int
    vlan: int = 0
    served: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    subnet4: dict[str, Any] = field(default_factory=dict)
    subnet6: dict[str, Any] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    host: PhysicalHost | None = None


class Site:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.client = lab.nodes["node1"].client
        self.physical = PhysicalNetwork(lab.name, lab.fabric, lab.journal)
        self.flat = Network("flat", 7)
        self.vlan = Network("vlan", 8, VID, served=True)
        self.project = self.client.create("network", name="elsewhere")["project_id"]

    def build(self) -> None:
        self.physical.start()
        for hypervisor in self.lab.hypervisors.values():
            self.physical.attach(hypervisor)
        self.physical.map(self.lab.hypervisors["hv1"], self.lab.hypervisors["hv3"])
        for network in (self.flat, self.vlan):
            kind = {"provider:network_type": "vlan", "provider:segmentation_id": network.vlan}
            network.body = self.client.create(
                "network", name=network.name, **{
                    "provider:network_type": "flat", "provider:physical_network": "physnet1",
                    **(kind if network.vlan else {"vlan_transparent": True}),
                },
            )
            fields = {"network_id": network.body["id"], "gateway_ip": None}
            mode = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"} if network.served else {}
            network.subnet4 = self.client.create(
                "subnet", cidr=f"10.{network.number}.0.0/24", ip_version=4,
                enable_dhcp=network.served, **fields)
            network.subnet6 = self.client.create(
                "subnet", cidr=f"fd00:0:0:{network.number}::/64", ip_version=6,
                enable_dhcp=network.served, **mode, **fields)
            network.host = self.physical.add_host(
                f"{network.name}-host", network.vlan, f"10.{network.number}.0.200/24",
                f"fd00:0:0:{network.number}::200/64")
        for network in (self.flat, self.vlan):
            for hypervisor in ("hv1", "hv3"):
                self.add_vm(network, f"{network.name}{hypervisor[-1]}", hypervisor)
        self.wait_active(*self.flat.vms.values(), *self.vlan.vms.values())

    def add_vm(self, network: Network, name: str, hypervisor: str, dhcp: bool = False,
               **fields: Any) -> Vm:
        port = self.client.create("port", network_id=network.body["id"], name=name, **fields)
        spec = PortSpec.from_api(port, network.subnet4, network.subnet6)
        vm = self.lab.add_vm(name, hypervisor, spec, dhcp)
        network.vms[name] = vm
        return vm

    def remove_vm(self, network: Network, name: str) -> None:
        vm = network.vms.pop(name)
        vm.delete()
        self.lab.vms.pop(name, None)
        self.client.remove("port", vm.port.id)

    def wait_active(self, *vms: Vm) -> None:
        self.client.wait_ports([vm.port.id for vm in vms])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Lab(f"vncprv{os.getpid()}", peer_options=PEER_OPTIONS) as lab:
        lab.wait_converged()
        made = Site(lab)
        made.build()
        open_to_all(made)
        yield made


def open_to_all(site: Site) -> None:
    """The default group lets everything in, but for the test that asks."""
    for group in site.client.list("security_group", name="default"):
        for version in ("IPv4", "IPv6"):
            site.client.create("security_group_rule", security_group_id=group["id"],
                               direction="ingress", ethertype=version)


def ways(network: Network) -> list[tuple]:
    """Everybody to everybody, both families."""
    everybody = [*network.vms.values(), network.host]
    return [
        (one.space, address) for one in everybody for other in everybody if one is not other
        for address in (other.ip, other.ip6)
    ]


def test_vms_and_a_physical_host_are_one_segment(site: Site) -> None:
    for network in (site.flat, site.vlan):
        wait_until(lambda network=network: ping(
            network.host.space, network.vms[f"{network.name}3"].ip, 1).ok, "a first answer", 15)
        assert all(result.ok for result in reach_all(ways(network)))


def test_frames_between_hypervisors_go_by_the_segment(site: Site) -> None:
    """The physical switch knows each VM behind the port of its hypervisor, and no tunnel's flow
    leads to it."""
    for network in (site.flat, site.vlan):
        for name, vm in network.vms.items():
            hypervisor = f"hv{name[-1]}"
            assert site.physical.learned(vm.port.mac, network.vlan) == f"t-{hypervisor}"
            for other in ("hv1", "hv3"):
                flows = site.lab.hypervisors[other].flows()
                to_vm = [flow for flow in flows if f"dl_dst={vm.port.mac} " in flow]
                assert all("tun_id" not in flow for flow in to_vm), to_vm


def copies(space: Any, marks: int, send: Any) -> int:
    """How many datagrams of ``send(last)`` are heard; the last one ends the count."""
    with Capture(space, "eth0", "udp dst port 9998", 1) as last, Capture(
        space, "eth0", "udp dst port 9999", 10 * marks
    ) as every:
        for _ in range(marks):
            send(9999)
        wait_until(lambda: send(9998) or last.done, "the last mark", 10)
        return len(re.findall(r"9999", every.text()))


@pytest.mark.parametrize("kind", ["flat", "vlan"])
def test_each_hears_a_broadcast_once(site: Site, kind: str) -> None:
    network = site.flat if kind == "flat" else site.vlan
    everybody = [*network.vms.values(), network.host]

    def sender(source: Any) -> Any:
        def send(port: int) -> None:
            source.space.run([
                "python3", "-c",
                "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1);"
                f"s.sendto(b'mark', ('10.{network.number}.0.255', {port}))",
            ])
        return send

    for source in everybody:
        for ear in everybody:
            if ear is not source:
                assert copies(ear.space, 3, sender(source)) == 3


def test_trace_and_explain_follow_the_segment(site: Site) -> None:
    """From one hypervisor to one of another node, and to a physical host."""
    node = site.lab.nodes["node1"]
    for network, where in ((site.flat, "untagged"), (site.vlan, f"VLAN {VID}")):
        source, target = (network.vms[f"{network.name}{number}"] for number in "13")
        host = network.host
        for address in (target.ip, host.ip6) if network.vlan else (target.ip6, host.ip):
            ping(source.space, address, 1)
            why = node.client.get("/v1/explain", port=source.port.id, to=address)
            assert where in str(why), why
            done = subprocess.run(
                [sys.executable, "-m", "ryu_apps.cli.vnctl", "trace", source.name, address],
                capture_output=True, text=True, timeout=60, check=False,
                env={**os.environ, "VNCTL_URL": node.url,
                     "VNCTL_EXEC": f"{site.lab.exec_script} {{host}}"},
            )
            last = done.stdout.strip().rpartition("\n")[2]
            if address in (target.ip, target.ip6):
                assert why["verdict"] == "allowed", why
                assert "DELIVERED" in last and "on hv3" in last, done.stderr[:600]
            else:
                assert f"LEFT THE SYSTEM: it leaves for physical network physnet1, {where}" in (
                    last), done


def test_a_hypervisor_that_is_not_attached_says_why_until_it_is(site: Site) -> None:
    vm = site.add_vm(site.flat, "flat2", "hv2")
    reason = "not attached to physical network physnet1"
    detail = f"/v1/ports/{vm.port.id}"
    wait_until(lambda: reason in str(site.client.get(detail)), "the reason", 10)
    shown = site.client.show("port", vm.port.id)
    assert (shown["status"], shown["binding:vif_type"]) == ("DOWN", "binding_failed")
    hypervisor = site.lab.hypervisors["hv2"]
    hypervisor.vsctl("set", "Open_vSwitch", ".",
                     "external_ids:vnc-bridge-mappings=physnet1:br-none,nonsense")
    wait_until(lambda: "no bridge br-none" in str(check(site, "physical networks")), "a check", 10)
    site.physical.map(hypervisor)
    site.wait_active(vm)
    assert all(result.ok for result in reach_all(ways(site.flat)))
    wait_until(lambda: check(site, "physical networks")["ok"], "it to be well", 10)
    site.remove_vm(site.flat, "flat2")
    wait_until(lambda: "vnc-phy" not in hypervisor.vsctl("list-ports", "br-int"),
               "the patch ports to be gone", 10)
    assert hypervisor.vsctl("list-ports", "br-ex").split() == ["phy0"]


def check(site: Site, name: str) -> dict[str, Any]:
    return next(one for one in site.client.health()["checks"] if one["name"] == name)


def test_security_groups_hold_against_the_outside(site: Site) -> None:
    group = site.client.create("security_group", name="closed")
    vm = site.add_vm(site.vlan, "closed1", "hv1", security_groups=[group["id"]])
    site.wait_active(vm)
    host = site.vlan.host
    wait_until(lambda: ping(vm.space, host.ip, 1).ok, "an answer", 10)
    assert ping(vm.space, host.ip6, 2).ok
    for address in (vm.ip, vm.ip6):
        assert ping(host.space, address, 2, wait=0.3).received == 0
    forged = f"10.{site.vlan.number}.0.77"
    vm.space.batch([f"address add {forged}/24 dev eth0"])
    done = vm.space.run(["ping", "-c2", "-i0.1", "-W0.3", "-I", forged, host.ip], check=False)
    assert done.returncode, "an address of nobody does not leave"
    site.remove_vm(site.vlan, "closed1")


def test_dhcp_by_the_node(site: Site) -> None:
    vm = site.add_vm(site.vlan, "client1", "hv1", dhcp=True)
    assert vm.dhcp.wait()["ip"] == vm.ip
    site.wait_active(vm)
    wait_until(lambda: ping(vm.space, site.vlan.host.ip, 1).ok, "an answer", 10)
    site.remove_vm(site.vlan, "client1")


def test_dhcp_and_advertisements_of_the_outside(site: Site) -> None:
    host = site.flat.host
    vm = site.add_vm(site.flat, "client3", "hv3")
    vm.space.run(["ip", "-4", "address", "flush", "dev", "eth0"])
    server = DhcpServer(site, host.space, {vm.port.mac: vm.ip})
    server.start()
    try:
        site.wait_active(vm)
        client = Udhcpc(vm.space, site.lab.journal)
        client.start()
        lease = client.wait()
        assert (lease["ip"], lease["serverid"]) == (vm.ip, host.ip)
        client.stop()
    finally:
        server.stop()
    listen(vm.space)
    with Capture(host.space, "eth0", "icmp6 and ip6[40] = 133") as heard:

        def asked() -> bool:
            vm.space.run(["rdisc6", "-1", "-r", "1", "-w", "100", "eth0"], check=False)
            return heard.done

        wait_until(asked, "a router solicitation at the host", 15)

    def told() -> bool:
        host.space.run(["python3", "-c", ADVERTISE])
        return learned(vm.space).get("router") == link_local(host_mac(host))

    wait_until(told, "the router of the outside", 10)
    site.remove_vm(site.flat, "client3")


ADVERTISE = (
    "import socket, struct; s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58);"
    "s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255);"
    "s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex('eth0'));"
    "s.sendto(struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 600, 0, 0),"
    " ('ff02::1', 0, 0, socket.if_nametoindex('eth0')))"
)


def host_mac(host: PhysicalHost) -> str:
    return host.space.run(["cat", "/sys/class/net/eth0/address"]).stdout.strip()


class DhcpServer:
    """busybox's udhcpd with an address for each MAC."""

    def __init__(self, site: Site, space: Namespace, addresses: dict[str, str]) -> None:
        directory = site.lab.directory / "udhcpd"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "leases").write_text("")
        network = next(iter(addresses.values())).rpartition(".")[0]
        lines = [
            f"start {network}.100", f"end {network}.110", "interface eth0",
            "option subnet 255.255.255.0", "option lease 3600", f"lease_file {directory}/leases",
            f"pidfile {directory}/pid",
            *(f"static_lease {mac} {address}" for mac, address in addresses.items()),
        ]
        (directory / "conf").write_text("\n".join(lines) + "\n")
        self._daemon = Daemon(site.lab.journal, "udhcpd",
                              ["busybox", "udhcpd", "-f", f"{directory}/conf"], directory, space)

    def start(self) -> None:
        self._daemon.start()

    def stop(self) -> None:
        self._daemon.kill()


def test_frames_of_a_guests_own_vlans(site: Site) -> None:
    """On a flat network to and from the outside, and in an overlay between hypervisors."""
    flat, host = site.flat.vms, site.flat.host
    overlay = Network("clear", 6)
    overlay.body = site.client.create("network", name="clear", vlan_transparent=True)
    assert overlay.body["vlan_transparent"] is True
    overlay.subnet4 = site.client.create(
        "subnet", cidr="10.6.0.0/24", ip_version=4, network_id=overlay.body["id"])
    overlay.subnet6 = site.client.create(
        "subnet", cidr="fd00:0:0:6::/64", ip_version=6, network_id=overlay.body["id"])
    one, two = (site.add_vm(overlay, f"clear{number}", f"hv{number}") for number in (1, 3))
    site.wait_active(one, two)
    wait_until(lambda: ping(one.space, two.ip, 1).ok, "an answer", 10)
    own = (p.DOT1Q, 5)

    def datagram(source: Any, target: Any, mac: str, to: str) -> bytes:
        return p.tagged(udp4((mac, to), (source.ip, target.ip), 7777), own)

    for source, target, mac, to in (
        (flat["flat1"], host, flat["flat1"].port.mac, host_mac(host)),
        (host, flat["flat3"], host_mac(host), flat["flat3"].port.mac),
        (flat["flat1"], flat["flat3"], flat["flat1"].port.mac, flat["flat3"].port.mac),
        (one, two, one.port.mac, two.port.mac),
    ):
        with Capture(target.space, "eth0", "vlan 5 and udp port 7777") as heard:
            wait_until(lambda source=source, target=target, mac=mac, to=to: (
                inject(source, [datagram(source, target, mac, to)]) or heard.done
            ), f"a frame of the VLAN at {target.name}", 10)
    refused = {"provider:network_type": "vlan", "provider:physical_network": "physnet1",
               "provider:segmentation_id": 99}
    with pytest.raises(ApiError) as caught:
        site.client.create("network", vlan_transparent=True, **refused)
    assert caught.value.status == 400
    for name in ("clear1", "clear3"):
        site.remove_vm(overlay, name)
    site.client.remove("network", overlay.body["id"])


def test_it_goes_on_without_a_node(site: Site) -> None:
    """Also for who asks anew; and a node that is back changes no working flow."""
    everything = [way for network in (site.flat, site.vlan) for way in ways(network)]
    before = {name: set(hv.flows()) for name, hv in site.lab.hypervisors.items()}
    streams = [PingStream(space, address, 0.02) for space, address in everything[::5]]
    for node in site.lab.nodes.values():
        node.kill()
    for network in (site.flat, site.vlan):
        for one in (*network.vms.values(), network.host):
            one.space.batch(["neighbour flush dev eth0"])
    assert all(result.ok for result in reach_all(everything))
    for node in site.lab.nodes.values():
        node.start()
    for node in site.lab.nodes.values():
        node.client.wait_healthy()
    assert [stream.stop().lost for stream in streams] == [0] * len(streams)
    for name, hypervisor in site.lab.hypervisors.items():
        assert before[name] <= set(hypervisor.flows())


def test_an_overlay_becomes_a_segment_and_an_overlay_again_under_traffic(site: Site) -> None:
    client, lab = site.client, site.lab
    network = Network("flip", 9, VID + 1)
    network.body = client.create("network", name="flip")
    network.subnet4 = client.create(
        "subnet", cidr="10.9.0.0/24", ip_version=4, network_id=network.body["id"], gateway_ip=None)
    network.subnet6 = client.create(
        "subnet", cidr="fd00:0:0:9::/64", ip_version=6, network_id=network.body["id"],
        gateway_ip=None)
    one, two = site.add_vm(network, "flip1", "hv1"), site.add_vm(network, "flip3", "hv3")
    away = site.add_vm(network, "flip2", "hv2")
    site.wait_active(one, two, away)
    wait_until(lambda: ping(one.space, two.ip, 1).ok and ping(one.space, two.ip6, 1).ok,
               "an answer", 10)
    native = {"provider:network_type": "vlan", "provider:physical_network": "physnet1",
              "provider:segmentation_id": network.vlan}
    site.lab.hypervisors["hv2"].vsctl("remove", "Open_vSwitch", ".", "external_ids",
                                      "vnc-bridge-mappings")

    def not_attached() -> bool:
        try:
            client.update("network", network.body["id"], **native)
        except ApiError as error:
            return error.status == 409 and "hv2" in str(error)
        client.update("network", network.body["id"], **{"provider:network_type": "vxlan"})
        return False

    wait_until(not_attached, "the refusal of what would cut a port off", 10)
    site.remove_vm(network, "flip2")
    with Steady(plan([(one, two), (two, one)])) as traffic:
        client.update("network", network.body["id"], **native)
        wait_until(lambda: sends_to(lab, "hv1", two) == sends_to(lab, "hv3", one) == "segment",
                   "them to send by the segment", 15)
        there = traffic.lap()
        client.update("network", network.body["id"], **{"provider:network_type": "vxlan"})
        wait_until(lambda: sends_to(lab, "hv1", two) == sends_to(lab, "hv3", one) == "tunnel",
                   "them to send by tunnel", 15)
    for report in (there, traffic.report):
        assert all(flow.lost <= 1 for flow in report.pings.flows), report
        assert report.streams.broken == ()
    for name in ("flip1", "flip3"):
        site.remove_vm(network, name)
    client.remove("network", network.body["id"])


def sends_to(lab: Lab, hypervisor: str, vm: Vm) -> str:
    flows = lab.hypervisors[hypervisor].flows()
    to_vm = [flow for flow in flows if f"dl_dst={vm.port.mac} " in flow and "tun_id" in flow]
    if to_vm:
        return "tunnel"
    return "segment" if any(f"mod_vlan_vid:{VID + 1}" in flow or f"vlan_vid:{VID + 1}" in flow
                            or f"set_field:{0x1000 | VID + 1}->vlan_vid" in flow
                            for flow in flows) else ""
