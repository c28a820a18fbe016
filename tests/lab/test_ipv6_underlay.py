"""An underlay of IPv6: tunnels of every encapsulation between VTEPs with IPv6 addresses, what fits
into them, and those that have no family in common."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from lab.net import Namespace
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.traffic.ping import ping, ping_all, reach_all
from lab.wait import wait_until
from tests.lab.conftest import PEER_OPTIONS

pytestmark = pytest.mark.timeout(300)

HOSTS = ("hv1", "hv2", "hv3")
OUTER = {
    "vxlan": "ip6 and udp dst port 4789", "geneve": "ip6 and udp dst port 6081",
    # Bytes 40 to 43 are the GRE header.
    "nvgre": "ip6 proto 47 and ip6[42:2] = 0x6558",
    "mpls-in-gre": "ip6 proto 47 and ip6[42:2] = 0x8847",
}


def address(name: str) -> str:
    return f"fd00:16::{10 + int(name[2])}"


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Lab, Tenant]]:
    """All VTEPs have IPv6 addresses alone."""
    with Lab(f"vncsix{os.getpid()}", peer_options=PEER_OPTIONS) as lab:
        lab.wait_converged()
        tenant = new_tenant("red", lab.nodes["node1"].client, ipv6=True)
        tenant.create_vms(lab, (("web1", "hv1"), ("web2", "hv2"), ("web3", "hv3"), ("db3", "hv3")))
        tenant.wait_active()
        for name, hypervisor in lab.hypervisors.items():
            hypervisor.space.run(["sysctl", "-qw", "net.ipv6.conf.br-phy.disable_ipv6=0"])
            hypervisor.space.batch([f"address replace {address(name)}/64 dev br-phy nodad"])
        vteps(lab, **{name: address(name) for name in HOSTS})
        yield lab, tenant


def vteps(lab: Lab, **wanted: str) -> None:
    """Have the hypervisors be at these addresses; returns when all nodes know it."""
    for name, text in wanted.items():
        lab.hypervisors[name].vsctl("set", "Open_vSwitch", ".", f"external_ids:vnc-encap-ip={text}")

    def known() -> bool:
        return all(
            one["vteps"] == wanted[one["id"]].split(",") and one["state"] == "connected"
            for node in lab.nodes.values() for one in node.client.v1("elements")
            if one["id"] in wanted
        )

    wait_until(known, "the new VTEPs to be known", 30)


def ways(tenant: Tenant) -> list:
    """Both families, switched and routed, between hypervisors of one node and of two."""
    vms = tenant.vms
    pairs = [("web1", "web2"), ("web1", "web3"), ("web2", "db3"), ("db3", "web1")]
    return [(vms[a].space, to) for a, b in pairs for to in (vms[b].ip, vms[b].ip6)]


def answers(space: Namespace, to: str) -> None:
    # A node that has just started may hold changes back for 30 s ([node] restart_deferral).
    wait_until(lambda: ping(space, to, 1, wait=0.5).ok, f"an answer of {to}", 60)


def all_answer(tenant: Tenant) -> None:
    for space, to in ways(tenant):
        answers(space, to)
    assert all(result.ok for result in reach_all(ways(tenant)))


@pytest.mark.parametrize("encap", OUTER)
def test_vms_talk_by_every_encapsulation(site: tuple[Lab, Tenant], encap: str) -> None:
    lab, tenant = site
    for hypervisor in lab.hypervisors.values():
        hypervisor.vsctl("set", "Open_vSwitch", ".", f"external_ids:vnc-encap-type={encap}")
    all_answer(tenant)
    outer = f"src {address('hv1')} and dst {address('hv3')} and {OUTER[encap]}"
    with Capture(lab.hypervisors["hv1"].space, "eth0", outer, 2) as capture:
        vms = tenant.vms
        reach_all([(vms["web1"].space, vms["web3"].ip), (vms["web1"].space, vms["db3"].ip6)])
        capture.wait()


def test_what_does_not_fit_is_answered_with_what_does(site: tuple[Lab, Tenant]) -> None:
    """RFC 1191, RFC 8201: the header of the underlay is 20 bytes longer than IPv4's."""
    lab, tenant = site
    for hypervisor in lab.hypervisors.values():
        hypervisor.vsctl("set", "Open_vSwitch", ".", "external_ids:vnc-encap-type=vxlan")
    all_answer(tenant)
    vm = tenant.vms["web1"]
    # Guests that have not heard of their network's MTU.
    for name, guest in (("hv1", vm), ("hv3", tenant.vms["db3"])):
        guest.space.batch(["link set eth0 mtu 1500"])
        lab.hypervisors[name].space.batch([f"link set {guest.interface} mtu 1500"])
    for to, header in ((tenant.vms["db3"].ip, 28), (tenant.vms["db3"].ip6, 48)):
        # What the kernel has learned is forgotten: each family is asked anew.
        vm.space.run(["ip", "route", "flush", "cache"], check=False)
        large = vm.space.run(
            ["ping", "-c1", "-W1", "-M", "do", "-s", str(1450 - header), to], check=False)
        assert re.search(r"mtu ?= ?1430", large.stdout + large.stderr), large
        assert vm.space.run(["ping", "-c1", "-W2", "-M", "do", "-s", str(1430 - header), to],
                            check=False).returncode == 0


def test_who_has_no_family_in_common_is_told(site: tuple[Lab, Tenant]) -> None:
    lab, tenant = site
    four = lab.hypervisors["hv2"].vtep
    vteps(lab, hv2=four, hv3=f"{address('hv3')},{lab.hypervisors['hv3'].vtep}")
    vms = tenant.vms
    assert not any(result.received for result in ping_all(
        [(vms["web1"].space, vms["web2"].ip), (vms["web2"].space, vms["web1"].ip6)], 2, wait=0.5))
    client = lab.nodes["node1"].client
    said = next(one for one in client.health()["checks"] if one["name"] == "underlay")
    assert said["ok"] and said["warning"], said
    assert "hv1 (IPv6) and hv2 (IPv4)" in said["detail"] and "hv3" not in said["detail"]
    why = client.get("/v1/explain", port=vms["web1"].port.id, to=vms["web2"].ip)
    assert why["verdict"] == "unreachable" and "no underlay path in common" in str(why)
    # The third has an address of each.
    for a, b in (("web1", "web3"), ("web2", "web3"), ("web3", "web2")):
        answers(vms[a].space, vms[b].ip)
    vteps(lab, hv2=address("hv2"), hv3=address("hv3"))
    all_answer(tenant)


def test_back_to_ipv4(site: tuple[Lab, Tenant]) -> None:
    lab, tenant = site
    vteps(lab, **{name: lab.hypervisors[name].vtep for name in HOSTS})
    all_answer(tenant)
