"""What the node writes about connections makes a switch limit them, if its database can say so."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from lab.beds.ovsdb_bed import Hypervisor, Node, until
from lab.hosts.open_vswitch import schema_path

LIMIT, FLOOD = 20, 100


def _available() -> bool:
    tables = json.loads(schema_path().read_text())["tables"]
    return "ct_zone_default_limit" in tables.get("Datapath", {}).get("columns", ())


@pytest.fixture
def hypervisor() -> Iterator[Hypervisor]:
    """It has joined a node that wants :data:`LIMIT`, and has the ports p1 and p2."""
    node = Node(connections_per_port=LIMIT)
    made = Hypervisor("hv1", "10.0.0.1").start()
    try:
        made.join(*node.bound)
        until(lambda: node.state("hv1").get("datapath_id"), "the bridge")
        for number in (1, 2):
            made.vsctl("--", "add-port", "br-int", f"p{number}", "--", "set", "Interface",
                       f"p{number}", "type=dummy", f"ofport_request={number}")
        yield made
        assert node.state("hv1")["failures"] == 0
    finally:
        node.stop()
        made.stop()


def appctl(hypervisor: Hypervisor, *words: str) -> str:
    return subprocess.run(
        ["ovs-appctl", "-t", f"{hypervisor.directory}/switch.ctl", *words],
        check=True, capture_output=True, text=True, env=hypervisor.environment,
    ).stdout


def written(hypervisor: Hypervisor) -> list:
    return [row["ct_zone_default_limit"]
            for row in hypervisor.find("Datapath", "ct_zone_default_limit")]


@pytest.mark.skipif(not _available(), reason="this Open vSwitch has no Datapath limit")
def test_a_port_cannot_have_more_and_a_restarted_switch_knows_it(hypervisor: Hypervisor) -> None:
    until(lambda: written(hypervisor) == [LIMIT], "the limit in the database")
    for _ in range(2):
        until(lambda: f"default limit={LIMIT}" in appctl(hypervisor, "dpctl/ct-get-limits"),
              "the limit in the switch")
        # As the pipeline has it: the zone is the number of the port.
        hypervisor.ofctl(
            "add-flow", f"unix:{hypervisor.directory}/br-int.mgmt",
            "ip,actions=ct(commit,zone=NXM_OF_IN_PORT[])",
        )
        for source in range(FLOOD):
            appctl(hypervisor, "netdev-dummy/receive", "p1", packet(source))
        appctl(hypervisor, "netdev-dummy/receive", "p2", packet(0))
        assert entries(hypervisor, 1) == LIMIT
        assert entries(hypervisor, 2) == 1
        hypervisor.stop_switch()
        hypervisor.start_switch()


@pytest.mark.skipif(not _available(), reason="this Open vSwitch has no Datapath limit")
def test_the_limit_of_an_operator_is_not_touched(hypervisor: Hypervisor) -> None:
    until(lambda: written(hypervisor) == [LIMIT], "the limit in the database")
    hypervisor.vsctl("set-zone-limit", "system", "default", "7")
    # Something else that the node puts right shows that it looked.
    hypervisor.vsctl("--no-wait", "del-fail-mode", "br-int")
    until(lambda: hypervisor.vsctl("get-fail-mode", "br-int") == "secure", "repaired")
    assert written(hypervisor) == [7]


@pytest.mark.skipif(_available(), reason="this Open vSwitch has a Datapath limit")
def test_an_older_database_is_taken_as_it_is(hypervisor: Hypervisor) -> None:
    assert hypervisor.find("Datapath", "_uuid") == []


def packet(source: int) -> str:
    return (
        "in_port(1),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:02),eth_type(0x0800),"
        "ipv4(src=10.1.0.1,dst=10.1.0.2,proto=17,tos=0,ttl=64,frag=no),"
        f"udp(src={1024 + source},dst=53)"
    )


def entries(hypervisor: Hypervisor, zone: int) -> int:
    return appctl(hypervisor, "dpctl/dump-conntrack", f"zone={zone}").count("zone=")
