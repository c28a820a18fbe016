"""Copies of what VMs send and receive: to a collector by GRE and ERSPAN, and to other VMs."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from lab.client import ApiError
from lab.hosts.vm import Vm
from lab.net import Namespace
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.inside import link
from lab.traffic.ping import PingStream
from lab.wait import wait_until

COLLECTOR = "192.0.2.200"
LAYOUT = (("web1", "hv1"), ("web2", "hv2"), ("web3", "hv1"), ("db1", "hv1"), ("db2", "hv2"))
GRE_OF_FRAMES, ERSPAN_II = 0x6558, 0x88BE


class Ear:
    """Takes all frames that arrive at an interface, or are sent there."""

    def __init__(self, space: Namespace) -> None:
        self.frames: list[bytes] = []
        self._socket = link(space, listen=True)
        self._socket.settimeout(0.2)
        self._done = False
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._done:
            try:
                self.frames.append(self._socket.recv(65535))
            except TimeoutError:
                continue

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self._done = True
        self._thread.join()
        self._socket.close()

    def echoes(self) -> set[tuple[str, str, int]]:
        """(source, destination, type) of ICMP in frames that were heard as they are."""
        return {one for frame in list(self.frames) if (one := echo_of(frame))}

    def sessions(self) -> set[tuple[str, int, tuple[str, str, int]]]:
        """("gre" or "erspan", session, ICMP in the copy) of what a collector heard."""
        return {one for frame in list(self.frames) if (one := copy_of(frame))}


def echo_of(frame: bytes) -> tuple[str, str, int] | None:
    if frame[12:14] != b"\x08\0" or frame[23] != 1:
        return None
    return socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]), frame[34]


def copy_of(frame: bytes) -> tuple[str, int, tuple[str, str, int]] | None:
    """GRE (RFC 2890), and ERSPAN type II behind it (draft-foschiano-erspan-03 section 4.2)."""
    if frame[12:14] != b"\x08\0" or frame[23] != 47:
        return None
    flags, kind = struct.unpack_from("!HH", frame, 34)
    at = 38 + 4 * bool(flags & 0x8000)
    if kind == GRE_OF_FRAMES and flags & 0x2000:
        (session,) = struct.unpack_from("!I", frame, at)
        found = "gre", session, echo_of(frame[at + 4 + 4 * bool(flags & 0x1000):])
    elif kind == ERSPAN_II:
        at += 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
        first, second = struct.unpack_from("!HH", frame, at)
        assert first >> 12 == 1
        found = "erspan", second & 0x3FF, echo_of(frame[at + 8:])
    else:
        return None
    return found if found[2] else None


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(f"vncmir{os.getpid()}", {"node1": ("hv1",), "node2": ("hv2",)}) as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Tenant:
    """VMs web1 to web3 talk; db1 and db2 watch, and let nobody in."""
    made = new_tenant("red", lab.nodes["node1"].client)
    made.create_vms(lab, LAYOUT)
    for name in ("db1", "db2"):
        made.client.update("port", made.vms[name].port.id, security_groups=[])
    made.wait_active()
    return made


@pytest.fixture(scope="module")
def collector(lab: Lab) -> Namespace:
    space = Namespace(lab.name, "collector")
    space.create(lab.journal)
    lab.fabric.attach(space, "eth0", "underlay", f"{COLLECTOR}/24")
    return space


@pytest.fixture
def talk(tenant: Tenant) -> Iterator[PingStream]:
    """A ping from web1 to web2 that has begun before anything is copied."""
    vms = tenant.vms
    stream = PingStream(vms["web1"].space, vms["web2"].ip, interval=0.05)
    stream.wait_reply()
    yield stream
    stream.stop()


def post(tenant: Tenant, kind: str, **fields: object) -> dict:
    body = {kind: {"project_id": tenant.project_id, **fields}}
    return tenant.client.post(f"/v2.0/taas/{kind}s", body)[kind]


def remove(tenant: Tenant, kind: str, one: dict) -> None:
    tenant.client.delete(f"/v2.0/taas/{kind}s/{one['id']}")


def copying(lab: Lab) -> list[str]:
    """The flows of all hypervisors that copy something, or take copies."""
    return [
        line for one in lab.hypervisors.values() for line in one.flows()
        if "clone(" in line or ("table=160" in line and "reg4=" in line)
    ]


def both_ways(vm: Vm, other: Vm) -> set[tuple[str, str, int]]:
    return {(vm.ip, other.ip, 8), (other.ip, vm.ip, 0)}


@pytest.mark.parametrize("kind", ["gre", "erspanv1"])
@pytest.mark.parametrize("name", ["web1", "web2"])
def test_to_a_collector(
    lab: Lab, tenant: Tenant, collector: Namespace, talk: PingStream, kind: str, name: str
) -> None:
    """Each direction in a session of its own, of a connection that is older than the mirror, at
    the hypervisor of either node; and nothing is left behind."""
    vms = tenant.vms
    with Ear(collector) as ear:
        mirror = post(tenant, "tap_mirror", port_id=vms[name].port.id, mirror_type=kind,
                      remote_ip=COLLECTOR, directions={"IN": 101, "OUT": 102})  # fmt: skip
        request, reply = ((vms["web1"].ip, vms["web2"].ip, 8), (vms["web2"].ip, vms["web1"].ip, 0))
        sent, received = (request, reply) if name == "web1" else (reply, request)
        word = "gre" if kind == "gre" else "erspan"
        wait_until(
            lambda: ear.sessions() >= {(word, 101, received), (word, 102, sent)},
            "copies of both directions", 30,
        )
        assert ear.sessions() == {(word, 101, received), (word, 102, sent)}
    remove(tenant, "tap_mirror", mirror)
    wait_until(lambda: not copying(lab), "no flow of it", 30)
    for hypervisor in lab.hypervisors.values():
        wait_until(lambda one=hypervisor: "erspan" not in one.vsctl("show") and (
            "type: gre" not in one.vsctl("show")), "no tunnel port of it", 30)  # fmt: skip


@pytest.mark.parametrize("target", ["db1", "db2"])
def test_to_another_vm(lab: Lab, tenant: Tenant, talk: PingStream, target: str) -> None:
    """On the same hypervisor and on another, whose rules let nothing in; by direction."""
    vms = tenant.vms
    service = post(tenant, "tap_service", port_id=vms[target].port.id)
    request, reply = ((vms["web1"].ip, vms["web2"].ip, 8), (vms["web2"].ip, vms["web1"].ip, 0))
    for direction, wanted in (("IN", {reply}), ("OUT", {request}), ("BOTH", {request, reply})):
        with Ear(vms[target].space) as ear:
            flow = post(tenant, "tap_flow", source_port=vms["web1"].port.id,
                        tap_service_id=service["id"], direction=direction)  # fmt: skip
            wait_until(lambda heard=ear, all=wanted: heard.echoes() >= all, "copies", 30)
            assert ear.echoes() == wanted
        remove(tenant, "tap_flow", flow)
    remove(tenant, "tap_service", service)
    wait_until(lambda: not copying(lab), "no flow of it", 30)


def test_what_is_refused(lab: Lab, tenant: Tenant) -> None:
    vms = tenant.vms
    service = post(tenant, "tap_service", port_id=vms["db1"].port.id)
    flow = post(tenant, "tap_flow", source_port=vms["web1"].port.id,
                tap_service_id=service["id"], direction="IN")  # fmt: skip
    gre = {"mirror_type": "gre", "remote_ip": COLLECTOR, "directions": {"IN": 1}}
    for kind, fields in (
        ("tap_service", {"port_id": vms["web1"].port.id}),
        ("tap_flow", {"source_port": vms["db1"].port.id, "tap_service_id": service["id"],
                      "direction": "IN"}),
        ("tap_mirror", {"port_id": vms["db1"].port.id, **gre}),
    ):
        with pytest.raises(ApiError) as raised:
            post(tenant, kind, **fields)
        assert raised.value.status == 409 and "MirrorOfMirror" in str(raised.value)
    remove(tenant, "tap_flow", flow)
    remove(tenant, "tap_service", service)
    # What a hypervisor would take for another's is not sent.
    mirror = post(tenant, "tap_mirror", port_id=vms["web1"].port.id,
                  **{**gre, "remote_ip": "192.0.2.12"})  # fmt: skip

    def check() -> dict:
        checks = lab.nodes["node1"].client.health()["checks"]
        return next((one for one in checks if one["name"] == "mirrors"), {})

    wait_until(lambda: "hypervisor" in check().get("detail", ""), "that it says so", 30)
    assert "gre" not in lab.hypervisors["hv1"].vsctl("show")
    remove(tenant, "tap_mirror", mirror)


def test_a_watcher_moves_and_the_node_goes(lab: Lab, tenant: Tenant, talk: PingStream) -> None:
    """Copies follow the port that they go to; and go on without a node, and after its restart."""
    vms, wanted = tenant.vms, both_ways(tenant.vms["web1"], tenant.vms["web2"])
    service = post(tenant, "tap_service", port_id=vms["db2"].port.id)
    post(tenant, "tap_flow", source_port=vms["web1"].port.id, tap_service_id=service["id"],
         direction="BOTH")  # fmt: skip
    for place in ("hv1", "hv2"):
        vms["db2"].move(lab.hypervisors[place])
        with Ear(vms["db2"].space) as ear:
            wait_until(lambda heard=ear: heard.echoes() >= wanted, "copies where it is", 30)
    node = lab.nodes["node1"]
    node.kill()
    with Ear(vms["db2"].space) as ear:
        wait_until(lambda: ear.echoes() >= wanted, "copies without a node", 30)
    node.start()
    lab.wait_converged()
    with Ear(vms["db2"].space) as ear:
        wait_until(lambda: ear.echoes() >= wanted, "copies after a restart", 30)
    # Whose port goes, its copies go with it.
    tenant.remove_vm(lab, "db2")
    assert not tenant.client.get("/v2.0/taas/tap_services")["tap_services"]
    assert not tenant.client.get("/v2.0/taas/tap_flows")["tap_flows"]
