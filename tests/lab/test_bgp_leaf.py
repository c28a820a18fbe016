"""FRR with a kernel VXLAN bridge as a leaf: a machine behind it has the MAC of a VM, or had it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from lab.hosts.vm import PortSpec, Vm
from lab.net import Namespace, veth
from lab.topology import MGMT, Lab
from lab.traffic.ping import ping
from lab.wait import wait_until

LEAF_VTEP = "192.0.2.60"
NUMBERS = itertools.count(1)


class Leaf:
    """One node with two VMs, and a leaf that bridges their network."""

    def __init__(self, lab: Lab, asn: int) -> None:
        self.lab, self.client = lab, lab.nodes["node1"].client
        create = self.client.create
        router = create("router", name="r")
        network = create("network", name="web", **(
            {"vpn:import_targets": []} if asn == lab.asn else {}))
        self.subnet = create(
            "subnet", network_id=network["id"], cidr="10.0.1.0/24", ip_version=4)
        self.client.add_router_interface(router["id"], self.subnet["id"])
        self.network, self.vni = network, network["provider:segmentation_id"]
        self.vms = [self.vm(f"v{n}") for n in (1, 2)]
        self.frr = lab.add_frr("leaf", 60, f"""router bgp {asn}
 bgp router-id {MGMT}60
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 neighbor {MGMT}1 remote-as {lab.asn}
 neighbor {MGMT}1 timers 1 3
 neighbor {MGMT}1 timers connect 1
 address-family l2vpn evpn
  neighbor {MGMT}1 activate
  advertise-all-vni
 exit-address-family
""")
        space = self.frr.space
        lab.fabric.attach(space, "eth0", "underlay", f"{LEAF_VTEP}/24")
        space.batch([
            "link add br1 type bridge", "link set br1 up",
            f"link add vx1 type vxlan id {self.vni} local {LEAF_VTEP} dstport 4789 nolearning",
            "link set vx1 master br1", "link set vx1 up",
        ])
        space.run(["bridge", "link", "set", "dev", "vx1", "learning", "off"])
        wait_until(lambda: self.peer()["up"], "the leaf's session", 20)

    def peer(self) -> dict[str, Any]:
        (found,) = [one for one in self.client.v1("peers") if one["name"] == "leaf"]
        return found

    def vm(self, name: str, **port: Any) -> Vm:
        made = self.client.create(
            "port", network_id=self.network["id"], name=name, port_security_enabled=False, **port)
        vm = self.lab.add_vm(name, "hv1", PortSpec.from_api(made, self.subnet))
        self.client.wait_ports([made["id"]])
        return vm

    def host(self, mac: str, address: str) -> Namespace:
        """A machine behind the leaf that says that it is there."""
        number = next(NUMBERS)
        host = Namespace(self.lab.name, f"h{number}")
        host.create(self.lab.journal)
        veth(self.frr.space, f"h{number}", host, "eth0", 1450)
        self.frr.space.batch([f"link set h{number} master br1", f"link set h{number} up"])
        host.batch([
            f"link set eth0 address {mac}", f"address add {address}/24 dev eth0",
            "link set eth0 up",
        ])
        return host

    def state(self, vm: Vm) -> dict[str, Any]:
        return self.client.get(f"/v1/ports/{vm.port.id}")

    def routes(self, mac: str, **query: str) -> list[dict[str, Any]]:
        return self.client.v1("rib", mac=mac, type="2", **query)


@pytest.fixture(scope="module", params=[64512, 65001], ids=["ibgp", "ebgp"])
def leaf(request: pytest.FixtureRequest) -> Iterator[Leaf]:
    with Lab(
        f"vncl{os.getpid()}", nodes={"node1": ("hv1",)}, api_ports=(0,), store="memory",
        asn=64512,
        settings={"bgp": (
            f"peer = {MGMT}60 remote-as {request.param} name leaf hold-time 3",
            "import_any_as = true",
        )},
    ) as lab:  # fmt: skip
        made = Leaf(lab, request.param)
        yield made
        made.frr.stop()


def test_a_second_machine_with_the_mac_of_a_vm(leaf: Leaf) -> None:
    vm, other = leaf.vms
    host = leaf.host(vm.port.mac, "10.0.1.200")

    def heard() -> bool:
        """The machine talks; the leaf has announced it, and heard that it is outdone."""
        ping(host, "10.0.1.201", 1, wait=0.1)
        own = leaf.routes(vm.port.mac, peer="local")
        assert leaf.state(vm)["state"]["status"] == "ACTIVE"
        assert leaf.state(vm)["state"]["host"] == "hv1"
        return any(route["mobility"] for route in own)

    wait_until(heard, "the leaf's route to be outdone", 20)
    assert ping(vm.space, leaf.subnet["gateway_ip"], 3).ok and ping(vm.space, other.ip, 3).ok
    assert ping(other.space, vm.ip, 3).ok

    def frozen() -> bool:
        ping(host, "10.0.1.201", 1, wait=0.1)
        found = leaf.frr.vtysh(f"show evpn mac vni {leaf.vni} mac {vm.port.mac}")
        return leaf.state(vm)["duplicate"] is not None or "Duplicate, detected" in found

    wait_until(frozen, "one side to call the MAC a duplicate", 40, 0.3)
    assert ping(vm.space, other.ip, 3).ok and ping(other.space, vm.ip, 3).ok


def test_a_machine_that_comes_from_behind_the_leaf_works_at_once(leaf: Leaf) -> None:
    mac, address = "02:00:00:00:dd:01", "10.0.1.210"
    host = leaf.host(mac, address)

    def known() -> bool:
        ping(host, leaf.vms[1].ip, 1, wait=0.1)
        return any(route["peer"] == "leaf" for route in leaf.routes(mac))

    wait_until(known, "the leaf to announce the machine", 20)
    number = host.name.rpartition("h")[2]
    leaf.frr.space.batch([f"link set h{number} down"])
    vm = leaf.vm("moved", mac_address=mac, fixed_ips=[{"ip_address": address}])
    assert ping(vm.space, leaf.vms[0].ip, 3).ok
    own = leaf.routes(mac, peer="local")
    assert own and all(route["next_hop"] == "192.0.2.11" for route in own)
    wait_until(
        lambda: not leaf.routes(mac, peer="leaf"), "the leaf to hear of it and withdraw", 15)
    assert leaf.state(vm)["state"]["status"] == "ACTIVE"
