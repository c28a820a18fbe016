"""Whatever routers announce, ports that are plugged in stay where they are, for every vrouter."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control import ids
from ryu_apps.control.routes import LAST_SEQUENCE, Attributes, MacIp, Path

from .world_model import DEEPER, FOREIGN_VTEPS, PEERS, Driver, Node, target

operation = st.tuples(
    st.integers(0, 60), st.integers(0, 14), st.integers(0, 24), st.integers(0, 29)
)
claim = st.tuples(
    st.integers(0, 9), st.sampled_from((*FOREIGN_VTEPS, "10.0.0.1")), st.booleans(), st.booleans(),
    st.sampled_from((0, 1, 2, 9, LAST_SEQUENCE)), st.booleans(), st.sampled_from((100, 200)),
    st.sampled_from(PEERS),
)  # fmt: skip


def lookups(node: Node) -> dict[tuple, object]:
    """What each vrouter has for the MACs and addresses of active ports."""
    world, found = node.world, {}
    for port_id in world.ports.active:
        bound = world.ports.bound[port_id]
        keys = [("port", port_id), ("mac", bound.evi, bound.mac)]
        for address in bound.addresses:
            keys.append(("neighbor", bound.evi, address.ip))
            keys.append(("route", address.vrf, ids.host_prefix(address.ip)))
        for element, objects in node.tables.items():
            found.update({(element, key): objects.get(key) for key in keys})
    return found


@settings(max_examples=150 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(operation, max_size=25), st.lists(claim, min_size=1, max_size=30))
def test_routers_take_nothing(operations, claims):
    node = Node()
    driver = Driver(node, conflicts=False)
    driver.populate()
    driver.run(operations)
    for vtep in FOREIGN_VTEPS:
        node.elsewhere(vtep, False)
    for peer in PEERS:
        known = tuple(node.inputs.paths.get(peer, ()))
        node.receive(peer, (), known)
    node.settle()
    before, bound = lookups(node), dict(node.world.ports.bound)
    for number, far, with_ip, own_mac, mobility, sticky, preference, peer in claims:
        ports = [one for one in bound.values() if one.port_id in node.world.ports.active]
        if not ports:
            return
        port = ports[number % len(ports)]
        ip = port.addresses[0].ip if with_ip and port.addresses else ""
        vrf = next((one.vrf for one in port.addresses if one.ip == ip), 0)
        rts = (target(port.evi), target(vrf)) if vrf else (target(port.evi),)
        attrs = Attributes(
            far, rts, router_mac="02:76:c0:00:02:09", mobility=mobility, sticky=sticky,
            local_pref=preference,
        )  # fmt: skip
        nlri = MacIp(f"{far}:1", 0, port.mac if own_mac else "02:00:00:00:00:01", ip)
        labels = (port.evi, vrf) if vrf else (port.evi,)
        node.receive(peer, (Path(nlri, attrs, labels),))
        node.settle()
    assert node.world.ports.bound == bound
    assert lookups(node) == before
    for port_id in node.world.ports.active:
        paths = node.world.publisher.get(("port", port_id))
        assert all(0 <= path.attrs.mobility <= LAST_SEQUENCE for path in paths)
