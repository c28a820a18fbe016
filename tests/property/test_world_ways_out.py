"""Gateways of routers among all else that happens: in whatever order, the tables are what the final
inputs alone give, and nothing stays of what is deleted."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import ROUTER_GATEWAY, ExternalGateway, FixedIp, Port
from vrouter_ovs.state import Endpoint

from .world_model import DEEPER, Driver, Node, check_collisions, of_switch, rebuild, same
from .world_universe import ELEMENTS, ROUTERS, host, mac

OUTER = "net2"


class WaysOut(Driver):
    """The network OUTER leads outside, and two routers have gateways there.  No hypervisor goes to
    another node: its record stays, and a fresh world is told nothing of it."""

    OPERATIONS = (
        *(name for name in Driver.OPERATIONS if name != "lose"),
        *("way_out", "way_out", "outer", "outer", "offer", "offer", "life") * 3,
    )

    def outer(self, a: int, b: int, c: int) -> None:
        """It leads outside or does not; the next router is a port, or nobody."""
        network, subnet = self._has("network", OUTER), self._has("subnet", f"{OUTER}-a")
        if network is not None:
            self.node.set("network", OUTER, replace(network, external=bool(a % 4)))
        if subnet is not None:
            gateway = (host(f"{OUTER}-a", 10), host(f"{OUTER}-a", 9), "")[b % 3]
            self.node.set("subnet", f"{OUTER}-a", replace(subnet, gateway_ip=gateway))

    def way_out(self, a: int, b: int, c: int) -> None:
        """A router gets its gateway, loses it, or has another address there."""
        number = a % 2
        name = list(ROUTERS)[number]
        router, id = self._has("router", name), f"gw-{name}"
        if not b or router is None:
            if router is not None:
                self.node.set("router", name, replace(router, gateways=()))
            self.node.set("port", id, None)
            return
        item = Port(
            id, OUTER, mac(OUTER, 64 + number + 2 * (c % 2)),
            fixed_ips=tuple(FixedIp(f"{OUTER}-{version}", host(f"{OUTER}-{version}", 60 + number))
                            for version in "ab"[: 1 + c // 2 % 2]),
            device_id=name, device_owner=ROUTER_GATEWAY, port_security_enabled=False,
            admin_state_up=c % 7 != 6,
        )
        if self._free(item):
            self.node.set("port", id, item)
            self.node.set("router", name, replace(
                router, gateways=(ExternalGateway(id, b % 4 != 3),)))

    def offer(self, a: int, b: int, c: int) -> None:
        """A hypervisor is a gateway, or is none any more."""
        if name := self._connected(a):
            self.node.change_facts(name, gateway=bool(b % 4))

    def life(self, a: int, b: int, c: int) -> None:
        """BFD says something of a tunnel between two hypervisors."""
        name, other = self._connected(a), ELEMENTS[b % len(ELEMENTS)]
        known = self.node.inputs.elements.get(other)
        if name and known is not None and name != other:
            endpoint = Endpoint(known.info.vtep)
            state = ("up", "down", "")[c % 3]
            self.node.tunnel(name, endpoint, msg.TunnelStatus(endpoint, 90 + b % 5, state))

    def begin(self) -> None:
        self.populate()
        for number in range(2):
            self.outer(1, 0, 0)
            self.way_out(number, 1, 0)
            self.offer(number, 1, 0)
        for number in range(len(ELEMENTS) ** 2):
            self.life(number, number // len(ELEMENTS), 0)


histories = st.lists(
    st.tuples(
        st.integers(0, len(WaysOut.OPERATIONS) - 1), st.integers(0, 14), st.integers(0, 24),
        st.integers(0, 29),
    ),
    max_size=60,
)


@settings(max_examples=150 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.booleans(), histories, st.integers(0, 9))
def test_ways_out_are_what_the_final_inputs_give(begun, history, seed):
    node = Node()
    driver = WaysOut(node)
    if begun:
        driver.begin()
        node.settle()
    driver.run(history)
    node.settle()
    for objects in node.world.desired.objects.values():
        check_collisions(objects)
    same(node, rebuild(node, seed))


@settings(max_examples=80 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories, st.integers(0, 1 << 16))
def test_deletion_in_any_order_leaves_no_way_out(history, seed):
    node, rng = Node(), random.Random(seed)
    driver = WaysOut(node)
    driver.begin()
    node.settle()
    driver.run(history)
    node.flush()
    for name, element in node.inputs.elements.items():
        if not element.connected:
            node.connect(name)
    places = list(node.inputs.config)
    rng.shuffle(places)
    for place in places:
        node.set(*place, None)
        if rng.random() < 0.5:
            node.flush()
    for name, element in node.inputs.elements.items():
        for tap in list(element.interfaces):
            node.interface(name, tap, None)
    for peer, held in node.inputs.paths.items():
        for nlri in list(held):
            node.receive(peer, (), (nlri,))
    node.settle()
    assert not node.world.ways_out.ways and not node.world.ways_out.remaining()
    for table in node.tables.values():
        assert {key[0] for key in of_switch(table)} <= {"meterpool", "vrouter", "tunnel"}
