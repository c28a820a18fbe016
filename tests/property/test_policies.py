"""Policy sets: whatever the history, the objects are those of the final configuration."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    AddressGroup,
    AddressPair,
    Change,
    FixedIp,
    Network,
    Port,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)
from ryu_apps.control.policy.pages import SECURITY_GROUP, Named
from ryu_apps.control.world import World
from ryu_apps.views.checks import policy
from vrouter_ovs.state import LocalPort, Membership, PeerAddress, Policy, Rule

from ..element_info import ovs_info

GROUPS = ["ga", "gb", "gc", "gd"]
PROJECTS = ["red", "blue"]
ADDRESS_GROUPS = ["a", "ga"]
"""The second has the id of a security group."""
PORTS = ["p0", "p1", "p2", "p3"]
PAIRS = st.builds(
    AddressPair,
    st.sampled_from([
        "10.0.0.3", "10.0.0.3/32", "10.4.0.0/16", "10.4.0.0/24", "10.0.0.0/16", "0.0.0.0/0",
        "128.0.0.0/1", "0.0.0.0/1", "::/0", "fd00::/64",
    ]),
    st.sampled_from(["", "00:00:5e:00:01:0a"]),
)
PREFIXES = st.sampled_from([
    "10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/30", "10.0.0.2/32", "10.4.0.0/16", "fd00::/64",
    "fd00::/16",
])  # fmt: skip
BASE = [
    Change("network", "n", Network("n", 1000, 1)),
    Change("subnet", "s", Subnet("s", "n", "10.0.0.0/24")),
]


@st.composite
def changes(draw):
    kind = draw(st.sampled_from(["port", "rule", "group", "addresses", "network"]))
    if kind == "network":
        vni = draw(st.sampled_from([0, 1000, 1001]))
        return Change("network", "n", Network("n", vni, 1) if vni else None)
    if kind == "port":
        index = draw(st.integers(0, len(PORTS) - 1))
        name = PORTS[index]
        if draw(st.integers(0, 4)) == 0:
            return Change("port", name, None)
        return Change("port", name, Port(
            name, "n", f"fa:16:3e:00:00:{index:02x}",
            fixed_ips=tuple(FixedIp("s", f"10.0.0.{number}")
                            for number in draw(st.sets(st.integers(1, 3), max_size=1))),
            security_groups=tuple(draw(st.sets(st.sampled_from(GROUPS)))),
            port_security_enabled=draw(st.integers(0, 5)) > 0,
            allowed_address_pairs=tuple(draw(st.sets(PAIRS, max_size=2))),
        ))
    if kind == "rule":
        name = f"r{draw(st.integers(0, 5))}"
        if draw(st.integers(0, 3)) == 0:
            return Change("security_group_rule", name, None)
        remote = draw(st.sampled_from(["", "10.9.0.0/16", "group", "group", "addresses"]))
        ends = sorted(draw(st.tuples(st.integers(20, 30), st.integers(20, 30))))
        version = draw(st.sampled_from(["IPv4", "IPv6"]))
        protocol = draw(st.sampled_from(["", "tcp", "17"]))
        return Change("security_group_rule", name, SecurityGroupRule(
            name, draw(st.sampled_from(GROUPS)), draw(st.sampled_from(["ingress", "egress"])),
            version, protocol, *(ends if protocol and draw(st.booleans()) else (-1, -1)),
            remote_ip_prefix=remote if "/" in remote and version == "IPv4" else "",
            remote_group_id=draw(st.sampled_from(GROUPS)) if remote == "group" else "",
            remote_address_group_id=draw(st.sampled_from(ADDRESS_GROUPS))
            if remote == "addresses" else "",
        ))
    if kind == "group":
        name = draw(st.sampled_from(GROUPS))
        return Change("security_group", name, draw(st.one_of(
            st.none(), st.builds(SecurityGroup, st.just(name), stateful=st.booleans(),
                                 project_id=st.sampled_from(PROJECTS)))))
    name = draw(st.sampled_from(ADDRESS_GROUPS))
    return Change("address_group", name, draw(st.one_of(st.none(), st.builds(
        AddressGroup, st.just(name), addresses=st.lists(PREFIXES, unique=True).map(tuple),
        project_id=st.sampled_from(PROJECTS),
    ))))


def plug(world: World, element: str, number: int, ports) -> None:
    info = ovs_info(element, element, f"192.0.2.{number}", element, "198.51.100.1")
    rows = tuple(msg.Interface(f"t{port}", port, 10 + PORTS.index(port)) for port in ports)
    world.step(owns(world.settings.node, element), 0.0)
    world.step(msg.ElementConnected(number, info, rows, ()), 0.0)


def objects(world: World, element: str) -> dict:
    kinds = (LocalPort, Policy, Membership, Rule, PeerAddress)
    return {key: one for key, one in world.desired.objects[element].items() if type(one) in kinds}


histories = st.lists(st.lists(changes(), max_size=3), max_size=12)


def run(steps, plugged_at) -> World:
    """A node that saw a history of changes; the hypervisors come before one of them."""
    world = World(world_settings("a", 65000))
    world.step(msg.ConfigChanged(tuple(BASE), 1), 0.0)
    for index, step in enumerate([*steps, []]):
        if index == min(plugged_at, len(steps)):
            plug(world, "hv1", 1, PORTS[:3])
            plug(world, "hv2", 2, PORTS[3:])
        # A batch names a resource once, as a store transaction does.
        batch = {change[:2]: change for change in step}
        world.step(msg.ConfigChanged(tuple(batch.values()), index), 0.0)
    world.step(msg.ConfigChanged((BASE[0],), len(steps) + 1), 0.0)
    assert world.graph.failures == 0
    return world


@settings(max_examples=300, deadline=None)
@given(histories, st.integers(0, 12))
def test_incremental_equals_fresh(steps, plugged_at):
    world = run(steps, plugged_at)
    fresh = World(world_settings("a", 65000))
    final = [
        Change(kind, id, item)
        for kind, table in world.config.tables.items() for id, item in table.items()
    ]
    fresh.step(msg.ConfigChanged(tuple(final), 1), 0.0)
    plug(fresh, "hv1", 1, PORTS[:3])
    plug(fresh, "hv2", 2, PORTS[3:])
    for element in ("hv1", "hv2"):
        assert objects(world, element) == objects(fresh, element)
    assert world.policies.ids == fresh.policies.ids


def test_the_last_members_of_a_group_have_no_addresses():
    """They leave after the last one that had an address."""
    world = World(world_settings("a", 65000))
    ports = [Port("p0", "n", "fa:16:3e:00:00:01", security_groups=("g",)),
             Port("p1", "n", "fa:16:3e:00:00:02", fixed_ips=(FixedIp("s", "10.0.0.1"),),
                  security_groups=("g",))]
    world.step(msg.ConfigChanged((
        *BASE, Change("security_group", "g", SecurityGroup("g")),
        *(Change("port", port.id, port) for port in ports),
    ), 1), 0.0)
    plug(world, "hv1", 1, ["p0", "p1"])
    for name in ("p1", "p0"):
        world.step(msg.ConfigChanged((Change("port", name, None),), 2), 0.0)
    assert objects(world, "hv1") == {}


def test_members_cost_addresses_not_rules():
    """One more member of a group adds one PeerAddress on each vrouter, whatever its size."""
    world = World(world_settings("a", 65000))
    rule = SecurityGroupRule("r", "g", "ingress", "IPv4", "tcp", 22, 22, remote_group_id="g")
    world.step(msg.ConfigChanged((
        *BASE, Change("security_group", "g", SecurityGroup("g")),
        Change("security_group_rule", "r", rule),
        *(Change("port", f"p{i}", Port(f"p{i}", "n", f"fa:16:3e:00:01:{i:02x}",
                                       fixed_ips=(FixedIp("s", f"10.0.0.{i + 1}"),),
                                       security_groups=("g",))) for i in range(50)),
    ), 1), 0.0)
    plug(world, "hv1", 1, PORTS)
    assert sum(type(one) is PeerAddress for one in objects(world, "hv1").values()) == 50
    late = Port("late", "n", "fa:16:3e:00:02:00", fixed_ips=(FixedIp("s", "10.0.0.99"),),
                security_groups=("g",))
    effects = world.step(msg.ConfigChanged((Change("port", "late", late),), 2), 0.0)
    (program,) = [one for one in effects if type(one) is msg.Program]
    memberships = world.policies.memberships
    place = memberships.place(Named(SECURITY_GROUP, "g"))
    late = PeerAddress(memberships.number(place.page), "ingress", "10.0.0.99", (place.bit,))
    assert program.changes == (
        (late.key, late),
    )
    other = SecurityGroupRule("r2", "g", "ingress", "IPv4", "tcp", 80, 80)
    effects = world.step(
        msg.ConfigChanged((Change("security_group_rule", "r2", other),), 3), 0.0
    )
    (program,) = [one for one in effects if type(one) is msg.Program]
    assert [type(item) for _, item in program.changes] == [Rule]


def test_a_member_and_the_rule_that_named_its_group_leave_together():
    world = World(world_settings("a", 65000))
    rule = SecurityGroupRule("r", "ga", "ingress", remote_group_id="gb")
    ports = [
        Port(name, "n", f"fa:16:3e:00:00:{number:02x}",
             fixed_ips=(FixedIp("s", f"10.0.0.{number}"),), security_groups=(group,))
        for number, (name, group) in enumerate((("p0", "ga"), ("p1", "gb")), 1)
    ]
    world.step(msg.ConfigChanged((
        *BASE, *(Change("security_group", one, SecurityGroup(one)) for one in GROUPS),
        Change("security_group_rule", "r", rule),
        *(Change("port", port.id, port) for port in ports),
    ), 1), 0.0)
    plug(world, "hv1", 1, PORTS[:1])
    assert any(type(one) is PeerAddress for one in objects(world, "hv1").values())
    world.step(msg.ConfigChanged((
        Change("port", "p1", None), Change("security_group_rule", "r", None)), 2), 0.0)
    assert not any(type(one) is PeerAddress for one in objects(world, "hv1").values())


def test_health_names_the_port_whose_groups_cost_most(monkeypatch):
    world = World(world_settings("a", 65000))
    rule = SecurityGroupRule("r", "g", "ingress", "IPv4", "tcp", 22, 22, remote_group_id="g")
    world.step(msg.ConfigChanged((
        *BASE, Change("security_group", "g", SecurityGroup("g")),
        Change("security_group_rule", "r", rule),
        *(Change("port", f"p{i}", Port(f"p{i}", "n", f"fa:16:3e:00:01:{i:02x}",
                                       fixed_ips=(FixedIp("s", f"10.0.0.{i + 1}"),),
                                       security_groups=("g",))) for i in range(20)),
    ), 1), 0.0)
    plug(world, "hv1", 1, PORTS)
    found = policy.of(world)
    assert found.ok and not found.warning
    monkeypatch.setattr(policy, "MANY", 20)
    found = policy.of(world)
    assert found.ok and found.warning and "hv1 has 23" in found.detail and "port p0" in found.detail
