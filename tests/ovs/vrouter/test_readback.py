"""Every flow reads back from ovs-vswitchd byte for byte as it was sent."""

from __future__ import annotations

import re
import time

from hypothesis import HealthCheck, given, settings

from lab.beds.sandbox import OpenFlow, Sandbox
from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from tests.hops import bridged
from tests.ovs.vrouter.bundles import commit
from tests.ovs.vrouter.objects import objects, vrouters
from vrouter_ovs.document import EXAMPLES
from vrouter_ovs.state import (
    Endpoint,
    Flood,
    FloodRemotes,
    LocalHop,
    Route,
    StateObject,
    Tunnel,
    flood_parts,
)
from vrouter_ovs.wire import encode
from vrouter_ovs.wire.encode import ADD, DELETE_STRICT, MODIFY_STRICT

ON_A_SWITCH = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_each_kind_reads_back(sandbox: Sandbox, openflow: OpenFlow) -> None:
    assert openflow.read_flows() == {}
    wanted = openflow.install(list(EXAMPLES))
    assert openflow.read_flows() == wanted
    names = sandbox.ofctl("dump-flows")
    assert "table=classify" in names and "goto_table:guard" in names


def test_long_lists_read_back(openflow: OpenFlow) -> None:
    ports = tuple(range(1, 5001))
    remotes = tuple(bridged(f"192.0.{n >> 8}.{n & 255}", 100 + n % 3) for n in range(2500))
    hop = tuple(LocalHop(n, 100, "52:54:00:00:00:01", "02:00:00:00:00:fe") for n in range(1, 257))
    floods = Flood(100, ports), FloodRemotes(100, remotes)
    wanted = openflow.install(
        [*floods, *map(flood_parts, floods), Route(9, "10.0.0.0/8", hop)]
    )
    assert openflow.read_flows() == wanted


@ON_A_SWITCH
@given(vrouters())
def test_random_vrouters_read_back(openflow: OpenFlow, chosen: list[StateObject]) -> None:
    openflow.clear()
    wanted = openflow.install(chosen)
    assert openflow.read_flows() == wanted


@ON_A_SWITCH
@given(objects)
def test_random_objects_read_back(openflow: OpenFlow, obj: StateObject) -> None:
    openflow.clear()
    wanted = openflow.install([obj])
    assert openflow.read_flows() == wanted


@ON_A_SWITCH
@given(vrouters(), vrouters())
def test_the_operations_lead_from_one_vrouter_to_another(
    openflow: OpenFlow, before: list[StateObject], after: list[StateObject]
) -> None:
    openflow.clear()
    openflow.install(before)
    flows = VrouterFlows()
    flows.defer(False)
    flows.replace_installed(openflow.read_flows())
    flows.change([(obj.key, obj) for obj in after])
    openflow.make_limit_meters(after)
    operations = [operation for batch in flows.operations() for operation in batch]
    assert not commit(openflow, [operation[:2] for operation in operations])
    held = openflow.read_flows()
    assert held == {flow.key: flow for obj in after for flow in encode.encode_object(obj)}
    flows.confirm(operations)
    assert flows.replace_installed(held) == 0
    assert list(flows.operations()) == []


def test_what_modification_and_replacement_keep(sandbox: Sandbox, openflow: OpenFlow) -> None:
    sandbox.add_ports(1)
    (old,) = encode.encode_object(Tunnel(Endpoint("192.0.2.2"), 1))
    key = bytes((0, 0, 1))  # any packet in the first table
    old = old._replace(key=key)
    assert not openflow.flow_mods(ADD, [old])
    frame = "5254000000025254000000010800" + "00" * 46
    sandbox.appctl("netdev-dummy/receive", "p1", frame)

    def packets() -> int:
        return int(re.search(r"n_packets=(\d+)", sandbox.ofctl("dump-flows")).group(1))

    deadline = time.monotonic() + 10
    while not packets() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert packets() == 1
    (new,) = encode.encode_object(Tunnel(Endpoint("192.0.2.2"), 2))
    new = new._replace(key=key, cookie=encode.cookie(("x",)))
    assert not openflow.flow_mods(MODIFY_STRICT, [new])
    assert openflow.read_flows() == {key: new._replace(cookie=old.cookie)}
    assert packets() == 1
    assert not openflow.flow_mods(ADD, [new])
    assert openflow.read_flows() == {key: new}
    assert packets() == 1


def test_flows_of_others_are_left_alone(sandbox: Sandbox, openflow: OpenFlow) -> None:
    (ours,) = encode.encode_object(Route(9, "10.0.0.0/8", ()))
    foreign = ours._replace(cookie=0x1234)
    assert not openflow.flow_mods(ADD, [foreign])
    assert openflow.read_flows() == {}
    hop = LocalHop(1, 100, "52:54:00:00:00:01", "02:00:00:00:00:fe")
    (new,) = encode.encode_object(Route(9, "10.0.0.0/8", (hop,)))
    assert not openflow.flow_mods(MODIFY_STRICT, [new])
    assert not openflow.flow_mods(DELETE_STRICT, [ours])
    assert "cookie=0x1234" in sandbox.ofctl("dump-flows")
    sandbox.ofctl("del-flows", "cookie=0x1234/-1")
