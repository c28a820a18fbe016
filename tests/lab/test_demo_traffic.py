"""The demo's checks as assertions: who reaches whom, what is on the wire, what the nodes know."""

from __future__ import annotations

from collections import Counter

import pytest

from lab.tenants import Tenant, relation
from lab.topology import Lab
from lab.traffic.capture import ENCAPSULATED_ICMP, Capture
from lab.traffic.ping import ping, ping_all, reach_all
from lab.wait import wait_until


def test_hypervisors_belong_to_the_node_they_joined(lab: Lab) -> None:
    for node in lab.nodes.values():
        owners = {item["element"]: item["owner"] for item in node.client.v1("elements")}
        assert owners == {"hv1": "node1", "hv2": "node1", "hv3": "node2"}


def test_ports_are_active_where_they_are(lab: Lab, red: Tenant) -> None:
    for node in lab.nodes.values():
        ports = {port["id"]: port for port in node.client.list("port")}
        for vm in red.vms.values():
            port = ports[vm.port.id]
            assert vm.hypervisor is not None
            assert (port["status"], port["binding:host_id"]) == ("ACTIVE", vm.hypervisor.name)


@pytest.mark.parametrize("tenant", ["red", "blue"])
def test_all_pairs(lab: Lab, tenant: str, request: pytest.FixtureRequest) -> None:
    made: Tenant = request.getfixturevalue(tenant)
    pairs = made.pairs()
    results = reach_all((made.vms[a].space, made.vms[b].ip) for a, b in pairs)
    failed = Counter(
        relation(lab, made.vms[a], made.vms[b])
        for (a, b), result in zip(pairs, results, strict=True)
        if not result.ok
    )
    assert not failed
    covered = {relation(lab, made.vms[a], made.vms[b]) for a, b in pairs}
    assert len(covered) == 6


def test_gateways_answer_everywhere(red: Tenant) -> None:
    pairs = [(vm.space, red.gateway(net)) for vm in red.vms.values() for net in ("web", "db")]
    results = reach_all(pairs)
    bad = [(space.name, address) for (space, address), result in zip(pairs, results, strict=True)
           if not result.ok]
    assert not bad


def test_routing_counts_one_hop(red: Tenant) -> None:
    """Time to live of an answer: 64 within a network, less between networks (RFC 1812 5.3.1)."""
    same = ping(red.vms["web1"].space, red.vms["web4"].ip)
    other = ping(red.vms["web1"].space, red.vms["db3"].ip)
    assert same.ok and "ttl=64 " in same.output
    assert other.ok and "ttl=64 " not in other.output


def test_overlapping_tenants_do_not_see_each_other(red: Tenant, blue: Tenant) -> None:
    before = blue.echo_requests()
    results = reach_all((red.vms[a].space, red.vms[b].ip) for a, b in red.pairs())
    assert all(result.ok for result in results)
    assert blue.echo_requests() == before


def test_an_address_of_another_tenant_is_out_of_reach(lab: Lab, red: Tenant, blue: Tenant) -> None:
    target = blue.create_vm(lab, "web9", "hv3", "10.0.1.99")
    try:
        blue.wait_active()
        wait_until(lambda: ping(blue.vms["web1"].space, target.ip, 1, wait=0.3).ok,
                   "blue's own ping", 10)
        before = blue.echo_requests()
        sources = [red.vms[name].space for name in ("web1", "web4")]
        for space in sources:
            space.batch([f"neigh replace {target.ip} lladdr {target.port.mac} dev eth0"])
        sources += [red.vms[name].space for name in ("db1", "db3")]
        results = ping_all(((space, target.ip) for space in sources), 5, 0.05, 0.3)
        assert [result.received for result in results] == [0] * 4
        assert blue.echo_requests() == before
    finally:
        for name in ("web1", "web4"):
            red.vms[name].space.run(["ip", "neigh", "del", target.ip, "dev", "eth0"], check=False)
        blue.remove_vm(lab, "web9")


@pytest.mark.parametrize(("source", "target", "vni_of"), [
    ("web1", "web4", "network"), ("web1", "db3", "router"),
])
def test_encapsulation(red: Tenant, source: str, target: str, vni_of: str) -> None:
    """Bridged traffic carries the network's VNI, routed traffic the router's (RFC 9135 4.2)."""
    vm = red.vms[source]
    assert vm.hypervisor is not None
    vni = (red.networks["web"]["provider:segmentation_id"] if vni_of == "network"
           else red.router["vpn:vni"])
    with Capture(vm.hypervisor.space, "eth0", ENCAPSULATED_ICMP) as capture:
        assert ping(vm.space, red.vms[target].ip).ok
        capture.wait()
        text = capture.text()
    assert f"vni {vni}" in text
    assert f"{vm.ip} > {red.vms[target].ip}" in text or f"{red.vms[target].ip} > {vm.ip}" in text


def test_large_packets_cross_the_underlay(red: Tenant) -> None:
    """A full-sized packet of a VM fits into the underlay with its encapsulation."""
    for target in ("web2", "web4", "db3"):
        assert ping(red.vms["web1"].space, red.vms[target].ip, size=1400 - 28).ok


def test_a_spoofed_source_address_is_dropped(red: Tenant) -> None:
    vm, victim = red.vms["web1"], red.vms["web4"]
    before = red.echo_requests()
    vm.space.batch(["address add 10.0.1.77/24 dev eth0"])
    try:
        done = vm.space.run(
            ["ping", "-n", "-c", "3", "-i", "0.05", "-W", "0.3", "-I", "10.0.1.77", victim.ip],
            check=False,
        )
        assert " 0 received" in done.stdout
        assert red.echo_requests() == before
    finally:
        vm.space.batch(["address del 10.0.1.77/24 dev eth0"])
    assert ping(vm.space, victim.ip).ok


def test_both_nodes_know_the_same_routes(lab: Lab, red: Tenant, blue: Tenant) -> None:
    def view(node: str) -> dict[str, int]:
        return dict(Counter(str(path["type"]) for path in lab.nodes[node].client.v1("rib")))

    wait_until(lambda: view("node1") == view("node2"), "equal routes on both nodes", 10)
    macs = {path.get("mac") for path in lab.nodes["node2"].client.v1("rib")}
    assert {vm.port.mac for vm in red.vms.values()} <= macs


def test_a_network_that_is_not_used_on_a_hypervisor_leaves_no_trace(lab: Lab, red: Tenant) -> None:
    """VRFs and EVIs exist only on vrouters that have a port in them."""
    client = lab.nodes["node1"].client
    network = client.create("network", name="lonely")
    subnet = client.create("subnet", network_id=network["id"], cidr="10.9.0.0/24", ip_version=4)
    port = client.create("port", network_id=network["id"])
    before = {name: len(hv.flows()) for name, hv in lab.hypervisors.items()}
    lab.hypervisors["hv1"].plug_dummies([("lonely0", port["id"])])
    try:
        client.wait_ports([port["id"]])
        after = {name: len(hv.flows()) for name, hv in lab.hypervisors.items()}
        assert after["hv1"] > before["hv1"]
        assert (after["hv2"], after["hv3"]) == (before["hv2"], before["hv3"])
    finally:
        lab.hypervisors["hv1"].unplug("lonely0")
        client.wait_ports([port["id"]], "DOWN")
        client.remove("port", port["id"])
        client.remove("subnet", subnet["id"])
        client.remove("network", network["id"])
    wait_until(lambda: len(lab.hypervisors["hv1"].flows()) == before["hv1"],
               "hv1's flows as before", 10)
