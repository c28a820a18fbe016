"""Shared addresses: whatever is announced in whatever order, the tables are what the final holders
give; among nodes each address has one holder; and nothing stays of what is gone."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import AddressPair
from ryu_apps.control.ids import link_local
from ryu_apps.control.messages import Evidence
from ryu_apps.control.routes import Attributes, MacIp, Path
from vrouter_ovs.addresses import ip_network
from vrouter_ovs.state import OWNER_KNOWN, OWNER_PORT

from .mesh import Mesh
from .mesh_operations import operation, play
from .world_model import (
    DEEPER,
    FOREIGN_VTEPS,
    NETWORKS,
    PEERS,
    PORTS,
    ROUTERS,
    Driver,
    Node,
    check_collisions,
    host,
    mac,
    of_switch,
    rebuild,
    same,
    target,
)

VIRTUAL = ("00:00:5e:00:01:0a", "00:00:5e:00:02:0a")


def addresses(network: str) -> tuple[str, ...]:
    """In subnets, in none, link-local; of ports and of a gateway."""
    return (
        host(f"{network}-a", 100), host(f"{network}-a", 101), host(f"{network}-b", 0x100),
        "10.9.0.5", "fe80::100", host(f"{network}-a", 10), host(f"{network}-b", 11),
        host(f"{network}-a", 1),
    )  # fmt: skip


def macs(network: str) -> tuple[str, ...]:
    """The port's own (""), virtual ones, another port's, the gateway's."""
    return ("", "", *VIRTUAL, mac(network, 17), mac(network, 1))


def pairs_of(network: str, seed: int) -> tuple[AddressPair, ...]:
    draw = random.Random(seed)
    found = [
        AddressPair(address, draw.choice(macs(network)))
        for address in (*addresses(network), "10.9.0.0/28")
        if draw.random() < 0.5
    ]
    return tuple(dict.fromkeys(found))


def seen_by(bound, seed: int) -> msg.AddressSeen:
    draw = random.Random(seed)
    if bound.shared and draw.random() < 0.8:
        mac_address, prefix = draw.choice(bound.shared)
        address = str(ip_network(prefix)[-1 if prefix.endswith("/28") else 0])
    else:
        mac_address = draw.choice(macs(bound.network_id)) or bound.mac
        address = draw.choice(addresses(bound.network_id))
    how = draw.choice((Evidence.USED, Evidence.ANSWERED, *[Evidence.ANNOUNCED] * 3))
    return msg.AddressSeen(bound.element, bound.port_id, mac_address, address, how)


