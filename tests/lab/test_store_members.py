"""etcd of three members loses some of them, while changes are made over the API and VMs talk.

``VNC_STORE_KILLS=20`` kills so many members one after the other instead of three.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

import pytest

from lab.hosts.disk import Disk
from lab.hosts.etcd import EtcdMember
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream
from lab.wait import wait_until
from tests.lab.api_load import ApiLoad
from tests.lab.earlier_support import Record

KILLS = int(os.environ.get("VNC_STORE_KILLS", "3"))


@pytest.fixture(scope="module")
def trio() -> Iterator[Lab]:
    nodes = {"node1": ("hv1",), "node2": ()}
    with Lab(f"vncm{os.getpid()}", nodes, etcd_members=3) as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="module")
def red(trio: Lab) -> Tenant:
    tenant = new_tenant("red", trio.nodes["node1"].client)
    tenant.create_vms(trio, (("web1", "hv1"), ("db1", "hv1")))
    tenant.wait_active()
    return tenant


@pytest.fixture(autouse=True)
def healed(trio: Lab) -> Iterator[None]:
    yield
    trio.etcd.heal()
    for node in trio.nodes.values():
        node.client.wait_healthy()


def records_made(lab: Lab) -> dict[str, str]:
    """Name of a node -> the revision that its record was made in: another one, and the node's
    lease had been lost meanwhile."""
    member = lab.etcd.leader()
    found = json.loads(member.ctl("get", "--prefix", "/vnc/status/nodes/", "-w", "json"))
    return {kv["key"]: kv["create_revision"] for kv in found["kvs"]}


def load_goes_on(
    lab: Lab, label: str, record: Record, harm: Callable[[ApiLoad], None], revoked: bool = False
) -> None:
    """Nothing is refused and no lease is lost while ``harm`` is done; ``revoked``: but for what a
    leader that was paused does to leases when it goes on."""
    made = records_made(lab)
    load = ApiLoad(lab.nodes["node1"], label)
    other = ApiLoad(lab.nodes["node2"], f"other-{label}", writers=1)
    try:
        load.wait_writes()
        harm(load)
        load.wait_writes()
        other.wait_writes()
    finally:
        load.stop()
        other.stop()
    for one in (load, other):
        record(one.label, one.slowest())
        print(one.label, one.slowest())
    lab.etcd.heal()
    assert load.refused == other.refused == []
    wait_until(lambda: len(lab.nodes["node1"].client.list("network"))
               == len(lab.nodes["node2"].client.list("network")), "both nodes to have all", 20)
    for one in (load, other):
        one.check(lab.nodes["node2"].client)
    if revoked:
        wait_until(lambda: records_made(lab).keys() == made.keys(), "each node's record", 20)
    else:
        assert records_made(lab) == made


def endpoint_of(lab: Lab) -> EtcdMember:
    """One that a client of it notices: the first that is no leader."""
    return lab.etcd.followers()[0]


def test_one_of_three_is_killed(trio: Lab, red: Tenant, record_property: Record) -> None:
    def harm(load: ApiLoad) -> None:
        for number in range(KILLS):
            # The leader two times of three.
            member = trio.etcd.leader() if number % 3 != 1 else endpoint_of(trio)
            member.kill()
            load.wait_writes()
            trio.etcd.heal()
            load.wait_writes(5)

    load_goes_on(trio, "killed", record_property, harm)


@pytest.mark.parametrize("which", ["leader", "follower"])
def test_one_of_three_is_paused(
    trio: Lab, red: Tenant, which: str, record_property: Record
) -> None:
    """What a leader missed while it was paused it takes for leases that ended: when it goes on it
    has its successor revoke them, up to the releases of etcd that ignore this
    (etcd-io/etcd#16822).  The nodes' leases stand as long as it is paused; one that is revoked is
    replaced, and no packet of a VM is lost."""
    made = records_made(trio)

    def harm(load: ApiLoad) -> None:
        member = trio.etcd.leader() if which == "leader" else endpoint_of(trio)
        member.pause()
        load.wait_writes(50)
        assert records_made(trio) == made
        member.resume()

    ping = PingStream(red.vms["web1"].space, red.vms["db1"].ip)
    ping.wait_reply()
    try:
        load_goes_on(trio, f"paused-{which}", record_property, harm, revoked=which == "leader")
    finally:
        result = ping.stop()
    assert result.lost == 0, result.output[-500:]


def test_two_of_three_are_killed(trio: Lab, red: Tenant, record_property: Record) -> None:
    """Changes are refused with 503 and leave nothing half done; all else goes on."""
    made = records_made(trio)
    ping = PingStream(red.vms["web1"].space, red.vms["db1"].ip)
    ping.wait_reply()
    load = ApiLoad(trio.nodes["node1"], "two")
    try:
        load.wait_writes()
        leader, follower = trio.etcd.leader(), endpoint_of(trio)
        for member in (leader, follower):
            member.kill()
        wait_until(lambda: len(load.refused) >= 4, "changes to be refused", 30)
        reads = len(load.reads)
        wait_until(lambda: len(load.reads) > reads + 20, "reads to go on", 30)
        refused = load.refused
        follower.start()
        load.wait_writes()
    finally:
        load.stop()
        result = ping.stop()
    record_property("two", load.slowest())
    print(load.slowest())
    assert {one.status for one in refused} == {503}
    assert "majority of its members" in refused[-1].text
    assert result.lost == 0, result.output[-500:]
    load.check(trio.nodes["node1"].client)
    assert records_made(trio) == made


def test_a_member_is_replaced(trio: Lab, red: Tenant, record_property: Record) -> None:
    """The nodes' list of endpoints names one that is gone for good, and lacks the new one."""
    def harm(load: ApiLoad) -> None:
        gone = trio.etcd.leader()
        trio.etcd.replace(gone)
        load.wait_writes()
        for member in trio.etcd.members:
            if member.url in trio.etcd.urls:  # each of those that the nodes know, in turn
                member.kill()
                load.wait_writes()
                trio.etcd.heal()
                load.wait_writes(5)

    load_goes_on(trio, "replaced", record_property, harm)


def test_the_disk_of_a_member_is_full(trio: Lab, red: Tenant, record_property: Record) -> None:
    """It ends, as etcd does where it cannot write; and follows again when there is room."""
    disks: list[Disk] = []
    fresh = trio.etcd.replace(
        trio.etcd.followers()[0], lambda member: disks.append(member.use_disk("200m")))

    def harm(load: ApiLoad) -> None:
        disks[0].fill()
        wait_until(lambda: not fresh.daemon.alive, "the member to end", 60)
        load.wait_writes(50)
        disks[0].free()
        trio.etcd.heal()
        load.wait_writes()

    load_goes_on(trio, "full", record_property, harm)
    assert fresh.healthy()
