"""The demo's way out: a VM reaches a host outside by its router's address, and is reached by a
floating IP."""

from __future__ import annotations

from lab.demo.report import Report
from lab.demo.shell import vnctl
from lab.outside import INTERNET, outside
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.traffic.ping import ping
from lab.wait import wait_until

GATEWAYS = ("hv2", "hv3")
COUNT = 10


def both(lab: Lab, report: Report, red: Tenant) -> None:
    """An external network, two gateways, a router's way out; then a floating IP."""
    for name in GATEWAYS:
        report.say(f"{name}: ovs-vsctl set Open_vSwitch . external_ids:vnc-gateway=true")
        lab.hypervisors[name].vsctl("set", "Open_vSwitch", ".", "external_ids:vnc-gateway=true")
    made = outside(lab, red.client, "hv3")
    source, inside = red.vms["web1"], red.vms["web2"]
    address = made.set_gateway(red)
    wait_until(lambda: ping(source.space, INTERNET, 1).ok, "an answer from outside", 30)
    with Capture(made.host.space, "eth0", f"icmp and dst {INTERNET}") as capture:
        out = ping(source.space, INTERNET, COUNT)
        capture.wait()
        text = capture.text()
    report.say(f"one of its packets as the host outside sees it, which has {INTERNET}:")
    report.show(text)
    report.check("a VM reaches the outside with the address of its router (SNAT)",
                 out.ok and f"{address} > {INTERNET}" in text and source.ip not in text,
                 f"{out.received} of {out.sent} answered; {source.ip} goes out as {address}")
    allow_icmp(red, inside.port.id)
    floating = made.floating_ip(inside)
    wait_until(lambda: ping(made.host.space, floating, 1).ok, "the floating IP to answer", 30)
    with Capture(made.host.space, "eth0", f"icmp and src {floating} and dst {INTERNET}") as capture:
        back = ping(inside.space, INTERNET, COUNT)
        capture.wait()
        text = capture.text()
    into = ping(made.host.space, floating, COUNT)
    report.check("a VM is reached by its floating IP, and goes out with it",
                 into.ok and back.ok and f"{floating} > {INTERNET}" in text,
                 f"{into.received} of {into.sent} in, {back.received} of {back.sent} out; "
                 f"{inside.ip} is {floating}")
    vnctl(lab, report, red.client, "explain", source.name, "--to", INTERNET)
    made.remove(red)
    for name in GATEWAYS:
        lab.hypervisors[name].vsctl("remove", "Open_vSwitch", ".", "external_ids", "vnc-gateway")


def allow_icmp(tenant: Tenant, port_id: str) -> None:
    """Let a port take ICMP from everywhere, beside what its groups let in."""
    group = tenant.client.create(
        "security_group", name=f"{tenant.name}-icmp", project_id=tenant.project_id)
    tenant.client.create(
        "security_group_rule", security_group_id=group["id"], direction="ingress",
        protocol="icmp")
    port = tenant.client.show("port", port_id)
    tenant.client.update(
        "port", port_id, security_groups=[*port["security_groups"], group["id"]])
