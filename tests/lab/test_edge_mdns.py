"""Multicast DNS in its three modes, by what VMs on the same and on another hypervisor hear."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import dns.reversename
import pytest

from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.wait import wait_until

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web3", "hv3"))
QUERY = "udp dst port 5353"
GROUP = "224.0.0.251"
# dig sends to the group, but hears only what comes from the group's own address.  A resolver asks
# from any port (RFC 6762 section 5.1) and is answered there; a responder asks from port 5353, as a
# member of the group, and is answered in the group.
_ASK = """
import socket, struct, sys
import dns.message, dns.rdata
name, kind, source = sys.argv[1], sys.argv[2], int(sys.argv[3])
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
link.bind(("", source))
if source:
    member = struct.pack("=4s4si", socket.inet_aton("224.0.0.251"), bytes(4),
                         socket.if_nametoindex("eth0"))
    link.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
link.settimeout(5)
query = dns.message.make_query(name, kind)
query.flags = 0
for _ in range(3):
    link.sendto(query.to_wire(), ("224.0.0.251", 5353))
    try:
        heard = link.recv(9000)
        break
    except TimeoutError:
        pass
else:
    sys.exit("nobody answered")
for rrset in dns.message.from_wire(heard).answer:
    for item in rrset:  # The class may have the cache-flush bit.
        wire = item.to_wire()
        print(dns.rdata.from_wire(1, rrset.rdtype, wire, 0, len(wire)))
"""


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    """Names, and groups that let all in: what is not heard, no policy has dropped."""
    made = new_tenant("mdns", lab.nodes["node1"].client)
    made.create_vms(lab, LAYOUT)
    (group,) = made.client.get("/v2.0/security-groups", project_id=made.project_id)[
        "security_groups"]
    made.client.post("/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv4",
        "project_id": made.project_id,
    }})
    for short, vm in made.vms.items():
        made.client.update("port", vm.port.id, dns_name=short)
    made.wait_active()
    made.wait_reachable()
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


def set_mode(lab: Lab, tenant: Tenant, mode: str) -> None:
    network = tenant.networks["web"]["id"]
    tenant.client.update("network", network, **{"vpn:mdns": mode})
    evi = tenant.networks["web"]["provider:segmentation_id"]

    def there() -> bool:
        for name in ("hv1", "hv3"):
            node = lab.nodes[lab.owner(name)].client
            found = node.v1(f"vrouters/{name}/objects", kind="evi")
            if not any(one["evi"] == evi and one["mdns"] == mode for one in found):
                return False
            if not node.v1(f"elements/{name}")["settled"]:
                return False
        return True

    wait_until(there, f"mDNS to be {mode}", 30)


def heard(tenant: Tenant) -> dict[str, bool]:
    """Who hears a query of web1.  A ping after it has the same way, so that silence is no delay."""
    asker = tenant.vms["web1"]
    others: dict[str, Vm] = {name: tenant.vms[name] for name in ("web2", "web3")}
    captures = {
        name: Capture(vm.space, "eth0", f"{QUERY} or icmp[icmptype] = icmp-echo", 9)
        for name, vm in others.items()
    }
    for capture in captures.values():
        capture.__enter__()
    try:
        asker.space.run(["dig", f"@{GROUP}", "-p", "5353", "+time=1", "+tries=1", "web3.local"],
                        check=False)
        for name, vm in others.items():
            asker.space.run(["ping", "-c", "2", "-i", "0.2", "-W", "5", vm.ip])
            wait_until(lambda name=name: "echo request" in captures[name].text(), "the ping", 20)
        return {name: "mdns" in capture.text() or ".5353" in capture.text()
                for name, capture in captures.items()}
    finally:
        for capture in captures.values():
            capture.__exit__()


def ask(vm: Vm, name: str, kind: str, source: int) -> list[str]:
    """What a VM is told that asks the group from the port ``source``; 0: any port."""
    done = vm.space.run([sys.executable, "-c", _ASK, name, kind, str(source)], timeout=60)
    return done.stdout.split()


def test_flooded(lab: Lab, tenant: Tenant) -> None:
    assert tenant.client.show("network", tenant.networks["web"]["id"])["vpn:mdns"] == "flood"
    assert heard(tenant) == {"web2": True, "web3": True}


def test_kept_on_the_hypervisor(lab: Lab, tenant: Tenant) -> None:
    set_mode(lab, tenant, "local")
    hypervisor = tenant.vms["web1"].hypervisor
    assert hypervisor is not None
    in_vxlan = "udp dst port 4789 and udp[39] = 17 and udp[52:2] = 5353"
    with Capture(hypervisor.space, "eth0", in_vxlan) as underlay:
        assert heard(tenant) == {"web2": True, "web3": False}
        assert underlay.text() == ""
    set_mode(lab, tenant, "flood")
    assert heard(tenant) == {"web2": True, "web3": True}


def test_answered_by_the_node(lab: Lab, tenant: Tenant) -> None:
    set_mode(lab, tenant, "answer")
    assert heard(tenant) == {"web2": False, "web3": False}
    asker = tenant.vms["web1"]
    for name in ("web2", "web3"):
        for source in (0, 5353):
            assert ask(asker, f"{name}.local", "A", source) == [tenant.vms[name].ip]
            back = ask(asker, dns.reversename.from_address(tenant.vms[name].ip).to_text(), "PTR",
                       source)
            assert back == [f"{name}.local."]
    edge = lab.nodes["node1"].client.v1("elements/hv1")["edge"]
    assert any(name.startswith("mdns") for name in edge["answered"])
    set_mode(lab, tenant, "flood")
