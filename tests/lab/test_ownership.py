"""Hypervisors that name three nodes: one owns each, another takes over when it dies, and what a
paused one writes later reaches no switch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.hosts.node import Node
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.capture import DatabaseMonitor, FlowMonitor
from lab.traffic.steady import Steady, plan
from lab.wait import wait_until
from ryu_apps.control.membership.membership import MOVE_PATIENCE
from tests.lab.headless_support import pairs

NODES = ("node1", "node2", "node3")
PAUSE = float(os.environ.get("VNC_OWNER_PAUSE", "20"))
"""Seconds that an owner is paused (600 is the long run)."""
SESSION_TTL = 3
"""Seconds for which the store keeps what a dead node says of itself: the default."""
NOTHING = {"ADDED": 0, "DELETED": 0, "MODIFIED": 0}

pytestmark = pytest.mark.timeout(240 + PAUSE)


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    nodes = {"node1": ("hv1", "hv2", "hv3"), "node2": (), "node3": ()}
    with Lab(f"vnco{os.getpid()}", nodes, peer_options="hold-time 3") as made:
        made.wait_converged()
        targets = [node.ovsdb_target for node in made.nodes.values()]
        for hypervisor in made.hypervisors.values():
            hypervisor.join(targets)
        wait_until(lambda: len(shown(made)) == 3 and all(
            one["owner"] and one.get("settled") for one in shown(made).values()
        ), "every hypervisor to be owned", 60)
        yield made


@pytest.fixture(scope="module")
def tenant(own_lab: Lab) -> Tenant:
    made = new_tenant("red", own_lab.nodes["node1"].client)
    made.create_vms(own_lab)
    made.wait_active()
    made.wait_reachable()
    return made


def shown(lab: Lab, asked: str = "") -> dict[str, dict[str, Any]]:
    node = asked or next(name for name, one in lab.nodes.items() if one.answers())
    return {one["id"]: one for one in lab.nodes[node].client.v1("elements")}


def is_warm(lab: Lab, element: str) -> bool:
    """Whether each of the other nodes could take over without reading anything."""
    standby = shown(lab)[element].get("standby", ())
    return len(standby) == len(NODES) - 1 and all(one["warm"] for one in standby)


def wait_owned(lab: Lab, element: str, owner: str, timeout: float = 30.0) -> None:
    wait_until(
        lambda: (one := shown(lab)[element])["owner"] == owner and one.get("settled", False),
        f"{element} to be {owner}'s and settled", timeout, 0.1,
    )


def processes(node: Node) -> list[int]:
    """The node's process and those that it has started."""
    pids = [node.daemon.pid]
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return pids


def wait_quiet(lab: Lab) -> None:
    """All nodes know the same owners, and stand by for one another, warm."""

    def quiet() -> bool:
        known = [{name: (one["owner"], one["epoch"]) for name, one in shown(lab, node).items()}
                 for node in NODES]
        return known.count(known[0]) == len(known) and all(
            is_warm(lab, name) for name in lab.hypervisors
        )

    wait_until(quiet, "all nodes to know the same owners, and to be warm", 60, 0.2)


def epochs(rows: list[str]) -> list[str]:
    """Of the changes of a database those that tell it of another owner or epoch."""
    return [row for row in rows if row.startswith("Open_vSwitch: external_ids:")]


