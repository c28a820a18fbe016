"""A host with several MACs behind a port without port security: bridged containers are reached from
other hypervisors, in both families, and when the node restarts."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.net import Namespace, veth
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream, ping
from lab.wait import wait_until
from tests.lab.conftest import PEER_OPTIONS

pytestmark = pytest.mark.timeout(180)
CONTAINER, ADDRESSES = "52:54:00:77:00:01", ("10.0.1.77", "fd00:0:0:1::77")


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Lab, Tenant, Namespace]]:
    """web1 at hv1 bridges a container; web3 is at another node's hypervisor."""
    nodes = {"node1": ("hv1",), "node2": ("hv2",)}
    with Lab(f"vncml{os.getpid()}", nodes, peer_options=PEER_OPTIONS) as lab:
        lab.wait_converged()
        tenant = new_tenant("red", lab.nodes["node1"].client, ipv6=True)
        tenant.create_vms(lab, (("web1", "hv1"), ("web3", "hv2")))
        vm = tenant.vms["web1"]
        tenant.client.update("port", vm.port.id, security_groups=[], port_security_enabled=False)
        group = tenant.client.show("port", tenant.vms["web3"].port.id)["security_groups"][0]
        for version in ("IPv4", "IPv6"):  # A container's address is no member's.
            tenant.client.post("/v2.0/security-group-rules", {"security_group_rule": {
                "security_group_id": group, "direction": "ingress", "ethertype": version}})
        tenant.wait_active()
        container = Namespace(lab.name, "container")
        container.create(lab.journal)
        veth(container, "eth0", vm.space, "inside", 1400)
        container.sysctl({"net.ipv6.conf.all.disable_ipv6": 0,
                          "net.ipv6.conf.eth0.disable_ipv6": 0,
                          "net.ipv6.conf.eth0.accept_dad": 0})  # fmt: skip
        container.batch([
            f"link set eth0 address {CONTAINER}", f"address add {ADDRESSES[0]}/24 dev eth0",
            f"address add {ADDRESSES[1]}/64 dev eth0 nodad",
        ])  # fmt: skip
        vm.space.batch([
            "link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0",
            "link set br0 up", "link set eth0 master br0", "link set inside master br0",
        ])
        yield lab, tenant, container
        container.delete()


def learned(lab: Lab) -> bool:
    """Whether the other node has a route of the container's MAC."""
    return bool(lab.nodes["node2"].client.v1("rib", mac=CONTAINER))


def test_containers_reach_others_and_are_reached(site: tuple[Lab, Tenant, Namespace]) -> None:
    lab, tenant, container = site
    peer = tenant.vms["web3"]
    for address in (peer.ip, peer.ip6):
        wait_until(lambda a=address: ping(container, a, count=2).ok, f"{address} to answer", 30)
    wait_until(lambda: learned(lab), "the other node to know the MAC", 15)
    for address in ADDRESSES:
        wait_until(lambda a=address: ping(peer.space, a, count=2).ok, f"{address} to answer", 30)


def test_a_restart_loses_nothing(site: tuple[Lab, Tenant, Namespace]) -> None:
    lab, tenant, _ = site
    streams = [PingStream(tenant.vms["web3"].space, address, interval=0.02)
               for address in ADDRESSES]
    for stream in streams:
        stream.wait_reply(15)
    lab.nodes["node1"].kill()
    lab.nodes["node1"].restart()
    lab.wait_converged()
    tenant.client.wait_healthy()
    wait_until(lambda: learned(lab), "the MAC to be learned again", 30)
    assert [stream.stop().lost for stream in streams] == [0, 0]
