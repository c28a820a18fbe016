"""Instances ask for their metadata at its well-known addresses; the node that owns their hypervisor
asks a service for them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.hosts.metadata import SECRET, MetadataHost, user_data
from lab.hosts.vm import PortSpec, Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ipv6 import learned
from lab.wait import wait_until
from vrouter_ovs.state import METADATA_ADDRESSES

SERVICE = ("127.0.0.1", 8775)
FOUR, SIX = METADATA_ADDRESSES
LAYOUT = (("web1", "hv1"), ("web2", "hv2"), ("db1", "hv1"), ("db2", "hv2"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    secret = tmp_path_factory.mktemp("metadata") / "secret"
    secret.write_text(SECRET)
    settings = {"metadata": (
        f"url = http://{SERVICE[0]}:{SERVICE[1]}", f"shared_secret_file = {secret}", "timeout = 20",
    )}  # fmt: skip
    nodes = {"node1": ("hv1",), "node2": ("hv2",)}
    with Lab(f"vncm{os.getpid()}", nodes, settings=settings) as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="module")
def services(lab: Lab) -> dict[str, MetadataHost]:
    """One at each node's loopback."""
    made = {
        node.name: MetadataHost(node.space, lab.journal, *SERVICE) for node in lab.nodes.values()
    }
    for each in made.values():
        each.start()
    return made


def tenant_of(lab: Lab, name: str) -> Tenant:
    """VMs that are instances, and may send nothing by their security groups."""
    made = new_tenant(name, lab.nodes["node1"].client, dhcp=True, ipv6=True)
    made.create_vms(lab, LAYOUT)
    for short, vm in made.vms.items():
        made.client.update("port", vm.port.id, device_id=instance(name, short),
                           device_owner="compute:nova", security_groups=[])  # fmt: skip
    made.wait_active()
    for vm in made.vms.values():
        vm.dhcp.wait()
    for vm in made.vms.values():
        wait_until(lambda vm=vm: learned(vm.space).get("address"), "an address by SLAAC", 30)
    return made


@pytest.fixture(scope="module")
def red(lab: Lab, services: dict[str, MetadataHost]) -> Tenant:
    return tenant_of(lab, "red")


@pytest.fixture(scope="module")
def blue(lab: Lab, red: Tenant) -> Tenant:
    """The same networks and addresses as red."""
    return tenant_of(lab, "blue")


def instance(tenant: str, vm: str) -> str:
    return f"{tenant}-{vm}-instance"


def curl(vm: Vm, path: str, host: str = FOUR, *words: str, patience: int = 60) -> tuple[str, str]:
    """(status, body); "000" without an answer."""
    where = f"[{host}%25eth0]" if ":" in host else host
    said = vm.space.run(
        ["curl", "-s", "-g", "--max-time", str(patience), "-w", "\n%{http_code}", *words,
         f"http://{where}{path}"], timeout=patience + 30, check=False,
    ).stdout  # fmt: skip
    body, _, status = said.rpartition("\n")
    return status, body


def told(vm: Vm, host: str = FOUR, *words: str) -> dict:
    status, body = curl(vm, "/latest/meta-data/", host, *words)
    assert status == "200", (status, body)
    return json.loads(body)


def test_each_is_told_its_own(lab: Lab, red: Tenant, blue: Tenant) -> None:
    """Of two tenants with the same addresses, on both hypervisors; whatever they say they are."""
    for tenant in (red, blue):
        for short, vm in tenant.vms.items():
            found = told(vm, FOUR, "-H", "X-Instance-ID: red-web1-instance",
                         "-H", f"X-Tenant-ID: {red.project_id}")  # fmt: skip
            assert found["instance"] == instance(tenant.name, short)
            assert (found["project"], found["address"]) == (tenant.project_id, vm.ip)
            found = told(vm, SIX)
            assert (found["instance"], found["address"]) == (
                instance(tenant.name, short), vm.port.ip6
            )


