"""From scratch: the same final inputs fed to a fresh World, and what must be equal then.

What is history by intent is carried over by name: which claim of a port is the older and which one
holds it, the mobility sequence numbers announced, and what the switches confirmed or refused.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ryu_apps.control.config.model import Change
from ryu_apps.control.ports.bindings import Mobility
from vrouter_ovs.state import FLOWS, OVSDB, TARGET_OF, Arrived, InterfaceInstalled
from vrouter_ovs.wire.encode import encode_object

from .world_node import Hypervisor, Node, local_paths

LONG_AFTER = 3600.0
"""Seconds."""


@lru_cache(maxsize=65536)
def flow_keys(item: Any) -> tuple[bytes, ...]:
    if TARGET_OF[item.kind] != FLOWS:
        return ()
    return tuple(flow.key for flow in encode_object(item))


def check_collisions(objects: dict) -> None:
    """No two objects of one vrouter render the same flow."""
    owner: dict[bytes, Any] = {}
    for item in objects.values():
        for key in flow_keys(item):
            other = owner.setdefault(key, item)
            assert other is item, f"{other} and {item} render one flow"


def rebuild(node: Node, seed: int = 0) -> Node:
    """A fresh node that is told the final inputs of ``node``, in the random order ``seed``.

    First the ports that are held, confirmed by their switches; then what the peers say; then the
    claims that wait.
    """
    shuffled = random.Random(seed)
    inputs, old = node.inputs, node.world
    fresh = Node()
    fresh.now = node.now
    bindings = fresh.world.bindings
    bindings.mobility.update(old.bindings.mobility)
    bindings.expired_peers.update(old.bindings.expired_peers)
    duplicates = fresh.world.duplicates
    duplicates.by_port.update(old.duplicates.by_port)
    duplicates._answers.update(old.duplicates._answers)
    for vtep, there in inputs.elsewhere.items():
        fresh.elsewhere(vtep, there)
    for port_id in old.ports.active:
        path = old.publisher.get(("port", port_id))[0]
        bindings.mobility[port_id] = Mobility(path.attrs.mobility, path.attrs.next_hop)

    changes = [Change(kind, id, item) for (kind, id), item in inputs.config.items()]
    shuffled.shuffle(changes)
    held = [
        (bound.element, bound.interface, port_id) for port_id, bound in old.ports.bound.items()
    ]
    shuffled.shuffle(held)
    steps: list[Callable[[], None]] = [lambda one=one: fresh.configure(one) for one in changes]
    for name, element in inputs.elements.items():
        def join(name: str = name, element: Hypervisor = element) -> None:
            fresh.inputs.elements[name] = Hypervisor(
                element.info, 0, tunnels=dict(element.tunnels)
            )
            fresh.connect(name)
        steps.append(join)
    shuffled.shuffle(steps)
    for step in steps:
        step()
    for element, tap, _ in held:
        fresh.interface(element, tap, inputs.elements[element].interfaces[tap])
    fresh.flush()
    for element, key in inputs.refused:
        if key[0] == "port":
            fresh.refuse(element, key)
    fresh.settle()

    peers = list(inputs.paths)
    shuffled.shuffle(peers)
    for peer in peers:
        known = list(inputs.paths[peer].values())
        shuffled.shuffle(known)
        fresh.receive(peer, tuple(path for path, stale in known if stale))
        fresh.peer_down(peer)
        fresh.receive(peer, tuple(path for path, stale in known if not stale))
    fresh.settle()

    claimed = list(old.elements.claims.items())
    shuffled.shuffle(claimed)
    for port_id, claims in claimed:
        for claim, row in claims.items():
            # A subport is claimed by the interface of its trunk's parent.
            known = fresh.inputs.elements[claim.element].interfaces
            if row.iface_id == port_id and claim.interface not in known:
                fresh.interface(claim.element, claim.interface, row)
    for name, element in inputs.elements.items():
        if not element.connected:
            fresh.disconnect(name)
    fresh.settle()
    return fresh


def same(one: Node, other: Node) -> None:
    """Both ask the same of every vrouter and announce the same."""
    left, right = one.world, other.world
    assert left.desired.objects.keys() == right.desired.objects.keys()
    for node in (one, other):
        node.world.ports.tick(node.now)  # What the hosts are told waits for it.
        node.world.tunnels.tick(node.now + LONG_AFTER)  # No path is held for what it did.
        no_segment_lingers(node)
        node.flush()
    for element, objects in left.desired.objects.items():
        assert_equal(of_switch(objects), of_switch(right.desired.objects[element]), element)
        assert installed(one, element) == installed(other, element)
    assert_equal(local_paths(left), local_paths(right), "announced")
    assert left.ports.bound == right.ports.bound
    # Not what was said before and is no longer true.
    left_edges, right_edges = (
        {place: replace(port, withdrawn=()) for place, port in node.edges.items()}
        for node in (one, other)
    )
    assert_equal(left_edges, right_edges, "edge")
    assert left.ports.active == right.ports.active


def no_segment_lingers(node: Node) -> None:
    """Those of networks that have become overlays go."""
    node.world.segments.tick(node.now)
    node.world.segments.tick(node.now + LONG_AFTER)
    node.flush()


def of_switch(objects: dict) -> dict:
    """Without rows of the database: which tunnel ports there are follows from the others and from
    the records of all nodes (:meth:`Node.check_folds`), and marks come with the next tick.  Without
    what is for a while where a port came and left: it is history."""
    return {
        key: replace(item, relay=False) if getattr(item, "relay", False) else item
        for key, item in objects.items()
        if TARGET_OF[key[0]] != OVSDB and key[0] != Arrived.kind
    }


def installed(node: Node, element: str) -> set[str]:
    """The interfaces that are said to be installed: those of active ports.  That one is not is only
    said of what was."""
    found = {
        item.interface for item in node.world.desired.objects[element].values()
        if type(item) is InterfaceInstalled and item.installed
    }
    assert found == {
        bound.interface for bound in node.world.ports.bound.values()
        if bound.element == element and bound.port_id in node.world.ports.active and not bound.vlan
    }
    return found


def assert_equal(one: dict, other: dict, where: str) -> None:
    """Dict equality that names only what differs."""
    if one != other:
        lines = [
            f"{where} {key}: {one.get(key)} != {other.get(key)}"
            for key in one.keys() | other.keys()
            if one.get(key) != other.get(key)
        ]
        raise AssertionError("\n".join(lines))
