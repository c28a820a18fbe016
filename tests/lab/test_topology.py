"""What a system of two nodes and two racks knows of itself, whichever node is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from lab.fabric.bgp import peer_lines
from lab.fabric.plan import CHASSIS, Racks
from lab.topology import Lab
from lab.traffic.ping import PingStream
from lab.wait import wait_until

PEER_OPTIONS, ASN = "hold-time 3", 64512


@pytest.fixture(scope="module")
def racks() -> Iterator[Lab]:
    plan = Racks(homes={"hv3": (2, 1)}, paths=2, lldp=True, asn=ASN)
    with Lab(
        f"vnco{os.getpid()}", {"node1": ("hv1", "hv2"), "node2": ("hv3",)}, racks=plan, asn=ASN,
        settings={"bgp": peer_lines(plan, ASN)}, peer_options=PEER_OPTIONS,
    ) as made:  # fmt: skip
        made.wait_converged()
        yield made


def uplink(lab: Lab, node: str, hypervisor: str, port: str) -> dict[str, Any]:
    """The link at that port, as the node shows it."""
    links = lab.nodes[node].client.v1("topology")["links"]
    found = [one for one in links if {"device": hypervisor, "port": port} in (one["a"], one["b"])]
    assert len(found) == 1, links
    return found[0]


def test_every_node_shows_all_uplinks_and_what_they_carry(racks: Lab) -> None:
    for node in racks.nodes:
        for name, host in racks.hypervisors.items():
            for path, one in enumerate(host.uplinks):
                link = uplink(racks, node, name, one.interface)
                assert (link["state"], link["mtu"], link["bridge"]) == ("up", 1500, one.bridge)
                assert link["speed"] > 0
                assert bool(link["carries"]["tunnels"]["total"]) == (path < racks.racks.plan.paths)


def test_racks_are_found_by_lldp_and_hear_the_hypervisors(racks: Lab) -> None:
    def ends(node: str) -> set[tuple[str, str, str, str]]:
        links = racks.nodes[node].client.v1("topology")["links"]
        return {(one["a"]["device"], one["a"]["port"], one["b"]["device"], one["b"]["port"])
                for one in links if one["kind"] == "physical" and one["b"]}

    cables = {
        (name, uplink.interface, f"tor{rack}", f"swp{host.mgmt.rpartition('.')[2]}")
        for name, host in racks.hypervisors.items()
        for rack, uplink in zip(racks.racks.plan.homes_of(name), host.uplinks, strict=True)
    }
    for node in racks.nodes:
        wait_until(lambda node=node: ends(node) == cables, f"{node} to show all cables", 30)
    devices = {one["id"]: one for one in racks.nodes["node2"].client.v1("topology")["devices"]}
    tor = devices["tor1"]
    assert (tor["kind"], tor["state"]) == ("switch", "up")
    assert {(one["how"], one["node"]) for one in tor["known_by"]} \
        >= {("lldp", "node1"), ("lldp", "node2")}
    for rack, switch in racks.racks.tors.items():
        wait_until(
            lambda switch=switch, rack=rack: {
                (port, one["system_name"], one["port"])
                for port, known in switch.neighbours().items() for one in known
                if port != "up1"
            } == {(far[1], near[0], near[1]) for near, far in
                  ((one[:2], one[2:]) for one in cables) if far[0] == f"tor{rack}"},
            f"{switch.name} to hear its servers", 40,
        )


def test_the_fabric_is_known_by_its_routes(racks: Lab) -> None:
    """The chassis, which no hypervisor hears, and what each rack owns."""
    def joined(node: str) -> set[frozenset[str]]:
        links = racks.nodes[node].client.v1("topology")["links"]
        return {frozenset((one["a"]["device"], one["b"]["device"])) for one in links
                if one["kind"] == "routed"}

    tors = {frozenset((CHASSIS, tor.name)) for tor in racks.racks.tors.values()}
    for node in racks.nodes:
        wait_until(lambda node=node: joined(node) == tors, f"{node} to show the chassis", 60)
    devices = {one["id"]: one for one in racks.nodes["node1"].client.v1("topology")["devices"]}
    assert devices.keys() == {*racks.nodes, *racks.hypervisors, CHASSIS, "tor1", "tor2"}
    assert "198.18.1.0/24" in devices["tor1"]["prefixes"]
    assert {"bgp", "lldp"} == {one["how"] for one in devices["tor1"]["known_by"]}
    racks.racks.cut("tor1-chassis")
    try:
        wait_until(lambda: joined("node2") == {frozenset((CHASSIS, "tor2"))},
                   "the cut to be seen", 60)
    finally:
        racks.racks.mend("tor1-chassis")
    wait_until(lambda: joined("node2") == tors, "the link to be seen again", 60)


def test_lldp_costs_the_bridge_nothing(racks: Lab) -> None:
    """The bridge forwards as before: with the node, without it, and when it is asked no more."""
    host, far = racks.hypervisors["hv3"], racks.hypervisors["hv1"]
    bridge, service = host.uplinks[0].bridge, host.uplinks[0].service

    def lldp() -> str:
        # Only its owner says; a node that has just started has no hypervisor yet.
        uplinks = racks.nodes["node2"].client.v1("elements/hv3").get("uplinks")
        return uplinks[0]["lldp"] if uplinks else ""

    wait_until(lambda: lldp() == "on", "LLDP", 30)
    flows = host.ofctl("dump-flows", bridge)
    assert "priority=0 actions=NORMAL" in flows
    (ours,) = [line for line in flows.splitlines() if "dl_type=0x88cc" in line]
    assert "hard_timeout=" in ours, "it goes by itself when nobody wants it"
    stream = PingStream(far.space, host.vtep, interval=0.02)
    stream.wait_reply()
    host.vsctl("del-controller", bridge)
    wait_until(lambda: lldp() == "off", "LLDP to end", 30)
    host.vsctl("set-controller", bridge, service)
    wait_until(lambda: lldp() == "on", "LLDP again", 30)
    racks.nodes["node2"].kill()
    racks.nodes["node2"].restart()
    wait_until(lambda: lldp() == "on", "LLDP of the restarted node", 60)
    assert stream.stop().lost == 0


def test_a_silent_neighbour_is_shown_where_it_was(racks: Lab) -> None:
    racks.racks.lose("hv2-tor1", toward="hv2")
    try:
        wait_until(lambda: uplink(racks, "node2", "hv2", "eth0")["detail"] == "neighbour silent",
                   "the loss to be noticed", 30)
        link = uplink(racks, "node2", "hv2", "eth0")
        assert link["state"] == "up" and link["b"]["device"] == "tor1"
    finally:
        racks.racks.mend("hv2-tor1")
    wait_until(lambda: not uplink(racks, "node2", "hv2", "eth0")["detail"], "the neighbour", 30)


def test_a_cut_link_is_seen_at_the_other_node(racks: Lab) -> None:
    """The interface first, then its tunnels, whose BFD has its time."""
    racks.racks.cut("hv1-tor1")
    try:
        wait_until(lambda: uplink(racks, "node2", "hv1", "eth0")["state"] == "down",
                   "node2 to show the cut link", 30)
        wait_until(lambda: uplink(racks, "node2", "hv1", "eth0")["carries"]["tunnels"]["up"] == 0,
                   "its tunnels to be down", 30)
        assert uplink(racks, "node2", "hv1", "eth1")["state"] == "up"
    finally:
        racks.racks.mend("hv1-tor1")
    wait_until(lambda: uplink(racks, "node2", "hv1", "eth0")["state"] == "up", "the link", 30)


def test_capabilities_of_an_element(racks: Lab) -> None:
    shown = racks.nodes["node2"].client.v1("elements/hv1")
    assert shown["ovs_version"].count(".") == 2
    assert shown["capabilities"]["datapath_type"] == "netdev"
    assert "vxlan" in shown["capabilities"]["interface_types"]
