"""Guests whose neighbor announces what is another's believe it never: it ends at its own switch,
whatever its allowed address pairs cover. What nobody has, it may announce."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic import packets as p
from lab.traffic.frames import advertisement, inject, solicitation
from lab.wait import wait_until

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web3", "hv3"), ("web4", "hv3"), ("db1", "hv1"))
"""web1 announces to web2 on its own hypervisor and web3 on another node's; web4 is impersonated."""
VIP, VIRTUAL = "10.0.1.200", "00:00:5e:00:01:33"
COVER = {
    "exact": (),
    "prefix": ("10.0.1.0/24", "fd00:0:0:1::/64", "fe80::/10"),
    "everything": ("0.0.0.0/0", "::/0"),
    "halves": ("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"),
}


@pytest.fixture(scope="module")
def crowd(lab: Lab) -> Iterator[Tenant]:
    tenant = new_tenant("crowd", lab.nodes["node1"].client, ipv6=True)
    tenant.create_vms(lab, LAYOUT)
    tenant.wait_active()
    tenant.wait_reachable()
    yield tenant
    for name in list(tenant.vms):
        tenant.remove_vm(lab, name)


def neighbors(vm: Vm) -> dict[str, str]:
    found = json.loads(vm.space.run(["ip", "-j", "neigh", "show", "dev", "eth0"]).stdout or "[]")
    return {one["dst"]: one.get("lladdr", "") for one in found}


def believers(tenant: Tenant, address: str, macs: tuple[str, ...]) -> list[str]:
    return [
        name for name in ("web2", "web3")
        if neighbors(tenant.vms[name]).get(address) in macs
    ]  # fmt: skip


def told(thief: Vm, source: str, address: str, victims: list[Vm]) -> list[bytes]:
    """All ways to say that ``address`` is at ``source``."""
    if ":" in address:
        found = [
            advertisement((source, p.ALL_NODES_MAC), (address, "ff02::1"), address, source)
        ]
        for victim in victims:
            eth, ip = (source, victim.port.mac), (address, victim.ip6)
            found.append(advertisement(eth, ip, address, source))
            found.append(solicitation(eth, ip, victim.ip6, source))
        return found
    nobody = "00:00:00:00:00:00"
    found = [
        p.ethernet(source, p.BROADCAST, p.ARP, p.arp(operation, source, address, nobody, address))
        for operation in (1, 2)
    ]
    for victim in victims:
        for operation in (1, 2):
            packet = p.arp(operation, source, address, victim.port.mac, victim.ip)
            found.append(p.ethernet(source, victim.port.mac, p.ARP, packet))
    return found


def known_by(tenant: Tenant, addresses: list[str]) -> None:
    """The victims have asked for what will be announced falsely."""
    for name in ("web2", "web3"):
        for address in addresses:
            tenant.vms[name].space.run(["ping", "-c1", "-W2", "-I", "eth0", address], check=False)


@pytest.mark.parametrize("cover", COVER)
def test_nobody_believes_what_is_anothers(crowd: Tenant, cover: str) -> None:
    thief, victims = crowd.vms["web1"], [crowd.vms["web2"], crowd.vms["web3"]]
    other = crowd.vms["web4"]
    gateway6 = "fd00:0:0:1::1"
    taken = [crowd.gateway("web"), other.ip, gateway6, other.ip6, *crowd.routers6["web"]]
    ranges = COVER[cover] or tuple(taken)
    for source in (thief.port.mac, VIRTUAL):
        pairs = [{"ip_address": one, "mac_address": source} for one in ranges]
        crowd.client.update("port", thief.port.id, allowed_address_pairs=pairs)
        crowd.wait_active()
        known_by(crowd, taken)
        for address in taken:
            inject(thief, told(thief, source, address, victims) * 2)
            time.sleep(0.2)
            assert believers(crowd, address, (thief.port.mac, VIRTUAL)) == [], address
    shown = crowd.client.get(f"/v1/ports/{thief.port.id}")["shared_addresses"]
    assert not [one for one in shown if one["address"] in taken and one["port"] == thief.port.id]


def test_what_nobody_has_is_believed(crowd: Tenant) -> None:
    thief = crowd.vms["web1"]
    for ranges in ([VIP], ["10.0.1.0/24"], ["0.0.0.0/0"]):
        pairs = [{"ip_address": one, "mac_address": VIRTUAL} for one in ranges]
        crowd.client.update("port", thief.port.id, allowed_address_pairs=pairs)
        crowd.wait_active()
        for victim in ("web2", "web3"):
            crowd.vms[victim].space.run(
                ["ip", "neigh", "replace", VIP, "lladdr", "02:00:00:00:00:99", "dev", "eth0",
                 "nud", "stale"])  # fmt: skip

        def asked() -> bool:
            frames = told(thief, VIRTUAL, VIP, [crowd.vms["web2"], crowd.vms["web3"]])
            inject(thief, frames)
            time.sleep(0.2)
            return believers(crowd, VIP, (VIRTUAL,)) == ["web2", "web3"]

        wait_until(asked, f"the address to be announced with a pair of {ranges}", 10)


def test_a_port_without_port_security_is_no_gateway(crowd: Tenant) -> None:
    thief, victims = crowd.vms["web1"], [crowd.vms["web2"], crowd.vms["web3"]]
    crowd.client.update(
        "port", thief.port.id, allowed_address_pairs=[], security_groups=[],
        port_security_enabled=False,
    )
    crowd.wait_active()
    taken = [crowd.gateway("web"), "fd00:0:0:1::1", *crowd.routers6["web"]]
    known_by(crowd, taken)
    for address in taken:
        inject(thief, told(thief, thief.port.mac, address, victims) * 2)
        time.sleep(0.3)
        assert believers(crowd, address, (thief.port.mac,)) == [], address
