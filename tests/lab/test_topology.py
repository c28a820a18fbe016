"""What a system of two nodes and two racks knows of itself, whichever node is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from lab.fabric.plan import Racks
from lab.topology import Lab
from lab.wait import wait_until

PEER_OPTIONS = "hold-time 3"


@pytest.fixture(scope="module")
def racks() -> Iterator[Lab]:
    with Lab(f"vnco{os.getpid()}", {"node1": ("hv1", "hv2"), "node2": ("hv3",)},
             racks=Racks(homes={"hv3": (2, 1)}), peer_options=PEER_OPTIONS) as made:  # fmt: skip
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