class Sharing(Driver):
    OPERATIONS = (
        *Driver.OPERATIONS, *["pairs"] * 4, *["seen"] * 8, *["shared_path"] * 3,
    )  # fmt: skip

    def populate(self) -> None:
        super().populate()
        for n in range(len(PORTS)):
            self.pairs(n, n, 3)

    def pairs(self, a: int, b: int, c: int) -> None:
        port = self._has("port", PORTS[a % len(PORTS)])
        if port is not None:
            pairs = pairs_of(port.network_id, b * 31 + c)
            self.node.set("port", port.id, replace(port, allowed_address_pairs=pairs))

    def seen(self, a: int, b: int, c: int) -> None:
        bound = list(self.node.world.ports.bound.values())
        if bound:
            self.node.handle(seen_by(bound[a % len(bound)], b * 31 + c))

    def shared_path(self, a: int, b: int, c: int) -> None:
        """Another node announces a shared address, perhaps with a virtual MAC."""
        number = a % 3
        network, far = f"net{number}", FOREIGN_VTEPS[b % 2]
        evi, vrf = NETWORKS[network][0], ROUTERS[f"router{number % 2}"][0]
        attrs = Attributes(
            far, tuple(sorted((target(evi), target(vrf)))), router_mac="02:76:c0:00:02:09",
            mobility=c % 5, sticky=c == 29,
        )  # fmt: skip
        where = (mac(network, 210), VIRTUAL[0])[b // 2 % 2]
        address = addresses(network)[c // 5]
        nlri = MacIp(f"{far}:{1 + number}", 0, where, address)
        self.node.receive(PEERS[(a + b) % 2], (Path(nlri, attrs, (evi, vrf)),))


class Contending(Sharing):
    """Little else happens than that addresses are taken, by those who may and who may not."""

    OPERATIONS = (
        *["seen"] * 6, *["shared_path"] * 4, "pairs", "port", "attach", "subnet", "router",
        "interface", "withdraw", "peer_down", "end_of_rib", "ack_all", "tick", "flush",
    )  # fmt: skip

    def port(self, a: int, b: int, c: int) -> None:
        """It keeps its pairs."""
        old = self._has("port", PORTS[a % len(PORTS)])
        super().port(a, b, c)
        new = self._has("port", PORTS[a % len(PORTS)])
        if old is not None and new is not None:
            pairs = old.allowed_address_pairs
            self.node.set("port", new.id, replace(new, allowed_address_pairs=pairs))


def final(node: Node, seed: int) -> Node:
    """A fresh node with the same final inputs, in which the same ports announced what they hold."""
    fresh = rebuild(node, seed)
    learned = fresh.world.learned
    for (_, address), held in node.world.learned.holders.items():
        bound = fresh.world.ports.bound[held.port_id]
        fresh.handle(msg.AddressSeen(bound.element, held.port_id, held.mac, address))
    assert learned.holders.keys() == node.world.learned.holders.keys()
    for key, held in node.world.learned.holders.items():
        learned.holders[key] = held  # Its sequence number is history.
        fresh.world.graph.worklists["claims"].mark(held.port_id)
    fresh.settle()
    return fresh


def check_holders(node: Node) -> None:
    """What is held is allowed, nobody else's, and wanted of the vrouter that has the port."""
    world = node.world
    for (vni, address), held in world.learned.holders.items():
        bound = world.ports.bound[held.port_id]
        assert bound.evi == vni
        assert any(
            held.mac == one and address in map(str, ip_network(prefix))
            for one, prefix in bound.shared
        )
        owners = [
            port for port in world.config.ports.values()
            if port.network_id == bound.network_id
            and address in [fixed.ip_address for fixed in port.fixed_ips]
        ]  # fmt: skip
        assert not any(
            port.id in world.ports.bound or port.is_router_interface for port in owners
        )
        objects = node.tables[bound.element]
        assert objects["neighbor", vni, address].mac == held.mac
        assert objects["neighbor", vni, address].owner == OWNER_KNOWN
        if held.mac != bound.mac:
            assert objects["localmac", vni, held.mac].ofport == bound.ofport
    passing = {
        (vni, held.mac): held.port_id
        for (vni, _), held in world.learned.holders.items()
        if held.mac != world.ports.bound[held.port_id].mac
    }
    for (vni, _), held in world.learned.holders.items():
        assert passing.get((vni, held.mac), held.port_id) == held.port_id, "a MAC at two ports"
    for objects in node.tables.values():
        wanted = {("localmac", *place) for place in passing}
        assert {key for key in objects if key[0] == "localmac"} <= wanted


def check_owners(node: Node) -> None:
    """What a bound port has for itself is its own on every vrouter, so that no other announces
    it."""
    world = node.world
    for bound in world.ports.bound.values():
        if bound.port_id not in world.ports.active:
            continue
        for address in (*(one.ip for one in bound.addresses), link_local(bound.mac)):
            for objects in node.tables.values():
                known = objects.get(("neighbor", bound.evi, address))
                if known is not None and known.mac == bound.mac:
                    assert known.owner == OWNER_PORT, (bound, address)


def check(node: Node, seed: int) -> None:
    node.settle()
    check_owners(node)
    for objects in node.world.desired.objects.values():
        check_collisions(objects)
    check_holders(node)
    same(node, final(node, seed))


sharing = st.tuples(
    st.integers(0, len(Sharing.OPERATIONS) - 1), st.integers(0, 14), st.integers(0, 24),
    st.integers(0, 29),
)  # fmt: skip


@settings(max_examples=300 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(sharing, max_size=90), st.integers(0, 9))
def test_random_history_equals_a_fresh_world_with_the_final_holders(operations, seed):
    node = Node()
    driver = Sharing(node)
    driver.populate()
    node.settle()
    driver.run(operations)
    check(node, seed)


@settings(max_examples=150 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 10**6), min_size=30, max_size=90), st.integers(0, 9))
def test_contended_addresses(operations, seed):
    node = Node()
    driver = Contending(node)
    driver.populate()
    node.settle()
    draw = random.Random()
    for one in operations:
        draw.seed(one)
        name = draw.choice(Contending.OPERATIONS)
        getattr(driver, name)(draw.randrange(15), draw.randrange(25), draw.randrange(30))
        if one % 3 == 0:
            node.settle()
    check(node, seed)


