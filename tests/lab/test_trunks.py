"""Trunks: containers behind VLANs of a VM's interface are ports of their own, where the VM is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.hosts.migrating import MigratingVm
from lab.hosts.vlan import Container
from lab.hosts.vm import PortSpec, Vm
from lab.tenants import new_tenant
from lab.topology import Lab
from lab.traffic.ipv6 import learned
from lab.traffic.ping import PingStream, ping
from lab.wait import wait_until
from tests.lab.conftest import PEER_OPTIONS

pytestmark = pytest.mark.timeout(240)
NODES = {"node1": ("hv1", "hv2"), "node2": ("hv3",)}


class Site:
    """A VM at hv1 that can move, with a trunk: container 10 is in the network db and has the MAC of
    the VM, container 20 is in the VM's own network."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.tenant = new_tenant("red", lab.nodes["node1"].client, ipv6=True)
        self.tenant.create_vms(lab, (("web3", "hv3"), ("db3", "hv3"), ("db4", "hv1")))
        self.client = self.tenant.client
        body = self.tenant.port_body("web1", **{"binding:host_id": "hv1"})
        port = self.client.create("port", **body)
        self.vm = MigratingVm(
            lab.name, "red-web1", self.tenant.port_spec("web1", port), lab.journal)
        self.vm.create()
        self.vm.plug(lab.hypervisors["hv1"])
        self.containers: dict[int, Container] = {}
        ports = {10: self.port("db10", mac_address=self.vm.port.mac), 20: self.port("web20")}
        self.trunk = self.client.post("/v2.0/trunks", {"trunk": {
            "port_id": self.vm.port.id, "sub_ports": [sub(spec, vlan)
                                                      for vlan, spec in ports.items()]}})["trunk"]
        for vlan, spec in ports.items():
            self.start(vlan, spec)
        self.tenant.wait_active()
        self.client.wait_ports([self.vm.port.id, *(spec.id for spec in ports.values())])

    def port(self, name: str, **fields: object) -> PortSpec:
        made = self.client.create("port", **self.tenant.port_body(name, **fields))
        return self.tenant.port_spec(name, made)

    def start(self, vlan: int, spec: PortSpec, dhcp: bool = False) -> Container:
        made = self.containers[vlan] = Container(
            self.lab.name, f"c{vlan}", self.vm, vlan, spec, self.lab.journal, dhcp)
        made.start()
        return made

    def change(self, action: str, *subs: dict) -> None:
        self.client.put(f"/v2.0/trunks/{self.trunk['id']}/{action}", {"sub_ports": list(subs)})

    def status(self) -> str:
        return self.client.get(f"/v2.0/trunks/{self.trunk['id']}")["trunk"]["status"]


def sub(spec: PortSpec, vlan: int) -> dict:
    return {"port_id": spec.id, "segmentation_type": "vlan", "segmentation_id": vlan}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Lab(f"vnctr{os.getpid()}", NODES, peer_options=PEER_OPTIONS) as lab:
        lab.wait_converged()
        made = Site(lab)
        try:
            yield made
        finally:
            for container in made.containers.values():
                container.delete()
            made.vm.delete()


def answers(one: Vm | Container, other: Vm | Container) -> bool:
    """In both families."""
    return all(ping(one.space, address, count=2).ok for address in (other.ip, other.ip6))


def reach(one: Vm | Container, other: Vm | Container) -> None:
    wait_until(lambda: answers(one, other), f"{one.name} to reach {other.name}", 30)


def test_containers_are_ports(site: Site) -> None:
    """Of the VM's own network and of another, on this hypervisor and on others, and from one to the
    other through the same interface."""
    db, web = site.containers[10], site.containers[20]
    peers = site.tenant.vms
    for one, other in (
        (db, peers["db3"]), (db, peers["db4"]), (db, peers["web3"]), (web, peers["web3"]),
        (web, site.vm), (site.vm, web), (site.vm, db), (db, web), (peers["db3"], web),
        (site.vm, peers["web3"]),
    ):
        reach(one, other)
    for one, network in ((db, "db"), (web, "web")):
        assert ping(one.space, site.tenant.gateway(network)).ok
    assert site.status() == "ACTIVE"
    port = site.client.show("port", db.port.id)
    assert (port["binding:host_id"], port["device_owner"]) == ("hv1", "trunk:subport")


