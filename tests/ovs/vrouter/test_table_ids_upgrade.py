"""A switch with the flows of a version whose tables had other ids, taken over under traffic."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from lab.beds.openflow_bed import BedApp, Node, Switch, eventually
from lab.beds.sandbox import BRIDGE, OpenFlow
from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from tests.former_numbering import RETIRED, encode_former, encode_since
from tests.ovs.vrouter.bundles import commit
from tests.ovs.vrouter.policy_bed import Bed, ip4, ip6, mac
from tests.ovs.vrouter.tenants import OBJECTS
from vrouter_ovs.state import EGRESS, INGRESS, Policy, Rule, StateObject
from vrouter_ovs.wire import encode
from vrouter_ovs.wire.renumber import FIRST_ID

SET = 7
PING_EVERY = 0.002


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    bed = Bed(2)
    try:
        bed.start()
        yield bed
    finally:
        bed.stop()


def objects(bed: Bed) -> list[StateObject]:
    """Two VMs whose connections are tracked."""
    return [
        *bed.base({1: SET, 2: SET}), Policy(SET),
        *(Rule(SET, way, version) for way in (INGRESS, EGRESS) for version in (4, 6)),
    ]


class Pings:
    """Echo requests from VM 1 to VM 2, hundreds a second."""

    def __init__(self, bed: Bed, *addresses: str) -> None:
        self._processes = [
            subprocess.Popen(
                ["ip", "netns", "exec", bed.vm(1), "ping", "-n", "-q", "-i", str(PING_EVERY),
                 address],
                stdout=subprocess.PIPE, text=True)
            for address in addresses
        ]  # fmt: skip

    def end(self) -> list[tuple[int, int]]:
        """(sent, answered) of each; the last request may have been on its way."""
        found = []
        for process in self._processes:
            process.send_signal(subprocess.signal.SIGINT)
            text = process.communicate(timeout=20)[0]
            sent, answered = re.search(r"(\d+) packets transmitted, (\d+) received", text).groups()
            found.append((int(sent), int(answered)))
        return found


def tables(bed: Bed, version: int) -> set[int]:
    """Those that a packet of a known connection from VM 1 to VM 2 passes."""
    kind, src, dst = ("icmp", "nw_src", "nw_dst") if version == 4 else (
        "icmp6", "ipv6_src", "ipv6_dst")
    address = ip4 if version == 4 else ip6
    echo = "icmp_type=8,icmp_code=0" if version == 4 else "icmpv6_type=128,icmpv6_code=0"
    text = bed.trace(
        f"in_port=1,{kind},dl_src={mac(1)},dl_dst={mac(2)},{src}={address(1)},{dst}={address(2)},"
        f"{echo},nw_ttl=64", "trk,est", "trk,est",
    )
    assert "output:2" in text or "Datapath actions: 2" in text or "output port is 2" in text, text
    return {int(number) for number in re.findall(r"^ *(\d+)\. ", text, re.M)}


def test_no_packet_is_lost_and_none_passes_both_numberings(bed: Bed) -> None:
    desired = objects(bed)
    former = encode_former(*desired)
    assert not bed.openflow.flow_mods(encode.ADD, former)
    pings = Pings(bed, ip4(2), ip6(2))
    # What led elsewhere before there were some tables stays so here: of those it is a new version.
    flows = VrouterFlows(encode_since)

    def a_round() -> set[int]:
        """One bundle; which commands were in it."""
        operations = [operation for batch in flows.operations() for operation in batch]
        assert flows.zones_given(operations) == []
        assert not commit(bed.openflow, [operation[:2] for operation in operations])
        flows.confirm(operations)
        time.sleep(1.5)  # the datapath's cache follows meanwhile
        return {operation.command for operation in operations}

    time.sleep(1)
    for version in (4, 6):
        assert max(tables(bed, version)) < FIRST_ID
    flows.replace_installed(bed.openflow.read_flows())
    assert a_round() == {encode.ADD}
    for version in (4, 6):
        assert sorted(tables(bed, version))[1] >= FIRST_ID
    # Held, with half of what there is.
    flows.change([(obj.key, obj) for obj in desired[::2]])
    assert a_round() == set()
    assert flows.installed == bed.openflow.read_flows()
    flows.change([(obj.key, obj) for obj in desired])
    flows.defer(False)
    assert a_round() == {encode.DELETE_STRICT}
    wanted = {flow.key: flow for obj in desired for flow in encode_since(obj)}
    assert bed.openflow.read_flows() == wanted
    for sent, answered in pings.end():
        assert sent > 1000 and sent - answered <= 1


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.close()


def test_a_channel_takes_over_in_one_bundle_before_it_is_told_anything(node: Node) -> None:
    switch = Switch()
    try:
        names = [f"p{number}" for number in range(1, 10)]
        for number, name in enumerate(names, 1):
            switch.vsctl("add-port", BRIDGE, name, "--", "set", "interface", name, "type=dummy",
                         f"ofport_request={number}")
        desired = [obj for obj in OBJECTS if obj.kind != "tunnel"]
        former = {flow.key: flow for flow in encode_former(*desired)}
        since = {flow.key: flow for obj in desired for flow in encode_since(obj)}
        today = {flow.key: flow for obj in desired for flow in encode.encode_object(obj)}
        # A bridge that gets its first controller forgets its flows.
        switch.connect(node.port)
        eventually(lambda: BedApp.datapaths, "connected")
        _add_over(switch, list(former.values()))
        southbound = node.begin()
        southbound.accept("hv1", switch.datapath_id)
        leftovers = sum(key[0] > 0 for key in former)
        retired = sum(key[0] in RETIRED.values() for key in since)

        def held() -> dict:
            return southbound.status("hv1")

        eventually(lambda: held()["connected"]
                   and held()["installed_flows"] == len(since) + leftovers, "renumbered")
        assert (held()["bundles"], held()["zone_flushes"], held()["errors"]) == (1, 0, 0)
        node.acked("hv1", node.program("hv1", *desired))
        # Then what leads to tables that are new, and their flows.
        assert held()["bundles"] == 2 and len(switch.flows()) == len(today) + leftovers + retired
        southbound.defer("hv1", False)
        eventually(lambda: len(switch.flows()) == len(today), "the former flows are gone")
        assert (held()["bundles"], held()["zone_flushes"]) == (3, 0)
        unchanged = set(former.values()) & set(since.values())
        led = set(today.values()) - set(since.values())
        assert held()["flow_mods"] == len(since) + leftovers + retired - len(unchanged) + len(led)
    finally:
        switch.close()


def _add_over(switch: Switch, flows: list) -> None:
    client = OpenFlow(switch.bridge)
    try:
        assert not client.flow_mods(encode.ADD, flows)
    finally:
        client.close()
