"""The demo's security group: what it lets through, what it drops, and how the system says why."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from lab.demo.report import Report
from lab.demo.shell import vnctl
from lab.hosts.vm import Vm
from lab.tenants import Tenant
from lab.topology import Lab, in_parallel
from lab.traffic.capture import Capture
from lab.traffic.ping import ping
from lab.wait import wait_until

GROUP = "ops"
SSH, HTTP = 22, 80
DENIED, ALLOWED = 0.5, 5.0
"""Seconds that a connection is waited for which is expected to fail, or to come about."""

# Both are listened to, so that a refusal cannot come from the VM itself.
_LISTEN = """
import socket, sys, threading
def serve(port):
    with socket.create_server((sys.argv[1], port)) as server:
        print("ready", flush=True)
        while True:
            server.accept()[0].close()
threads = [threading.Thread(target=serve, args=(int(port),)) for port in sys.argv[2:]]
for thread in threads:
    thread.start()
"""
_CONNECT = """
import json, socket, sys
found = {}
for port, patience in json.loads(sys.argv[2]).items():
    try:
        socket.create_connection((sys.argv[1], int(port)), patience).close()
        found[port] = "connected"
    except OSError as error:
        found[port] = str(error)
print(json.dumps(found))
"""


def group(lab: Lab, report: Report, tenant: Tenant) -> None:
    """db3 takes ssh and ping from members of its own group, and nothing else from anybody."""
    inside, outside, target = (tenant.vms[name] for name in ("web1", "web4", "db3"))
    report.say(f"security group {GROUP}: {target.name} takes tcp {SSH} and icmp from its members "
               f"alone; {inside.name} is one, {outside.name} is not")
    rules = restrict(tenant, target, inside)
    wait_until(lambda: not ping(outside.space, target.ip, count=1, wait=0.2).ok,
               f"{target.name} to be closed to {outside.name}", 10)
    wait_until(lambda: ping(inside.space, target.ip, count=1, wait=0.5).ok,
               f"{target.name} to be open to {inside.name}", 10)
    with listening(target, SSH, HTTP), Capture(
        target.space, "eth0", f"tcp[tcpflags] == tcp-syn and dst host {target.ip}", count=1000
    ) as capture:
        member, stranger = in_parallel([
            lambda: connect(inside, target.ip, {HTTP: DENIED, SSH: ALLOWED}),
            lambda: connect(outside, target.ip, {SSH: DENIED}),
        ])
        # The member's permitted packet came after its denied one, so that one was not just late.
        wait_until(lambda: "Flags [S]" in capture.text(), "the permitted packet", 10)
        seen = capture.text()
    allowed(lab, report, tenant, member, seen, rules["tcp"])
    denied(lab, report, tenant, member, seen)
    no_member(lab, report, tenant, stranger, seen)


def restrict(tenant: Tenant, target: Vm, member: Vm) -> dict[str, str]:
    """The group, its rules and its two members; returns the ids of the rules by protocol."""
    client, owned = tenant.client, {"project_id": tenant.project_id}
    group = client.post("/v2.0/security-groups", {
        "security_group": {"name": f"{tenant.name}-{GROUP}", **owned},
    })["security_group"]["id"]
    common = {"security_group_id": group, "remote_group_id": group, "direction": "ingress",
              "ethertype": "IPv4", **owned}
    made = client.post("/v2.0/security-group-rules", {"security_group_rules": [
        {**common, "protocol": "tcp", "port_range_min": SSH, "port_range_max": SSH},
        {**common, "protocol": "icmp"},
    ]})["security_group_rules"]
    client.update("port", target.port.id, security_groups=[group])
    groups = client.show("port", member.port.id)["security_groups"]
    client.update("port", member.port.id, security_groups=[*groups, group])
    return {rule["protocol"]: rule["id"] for rule in made}


def allowed(
    lab: Lab, report: Report, tenant: Tenant, tried: dict[str, str], seen: str, rule: str
) -> None:
    """tcp 22 from the member, which rule it was, and that the rule has counted it."""
    source, target = tenant.vms["web1"], tenant.vms["db3"]
    said = vnctl(lab, report, tenant.client, "explain", source.name, "--to", target.ip,
                 "--tcp", str(SSH))
    report.check(f"tcp {SSH} from a group member: allowed, and by what",
                 tried[str(SSH)] == "connected" and f"{source.ip}." in seen
                 and said.returncode == 0 and rule in said.stdout,
                 f"{tried[str(SSH)]}; explain names rule {rule[:8]}")

    def counted() -> dict[str, Any]:
        found = tenant.client.get(f"/v1/security-group-rules/{rule}/counters")
        return found if found["packets"] else {}

    counters = wait_until(counted, "the rule's packets to be counted", 10)
    vnctl(lab, report, tenant.client, "rule-counters", rule)
    hosts = [one["host"] for one in counters["vrouters"] if one["packets"]]
    report.check("the rule counted the packets that it let through",
                 target.hypervisor is not None and target.hypervisor.name in hosts,
                 f"{counters['packets']} packets on {', '.join(hosts)}")


def denied(
    lab: Lab, report: Report, tenant: Tenant, tried: dict[str, str], seen: str
) -> None:
    """tcp 80 from the member: no rule is about that port."""
    source, target = tenant.vms["web1"], tenant.vms["db3"]
    said = vnctl(lab, report, tenant.client, "explain", source.name, "--to", target.ip,
                 "--tcp", str(HTTP))
    arrived = count(seen, source.ip, target.ip, HTTP)
    report.check(f"tcp {HTTP} from a group member: dropped, and why",
                 tried[str(HTTP)] == "timed out" and arrived == 0 and said.returncode == 1
                 and "DENIED: ingress rules" in said.stdout,
                 f"{tried[str(HTTP)]}, {arrived} arrived")


def no_member(
    lab: Lab, report: Report, tenant: Tenant, tried: dict[str, str], seen: str
) -> None:
    """tcp 22 from a VM that is not in the group."""
    source, target = tenant.vms["web4"], tenant.vms["db3"]
    said = vnctl(lab, report, tenant.client, "explain", source.name, "--to", target.ip,
                 "--tcp", str(SSH))
    arrived = count(seen, source.ip, target.ip, SSH)
    report.check(f"tcp {SSH} from another VM: dropped, and why",
                 tried[str(SSH)] == "timed out" and arrived == 0 and said.returncode == 1
                 and "no member of group" in said.stdout,
                 f"{tried[str(SSH)]}, {arrived} arrived")


def count(seen: str, source: str, target: str, port: int) -> int:
    """How many captured packets go from one address to a port of another."""
    return sum(
        f"{source}." in line and f"> {target}.{port}:" in line for line in seen.splitlines()
    )


def connect(vm: Vm, address: str, ports: dict[int, float]) -> dict[str, str]:
    """TCP connections from a VM, one after the other; ``ports``: with the seconds to wait for each.
    Returns port -> "connected" or what went wrong."""
    done = vm.space.run([sys.executable, "-c", _CONNECT, address, json.dumps(ports)])
    return json.loads(done.stdout)


@contextlib.contextmanager
def listening(vm: Vm, *ports: int) -> Iterator[None]:
    """While in this context, a VM takes TCP connections on these ports."""
    process = subprocess.Popen(
        [*vm.space.prefix, sys.executable, "-c", _LISTEN, vm.ip, *map(str, ports)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for _ in ports:
            process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()
