"""What a guest is asked while nodes are away: what goes on, and what it has to wait for."""

from __future__ import annotations

from collections.abc import Callable

from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import ping
from lab.traffic.steady import guard

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web4", "hv3"), ("db2", "hv2"), ("db3", "hv3"))
PAIRS = (("web1", "web4"), ("web4", "db2"), ("db2", "web1"), ("web1", "web2"), ("db3", "db2"))
"""On one hypervisor and on two, of one node and of two, within a network and between them."""

Probe = Callable[[], bool]

NEEDS_A_NODE = frozenset({
    "the name of a neighbor (DNS)", "a router advertisement asked for",
    "where a packet's hops ended (time exceeded)", "where a packet's hops ended, IPv6",
})
"""What a guest does not get while no node runs: the table in docs/operations.md."""


def guarded_tenant(lab: Lab) -> Tenant:
    """A tenant whose VMs have their leases, and let in what steady traffic may do alone."""
    made = new_tenant("red", lab.nodes["node1"].client, dhcp=True, ipv6=True)
    made.create_vms(lab, LAYOUT)
    made.wait_active()
    for vm in made.vms.values():
        assert vm.dhcp is not None
        vm.dhcp.wait()
    guard(made.client, made.project_id, made.vms.values())
    return made


def pairs(tenant: Tenant) -> list[tuple[Vm, Vm]]:
    return [(tenant.vms[a], tenant.vms[b]) for a, b in PAIRS]


def probes(tenant: Tenant, asker: str, neighbor: str, routed: str) -> dict[str, Probe]:
    """Each is True where the guest got what it asked for.  VMs by short name: ``neighbor`` is in
    the network of ``asker`` and on another hypervisor, ``routed`` in another network."""
    vm, near, far = tenant.vms[asker], tenant.vms[neighbor], tenant.vms[routed]
    network = asker.rstrip("0123456789")
    name = f"{neighbor}.{tenant.domain(network)}"

    def answers(address: str) -> bool:
        return ping(vm.space, address, 2, wait=2).received > 0

    def after_forgetting(address: str) -> bool:
        for family in ("-4", "-6"):
            vm.space.run(["ip", family, "neigh", "flush", "dev", "eth0"])
        return answers(address)

    def says(argv: list[str], wanted: str) -> Probe:
        return lambda: wanted in vm.space.run(argv, check=False).stdout

    return {
        "the gateway, pinged": lambda: answers(vm.port.gateway),
        "the gateway, pinged, IPv6": lambda: answers(vm.port.gateway6),
        "the MAC of a neighbor (ARP)": lambda: after_forgetting(near.ip),
        "the MAC of a neighbor (ND)": lambda: after_forgetting(near.ip6),
        "the MAC of the gateway (ARP)": lambda: after_forgetting(far.ip),
        "the MAC of the gateway (ND)": lambda: after_forgetting(far.ip6),
        "the name of a neighbor (DNS)": says(
            ["dig", f"@{vm.port.gateway}", "+time=2", "+tries=1", "+short", name], near.ip),
        "a router advertisement asked for": says(
            ["rdisc6", "-1", "-r", "1", "-w", "2000", "eth0"], "Router lifetime"),
        "where a packet's hops ended (time exceeded)": says(
            ["ping", "-n", "-c", "1", "-W", "2", "-t", "1", far.ip], "Time to live exceeded"),
        "where a packet's hops ended, IPv6": says(
            ["ping", "-6", "-n", "-c", "1", "-W", "2", "-t", "1", far.ip6], "Hop limit"),
    }


def outcomes(asked: dict[str, Probe]) -> dict[str, bool]:
    return {what: probe() for what, probe in asked.items()}
