"""What a hypervisor's Open vSwitch says that it can do, and where its bridges wait."""

from __future__ import annotations

import json

import pytest

from lab.hosts.open_vswitch import schema_path
from ryu_apps.control.kinds import Capabilities
from ryu_apps.southbound.ovsdb.contents.uplinks import capabilities
from ryu_apps.southbound.ovsdb.contents.view import View
from ryu_apps.southbound.ovsdb.protocol.replica import MAP, OPTION, SET, Replica
from ryu_apps.southbound.ovsdb.protocol.schema import plan_for

RAW = schema_path().read_bytes()
PLAN = plan_for(json.loads(RAW), RAW)
FOLLOWED = PLAN.kinds | {
    "Open_vSwitch": PLAN.kinds["Open_vSwitch"] | {"datapaths": MAP, "iface_types": SET},
    "Datapath": {"ct_zone_default_limit": OPTION, "external_ids": MAP, "capabilities": MAP},
}
"""As of a schema that has everything."""
ROOT = {"bridges": ["set", [["uuid", "b0"], ["uuid", "b1"]]],
        "iface_types": ["set", ["vxlan", "geneve"]],
        "datapaths": ["map", [["netdev", ["uuid", "d"]]]]}
BRIDGES = {
    "b0": {"name": "br-int", "datapath_type": "netdev"},
    "b1": {"name": "br-phy", "ports": ["uuid", "p"],
           "controller": ["set", [["uuid", "c0"], ["uuid", "c1"]]]},
}
CONTROLLERS = {"c0": {"target": "tcp:192.0.2.1:6653"}, "c1": {"target": "ptcp:6654:192.0.2.9"}}


def inserted(rows):
    return {uuid: {"insert": row} for uuid, row in rows.items()}


def view_of(kinds, **tables) -> View:
    view = View(Replica(kinds))
    view.update({name: inserted(rows) for name, rows in {
        "Open_vSwitch": {"r": ROOT}, "Bridge": BRIDGES, "Controller": CONTROLLERS,
        "Port": {"p": {"name": "eth0", "interfaces": ["uuid", "i"]}},
        "Interface": {"i": {"name": "eth0", "ofport": 1, "link_speed": 10**10, "mtu": 9000,
                            "mac_in_use": "02:00:00:00:00:01", "link_state": "up"}},
        **tables,
    }.items()})  # fmt: skip
    return view


def test_capabilities_of_the_datapath_of_the_integration_bridge() -> None:
    view = view_of(FOLLOWED, Datapath={
        "d": {"capabilities": ["map", [["ct_zero_snat", "true"], ["max_vlan_headers", "2"]]]}})
    assert capabilities(view.replica, view.replica.root[1], view.bridge[1]) == Capabilities(
        "netdev", "", ("geneve", "vxlan"), (("ct_zero_snat", "true"), ("max_vlan_headers", "2")))


def test_an_uplink_and_where_its_bridge_waits() -> None:
    view = view_of(FOLLOWED)
    (uplink,) = view.uplinks.found
    assert (uplink.name, uplink.bridge, uplink.mtu, uplink.speed, uplink.ofport, uplink.service) \
        == ("eth0", "br-phy", 9000, 10**10, 1, "ptcp:6654:192.0.2.9")
    view.update({"Controller": {"c1": {"modify": {"target": "ptcp:6655:192.0.2.9"}}}})
    assert view.uplinks.found[0].service == "ptcp:6655:192.0.2.9"
    view.update({"Interface": {"i": {"modify": {"link_state": "down"}}}})
    assert view.uplinks.found[0].state == "down"


@pytest.mark.parametrize(("table", "column"), [
    ("Interface", "status"), ("Interface", "mtu"), ("Open_vSwitch", "iface_types"),
])  # fmt: skip
def test_a_column_of_another_type_is_not_followed(table: str, column: str) -> None:
    schema = json.loads(RAW)
    schema["tables"][table]["columns"][column]["type"] = {
        "key": "string", "min": 1, "max": 1} if column != "mtu" else {
        "key": "string", "value": "string", "min": 0, "max": "unlimited"}
    raw = json.dumps(schema).encode()
    kinds = plan_for(schema, raw).kinds
    assert column in PLAN.kinds[table] and column not in kinds[table]