def test_a_dead_owner_is_replaced_and_the_switch_programmed(own_lab: Lab, tenant: Tenant) -> None:
    wait_quiet(own_lab)
    port = tenant.vms["web3"].port.id
    holder = shown(own_lab)["hv1"]["owner"]
    element = next(name for name, one in shown(own_lab).items()
                   if any(each["id"] == port for each in one.get("ports", ())))
    owner = shown(own_lab)[element]["owner"]
    assert holder in NODES
    asked = own_lab.nodes[next(name for name in NODES if name != owner)].client
    monitor = FlowMonitor(own_lab.hypervisors[element])
    database = DatabaseMonitor(own_lab.hypervisors[element])
    begun = time.monotonic()
    own_lab.nodes[owner].kill()
    try:
        def settled() -> bool:
            found = {one["id"]: one for one in asked.v1("elements")}[element]
            return found["owner"] != owner and bool(found.get("settled"))

        wait_until(settled, "another owner", 30, 0.05)
        print(f"{element}: owned and settled {time.monotonic() - begun:.2f} s after kill -9")
        assert monitor.stop() == NOTHING, "it goes on with what the switch has"
        assert len(epochs(database.stop())) == 1
        found = {one["id"]: one for one in asked.v1("elements")}[element]
        assert f"{owner} was gone" in found["why"]
        # What the new owner is asked for reaches the switch.
        asked.put(f"/v2.0/ports/{port}", {"port": {"admin_state_up": False}})
        wait_until(lambda: asked.get(f"/v1/ports/{port}")["state"]["status"] == "DOWN", "it down")
        asked.put(f"/v2.0/ports/{port}", {"port": {"admin_state_up": True}})
        asked.wait_ports([port], timeout=30)
    finally:
        own_lab.nodes[owner].start()
    tenant.wait_reachable()


def test_a_pinned_hypervisor_moves_and_nothing_is_lost(own_lab: Lab, tenant: Tenant) -> None:
    wait_quiet(own_lab)
    before = shown(own_lab)["hv1"]["owner"]
    target = next(name for name in NODES if name != before)
    client = own_lab.nodes[target].client
    monitors = [FlowMonitor(one) for one in own_lab.hypervisors.values()]
    urls = [node.url for node in own_lab.nodes.values()]
    with Steady(plan(pairs(tenant), urls=urls, dhcp=True)) as traffic:
        client.put(f"/v1/elements/hv1/pin/{target}", None)
        wait_owned(own_lab, "hv1", target)
        time.sleep(MOVE_PATIENCE)
        report = traffic.lap()
    print(report)
    assert report.lost == {}
    changes = [monitor.stop() for monitor in monitors]
    assert changes == [NOTHING] * len(monitors), [monitor.text for monitor in monitors]
    client.delete("/v1/elements/hv1/pin")


def test_what_a_paused_owner_writes_later_reaches_no_switch(own_lab: Lab, tenant: Tenant) -> None:
    """It is paused, replaced, and meanwhile the configuration changes; then it goes on, and has
    the change to carry out as what it takes itself for."""
    wait_quiet(own_lab)
    before = shown(own_lab)["hv2"]
    paused = own_lab.nodes[before["owner"]]
    others = [name for name in NODES if name != before["owner"]]
    client = own_lab.nodes[others[0]].client
    port = before["ports"][0]["id"]
    stopped = processes(paused)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        def replaced() -> bool:
            found = shown(own_lab, others[0])["hv2"]
            return found["owner"] in others and bool(found.get("settled"))

        wait_until(replaced, "another owner", 30, 0.1)
        client.put(f"/v2.0/ports/{port}", {"port": {"admin_state_up": False}})
        wait_until(lambda: client.get(f"/v1/ports/{port}")["state"]["status"] == "DOWN", "it down")
        time.sleep(PAUSE)
        hypervisors = own_lab.hypervisors.values()
        monitors = [FlowMonitor(one) for one in hypervisors]
        databases = [DatabaseMonitor(one) for one in hypervisors]
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    time.sleep(8)
    changes = [monitor.stop() for monitor in monitors]
    rows = [row for monitor in databases for row in monitor.stop()]
    print(f"paused for {PAUSE:g} s: {changes}, rows: {rows}")
    assert changes == [NOTHING] * len(monitors), [monitor.text for monitor in monitors]
    assert [row for row in rows if not is_standby_again(row, paused)] == []
    after = shown(own_lab, others[0])["hv2"]
    assert after["owner"] in others and after["epoch"] > before["epoch"]
    client.put(f"/v2.0/ports/{port}", {"port": {"admin_state_up": True}})
    client.wait_ports([port], timeout=30)
    tenant.wait_reachable()


