"""Programs that people run in VMs: curl, iperf3, nmap, arping."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts.vm import Vm
from lab.net import CommandError
from lab.tenants import CIDRS, Tenant, new_tenant
from lab.topology import Lab
from lab.wait import wait_until

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web3", "hv3"), ("web4", "hv2"), ("db1", "hv3"))


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    made = new_tenant("clients", lab.nodes["node1"].client)
    made.create_vms(lab, LAYOUT)
    made.wait_active()
    made.wait_reachable()
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


@contextlib.contextmanager
def program(vm: Vm, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs in a VM until the end of the block."""
    process = subprocess.Popen([*vm.space.prefix, *words], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def web_server(vm: Vm, port: int, directory: Path) -> Iterator[None]:
    with program(vm, sys.executable, "-m", "http.server", str(port), "--directory",
                 str(directory)):
        own = ["curl", "-sf", "-o", "/dev/null", "--max-time", "2", f"http://{vm.ip}:{port}/"]
        wait_until(lambda: vm.space.run(own, check=False).returncode == 0,
                   f"a web server in {vm.name}", 30)
        yield


@pytest.mark.parametrize("client", ["web1", "web2", "web4", "db1"])
def test_curl(tenant: Tenant, tmp_path: Path, client: str) -> None:
    """A file of some size: within a network, through tunnels, through the router."""
    server, vm = tenant.vms["web3"], tenant.vms[client]
    content = bytes(range(256)) * 8192
    (tmp_path / "file").write_bytes(content)
    with web_server(server, 80, tmp_path):
        got = tmp_path / "got"
        vm.space.run(["curl", "-sSf", "--max-time", "60", "-o", str(got),
                      f"http://{server.ip}/file"], timeout=70)
        assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(content).digest()
        missing = vm.space.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                                "--max-time", "20", f"http://{server.ip}/none"])
        assert missing.stdout == "404"


@pytest.mark.parametrize("more", [[], ["-R"], ["-u", "-b", "20M"], ["-u", "-b", "20M", "-R"]],
                         ids=["to", "from", "udp-to", "udp-from"])  # fmt: skip
@pytest.mark.parametrize("client", ["web1", "db1"])
def test_iperf3(tenant: Tenant, client: str, more: list[str]) -> None:
    server, vm = tenant.vms["web4"], tenant.vms[client]
    with program(server, "iperf3", "-s"):
        done: dict = {}

        def measured() -> bool:
            # It may not listen yet.
            text = vm.space.run(["iperf3", "-c", server.ip, "-t", "1", "-J", *more], check=False,
                                timeout=60).stdout
            done.clear()
            done.update(json.loads(text or "{}"))
            return "end" in done and not done.get("error")

        wait_until(measured, "a run of iperf3", 60, 0.2)
    total = done["end"]["sum" if "-u" in more else "sum_received"]
    assert total["bytes"] > 100_000, done["end"]


def ports(vm: Vm, target: Vm) -> dict[int, str]:
    """What nmap says of TCP ports of a VM."""
    done = vm.space.run(["nmap", "-n", "-Pn", "-sT", "--max-retries", "2", "-p", "22,80,8080",
                         "-oG", "-", target.ip], timeout=100)
    found = re.findall(r"(\d+)/(\w+)/tcp", done.stdout)
    return {int(number): state for number, state in found}


def test_nmap_sees_what_the_group_allows(tenant: Tenant, tmp_path: Path) -> None:
    client, scanner, target = tenant.client, tenant.vms["web1"], tenant.vms["web3"]
    group = client.post("/v2.0/security-groups", {"security_group": {
        "name": "one-port", "project_id": tenant.project_id}})["security_group"]["id"]
    before = client.show("port", target.port.id)["security_groups"]
    with web_server(target, 80, tmp_path), web_server(target, 8080, tmp_path):
        assert ports(scanner, target) == {22: "closed", 80: "open", 8080: "open"}
        client.post("/v2.0/security-group-rules", {"security_group_rule": {
            "security_group_id": group, "direction": "ingress", "protocol": "tcp",
            "port_range_min": 8080, "port_range_max": 8080}})
        client.update("port", target.port.id, security_groups=[group])
        try:
            only = {22: "filtered", 80: "filtered", 8080: "open"}
            wait_until(lambda: ports(scanner, target) == only, "only the open port", 60)
            assert ports(tenant.vms["db1"], target) == only
            client.update("port", target.port.id, security_groups=[])
            none = dict.fromkeys((22, 80, 8080), "filtered")
            wait_until(lambda: ports(scanner, target) == none, "no open port", 60)
        finally:
            client.update("port", target.port.id, security_groups=before)
            client.delete(f"/v2.0/security-groups/{group}")
        wait_until(lambda: ports(scanner, target)[80] == "open", "as before", 60)


def test_nmap_finds_the_vms_and_the_gateway(lab: Lab, tenant: Tenant) -> None:
    """By ARP: a VM that is not plugged is not found, one that comes is."""
    scanner = tenant.vms["web1"]

    def found() -> set[str]:
        done = scanner.space.run(["nmap", "-n", "-sn", "-PR", "-oG", "-", CIDRS["web"]],
                                 timeout=100)
        return set(re.findall(r"Host: (\S+) .*Status: Up", done.stdout))

    live = {vm.ip for name, vm in tenant.vms.items() if name.startswith("web")}
    assert found() == live | {scanner.port.gateway}
    tenant.create_vm(lab, "web9", "hv3")
    late = tenant.vms["web9"]
    tenant.wait_active()
    wait_until(lambda: found() == live | {scanner.port.gateway, late.ip}, "the new VM", 60)
    late.unplug()
    wait_until(lambda: found() == live | {scanner.port.gateway}, "the VM to be gone", 60)
    tenant.remove_vm(lab, "web9")


def test_arping(tenant: Tenant) -> None:
    """The answer has the port's MAC, wherever the VM is, and the gateway's that of its port."""
    vm = tenant.vms["web1"]

    def answers(address: str) -> list[str]:
        words = ["arping", "-c", "3", "-w", "3", "-i", "eth0", address]
        return re.findall(r"from (\S+) \(", vm.space.run(words, check=False).stdout)

    for name in ("web2", "web3", "web4"):
        other = tenant.vms[name]
        assert answers(other.ip) == [other.port.mac] * 3
    gateway = vm.port.gateway
    (port,) = tenant.client.list("port", device_id=tenant.router["id"],
                                 fixed_ips=f"ip_address={gateway}")
    assert answers(gateway) == [port["mac_address"]] * 3
    assert answers("10.0.1.200") == []
    with pytest.raises(CommandError):
        vm.space.run(["arping", "-c", "1", "-w", "1", "-i", "eth0", "10.0.1.200"])
