"""``configs/single-node.conf``: a complete system on one host, with SQLite and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from lab.client import Client
from lab.hosts.forward import Forwarder
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.tree import ROOT, THIS
from lab.process import Daemon
from lab.tenants import new_tenant
from lab.topology import Lab
from lab.traffic.ping import reach_all
from lab.wait import wait_until

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("db1", "hv1"))


def start(daemon: Daemon, client: Client) -> None:
    daemon.start()
    daemon.wait_ready(lambda: client.get("/"), "an answer of its API")


def all_answer(lab: Lab, names: tuple[str, ...]) -> bool:
    vms = [lab.vms[f"red-{name}"] for name in names]
    results = reach_all((a.space, b.ip) for a in vms for b in vms if a is not b)
    return all(result.ok for result in results)


def test_single_node(tmp_path: Path) -> None:
    text = (ROOT / "configs" / "single-node.conf").read_text()
    config = tmp_path / "node.conf"
    config.write_text(text.replace("/var/lib/vnc/", f"{tmp_path}/state/"))
    lab = Lab(f"vncs{os.getpid()}", nodes={"node1": ("hv1",)}, store="memory")
    lab.journal.lock()
    try:
        lab.fabric.start()
        hypervisor: Hypervisor = lab.hypervisors["hv1"]
        hypervisor.start()
        forwarder = Forwarder(lab.journal, "api", hypervisor.space, 0, "127.0.0.1", 9696)
        forwarder.start()
        client = Client(f"http://127.0.0.1:{forwarder.port}")
        node = Daemon(
            lab.journal, "node",
            [*THIS.manager(), "ryu_apps.vnc_node", "--config-file", str(config)],
            lab.directory / "node", hypervisor.space, THIS.environment,
        )
        start(node, client)
        hypervisor.join(["tcp:127.0.0.1:6640"])
        hypervisor.wait_bridge()
        red = new_tenant("red", client)
        red.create_vms(lab, LAYOUT)
        red.wait_active()
        names = tuple(name for name, _ in LAYOUT)
        wait_until(lambda: all_answer(lab, names), "all VMs to answer each other", 10)
        assert client.health()["status"] == "ok"

        flows = sorted(hypervisor.flows())
        networks = sorted(network["id"] for network in client.list("network"))
        node.kill()
        assert all_answer(lab, names)
        start(node, client)
        client.wait_healthy()
        red.wait_active()
        assert sorted(network["id"] for network in client.list("network")) == networks
        assert sorted(hypervisor.flows()) == flows
        assert all_answer(lab, names)
        assert node.stop(timeout=5), node.tail()
    finally:
        lab.down()
