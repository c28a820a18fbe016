"""QoS policies with real packets: what passes with a limit and without, on every way between ports,
and what a change, another policy and a restart of the node do to the rest of the traffic."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.client import Client
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.inside import open_socket, udp
from lab.traffic.ping import PingStream
from lab.wait import wait_until
from vrouter_ovs.state.limits import is_limit_meter

pytestmark = pytest.mark.timeout(240)

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web3", "hv3"), ("db3", "hv3"))
KBPS, BURST = 5000, 1000
SECONDS, SIZE = 3.0, 1200
OFFERED = 25_000_000
"""Bits a second that are sent, far more than the limit."""


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    made = new_tenant("qos", lab.nodes["node1"].client, ipv6=True)
    made.create_vms(lab, LAYOUT)
    made.wait_active()
    made.wait_reachable()
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


@pytest.fixture
def client(tenant: Tenant) -> Iterator[Client]:
    yield tenant.client
    for vm in tenant.vms.values():
        tenant.client.update("port", vm.port.id, qos_policy_id=None)
    for network in tenant.networks.values():
        tenant.client.update("network", network["id"], qos_policy_id=None)
    for one in tenant.client.get("/v2.0/qos/policies")["policies"]:
        tenant.client.delete(f"/v2.0/qos/policies/{one['id']}")


def policy(client: Client, **rules: dict[str, Any]) -> str:
    """The id of a new one; ``rules``: by the name of their type."""
    made = client.post("/v2.0/qos/policies", {"policy": {}})["policy"]["id"]
    for name, rule in rules.items():
        client.post(f"/v2.0/qos/policies/{made}/{name}_rules", {f"{name}_rule": rule})
    return made


def meters(hypervisor: Hypervisor) -> dict[int, str]:
    """Of limits."""
    lines = hypervisor.ofctl("dump-meters", "br-int").splitlines()
    found = {}
    for number, line in enumerate(lines):
        if "meter=" in line:
            meter = int(line.split("meter=")[1].split()[0])
            if is_limit_meter(meter):
                found[meter] = line + "".join(lines[number + 1 : number + 3])
    return found


def passed(sender: Vm, receiver: Vm, version: int = 4) -> float:
    """Bits a second of what is offered that arrive, by bytes of IP."""
    counted = [0]
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(udp6(receiver) if version == 6 else udp(receiver.space, 7000, 1))
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        source = stack.enter_context(udp6(sender) if version == 6 else udp(sender.space, 7001))
        address = receiver.ip6 if version == 6 else receiver.ip

        def count() -> None:
            with contextlib.suppress(TimeoutError):
                while True:
                    counted[0] += len(sink.recv(2000)) + 42

        counter = threading.Thread(target=count)
        counter.start()
        begun, sent = time.monotonic(), 0
        while (now := time.monotonic() - begun) < SECONDS:
            while sent * SIZE * 8 < OFFERED * now:
                source.sendto(bytes(SIZE), (address, 7000))
                sent += 1
            time.sleep(0.002)
        counter.join()
    return counted[0] * 8 / SECONDS


def udp6(vm: Vm) -> socket.socket:
    found = open_socket(vm.space, socket.AF_INET6, socket.SOCK_DGRAM)
    found.bind(("::", 7000))
    found.settimeout(1)
    return found


def limited(lab: Lab, count: int) -> None:
    """So many meters of limits are in the switches."""
    wait_until(
        lambda: sum(len(meters(one)) for one in lab.hypervisors.values()) == count,
        f"{count} meters of limits", 15,
    )


def holds(sender: Vm, receiver: Vm, version: int = 4) -> None:
    arrived = passed(sender, receiver, version)
    assert 0.5 < arrived / (KBPS * 1000) < 1.4, arrived


LIMIT = {"max_kbps": KBPS, "max_burst_kbps": BURST}


def test_a_limit_holds_on_every_way(lab: Lab, tenant: Tenant, client: Client) -> None:
    """What a port sends, bridged and routed, here and to another hypervisor; what reaches one; of
    both families."""
    web1, web2, web3, db3 = (tenant.vms[name] for name in ("web1", "web2", "web3", "db3"))
    assert passed(web1, web2) > KBPS * 1000 * 2
    out = policy(client, bandwidth_limit=LIMIT)
    client.update("port", web1.port.id, qos_policy_id=out)
    limited(lab, 1)
    holds(web1, web2)
    (told,) = client.v1(f"ports/{web1.port.id}")["limits"]
    assert (told["direction"], told["unit"], told["rate"]) == ("sent", "kilobits", KBPS)
    assert told["dropped"] > 100
    holds(web1, db3, 6)
    # What others send is none of it.
    assert passed(web2, web3) > KBPS * 1000 * 2
    inward = policy(client, bandwidth_limit={**LIMIT, "direction": "ingress"})
    client.update("port", web1.port.id, qos_policy_id=None)
    client.update("network", tenant.networks["web"]["id"], qos_policy_id=inward)
    limited(lab, 3)
    holds(db3, web1)
    # A port's own policy takes the place of its network's.
    client.update("port", web1.port.id, qos_policy_id=policy(client))
    limited(lab, 2)
    assert passed(web3, web1) > KBPS * 1000 * 2


def test_changes_take_nothing_from_what_is_below_the_limit(
    lab: Lab, tenant: Tenant, client: Client
) -> None:
    """Another rate, another policy, packets instead of bits, none at all: at once, and not one
    packet is lost of a stream that is below all of them, nor of another port's; and no flow of
    another port is touched."""
    web1, web3, db3 = (tenant.vms[name] for name in ("web1", "web3", "db3"))
    streams = [PingStream(web1.space, web3.ip, interval=0.01),
               PingStream(web3.space, db3.ip, interval=0.01)]
    for one in streams:
        one.wait_reply()
    one = policy(client, bandwidth_limit=LIMIT)
    other = policy(client, packet_rate_limit={"max_kpps": 1}, dscp_marking={"dscp_mark": 46})
    hv1 = lab.hypervisors["hv1"]
    client.update("port", web1.port.id, qos_policy_id=one)
    limited(lab, 1)
    (number,) = meters(hv1)
    (rule,) = client.get(f"/v2.0/qos/policies/{one}/bandwidth_limit_rules")["bandwidth_limit_rules"]
    flows = set(hv1.flows())
    for kbps in (7000, 900, KBPS):
        client.put(f"/v2.0/qos/alias_bandwidth_limit_rules/{rule['id']}",
                   {"alias_bandwidth_limit_rule": {"max_kbps": kbps}})
        wait_until(lambda kbps=kbps: f"rate={kbps}" in meters(hv1)[number], f"{kbps} kbit/s", 15)
    assert set(hv1.flows()) == flows
    client.update("port", web1.port.id, qos_policy_id=other)
    wait_until(lambda: [key for key in meters(hv1) if key != number], "another meter", 15)
    wait_until(lambda: number not in meters(hv1), "the first meter to be gone", 15)
    assert sum("46->ip_dscp" in flow for flow in hv1.flows()) == 2
    client.update("port", web1.port.id, qos_policy_id=None)
    limited(lab, 0)
    for stream in streams:
        assert stream.stop().lost == 0
    assert len(hv1.flows()) < len(flows)


def test_a_restart_of_the_node_leaves_limits_as_they_are(
    lab: Lab, tenant: Tenant, client: Client
) -> None:
    web1, web3 = tenant.vms["web1"], tenant.vms["web3"]
    one = policy(client, bandwidth_limit=LIMIT)
    client.update("port", web1.port.id, qos_policy_id=one)
    limited(lab, 1)
    hv1 = lab.hypervisors["hv1"]
    before = meters(hv1)
    node = lab.nodes[lab.owner("hv1")]
    node.kill()
    holds(web1, web3)
    node.restart()
    tenant.wait_active()
    assert meters(hv1) == before
    holds(web1, web3)
