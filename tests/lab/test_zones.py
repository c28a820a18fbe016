"""Tracked connections belong to a VM: who gets its OpenFlow number later inherits none of them,
and a node that dies and starts again ends none."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from lab.client import Client
from lab.hosts.vm import PortSpec, Vm
from lab.topology import Lab
from lab.traffic.inside import open_socket, udp
from lab.wait import wait_until

CIDR, ADDRESS = "10.73.0.0/24", "10.73.0.10"
ASKER, SERVER = 4000, 5000


class Bed:
    """A network whose VM ``peer`` takes anything and whose other VMs take nothing unasked."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.client: Client = lab.nodes["node1"].client
        self.network = self.client.create("network", name="zones")
        self.subnet = self.client.create("subnet", network_id=self.network["id"], cidr=CIDR)
        self.groups = {name: self._group(name) for name in ("open", "closed")}
        self.client.post("/v2.0/security-group-rules", {"security_group_rule": {
            "security_group_id": self.groups["open"], "direction": "ingress"}})
        self.vms: list[Vm] = []
        self.peer = self.vm("zpeer", "open", "10.73.0.20")
        self.peer.plug(lab.hypervisors["hv3"])
        self.client.wait_ports([self.peer.port.id])

    def _group(self, name: str) -> str:
        body = {"security_group": {"name": f"zones-{name}"}}
        return self.client.post("/v2.0/security-groups", body)["security_group"]["id"]

    def vm(self, name: str, group: str, address: str, **more: Any) -> Vm:
        body: dict[str, Any] = {
            "network_id": self.network["id"], "security_groups": [self.groups[group]],
            "fixed_ips": [{"subnet_id": self.subnet["id"], "ip_address": address}],
            **more,
        }
        port = self.client.create("port", **body)
        vm = Vm(self.lab.name, name, PortSpec.from_api(port, self.subnet), self.lab.journal)
        vm.create()
        self.vms.append(vm)
        return vm

    def plug_at(self, vm: Vm, ofport: int = 0) -> int:
        """Plug it into hv1, with the OpenFlow number ``ofport``; returns the number it got."""
        hypervisor = self.lab.hypervisors["hv1"]
        vm.wire(hypervisor)
        wanted = [f"ofport_request={ofport}"] if ofport else []
        hypervisor.vsctl("add-port", "br-int", vm.interface, "--", "set", "Interface",
                         vm.interface, *wanted, f"external_ids:iface-id={vm.port.id}")
        self.client.wait_ports([vm.port.id])
        return int(hypervisor.vsctl("get", "Interface", vm.interface, "ofport"))

    def remove(self, vm: Vm) -> None:
        self.vms.remove(vm)
        vm.delete()
        self.client.remove("port", vm.port.id)

    def flushes(self) -> int:
        return self.client.v1("elements/hv1")["openflow"]["zone_flushes"]


@pytest.fixture(scope="module")
def bed(lab: Lab) -> Iterator[Bed]:
    made = Bed(lab)
    yield made
    for vm in list(made.vms):
        made.remove(vm)
    made.client.remove("network", made.network["id"])
    for group in made.groups.values():
        made.client.delete(f"/v2.0/security-groups/{group}")


def converse(vm: Vm, peer: Vm) -> None:
    """``vm`` asks ``peer``, which takes the question and whose answer arrives."""
    with udp(vm.space, ASKER, 0.3) as asking, udp(peer.space, SERVER) as serving:
        def answered() -> bool:
            asking.sendto(b"question", (peer.ip, SERVER))
            with contextlib.suppress(TimeoutError):
                serving.sendto(b"answer", serving.recvfrom(100)[1])
                return asking.recv(100) == b"answer"
            return False

        serving.settimeout(0.3)
        wait_until(answered, f"an answer of {peer.name} to {vm.name}", 20)


def arrives(peer: Vm, vm: Vm) -> bool:
    """Whether what ``peer`` says, as if it had been asked, comes to ``vm``."""
    with udp(vm.space, ASKER, 0.7) as asking, udp(peer.space, SERVER) as serving:
        for _ in range(3):
            serving.sendto(b"again", (vm.ip, ASKER))
        with contextlib.suppress(TimeoutError):
            return asking.recv(100) == b"again"
    return False


def test_the_next_vm_with_the_number_inherits_no_connection(lab: Lab, bed: Bed) -> None:
    """Same MAC, address and OpenFlow number, a group that allows nothing in: what the former VM
    asked for does not come to the next."""
    old = bed.vm("zold", "closed", ADDRESS)
    number = bed.plug_at(old)
    converse(old, bed.peer)
    assert arrives(bed.peer, old), "the connection stands"
    bed.remove(old)
    new = bed.vm("znew", "closed", ADDRESS, mac_address=old.port.mac)
    before = bed.flushes()
    assert bed.plug_at(new, number) == number
    assert not arrives(bed.peer, new)
    assert bed.flushes() == before + 1
    converse(new, bed.peer)
    assert arrives(bed.peer, new), "its own connection"
    bed.remove(new)


def test_connections_survive_the_node(lab: Lab, bed: Bed) -> None:
    """kill -9 and restart, and a change of the port's groups: the switch keeps what it tracks."""
    vm = bed.vm("zlive", "closed", "10.73.0.11")
    bed.plug_at(vm)
    converse(vm, bed.peer)
    with (
        open_socket(bed.peer.space, socket.AF_INET, socket.SOCK_STREAM) as listening,
        open_socket(vm.space, socket.AF_INET, socket.SOCK_STREAM) as asking,
    ):
        listening.bind(("", 80))
        listening.listen()
        asking.settimeout(20)
        asking.connect((bed.peer.ip, 80))
        serving = listening.accept()[0]
        with serving:
            node = lab.nodes["node1"]
            node.kill()
            serving.sendall(b"while it is away")
            assert asking.recv(100) == b"while it is away"
            node.restart()
            bed.client.wait_healthy()
            bed.client.wait_ports([vm.port.id])
            assert bed.flushes() == 0
            serving.sendall(b"after")
            assert asking.recv(100) == b"after"
            bed.client.update("port", vm.port.id, security_groups=list(bed.groups.values()))
            bed.client.update("port", vm.port.id, security_groups=[bed.groups["closed"]])
            serving.sendall(b"and after a change")
            assert asking.recv(100) == b"and after a change"
            assert bed.flushes() == 0
    bed.remove(vm)
