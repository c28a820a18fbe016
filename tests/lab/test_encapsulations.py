"""Hypervisors of several encapsulations: who has one in common talks by it, who has none is told
so, and another order moves the traffic without anybody noticing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.hosts.hypervisor import Hypervisor
from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.traffic.ping import ping, ping_all
from lab.traffic.steady import Steady, plan
from lab.wait import wait_until
from tests.lab.conftest import PEER_OPTIONS
from vrouter_ovs.encapsulation import ENCAPSULATIONS

pytestmark = pytest.mark.timeout(300)

OUTER = {
    "vxlan": "udp dst port 4789", "geneve": "udp dst port 6081",
    # GRE with a key that carries Ethernet (RFC 7637 section 3.2).
    "nvgre": "ip proto 47 and ip[20:2] = 0x2000 and ip[22:2] = 0x6558",
    # GRE without one that carries MPLS (RFC 4023 section 3.2).
    "mpls-in-gre": "ip proto 47 and ip[20:2] = 0 and ip[22:2] = 0x8847",
}
MARK = re.compile(r"load:(0x[0-9a-f]+)->NXM_NX_REG2\[8\.\.15\]")
"""The register tunnel_type is set."""
DEVICES = 6
"""Packets that may be lost while tunnel ports come and go on three hypervisors: ovs-vswitchd then
looks at all links and routes again, in the thread that forwards in its userspace datapath
(docs/operations.md)."""
HOSTS = ("hv1", "hv2", "hv3")
"""The last is another node's."""


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Lab, Tenant]]:
    with Lab(f"vncenc{os.getpid()}", peer_options=PEER_OPTIONS) as lab:
        lab.wait_converged()
        tenant = new_tenant("red", lab.nodes["node1"].client, ipv6=True)
        tenant.create_vms(lab, (
            ("web1", "hv1"), ("web2", "hv2"), ("web3", "hv3"),
            ("db1", "hv1"), ("db2", "hv2"), ("db3", "hv3"),
        ))  # fmt: skip
        tenant.wait_active()
        tenant.wait_reachable()
        yield lab, tenant


def take(lab: Lab, **encapsulations: str) -> None:
    """Have these hypervisors send and take these; returns when all nodes know it."""
    for name, names in encapsulations.items():
        lab.hypervisors[name].vsctl(
            "set", "Open_vSwitch", ".", f"external_ids:vnc-encap-type={names}")
    wanted = {name: names.split(",") for name, names in encapsulations.items()}

    def known() -> bool:
        return all(
            one["encapsulations"] == wanted[one["id"]]
            for node in lab.nodes.values() for one in node.client.v1("elements")
            if one["id"] in wanted
        )

    wait_until(known, "the encapsulations to be known", 15)


def tunnels_up(lab: Lab, *encaps: str) -> None:
    """BFD is up on a tunnel of each of these between every two hypervisors."""

    def up() -> bool:
        for node in lab.nodes.values():
            for one in node.client.v1("elements"):
                states = [(port["encap"], port["bfd"]) for port in one.get("tunnels", ())]
                if one["mine"] and any(
                    states.count((encap, "up")) < len(HOSTS) - 1 for encap in encaps
                ):
                    return False
        return True

    wait_until(up, f"the tunnels of {', '.join(encaps)}", 20)


def ways(tenant: Tenant, a: str, b: str) -> list:
    """Both families, switched and routed, from one hypervisor to another, by their numbers."""
    here, there, routed = (tenant.vms[name] for name in (f"web{a}", f"web{b}", f"db{b}"))
    return [(here.space, to) for vm in (there, routed) for to in (vm.ip, vm.ip6)]


def goes_by(hypervisor: Hypervisor, encap: str, pairs: list) -> None:
    """All of them are answered, and leave the hypervisor in this encapsulation."""
    for pair in pairs:
        source = hypervisor.vtep
        with Capture(hypervisor.space, "eth0", f"src {source} and {OUTER[encap]}") as capture:
            wait_until(lambda pair=pair: ping(*pair, 1, wait=0.5).ok, f"an answer of {pair[1]}", 10)
            capture.wait()