def test_trace_and_explain_follow_the_tag(site: Site) -> None:
    """Out of a VLAN, into one, and from one to another."""
    node, db, web = site.lab.nodes["node1"], site.containers[10], site.containers[20]
    for one, other, where in ((db.port, site.tenant.vms["db3"].port, "hv3"),
                              (site.tenant.vms["db4"].port, db.port, "hv1"),
                              (db.port, web.port, "hv1")):
        wait_until(lambda one=one, other=other: node.client.get(
            "/v1/explain", port=one.id, to=other.ip)["verdict"] == "allowed", where, 30)
        done = subprocess.run(
            [sys.executable, "-m", "ryu_apps.cli.vnctl", "trace", one.id, other.ip],
            capture_output=True, text=True, timeout=60, check=False, env={
                **os.environ, "VNCTL_URL": node.url,
                "VNCTL_EXEC": f"{site.lab.exec_script} {{host}}"},
        )  # fmt: skip
        last = done.stdout.strip().rpartition("\n")[2]
        assert "DELIVERED" in last and f"on {where}" in last, done


def test_each_has_its_own_security_groups(site: Site) -> None:
    db, web, peer = site.containers[10], site.containers[20], site.tenant.vms["db3"]
    groups = site.client.show("port", db.port.id)["security_groups"]
    reach(peer, db)
    site.client.update("port", db.port.id, security_groups=[])
    wait_until(lambda: not any(ping(peer.space, address, count=2, wait=0.5).received
                               for address in (db.ip, db.ip6)), "the container to be closed", 15)
    reach(peer, web)
    site.client.update("port", db.port.id, security_groups=groups)
    reach(peer, db)


def test_one_comes_and_goes_while_others_go_on_and_gets_its_address_by_dhcp(site: Site) -> None:
    peer = site.tenant.vms["web3"]
    streams = [PingStream(site.containers[20].space, address, interval=0.02)
               for address in (peer.ip, peer.ip6)]
    for stream in streams:
        stream.wait_reply(15)
    spec = site.port("web30")
    site.change("add_subports", sub(spec, 30))
    site.client.wait_ports([spec.id])
    new = site.start(30, spec, dhcp=True)
    assert new.dhcp is not None
    assert new.dhcp.wait()["ip"] == spec.ip
    wait_until(lambda: learned(new.space).get("address"), "an address by SLAAC", 30)
    reach(peer, new)
    site.containers.pop(30).delete()
    site.change("remove_subports", {"port_id": spec.id})
    wait_until(lambda: site.client.show("port", spec.id)["status"] == "DOWN", "it to be gone", 15)
    assert [stream.stop().lost for stream in streams] == [0, 0]
    site.client.remove("port", spec.id)


def test_a_node_restarts(site: Site) -> None:
    db, peer = site.containers[10], site.tenant.vms["db3"]
    before = site.lab.hypervisors["hv1"].flows()
    streams = [PingStream(db.space, address, interval=0.02) for address in (peer.ip, peer.ip6)]
    for stream in streams:
        stream.wait_reply(15)
    site.lab.nodes["node1"].kill()
    site.lab.nodes["node1"].restart()
    site.lab.wait_converged()
    site.client.wait_healthy()
    site.client.wait_ports([db.port.id])
    assert [stream.stop().lost for stream in streams] == [0, 0]
    assert site.status() == "ACTIVE"
    assert len(site.lab.hypervisors["hv1"].flows()) == len(before)


@pytest.mark.parametrize("host", ["hv2", "hv3"])
def test_the_vm_moves_and_takes_them_along(site: Site, host: str) -> None:
    """To a hypervisor of the same node and to one of another."""
    source = site.vm.hypervisor
    path = f"/v2.0/ports/{site.vm.port.id}/bindings"
    db, peer = site.containers[10], site.tenant.vms["db4"]
    stream = PingStream(peer.space, db.ip, interval=0.02)
    stream.wait_reply(15)
    site.client.post(path, {"binding": {"host": host}})
    site.vm.prepare(site.lab.hypervisors[host])
    wait_until(lambda: any(
        claim["host"] == host and "takes over" in claim["reason"]
        for claim in site.client.get(f"/v1/ports/{site.vm.port.id}")["claims"]
    ), f"{host} to wait for the VM", 15)
    site.vm.arrive(site.lab.hypervisors[host])
    ports = [site.vm.port.id, *(one.port.id for one in site.containers.values())]
    wait_until(lambda: all(
        (one["status"], one["binding:host_id"]) == ("ACTIVE", host)
        for one in (site.client.show("port", port) for port in ports)
    ), f"the VM and its containers at {host}", 20)
    site.vm.release(source)
    site.client.delete(f"{path}/{source.name}")
    for one in (site.vm, *site.containers.values()):
        reach(peer, one)
    assert not stream.stop().lost > 100
    assert site.status() == "ACTIVE"
