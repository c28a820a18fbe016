"""Service chains with real packets: what one VM sends another goes through services and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream, ping
from lab.traffic.tcp import TcpStream, connects, listening
from lab.wait import wait_until

LAYOUT = (
    ("web1", "hv1"), ("web2", "hv3"), ("web3", "hv2"), ("web4", "hv1"), ("web5", "hv3"),
    ("web6", "hv2"),
)  # fmt: skip
SERVICES = ("web3", "web4", "web5", "web6")
FORWARDING = {
    "net.ipv4.ip_forward": 1, "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.eth0.send_redirects": 0, "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.eth0.rp_filter": 0, "net.ipv6.conf.all.forwarding": 1,
}
NO_REDIRECTS = {
    "net.ipv4.conf.all.accept_redirects": 0, "net.ipv4.conf.eth0.accept_redirects": 0,
    "net.ipv6.conf.eth0.accept_redirects": 0,
}


class Chain:
    """A symmetric chain from web1 to web2 through one service, of all IPv4 and IPv6."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._client = tenant.client
        self.pairs = {name: self._make("port_pair", ingress=port, egress=port)
                      for name in SERVICES if (port := tenant.vms[name].port.id)}
        ends = {"logical_source_port": tenant.vms["web1"].port.id,
                "logical_destination_port": tenant.vms["web2"].port.id}
        classifiers = [
            self._make("flow_classifier", ethertype=ethertype, **ends, **prefixes)
            for ethertype, prefixes in (
                ("IPv4", {"source_ip_prefix": f"{tenant.vms['web1'].ip}/32",
                          "destination_ip_prefix": f"{tenant.vms['web2'].ip}/32"}),
                ("IPv6", {"source_ip_prefix": f"{tenant.vms['web1'].ip6}/128",
                          "destination_ip_prefix": f"{tenant.vms['web2'].ip6}/128"}))]
        self.group = self._make("port_pair_group", port_pairs=[self.pairs["web3"]])
        self.id = self._make("port_chain", port_pair_groups=[self.group],
                             flow_classifiers=classifiers, chain_parameters={"symmetric": True})

    def _make(self, kind: str, **fields: Any) -> str:
        return self._client.post(f"/v2.0/sfc/{kind}s", {kind: fields})[kind]["id"]

    def scale(self, *names: str) -> None:
        self._client.put(f"/v2.0/sfc/port_pair_groups/{self.group}", {
            "port_pair_group": {"port_pairs": [self.pairs[name] for name in names]}})

    def delete(self) -> None:
        self._client.delete(f"/v2.0/sfc/port_chains/{self.id}")


def received(vm: Vm) -> int:
    """Packets that have reached a VM."""
    text = vm.space.run(["cat", "/proc/net/dev"]).stdout
    line = next(line for line in text.splitlines() if line.strip().startswith("eth0:"))
    return int(line.partition(":")[2].split()[1])


def through(tenant: Tenant, name: str, address: str, count: int = 20) -> bool:
    """Whether pings of web1 and their replies all pass a service."""
    before = received(tenant.vms[name])
    answered = ping(tenant.vms["web1"].space, address, count).ok
    return answered and received(tenant.vms[name]) - before >= 2 * count


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    made = new_tenant("chains", lab.nodes["node1"].client, ipv6=True)
    made.create_vms(lab, LAYOUT)
    made.wait_active()
    made.wait_reachable()
    for name in SERVICES:
        vm = made.vms[name]
        made.client.update("port", vm.port.id, port_security_enabled=False, security_groups=[])
        vm.space.sysctl(FORWARDING)
    for name in ("web1", "web2"):
        made.vms[name].space.sysctl(NO_REDIRECTS)
    made.wait_active()
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


@pytest.fixture(scope="module")
def chain(tenant: Tenant) -> Chain:
    return Chain(tenant)


def test_both_directions_go_through_the_service(tenant: Tenant, chain: Chain) -> None:
    server = tenant.vms["web2"]
    for address in (server.ip, server.ip6):
        wait_until(lambda address=address: through(tenant, "web3", address), "the chain", 30)
    # What other VMs send is not in it, nor what web1 sends others.
    before = received(tenant.vms["web3"])
    assert ping(tenant.vms["web1"].space, tenant.vms["web5"].ip, 20).ok
    assert received(tenant.vms["web3"]) - before < 20


def test_scaled_from_one_to_four_while_connections_go_on(tenant: Tenant, chain: Chain) -> None:
    client, server = tenant.vms["web1"], tenant.vms["web2"]
    streams = [TcpStream(client, server, address, 5000 + number, 0.02)
               for number, address in enumerate([server.ip] * 6 + [server.ip6] * 6)]
    pings = [PingStream(client.space, address) for address in (server.ip, server.ip6)]
    for one in pings:
        one.wait_reply()
    before = {name: received(tenant.vms[name]) for name in SERVICES}
    chain.scale(*SERVICES[:2])
    chain.scale(*SERVICES)
    wait_until(lambda: all(received(tenant.vms[name]) - before[name] > 200 for name in SERVICES
                           if name != "web3"), "all instances to have a share", 60)
    chain.scale(*SERVICES[:3])
    counts = [stream.count for stream in streams]
    wait_until(lambda: all(stream.count > count + 20 for stream, count in
                           zip(streams, counts, strict=True)), "all connections to go on", 30)
    assert [stream.stop() > 0 for stream in streams] == [True] * 12
    for one in pings:
        result = one.stop()
        assert result.lost == 0, result.output[-500:]


def test_an_instance_that_goes_is_replaced_and_without_any_it_is_dropped(
    lab: Lab, tenant: Tenant, chain: Chain
) -> None:
    client, server = tenant.vms["web1"], tenant.vms["web2"]
    chain.scale("web4", "web6")
    pings = [PingStream(client.space, address) for address in (server.ip, server.ip6)]
    for one in pings:
        one.wait_reply()
    tenant.vms["web6"].unplug()
    wait_until(lambda: through(tenant, "web4", server.ip) and through(tenant, "web4", server.ip6),
               "the other instance to take all", 30)
    for one in pings:
        one.stop()
    tenant.vms["web4"].unplug()
    wait_until(lambda: not ping(client.space, server.ip, 2).ok, "nothing to pass", 30)
    found = tenant.client.get(
        f"/v1/explain?port={client.port.id}&to={server.ip}&protocol=icmp")
    assert "service" in str(found["stages"]), found
    with listening(server, server.ip, 5100):
        assert not connects(client, server.ip, 5100, 1)
        chain.delete()
        wait_until(lambda: ping(client.space, server.ip, 3).ok, "the direct way", 30)
        assert connects(client, server.ip, 5100)