def sends_by(hypervisor: Hypervisor, encap: str, vm: Vm) -> None:
    """Its switch has the flow to a VM of another hypervisor by this encapsulation.  A capture would
    make the switch look at its links again, which costs packets by itself."""
    number = 0 if encap == "vxlan" else ENCAPSULATIONS[encap].tunnel_type

    def there() -> bool:
        flows = [flow for flow in hypervisor.flows() if f"dl_dst={vm.port.mac} " in flow]
        marks = [MARK.search(flow) for flow in flows if "tun_id" in flow]
        return bool(marks) and all((int(mark[1], 16) if mark else 0) == number for mark in marks)

    wait_until(there, f"{hypervisor.name} to send to {vm.name} by {encap}", 10)


@pytest.mark.parametrize("other", ["nvgre", "mpls-in-gre"])
def test_who_has_one_in_common_talks_and_who_has_none_is_told(
    site: tuple[Lab, Tenant], other: str
) -> None:
    lab, tenant = site
    take(lab, hv1="vxlan", hv2=other, hv3=f"geneve,{other},vxlan")
    hosts = lab.hypervisors
    goes_by(hosts["hv1"], "vxlan", ways(tenant, "1", "3"))
    goes_by(hosts["hv3"], "vxlan", ways(tenant, "3", "1"))
    goes_by(hosts["hv2"], other, ways(tenant, "2", "3"))
    goes_by(hosts["hv3"], other, ways(tenant, "3", "2"))
    assert not any(result.received for result in ping_all(ways(tenant, "1", "2"), 2, wait=0.5))
    client = lab.nodes["node1"].client
    said = next(one for one in client.health()["checks"] if one["name"] == "encapsulations")
    assert said["ok"] and said["warning"]
    assert f"hv1 (vxlan) and hv2 ({other})" in said["detail"] and "hv3" not in said["detail"]
    why = client.get("/v1/explain", **{
        "port": tenant.vms["web1"].port.id, "to": tenant.vms["web2"].ip, "protocol": "icmp"})
    assert why["verdict"] == "unreachable"
    assert f"hv2 takes {other}, and hv1 sends vxlan" in str(why)
    take(lab, hv2=f"{other},vxlan")
    goes_by(hosts["hv1"], "vxlan", ways(tenant, "1", "2"))
    goes_by(hosts["hv2"], "vxlan", ways(tenant, "2", "1"))
    goes_by(hosts["hv2"], other, ways(tenant, "2", "3"))


def test_another_order_moves_the_traffic_and_nobody_notices(site: tuple[Lab, Tenant]) -> None:
    """Each end chooses by itself, so that the two directions of a connection may differ."""
    lab, tenant = site
    take(lab, **dict.fromkeys(HOSTS, "vxlan,geneve,nvgre,mpls-in-gre"))
    tunnels_up(lab, "vxlan", "geneve", "nvgre", "mpls-in-gre")
    vms = tenant.vms
    pairs = [(vms["web1"], vms["web3"]), (vms["web2"], vms["db3"]), (vms["db3"], vms["web1"]),
             (vms["web1"], vms["db2"])]  # fmt: skip
    with Steady(plan(pairs)) as traffic:
        for order in (
            "geneve,vxlan,nvgre,mpls-in-gre", "mpls-in-gre,vxlan,geneve,nvgre",
            "nvgre,mpls-in-gre,geneve,vxlan", "vxlan,nvgre,geneve,mpls-in-gre",
        ):
            first = order.partition(",")[0]
            for name in HOSTS:
                take(lab, **{name: order})
                sends_by(lab.hypervisors[name], first, vms["web1" if name == "hv3" else "web3"])
                time.sleep(0.2)
    assert traffic.report.lost == {}, traffic.report


def test_broadcast_reaches_all_by_mpls_and_by_vni(site: tuple[Lab, Tenant]) -> None:
    """One list with a copy of each kind; what asks for an address that nobody has is flooded."""
    lab, tenant = site
    take(lab, hv1="vxlan", hv2="mpls-in-gre", hv3="mpls-in-gre,vxlan")
    goes_by(lab.hypervisors["hv3"], "vxlan", ways(tenant, "3", "1")[:1])
    goes_by(lab.hypervisors["hv3"], "mpls-in-gre", ways(tenant, "3", "2")[:1])
    vms = tenant.vms
    group = "udp dst port 5005 and dst 239.1.2.3"
    with Capture(vms["web1"].space, "eth0", group) as one, Capture(
        vms["web2"].space, "eth0", group
    ) as two:
        vms["web3"].space.run([
            sys.executable, "-c", "import socket; s = socket.socket(type=socket.SOCK_DGRAM); "
            "s.setsockopt(0, 33, 4); s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, "
            "b'eth0'); s.sendto(b'all', ('239.1.2.3', 5005))",
        ])
        one.wait()
        two.wait()