@settings(max_examples=100 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(sharing, max_size=60))
def test_nothing_stays_of_what_is_gone(operations):
    node = Node()
    driver = Sharing(node)
    driver.populate()
    node.settle()
    driver.run(operations)
    for kind, id in list(node.inputs.config):
        node.set(kind, id, None)
    node.settle()
    learned = node.world.learned
    assert not learned.holders and not learned.candidates
    addresses, dampening = learned._addresses, learned._dampening
    assert not addresses._by_port and not addresses._by_mac and not learned.answered
    assert not learned._eligibility._fixed
    node.tick(1000)
    node.settle()
    assert not dampening._busy and not dampening._waiting and not learned.over_limit
    for objects in node.tables.values():
        assert {key[0] for key in of_switch(objects)} <= {"vrouter", "meterpool", "tunnel"}


@settings(max_examples=100 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(2, 3),
    st.lists(
        st.one_of(
            operation,
            st.tuples(
                st.just("announce"), st.integers(0, 2), st.integers(0, 3), st.integers(0, 999)
            ),
            st.tuples(
                st.just("pairs"), st.integers(0, 4), st.integers(0, 24), st.integers(0, 29)
            ),
        ),
        max_size=80,
    ),
)  # fmt: skip
def test_nodes_agree_on_one_holder(size, operations):
    mesh = Mesh(size)
    author = mesh.author = Sharing(mesh.author.node)
    for n in range(3):
        author.network(n, 1, 0)
        author.subnet(n * 2, 1, 0)
    author.router(0, 1, 0)
    author.attach(0, 1, 0)
    for n in range(6):
        author.port(n, 1, 0)
        author.pairs(n % 5, n, 3)
    for n in range(3):
        mesh.bind(f"e{n}", "tap0", PORTS[n])
        mesh.bind(f"e{n}", "tap1", PORTS[(n + 4) % 7])
    mesh.settle()
    for one in operations:
        if one[0] == "announce":
            _, number, which, seed = one
            bound = list(mesh.nodes[number % size].world.ports.bound.values())
            if bound:
                mesh.nodes[number % size].handle(seen_by(bound[which % len(bound)], seed))
        else:
            play(mesh, [one])
    mesh.settle()
    holders: dict[tuple[int, str], list] = {}
    places: dict[tuple[int, str], set] = {}
    for node in mesh.nodes:
        check_holders(node)
        for key, held in node.world.learned.holders.items():
            holders.setdefault(key, []).append(held)
            if held.mac in VIRTUAL:
                places.setdefault((key[0], held.mac), set()).add(held.port_id)
    assert all(len(held) == 1 for held in holders.values()), holders
    assert all(len(ports) == 1 for ports in places.values()), places
    for node in mesh.nodes:
        for objects in node.tables.values():
            for (vni, address), (held,) in holders.items():
                neighbor = objects.get(("neighbor", vni, address))
                if ("evi", vni) in objects:
                    assert neighbor is not None and neighbor.mac == held.mac
