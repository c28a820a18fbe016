"""Service chains with real packets: what one VM sends another goes through services and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.service_chain import ServiceChain, received
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
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


@pytest.fixture(scope="module")
def chain(tenant: Tenant) -> ServiceChain:
    return ServiceChain(tenant, "web1", "web2", SERVICES)


def test_both_directions_go_through_the_service(tenant: Tenant, chain: ServiceChain) -> None:
    server = tenant.vms["web2"]
    for address in (server.ip, server.ip6):
        wait_until(lambda address=address: through(tenant, "web3", address), "the chain", 30)
    # What other VMs send is not in it, nor what web1 sends others.
    before = received(tenant.vms["web3"])
    assert ping(tenant.vms["web1"].space, tenant.vms["web5"].ip, 20).ok
    assert received(tenant.vms["web3"]) - before < 20


def test_scaled_from_one_to_four_while_connections_go_on(
    tenant: Tenant, chain: ServiceChain
) -> None:
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
    lab: Lab, tenant: Tenant, chain: ServiceChain
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