def test_many_at_once_get_64_kib_each(lab: Lab, red: Tenant, blue: Tenant) -> None:
    asked = [
        (instance(tenant.name, short), vm, host)
        for tenant in (red, blue) for short, vm in tenant.vms.items() for host in (FOUR, SIX)
    ]  # fmt: skip
    with ThreadPoolExecutor(len(asked)) as pool:
        found = pool.map(lambda one: curl(one[1], "/latest/user-data", one[2]), asked)
    for (who, _, _), (status, body) in zip(asked, found, strict=True):
        assert status == "200" and body == user_data(who).decode()


def test_without_a_router(lab: Lab, red: Tenant) -> None:
    """DHCP tells a way there; also where the subnet has no gateway at all."""
    for number, more in enumerate(({}, {"gateway_ip": None})):
        network = red.client.create("network", name=f"alone{number}", project_id=red.project_id)
        subnet = red.client.create(
            "subnet", network_id=network["id"], cidr="10.77.0.0/24", ip_version=4,
            project_id=red.project_id, **more,
        )  # fmt: skip
        port = red.client.create(
            "port", network_id=network["id"], project_id=red.project_id,
            device_id=f"alone{number}", device_owner="compute:nova",
        )  # fmt: skip
        vm = lab.add_vm(f"alone{number}", "hv1", PortSpec.from_api(port, subnet), dhcp=True)
        red.client.wait_ports([vm.port.id])
        vm.dhcp.wait()
        assert told(vm)["instance"] == f"alone{number}"


def test_who_is_no_instance(lab: Lab, red: Tenant) -> None:
    vm = red.vms["db2"]
    red.client.update("port", vm.port.id, device_id="", device_owner="")
    wait_until(lambda: curl(vm, "/latest/meta-data/")[0] == "404", "that it is none", 30)
    red.client.update("port", vm.port.id, device_id=instance("red", "db2"))
    wait_until(lambda: curl(vm, "/latest/meta-data/")[0] == "200", "that it is one again", 30)


def test_what_is_told_of_it(lab: Lab, red: Tenant) -> None:
    """explain, trace, counters."""
    vm, client = red.vms["web1"], lab.nodes["node1"].client
    found = client.get("/v1/explain", port=vm.port.id, to=FOUR, protocol="tcp", dport=80)
    assert found["verdict"] == "allowed"
    assert "metadata" in [stage["stage"] for stage in found["stages"]]
    answered = client.v1("elements/hv1")["edge"]["answered"]
    assert answered["metadata 200"] >= 4
    status = client.get("/v1/metadata")
    assert status["results"]["200"] >= 4 and status["problem"] == ""


def test_a_service_that_is_away(lab: Lab, red: Tenant, services: dict[str, MetadataHost]) -> None:
    """The node says so to who asks and to people, and all else goes on."""
    vm, client = red.vms["web1"], lab.nodes["node1"].client

    def check() -> dict:
        checks = client.health()["checks"]
        return next(one for one in checks if one["name"] == "metadata")

    assert told(vm) and check()["ok"]
    services["node1"].kill()
    status, body = curl(vm, "/latest/meta-data/")
    assert status == "502" and "at fault" in body
    assert not check()["ok"] and "refused" in check()["detail"]
    assert told(red.vms["web2"])["instance"] == instance("red", "web2"), "the other node's"
    services["node1"].start()
    assert told(vm)["instance"] == instance("red", "web1")
    wait_until(lambda: check()["ok"], "that it is well again", 30)


def test_while_the_node_is_away(lab: Lab, red: Tenant) -> None:
    """Nobody answers, and then somebody does."""
    vm, node = red.vms["web1"], lab.nodes["node1"]
    node.kill()
    assert curl(vm, "/latest/meta-data/", patience=3)[0] == "000"
    node.start()
    wait_until(lambda: curl(vm, "/latest/meta-data/")[0] == "200", "metadata again", 60)
