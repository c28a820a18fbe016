"""Floating IPs: a VM is reached from outside at its own hypervisor, and goes out from there.

The outside is a host at a port of the external network, which is the next router there and has
addresses of its own behind it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from lab.client import Client
from lab.hosts.vm import PortSpec, Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.traffic.inside import open_socket
from lab.traffic.ping import PingStream, ping
from lab.wait import wait_until

INTERNET, BEHIND, GATEWAY = "192.88.99.7", "192.88.99.200", "203.0.113.1"
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14  # ip(7)
SETTLED = 60.0
pytestmark = pytest.mark.timeout(240)


@dataclass
class Site:
    """``floating``: the addresses of the VMs "web1" and "db1"."""

    lab: Lab
    tenant: Tenant
    network: str
    outside: Vm
    floating: dict[str, str]

    def vm(self, name: str = "web1") -> Vm:
        return self.tenant.vms[name]


def allow(client: Client, group: str, project: str, **fields: str) -> None:
    client.post("/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": group, "project_id": project, "direction": "ingress", **fields}})


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Lab(f"vncf{os.getpid()}", {"node1": ("hv1", "hv2", "hv3")}) as lab:
        lab.wait_converged()
        client = lab.nodes["node1"].client
        tenant = new_tenant("float", client)
        network = client.create("network", **{"name": "outside", "router:external": True})
        subnet = client.create("subnet", network_id=network["id"], cidr="203.0.113.0/24",
                               ip_version=4, enable_dhcp=False)
        port = client.create("port", network_id=network["id"], port_security_enabled=False,
                             fixed_ips=[{"ip_address": subnet["gateway_ip"]}])
        client.update("router", tenant.router["id"],
                      external_gateway_info={"network_id": network["id"]})
        host = lab.add_vm("outside", "hv3", replace(PortSpec.from_api(port, subnet), gateway=""))
        host.space.batch([f"address add {INTERNET}/32 dev lo"])
        default = client.get(
            f"/v2.0/security-groups?project_id={tenant.project_id}&name=default",
        )["security_groups"][0]["id"]
        for protocol in ("icmp", "udp"):
            allow(client, default, tenant.project_id, protocol=protocol)
        tenant.create_vms(lab, (("web1", "hv1"), ("web2", "hv2"), ("db1", "hv1")))
        tenant.wait_active()
        floating = {}
        for name in ("web1", "db1"):
            made = client.create(
                "floatingip", floating_network_id=network["id"], project_id=tenant.project_id,
                port_id=tenant.vms[name].port.id)
            floating[name] = made["floating_ip_address"]
        found = Site(lab, tenant, network["id"], host, floating)
        wait_until(lambda: ping(found.vm().space, INTERNET, 1).ok, "a first answer", SETTLED)
        yield found


def test_in_and_out(site: Site) -> None:
    address = site.floating["web1"]
    with Capture(site.outside.space, "eth0", f"icmp and host {INTERNET}", 2) as capture:
        assert ping(site.vm().space, INTERNET, 3).ok
        capture.wait()
        assert f"{address} > {INTERNET}" in capture.text()
    for name, floating in site.floating.items():
        assert ping(site.outside.space, floating, 3).ok, name
    # Who has none is not reached, and nothing is by its inner address.
    assert not ping(site.outside.space, site.vm("web2").ip, 1).received
    shown = site.tenant.client.get("/v2.0/floatingips")["floatingips"]
    assert {one["status"] for one in shown} == {"ACTIVE"}


def test_explain_says_what_is_translated(site: Site) -> None:
    client = site.tenant.client
    for source, target in (("web1", INTERNET), ("web1", site.floating["db1"])):
        path = f"/v1/explain?port={site.vm(source).port.id}&to={target}&protocol=icmp"
        # Packets pass before BFD is up.
        wait_until(lambda path=path: client.get(path)["verdict"] == "allowed", path, SETTLED)
        answer = client.get(path)
        said = [one["reason"] for one in answer["stages"] if one["stage"] == "floating IP"]
        assert any(site.floating[source] in one for one in said), answer
        (way,) = (one for one in answer["stages"] if one["stage"] == "forwarding")
        assert f"as {site.floating[source]}" in way["reason"], answer


def test_from_one_floating_ip_to_another(site: Site) -> None:
    """At one hypervisor, at two, and to its own."""
    for source, target in (("web1", "db1"), ("db1", "web1"), ("web1", "web1")):
        assert ping(site.vm(source).space, site.floating[target], 3).ok, (source, target)
    site.vm("db1").move(site.lab.hypervisors["hv2"])
    wait_until(lambda: ping(site.outside.space, site.floating["db1"], 1).ok, "db1 at hv2", SETTLED)
    for source, target in (("web1", "db1"), ("db1", "web1")):
        assert ping(site.vm(source).space, site.floating[target], 3).ok, (source, target)


def test_security_groups_see_the_outer_address(site: Site) -> None:
    client = site.tenant.client
    project, port = site.tenant.project_id, site.vm().port.id
    groups = {}
    for name, prefix in (("right", f"{GATEWAY}/32"), ("wrong", f"{INTERNET}/32")):
        made = client.post("/v2.0/security-groups", {"security_group": {
            "name": name, "project_id": project}})["security_group"]
        groups[name] = made["id"]
        allow(client, made["id"], project, protocol="icmp", remote_ip_prefix=prefix)
    before = client.get(f"/v2.0/ports/{port}")["port"]["security_groups"]
    address = site.floating["web1"]
    try:
        client.update("port", port, security_groups=[groups["wrong"]])
        wait_until(lambda: not ping(site.outside.space, address, 1).received, "kept out", SETTLED)
        client.update("port", port, security_groups=[groups["right"]])
        wait_until(lambda: ping(site.outside.space, address, 1).ok, "let in", SETTLED)
    finally:
        client.update("port", port, security_groups=before)
    wait_until(lambda: ping(site.outside.space, address, 1).ok, "all again", SETTLED)


def test_errors_of_icmp_both_ways(site: Site) -> None:
    """They quote a packet with the address that its sender knows."""
    with open_socket(site.vm().space, socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(15)
        sender.connect((INTERNET, 9))
        sender.send(b"nobody listens outside")
        with pytest.raises(ConnectionRefusedError):
            sender.recv(1)
    with open_socket(site.outside.space, socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(15)
        sender.connect((site.floating["web1"], 9))
        sender.send(b"nobody listens inside")
        with pytest.raises(ConnectionRefusedError):
            sender.recv(1)
    # Both translated: from one floating IP to another.
    with open_socket(site.vm("db1").space, socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(15)
        sender.connect((site.floating["web1"], 9))
        sender.send(b"nobody listens there")
        with pytest.raises(ConnectionRefusedError):
            sender.recv(1)


def test_the_mtu_of_the_path(site: Site) -> None:
    site.outside.space.sysctl({"net.ipv4.ip_forward": 1})
    site.outside.space.batch([
        "link add narrow mtu 1000 type veth peer name far", "link set narrow up", "link set far up",
        f"route add {BEHIND}/32 dev narrow",
    ])
    with open_socket(site.vm().space, socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        sender.connect((BEHIND, 9))

        def told() -> bool:
            with contextlib.suppress(OSError):
                sender.send(bytes(1200))
            return sender.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1000

        wait_until(told, "the MTU of the path", SETTLED)


def test_without_a_node_and_when_it_is_back(site: Site) -> None:
    """Killed and started again: not a packet is lost."""
    stream = PingStream(site.outside.space, site.floating["web1"], interval=0.02)
    stream.wait_reply()
    node = site.lab.nodes["node1"]
    node.kill()
    assert ping(site.vm().space, INTERNET, 10, 0.1).ok
    node.restart(wait=False)
    site.lab.wait_converged()
    result = stream.stop()
    assert result.lost == 0, (result.lost, result.sent)


def test_it_goes_to_another_port_and_away(site: Site) -> None:
    client = site.tenant.client
    (one,) = client.get(
        f"/v2.0/floatingips?floating_ip_address={site.floating['web1']}")["floatingips"]
    address = site.floating["web1"]
    for name in ("web1", "web2"):
        client.update("floatingip", one["id"], port_id=site.vm(name).port.id)
        wait_until(lambda: ping(site.outside.space, address, 1).ok, f"at {name}", SETTLED)
        client.update("floatingip", one["id"], port_id=None)
        wait_until(lambda: not ping(site.outside.space, address, 1).received, "nobody", SETTLED)
