"""New certificates, then new authorities, under traffic: no packet is lost, no flow touched, and
no session ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from lab.tenants import Tenant, new_tenant
from lab.traffic.capture import FlowMonitor
from lab.traffic.ping import PingStream
from lab.wait import wait_until
from tests.lab.tls_support import ADDRESS, NODE, PORTS, TlsLab

PAIRS = (("web1", "web3"), ("web3", "db1"))
LAYOUT = (("web1", "hv1"), ("web3", "hv2"), ("db1", "hv1"))


@pytest.fixture(scope="module")
def tls_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsLab]:
    directory = tmp_path_factory.mktemp("tls")
    with TlsLab(f"vnctls{os.getpid()}", ("hv1", "hv2"), directory) as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="module")
def tenant(tls_lab: TlsLab) -> Tenant:
    made = new_tenant("red", tls_lab.nodes[NODE].client)
    made.create_vms(tls_lab, LAYOUT)
    made.wait_active()
    made.wait_reachable()
    return made


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_rotation_loses_nothing(tls_lab: TlsLab, tenant: Tenant) -> None:
    site, hosts = tls_lab.site, ["hv2", NODE, "hv1"]

    def taken_up() -> bool:
        """New connections are with what the files say, at both ports and both ends."""
        wanted = serial(tls_lab.files(NODE) / "node.pem")
        return all(tls_lab.shown(one, port) == wanted
                   for one in tls_lab.hypervisors for port in PORTS)

    wait_until(taken_up, "TLS to be as it was set up", 20)
    sessions = tls_lab.sessions()
    assert {name: len(found) for name, found in sessions.items()} == {"hv1": 2, "hv2": 2}
    assert all(one.vsctl("get-controller", "br-int").startswith("ssl:")
               for one in tls_lab.hypervisors.values())
    monitors = [FlowMonitor(one) for one in tls_lab.hypervisors.values()]
    streams = [PingStream(tenant.vms[one].space, tenant.vms[other].ip, interval=0.01)
               for one, other in PAIRS]
    for stream in streams:
        stream.wait_reply()
    former = tls_lab.files("hv1") / "hypervisor.pem"
    seen = {serial(former)}
    for step in (lambda: site.rotate(lambda one: True), site.begin, site.reissue, site.finish):
        step()
        for host in hosts:  # one after the other, the node not first and not last
            tls_lab.hand_out([host])
            if host == NODE:
                tls_lab.reload()
        wait_until(taken_up, "the new files to be in use", 20)
        # Open vSwitch looks at its files whenever something wakes it, a probe at the latest.
        goal = [len(stream.result().replies) + 300 for stream in streams]
        wait_until(lambda goal=goal: all(
            len(stream.result().replies) >= least
            for stream, least in zip(streams, goal, strict=True)), "traffic to go on", 60)
        assert tls_lab.sessions() == sessions, "no session ends"
        seen.add(serial(former))
    assert len(seen) == 3, "new leaves twice"
    results = [stream.stop() for stream in streams]
    assert min(result.sent for result in results) > 1200
    assert [result.lost for result in results] == [0] * len(results)
    changes = [monitor.stop() for monitor in monitors]
    assert changes == [{"ADDED": 0, "DELETED": 0, "MODIFIED": 0}] * len(monitors), [
        monitor.text for monitor in monitors
    ]
    health = tls_lab.nodes[NODE].client.health()
    check = next(one for one in health["checks"] if one["name"] == "tls")
    assert check["ok"], check
    print(f"{[result.sent for result in results]} pings, 0 lost; 0 flows touched; 4 steps")


def test_after_it_hypervisors_come_back_with_their_new_files(
    tls_lab: TlsLab, tenant: Tenant
) -> None:
    """Open vSwitch has taken the files up by itself: a connection that ends now is made anew."""
    client = tls_lab.nodes[NODE].client
    before = tls_lab.sessions()
    tls_lab.nodes[NODE].stop()
    tls_lab.nodes[NODE].start()

    def back() -> bool:
        found = client.v1("elements")
        return len(found) == 2 and all(
            one["connected"] and one.get("settled") for one in found) and all(
            len(now) == 2 and not now & before[name]
            for name, now in tls_lab.sessions().items())

    wait_until(back, "both hypervisors", 30)


def test_a_site_goes_over_to_tls_without_a_gap(tmp_path: Path) -> None:
    """As docs/operations.md says: a second target, one hypervisor after the other, then the first
    target goes."""
    with TlsLab(f"vncgo{os.getpid()}", ("hv1", "hv2"), tmp_path, plain=True) as lab:
        lab.wait_converged()
        client = lab.nodes[NODE].client
        tenant = new_tenant("red", client)
        tenant.create_vms(lab, LAYOUT)
        tenant.wait_active()
        tenant.wait_reachable()
        streams = [PingStream(tenant.vms[one].space, tenant.vms[other].ip, interval=0.01)
                   for one, other in PAIRS]
        for stream in streams:
            stream.wait_reply()

        def served(*names: str) -> bool:
            return {one["id"] for one in client.v1("elements")
                    if one["connected"] and one.get("settled")} >= set(names)

        wait_until(lambda: served("hv1", "hv2"), "both to be served", 30)
        monitors = [FlowMonitor(one) for one in lab.hypervisors.values()]
        lab.restart_with(f"ptcp:6640:{ADDRESS}, pssl:6641:{ADDRESS}")
        done = []
        for name, one in lab.hypervisors.items():
            lab.set_ssl(name)
            one.join([f"ssl:{ADDRESS}:6641"])
            done.append(name)
            wait_until(lambda: served(*done), f"{done} to be served over TLS", 30,
                       log=lab.nodes[NODE].daemon.log)
        lab.restart_with(f"pssl:6641:{ADDRESS}")
        wait_until(lambda: served("hv1", "hv2"), "both to be served after the last restart", 30)
        # After a start nothing is deleted at first, and so the former target stays for a while.
        wait_until(lambda: {one.vsctl("get-controller", "br-int").strip()
                            for one in lab.hypervisors.values()} == {f"ssl:{ADDRESS}:6653"},
                   "TLS alone", 60)
        assert [stream.stop().lost for stream in streams] == [0] * len(streams)
        assert [monitor.stop() for monitor in monitors] == [
            {"ADDED": 0, "DELETED": 0, "MODIFIED": 0}] * len(monitors)