@pytest.mark.parametrize("new", ["geneve", "mpls-in-gre"])
def test_one_encapsulation_takes_the_place_of_another_without_loss(
    site: tuple[Lab, Tenant], new: str
) -> None:
    """The new one behind, then before, then alone; as docs/operations.md tells."""
    lab, tenant = site
    take(lab, **dict.fromkeys(HOSTS, "vxlan"))
    vms = tenant.vms
    with Steady(plan([(vms["web1"], vms["web3"]), (vms["db2"], vms["web1"])])) as traffic:
        take(lab, **dict.fromkeys(HOSTS, f"vxlan,{new}"))
        tunnels_up(lab, new)
        take(lab, **dict.fromkeys(HOSTS, f"{new},vxlan"))
        sends_by(lab.hypervisors["hv1"], new, vms["web3"])
        sends_by(lab.hypervisors["hv3"], new, vms["web1"])
        moved = traffic.lap()
        take(lab, **dict.fromkeys(HOSTS, new))
        for hypervisor in lab.hypervisors.values():
            wait_until(lambda hv=hypervisor: "vxlan" not in hv.vsctl(
                "--columns=type", "list", "Interface"), "the old tunnels to be gone", 10)
    assert moved.pings.lost + traffic.report.pings.lost <= DEVICES, (moved, traffic.report)
    assert moved.streams.broken == traffic.report.streams.broken == ()
    goes_by(lab.hypervisors["hv1"], new, ways(tenant, "1", "3"))
    goes_by(lab.hypervisors["hv3"], new, ways(tenant, "3", "1"))


def test_what_a_hypervisor_cannot_have_changes_nothing(site: tuple[Lab, Tenant]) -> None:
    lab, tenant = site
    take(lab, **dict.fromkeys(HOSTS, "vxlan"))
    goes_by(lab.hypervisors["hv1"], "vxlan", ways(tenant, "1", "3"))
    hypervisor = lab.hypervisors["hv1"]
    hypervisor.vsctl("set", "Open_vSwitch", ".", "external_ids:vnc-encap-type=ipsec")
    try:
        wait_until(lambda: "names 'ipsec'" in lab.nodes["node1"].log(200), "the reason", 10)
        goes_by(hypervisor, "vxlan", ways(tenant, "1", "3"))
    finally:
        hypervisor.vsctl("remove", "Open_vSwitch", ".", "external_ids", "vnc-encap-type")


@pytest.mark.parametrize("encap", OUTER)
def test_trace_and_explain_follow_every_encapsulation(
    site: tuple[Lab, Tenant], encap: str
) -> None:
    """From a hypervisor to one of the same node; what is behind a label a trace does not see."""
    lab, tenant = site
    take(lab, **dict.fromkeys(HOSTS, encap))
    tunnels_up(lab, encap)
    node, vms = lab.nodes["node1"], tenant.vms
    for to in ("web2", "db2"):
        goes_by(lab.hypervisors["hv1"], encap, [(vms["web1"].space, vms[to].ip)])
        why = node.client.get("/v1/explain", port=vms["web1"].port.id, to=vms[to].ip)
        assert why["verdict"] == "allowed", why
        done = subprocess.run(
            [sys.executable, "-m", "ryu_apps.cli.vnctl", "trace", vms["web1"].name, vms[to].ip],
            capture_output=True, text=True, timeout=60, check=False, env={
                **os.environ, "VNCTL_URL": node.url, "VNCTL_EXEC": f"{lab.exec_script} {{host}}"},
        )
        last = done.stdout.strip().rpartition("\n")[2]
        if encap == "mpls-in-gre":
            assert "with the MPLS label" in last and "hv2" in last, done
        else:
            assert "DELIVERED" in last and "on hv2" in last, done
