"""10,000 packets a second of what the network answers itself, from one VM: its neighbour is served
as before, the node sees no more of it than the meter lets through."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic import dhcp_load, edge_flood
from lab.traffic.inside import link
from vrouter_ovs.state.meters import PUNT_BURST, PUNT_RATE

LAYOUT = (("web1", "hv1"), ("web2", "hv1"))
RATE, SECONDS = 10_000, 5
ARP = b"\x08\x06"


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    made = new_tenant("flood", lab.nodes["node1"].client, dhcp=True)
    made.create_vms(lab, LAYOUT)
    made.wait_active()
    for vm in made.vms.values():
        vm.dhcp.wait()
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


def edge(lab: Lab) -> dict:
    return lab.nodes["node1"].client.v1("elements/hv1")["edge"]


def cpu_seconds(pid: int) -> float:
    """Processor time of a process with all of its threads (proc(5), stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("kind", ["arp-known", "arp-unknown", "arp-gratuitous", "rs", "dns"])
def test_a_flood_leaves_the_neighbour_served(lab: Lab, tenant: Tenant, kind: str) -> None:
    attacker, victim = tenant.vms["web2"], tenant.vms["web1"]
    gateway = victim.port.gateway
    (port,) = tenant.client.list("port", device_id=tenant.router["id"],
                                 fixed_ips=f"ip_address={gateway}")
    who = edge_flood.Who(attacker.ip, gateway, port["mac_address"], victim.ip)
    for vm in (attacker, victim):
        vm.dhcp.stop()
    before, begun = edge(lab), time.monotonic()
    node = lab.nodes["node1"].daemon
    used = cpu_seconds(node.pid)
    with link(victim.space, listen=True) as ear:
        flood = edge_flood.start(attacker.space, kind, RATE, SECONDS, who)
        probe = dhcp_load.start(victim.space, "probe", 20, SECONDS - 1)
        told, timed = dhcp_load.result(flood), dhcp_load.result(probe)
        ear.setblocking(False)
        leaked = 0
        try:
            while frame := ear.recv(2048):
                leaked += frame[6:12] == bytes.fromhex(attacker.port.mac.replace(":", ""))
        except BlockingIOError:
            pass
    spent, after = time.monotonic() - begun, edge(lab)
    punted, cpu = after["punted"] - before["punted"], cpu_seconds(node.pid) - used
    said = (f"{kind}: {told}; neighbour: {timed}; punted {punted} in {spent:.1f} s; node: "
            f"{cpu:.2f} CPU s; the neighbour heard {leaked}")
    print(said)
    assert told["sent"] > 5_000 * SECONDS // 2, said
    assert leaked == 0, said
    assert timed["answered"] > 0, said
    # Of ARP the node sees nothing; of the others what the attacker's meter lets through.
    metered = 0 if kind.startswith("arp") else PUNT_BURST + PUNT_RATE * (spent + 1)
    assert punted <= timed["asked"] + metered, said
    assert after["dropped"] == before["dropped"], said
    assert cpu <= spent / 2, said
    for vm in (attacker, victim):
        vm.dhcp.start()
        assert vm.dhcp.wait()["ip"] == vm.ip, said