def test_nodes_that_start_together_fight_over_nothing(own_lab: Lab, tenant: Tenant) -> None:
    """All were dead for longer than the store keeps their records: each has to say that it lives
    before it owns anything, or the others take that from it, and it from them."""
    wait_quiet(own_lab)
    nodes = own_lab.nodes.values()
    for node in nodes:
        node.kill()
    time.sleep(SESSION_TTL + 3)
    databases = [DatabaseMonitor(one) for one in own_lab.hypervisors.values()]
    for node in nodes:
        node.start(wait=False)
    for node in nodes:
        node.wait_ready(60)
    wait_quiet(own_lab)
    told = [len(epochs(database.stop())) for database in databases]
    print(f"epochs of each hypervisor after a start of all nodes: {told}")
    # Its own owner's; at most another's that is up earlier, and back for the balance.
    assert all(1 <= count <= 3 for count in told), told
    tenant.wait_reachable()


def is_standby_again(row: str, node: Node) -> bool:
    """Whether a change of a database is its owner's: it names a node that is back to the switch,
    as one that stands by."""
    return row.startswith("Bridge: controller:") or (
        row.startswith("Controller: insert:") and f":{node.spec.address}:" in row
    )


@pytest.mark.parametrize("what", ["store", "hypervisor"])
def test_an_owner_that_is_cut_off_is_replaced(own_lab: Lab, tenant: Tenant, what: str) -> None:
    """From the store alone, or from one hypervisor alone: no flow changes, then or afterwards."""
    wait_quiet(own_lab)
    before = shown(own_lab)["hv3"]
    node = own_lab.nodes[before["owner"]]
    others = [name for name in NODES if name != before["owner"]]
    monitors = [FlowMonitor(one) for one in own_lab.hypervisors.values()]
    assert own_lab.etcd is not None
    addresses = [own_lab.hypervisors["hv3"].mgmt]
    if what == "store":
        addresses = [member.address for member in own_lab.etcd.members]
    node.space.run(["nft", "-f", "-"], stdin=(
        "table inet cut { chain out { type filter hook output priority 0; "
        f"ip daddr {{ {', '.join(addresses)} }} drop; }}; }}"
    ))

    def replaced() -> bool:
        found = shown(own_lab, others[0])["hv3"]
        return found["owner"] in others and bool(found.get("settled"))

    begun = time.monotonic()
    try:
        wait_until(replaced, "another owner", 60, 0.1)
        print(f"cut off from the {what}: replaced {time.monotonic() - begun:.1f} s later")
        time.sleep(3)
    finally:
        node.space.run(["nft", "delete", "table", "inet", "cut"])
    wait_quiet(own_lab)
    changes = [monitor.stop() for monitor in monitors]
    assert changes == [NOTHING] * len(monitors), [monitor.text for monitor in monitors]
    assert shown(own_lab)["hv3"]["epoch"] > before["epoch"]
    tenant.wait_reachable()


def test_drained_and_back(own_lab: Lab, tenant: Tenant) -> None:
    """A node that is drained owns nothing; undrained it is given its share, and no more."""
    wait_quiet(own_lab)
    client = own_lab.nodes["node1"].client

    def owned() -> int:
        return sum(one["owner"] == "node2" for one in shown(own_lab, "node1").values())

    client.post("/v1/nodes/node2/drain", None)
    wait_until(lambda: owned() == 0, "node2 to own nothing", 60, 0.2)
    (drained,) = [one for one in client.v1("nodes") if one["node"] == "node2"]
    assert drained["draining"] and drained["why"] == "drained"
    client.post("/v1/nodes/node2/undrain", None)
    wait_until(lambda: owned() == 1, "node2 to have its share", 60, 0.2)
    assert {one["owner"] for one in shown(own_lab).values()} == set(NODES)
    tenant.wait_reachable()
