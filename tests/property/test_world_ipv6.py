"""The World with IPv6: random dual-stack histories equal a fresh World with the final inputs, and
link-local addresses are known wherever, and only where, an IPv6 address is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control import ids
from ryu_apps.control.config.model import FixedIp, Network
from ryu_apps.control.routes import IpPrefix, MacIp, Path

from .world_model import (
    DEEPER,
    NETWORKS,
    PORTS,
    TARGETS,
    Driver,
    Node,
    check_collisions,
    host,
    mac,
    of_switch,
    rebuild,
    same,
)

PREFIXES = ("::/0", "fd00:0::/64", "fd00::a/128", "2001:db8::/32")


class DualStack(Driver):
    """Peers announce IPv6 as well; interfaces and ports have several IPv6 addresses."""

    def populate(self) -> None:
        super().populate()
        for n in range(3):
            self.subnet(n * 2 + 1, 1, 0)
        for n in range(2):
            self.attach(n * 2 + 1, 1 + n, 0)

    def network(self, a: int, b: int, c: int) -> None:
        id = list(NETWORKS)[a % 4]
        vni, rd = NETWORKS[id]
        if self._vni_taken(vni, id):
            return
        item = Network(id, vni, rd, import_targets=TARGETS[c % 3], flood_unknown=b % 4 == 3)
        self.node.set("network", id, item if b else None)

    def port(self, a: int, b: int, c: int) -> None:
        super().port(a, b, c)
        id = PORTS[a % len(PORTS)]
        item = self._has("port", id)
        if item is not None and b % 2 and b:
            subnet = f"{item.network_id}-b"
            more = tuple(
                FixedIp(subnet, host(subnet, 0x30 + 2 * (a % len(PORTS)) + n))
                for n in range(1 + c % 2)
            )
            # Those that it has already, where the port stayed as it was.
            every = tuple(dict.fromkeys((*item.fixed_ips, *more)))
            item = replace(item, fixed_ips=every)
            if self._free(item):
                self.node.set("port", id, item)

    def attach(self, a: int, b: int, c: int) -> None:
        super().attach(a, b, c)
        id = f"if-net{a // 2 % 4}-b"
        item = self._has("port", id)
        if a % 2 and b and c % 3 == 2 and item is not None:
            subnet = item.fixed_ips[0].subnet_id
            more = FixedIp(subnet, host(subnet, 0x40 + c % 2))
            self.node.set("port", id, replace(item, fixed_ips=(*item.fixed_ips[:1], more)))

    def make_path(self, a: int, b: int, c: int) -> Path:
        path = super().make_path(a, b, c)
        nlri = path.nlri
        if (a + b + c) % 3 == 0:
            return path
        if type(nlri) is IpPrefix:
            return path._replace(nlri=nlri._replace(prefix=PREFIXES[a // 3 % 4]))
        if type(nlri) is not MacIp or not nlri.ip:
            return path
        if c % 7 == 6:  # A foreign router that tells link-local addresses, of itself or of ours.
            network = list(NETWORKS)[a % 4]
            owner = (nlri.mac, mac(network, 16 + b % 3), mac(network, 3))[c % 3]
            return path._replace(nlri=nlri._replace(ip=ids.link_local(owner)))
        number = int(nlri.ip.rpartition(".")[2])
        return path._replace(nlri=nlri._replace(ip=f"fd00:{a % 4}::{number:x}"))


operation = st.tuples(
    st.integers(0, len(Driver.OPERATIONS) - 1),
    st.integers(0, 14),
    st.integers(0, 24),
    st.integers(0, 29),
)
operations = st.lists(operation, max_size=60)


def check(node: Node) -> None:
    world = node.world
    for element, objects in world.desired.objects.items():
        check_collisions(objects)
        gateways = [item for item in objects.values() if item.kind == "gateway"]
        taken = {(item.evi, address) for item in gateways for address in item.addresses}
        for item in gateways:
            addresses = {
                one
                for other in gateways if (other.evi, other.vrf) == (item.evi, item.vrf)
                for one in other.addresses
            }
            assert (ids.link_local(item.mac) in item.addresses) == any(
                one.startswith("fd00:") for one in addresses
            )
        for bound in world.ports.bound.values():
            if bound.element != element or ("port", bound.port_id) not in objects:
                continue
            local = ids.link_local(bound.mac)
            if any(":" in address.ip for address in bound.addresses):
                known = objects.get(("neighbor", bound.evi, local))
                assert (bound.evi, local) in taken or known.mac == bound.mac
                assert known is None or not known.remote
            elif known := objects.get(("neighbor", bound.evi, local)):
                assert known.remote  # A peer says so.
        for item in objects.values():
            if item.kind == "neighbor" and item.address.startswith("fe80:") and item.remote:
                paths = world.instances.by_vni[item.evi].ips[item.address]
                assert item.mac in {path.nlri.mac for path in paths}
            if item.kind == "evi":
                networks = [n for n in world.config.networks.values() if n.vni == item.evi]
                assert item.flood_unknown == (item.flood_macs or (bool(networks) and (
                    networks[0].flood_unknown or bool(networks[0].physical_network))))
            if item.kind == "route":
                assert not item.prefix.startswith("fe80:")
    for path in node.announced.values():
        if type(path.nlri) is MacIp:
            assert not path.nlri.ip.startswith("fe80:")


@settings(max_examples=120 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.booleans(), st.lists(operations, min_size=1, max_size=3), st.integers(0, 9))
def test_random_dual_stack_history_equals_a_fresh_world(populated, parts, seed):
    node = Node()
    driver = DualStack(node)
    if populated:
        driver.populate()
        node.settle()
    for part in parts:
        driver.run(part)
    node.settle()
    check(node)
    same(node, rebuild(node, seed))


@settings(max_examples=40 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations)
def test_undoing_ipv6_restores_the_tables(history):
    """An IPv6 subnet, its gateway and addresses, given and taken away again."""
    node = Node()
    driver = DualStack(node, conflicts=False)
    Driver.populate(driver)
    # What a switch refused once it is asked again, so that does not come back.
    reject = Driver.OPERATIONS.index("reject")
    driver.run([item for item in history if item[0] != reject])
    node.settle()
    if not node.inputs.by_kind("network"):
        return
    before = {element: of_switch(objects) for element, objects in node.tables.items()}
    announced = dict(node.announced)
    old = dict(node.inputs.config)
    for n in range(4):
        driver.subnet(n * 2 + 1, 1, 0)
        driver.attach(n * 2 + 1, 1 + n, 5)
    for a in range(len(PORTS)):
        item = node.inputs.config.get(("port", PORTS[a]))
        if item is not None:
            subnet = f"{item.network_id}-b"
            more = FixedIp(subnet, host(subnet, 0x60 + a))
            node.set("port", item.id, replace(item, fixed_ips=(*item.fixed_ips, more)))
    node.settle()
    check(node)
    for kind, id in set(node.inputs.config) | set(old):
        if node.inputs.config.get((kind, id)) != old.get((kind, id)):
            node.set(kind, id, old.get((kind, id)))
    node.settle()
    assert {element: of_switch(objects) for element, objects in node.tables.items()} == before
    assert node.announced == announced
