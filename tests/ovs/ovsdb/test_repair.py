"""Whatever somebody breaks on the integration bridge comes right again, in any combination."""

from __future__ import annotations

import random

import pytest

from lab.beds.ovsdb_bed import Hypervisor, Node, until
from vrouter_ovs.schema.tables import TABLE_NAMES
from vrouter_ovs.state import Endpoint

ENDPOINTS = frozenset(map(Endpoint, ("10.0.0.2", "10.0.0.3", "10.0.0.4")))

DAMAGE = [
    ["del-br", "br-int"],
    ["del-controller", "br-int"],
    ["set-controller", "br-int", "tcp:192.0.2.1:6653", "tcp:192.0.2.2:6653"],
    ["set", "Controller", "br-int", "max_backoff=30000", "connection_mode=in-band"],
    ["set-fail-mode", "br-int", "standalone"],
    ["del-fail-mode", "br-int"],
    ["clear", "Bridge", "br-int", "protocols"],
    ["set", "Bridge", "br-int", "protocols=OpenFlow13"],
    ["clear", "Bridge", "br-int", "flow_tables"],
    ["--id=@t", "create", "Flow_Table", "name=wrong", "--", "set", "Bridge", "br-int",
     *(f"flow_tables:{number}=@t" for number in sorted(TABLE_NAMES)[:2])],
    ["clear", "Bridge", "br-int", "other_config"],
    ["set", "Bridge", "br-int", "other_config:disable-in-band=false"],
    ["del-port", "br-int", "vx0a000002"],
    ["clear", "Interface", "vx0a000003", "options"],
    ["clear", "Interface", "vx0a000004", "external_ids"],
    ["set", "Interface", "vx0a000003", "external_ids:vnc-vtep=10.9.9.9"],
    ["set", "Interface", "vx0a000004", "bfd:enable=false", "bfd:min_rx=5"],
    ["add-port", "br-int", "stray", "--", "set", "Interface", "stray", "type=vxlan",
     "options:remote_ip=10.8.8.8", "external_ids:vnc-vtep=10.8.8.8"],
    ["set", "Manager", ".", "max_backoff=20000", "inactivity_probe=1"],
    ["remove", "Open_vSwitch", ".", "external_ids", "vnc-owner"],
]


def picture(hypervisor):
    """What must stand, as comparable values."""
    bridges = hypervisor.find("Bridge", "name", "fail_mode", "protocols",
                              "other_config", "flow_tables")
    names = {row["_uuid"][1]: row["name"] for row in hypervisor.find("Flow_Table", "_uuid", "name")}
    bridge = bridges[0] if bridges else {}
    if bridge:
        bridge["flow_tables"] = {
            number: names.get(reference[1]) for number, reference in bridge["flow_tables"][1]
        }
        bridge["protocols"] = set(bridge["protocols"][1])
    tunnels = hypervisor.find("Interface", "name", "type", "options", "bfd", "external_ids",
                              where="type=vxlan")
    return (
        bridge,
        hypervisor.find("Controller", "target", "max_backoff", "inactivity_probe",
                        "connection_mode"),
        sorted(tunnels, key=lambda row: row["name"]),
        hypervisor.find("Manager", "max_backoff", "inactivity_probe"),
        hypervisor.vsctl("get", "Open_vSwitch", ".", "external_ids:vnc-owner"),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_any_damage_is_repaired(seed):
    source = random.Random(seed)
    node = Node(node_name="n")
    hypervisor = Hypervisor("hv1", "10.0.0.1").start()
    try:
        hypervisor.join(*node.bound)
        node.set_tunnels("hv1", ENDPOINTS)
        until(lambda: node.state("hv1").get("datapath_id") and node.state("hv1")["tunnels"] == 3,
              "configured")
        right = picture(hypervisor)
        assert len(right[2]) == 3
        assert right[0]["flow_tables"] == dict(TABLE_NAMES)
        damages = [[item] for item in DAMAGE] if seed == 1 else [
            source.sample(DAMAGE[1:], source.randint(2, 5)) for _ in range(12)
        ]
        for chosen in damages:
            command = ["--no-wait"]
            for item in chosen:
                command += ["--", *item]
            hypervisor.vsctl(*command)
            until(lambda chosen=chosen: picture(hypervisor) == right, f"repaired after {chosen}")
        assert node.state("hv1")["failures"] == 0
        assert node.shell.counters["protocol_errors"] == 0
    finally:
        node.stop()
        hypervisor.stop()
