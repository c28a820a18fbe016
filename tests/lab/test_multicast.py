"""Multicast between real sockets of VMs on hypervisors of two nodes, in a network that snoops: each
member hears it once, and on no other VM's wire it is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.client import ApiError
from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic import multicast
from lab.traffic.capture import Capture
from lab.traffic.multicast import PORT, Member
from lab.wait import wait_until

GROUPS = GROUP4, GROUP6 = "239.1.2.3", "ff15::1234"
LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web3", "hv1"), ("web4", "hv3"), ("web5", "hv3"))
SENDER, MEMBERS, OTHERS = "web1", ("web2", "web4"), ("web3", "web5")

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    """Groups that let all in: what is not heard, no policy has dropped."""
    made = new_tenant("mcast", lab.nodes["node1"].client, ipv6=True)
    network = made.networks["web"]["id"]
    made.client.update("network", network, **{"vpn:igmp_snooping": True})
    made.create_vms(lab, LAYOUT)
    (group,) = made.client.get("/v2.0/security-groups", project_id=made.project_id)[
        "security_groups"]
    for version in ("IPv4", "IPv6"):
        made.client.post("/v2.0/security-group-rules", {"security_group_rule": {
            "security_group_id": group["id"], "direction": "ingress", "ethertype": version,
            "project_id": made.project_id,
        }})
    made.wait_active()
    made.wait_reachable()
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


def known(lab: Lab, tenant: Tenant) -> dict[str, dict[str, list[str]]]:
    """Hypervisor -> group -> names of its members, as far as its switch has confirmed it."""
    names = {vm.port.id: name for name, vm in tenant.vms.items()}
    evi = tenant.networks["web"]["provider:segmentation_id"]
    found = {}
    for hypervisor in ("hv1", "hv3"):
        client = lab.nodes[lab.owner(hypervisor)].client
        objects = client.v1(f"vrouters/{hypervisor}/objects", kind="multicast")
        ports = {
            one["ofport"]: names.get(one["port_id"], "")
            for one in client.v1(f"vrouters/{hypervisor}/objects", kind="port")
        }
        settled = client.v1(f"elements/{hypervisor}")["settled"]
        found[hypervisor] = {
            one["group"]: [ports[number] for number in one["ports"]]
            for one in objects if one["evi"] == evi and settled
        }
    return found


def wait_known(lab: Lab, tenant: Tenant, **members: tuple[str, ...]) -> None:
    """By hypervisor."""
    wanted = {
        name: {group: list(there) for group in GROUPS} if there else {}
        for name, there in members.items()
    }

    def settled() -> bool:
        try:
            return known(lab, tenant) == wanted
        except ApiError:  # A node that has just started does not know its hypervisors yet.
            return False

    wait_until(settled, f"{wanted} to be known", 60)


class Wires:
    """What passes on the wires of VMs that are no members; a ping after it has the same way, so
    that silence is no delay."""

    def __init__(self, tenant: Tenant, *names: str) -> None:
        self._asker: Vm = tenant.vms[SENDER]
        self._vms = {name: tenant.vms[name] for name in names}

    def quiet(self, sending: Callable[[], object]) -> None:
        pinged = "icmp[icmptype] = icmp-echo"
        captures = {
            name: Capture(vm.space, "eth0", f"udp port {PORT} or {pinged}", 100)
            for name, vm in self._vms.items()
        }
        for capture in captures.values():
            capture.__enter__()
        try:
            sending()
            for name, vm in self._vms.items():
                self._asker.space.run(["ping", "-c", "2", "-i", "0.2", "-W", "5", vm.ip])
                wait_until(lambda name=name: "echo request" in captures[name].text(), "ping", 20)
            for capture in captures.values():
                assert str(PORT) not in capture.text()
        finally:
            for capture in captures.values():
                capture.__exit__()


def test_members_hear_it_once_and_nobody_else_at_all(lab: Lab, tenant: Tenant) -> None:
    sender = tenant.vms[SENDER]
    members = {name: Member(tenant.vms[name], *GROUPS) for name in MEMBERS}
    try:
        wait_known(lab, tenant, hv1=("web2",), hv3=("web4",))
        sent: set[str] = set()
        Wires(tenant, *OTHERS).quiet(lambda: sent.update(multicast.send(sender, 20, *GROUPS)))
        for name, member in members.items():
            wait_until(lambda member=member: set(member.heard()) == sent, name, 20)
            assert set(member.heard().values()) == {1}

        # Who leaves is asked whether another is left, and then hears it no more.
        left = tenant.vms["web4"]
        with Capture(left.space, "eth0", "igmp and src 0.0.0.0 and dst 239.1.2.3", 1) as asked:
            members["web4"].leave()
            wait_until(lambda: "igmp query" in asked.text(), "the node's query", 20)
        wait_known(lab, tenant, hv1=("web2",), hv3=())
        Wires(tenant, "web4", *OTHERS).quiet(lambda: multicast.send(sender, 20, *GROUPS))
        wait_until(lambda: set(members["web2"].heard().values()) == {2}, "the one left", 20)
    finally:
        for member in members.values():
            member.leave()


def test_a_nodes_restart_loses_no_member(lab: Lab, tenant: Tenant) -> None:
    """The switch goes on with the members that it knows, and nobody is let go before the ports
    were asked again."""
    member, node = Member(tenant.vms["web4"], *GROUPS), lab.nodes[lab.owner("hv3")]
    try:
        wait_known(lab, tenant, hv1=(), hv3=("web4",))
        count = 300
        sending = multicast.start(tenant.vms[SENDER], 20, count, *GROUPS)
        node.kill()
        node.restart()
        lab.wait_converged()
        wait_known(lab, tenant, hv1=(), hv3=("web4",))
        assert sending.wait(60) == 0
        sent = {f"{group} {number}" for group in GROUPS for number in range(count)}
        wait_until(lambda: set(member.heard()) == sent, lambda: sent - set(member.heard()), 20)
        assert set(member.heard().values()) == {1}
        Wires(tenant, "web5").quiet(lambda: multicast.send(tenant.vms[SENDER], 5, *GROUPS))
    finally:
        member.leave()
