"""While a node that has just started waits for a peer, what is local works in full."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.tenants import Tenant, new_tenant
from lab.topology import MGMT, Lab
from lab.traffic.capture import Capture


@pytest.fixture
def waiting() -> Iterator[Lab]:
    peer = f"peer = {MGMT}60 remote-as 64512 name absent kind node"
    made = Lab(f"vncp{os.getpid()}", nodes={"node1": ("hv1",)}, store="memory",
               settings={"bgp": (peer,), "node": ("restart_deferral = 600",)})
    try:
        made.up(lambda text: None)
        yield made
    finally:
        made.down()


def waits(lab: Lab) -> bool:
    checks = lab.nodes["node1"].client.health()["checks"]
    return any("absent" in check["detail"] and "waiting" in check["detail"] for check in checks)


def test_new_ports_hear_each_other_s_broadcasts(waiting: Lab) -> None:
    lab = waiting
    tenant: Tenant = new_tenant("red", lab.nodes["node1"].client)
    tenant.create_vms(lab, [("web1", "hv1")])
    tenant.wait_active()
    tenant.create_vms(lab, [("web2", "hv1")])
    tenant.wait_active()
    sender, hearer = lab.vms["red-web1"], lab.vms["red-web2"]
    with Capture(hearer.space, "eth0", f"icmp and ether src {sender.port.mac}") as capture:
        sender.space.run(["ping", "-b", "-c", "3", "-i", "0.2", "-W", "1",
                          sender.ip.rsplit(".", 1)[0] + ".255"], check=False)
        capture.wait()
    assert waits(lab)
