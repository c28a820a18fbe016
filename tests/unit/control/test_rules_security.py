"""Security groups, their rules and address groups as pure functions, and what is stored of them."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.config import stored
from ryu_apps.control.config.model import Change, Port, SecurityGroupRule
from ryu_apps.control.config.rules import RuleError, networks
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.control.config.rules.routing import routers
from ryu_apps.control.config.rules.security import address_groups
from ryu_apps.control.config.rules.security import security_group_rules as rules
from ryu_apps.control.config.rules.security import security_groups as groups
from ryu_apps.control.policy.pages import ADDRESS_GROUP, Named
from ryu_apps.control.policy.rules import NO_GROUPS, groups_of, rules_of
from tests.unit.control.rules_support import Bench


@pytest.fixture
def bench():
    one = Bench(project_id="p")
    one.network = one.do(networks.create)
    one.subnet = one.do(subnets.create, network_id=one.network.id, cidr="10.0.0.0/24")
    return one


def meanings(bench, group_id):
    found = [bench.config.security_group_rules[id] for id in bench.config.rules_by_group[group_id]]
    return {(one.direction, one.ethertype, one.remote_group_id) for one in found}


BOTH_OUT = {("egress", "IPv4", ""), ("egress", "IPv6", "")}


# ------------------------------------------------------------ groups


def test_new_and_default_groups(bench):
    group = bench.do(groups.create, name="web")
    assert group.project_id == "p" and group.stateful and meanings(bench, group.id) == BOTH_OUT
    default = groups.find_default(bench.config, "p")
    assert meanings(bench, default) == BOTH_OUT | {
        ("ingress", "IPv4", default), ("ingress", "IPv6", default)}
    assert bench.config.security_groups[default].revision_number == 1
    bench.do(groups.create, name="web")  # names need not be unique
    assert len(bench.config.security_groups) == 3
    bench.refused("SecurityGroupDefaultAlreadyExists", 409, groups.create, name="Default")
    bench.refused("SecurityGroupCannotUpdateDefault", 409, groups.update, default, name="x")
    bench.refused("SecurityGroupDefaultAlreadyExists", 409, groups.update, group.id,
                  name="default")
    assert bench.do(groups.update, default, description="mine", name="default").description
    bench.refused_drop("SecurityGroupCannotRemoveDefault", groups.delete, default)


def test_ports_get_the_default_group_of_their_project(bench):
    one = bench.do(ports.create, network_id=bench.network.id)
    default = groups.find_default(bench.config, "p")
    assert one.security_groups == (default,) and groups_of(one) == (default,)
    other = bench.do(ports.create, network_id=bench.network.id, project_id="q")
    assert other.security_groups == (groups.find_default(bench.config, "q"),) != (default,)
    none = bench.do(ports.create, network_id=bench.network.id, security_groups=[])
    assert none.security_groups == () and groups_of(none) == NO_GROUPS
    assert rules_of(bench.config, 1, NO_GROUPS, {}) == {}
    off = bench.do(ports.create, network_id=bench.network.id, port_security_enabled=False)
    assert off.security_groups == () and groups_of(off) == ()
    bench.do(networks.update, bench.network.id, port_security_enabled=False)
    bare = bench.do(ports.create, network_id=bench.network.id)
    assert bare.security_groups == () and groups_of(bare) == ()
    secured = bench.do(ports.create, network_id=bench.network.id, port_security_enabled=True)
    assert secured.security_groups == (default,)
    router = bench.do(routers.create)
    bench.do(routers.add_interface, router.id, subnet_id=bench.subnet.id)
    (interface,) = bench.config.interfaces_by_network[bench.network.id]
    assert groups_of(bench.config.ports[interface]) == ()


def test_groups_of_ports(bench):
    web, db = bench.do(groups.create, name="web"), bench.do(groups.create, name="db")
    port = bench.do(ports.create, network_id=bench.network.id,
                    security_groups=[web.id, db.id])
    for rule, *id in ((ports.create,), (ports.update, port.id)):
        more = {} if id else {"network_id": bench.network.id}
        bench.refused("HTTPBadRequest", 400, rule, *id, security_groups=[web.id, db.id, web.id],
                      **more)
    free = bench.do(groups.create, name="free", stateful=False)
    bench.refused("SecurityGroupConflict", 409, ports.update, port.id,
                  security_groups=[web.id, free.id])
    bench.refused("SecurityGroupConflict", 409, ports.create, network_id=bench.network.id,
                  security_groups=[free.id, web.id])
    assert port.security_groups == (web.id, db.id)
    bench.refused("SecurityGroupInUse", 409, groups.update, web.id, stateful=False)
    bench.refused_drop("SecurityGroupInUse", groups.delete, web.id)
    bench.refused("SecurityGroupNotFound", 404, ports.update, port.id, security_groups=["none"])
    bench.refused("SecurityGroupNotFound", 404, ports.create, network_id=bench.network.id,
                  security_groups=["none"])
    bench.refused("PortSecurityPortHasSecurityGroup", 409, ports.update, port.id,
                  port_security_enabled=False)
    bench.refused("PortSecurityAndIPRequiredForSecurityGroups", 400, ports.update, port.id,
                  port_security_enabled=False, security_groups=[web.id])
    bench.refused("PortSecurityAndIPRequiredForSecurityGroups", 400, ports.create,
                  network_id=bench.network.id, port_security_enabled=False,
                  security_groups=[web.id])
    off = bench.do(ports.update, port.id, port_security_enabled=False, security_groups=[])
    assert groups_of(off) == ()
    assert groups_of(bench.do(ports.update, port.id, port_security_enabled=True)) == NO_GROUPS
    assert bench.do(groups.update, web.id, stateful=False).stateful is False
    bench.drop(groups.delete, web.id)
    assert web.id not in bench.config.rules_by_group


def test_a_port_that_becomes_a_router_interface_loses_its_groups(bench):
    port = bench.do(ports.create, network_id=bench.network.id)
    router = bench.do(routers.create)
    bench.do(routers.add_interface, router.id, port_id=port.id)
    assert bench.config.ports[port.id].security_groups == ()


def test_other_projects_groups_are_not_seen(bench):
    mine = bench.do(groups.create, name="web")
    bench.context = dataclasses.replace(bench.context, project_id="q")
    bench.refused("SecurityGroupNotFound", 404, rules.create, security_group_id=mine.id,
                  direction="ingress")
    own = bench.do(groups.create, name="own")
    bench.refused("SecurityGroupNotFound", 404, rules.create, security_group_id=own.id,
                  direction="ingress", remote_group_id=mine.id)
    bench.refused("NetworkNotFound", 404, ports.create, network_id=bench.network.id)
    network = bench.do(networks.create)
    bench.refused("SecurityGroupNotFound", 404, ports.create, network_id=network.id,
                  security_groups=[mine.id])


def test_deleting_a_group_deletes_what_names_it(bench):
    web, db = bench.do(groups.create, name="web"), bench.do(groups.create, name="db")
    rule = bench.do(rules.create, security_group_id=db.id, direction="ingress", protocol="tcp",
                    port_range_min=3306, port_range_max=3306, remote_group_id=web.id)
    assert bench.config.security_groups[db.id].revision_number == 2
    bench.drop(groups.delete, web.id)
    assert rule.id not in bench.config.security_group_rules
    assert meanings(bench, db.id) == BOTH_OUT
    assert bench.config.security_groups[db.id].revision_number == 3
    bench.drop(groups.delete, db.id)
    left = {one.security_group_id for one in bench.config.security_group_rules.values()}
    assert left == {groups.find_default(bench.config, "p")}


# ------------------------------------------------------------ rules


@pytest.fixture
def group(bench):
    return bench.do(groups.create, name="g").id


@pytest.mark.parametrize(("type", "status", "body"), [
    ("SecurityGroupProtocolRequiredWithPorts", 400, {"port_range_min": 1, "port_range_max": 2}),
    ("SecurityGroupInvalidPortRange", 400,
     {"protocol": "tcp", "port_range_min": 9, "port_range_max": 8}),
    ("SecurityGroupInvalidPortRange", 400, {"protocol": "udp", "port_range_min": 9}),
    ("SecurityGroupInvalidPortValue", 400,
     {"protocol": "tcp", "port_range_min": 0, "port_range_max": 8}),
    ("SecurityGroupInvalidPortValue", 400,
     {"protocol": "sctp", "port_range_min": 1, "port_range_max": 65536}),
    ("SecurityGroupInvalidProtocolForPort", 400,
     {"protocol": "gre", "port_range_min": 1, "port_range_max": 8}),
    ("SecurityGroupInvalidProtocolForPort", 400,
     {"protocol": "dccp", "port_range_min": 1, "port_range_max": 8}),
    ("SecurityGroupRuleInvalidProtocol", 400, {"protocol": "nonsense"}),
    ("SecurityGroupRuleInvalidProtocol", 400, {"protocol": 256}),
    ("SecurityGroupRuleInvalidProtocol", 400, {"protocol": "00000000006"}),
    ("SecurityGroupRuleInvalidEtherType", 400, {"ethertype": "ARP"}),
    ("SecurityGroupEthertypeConflictWithProtocol", 400, {"protocol": "ipv6-icmp"}),
    ("SecurityGroupEthertypeConflictWithProtocol", 400, {"protocol": "58"}),
    ("SecurityGroupInvalidIcmpValue", 400, {"protocol": "icmp", "port_range_min": 256}),
    ("SecurityGroupInvalidIcmpValue", 400,
     {"protocol": "1", "port_range_min": 3, "port_range_max": 256}),
    ("SecurityGroupMissingIcmpType", 400, {"protocol": "icmp", "port_range_max": 0}),
    ("InvalidCIDR", 400, {"remote_ip_prefix": "10.0.0.300/24"}),
    ("InvalidCIDR", 400, {"ethertype": "IPv6", "remote_ip_prefix": "fe80::%eth0/64"}),
    ("SecurityGroupRuleParameterConflict", 400, {"remote_ip_prefix": "fd00::/8"}),
    ("SecurityGroupRuleParameterConflict", 400,
     {"ethertype": "IPv6", "remote_ip_prefix": "10.0.0.0/8"}),
    ("SecurityGroupRemoteGroupAndRemoteIpPrefix", 400,
     {"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": "x"}),
    ("SecurityGroupNotFound", 404, {"remote_group_id": "x"}),
    ("AddressGroupNotFound", 404, {"remote_address_group_id": "x"}),
    ("HTTPBadRequest", 400, {"direction": "sideways"}),
    ("SecurityGroupNotFound", 404, {"security_group_id": "x"}),
])
def test_rules_that_are_refused(bench, group, type, status, body):
    bench.refused(type, status, rules.create,
                  **{"security_group_id": group, "direction": "ingress", **body})


@pytest.mark.parametrize(("first", "again"), [
    ({"protocol": "tcp"}, {"protocol": "6"}),
    ({"protocol": "tcp"}, {"protocol": "TCP", "port_range_min": 1, "port_range_max": 65535}),
    ({}, {"protocol": "any"}),
    ({}, {"protocol": 0}),
    ({"remote_ip_prefix": "10.0.0.9/24"}, {"remote_ip_prefix": "10.0.0.0/24"}),
    ({"remote_ip_prefix": "10.0.0.9"}, {"remote_ip_prefix": "10.0.0.9/32"}),
    ({"ethertype": "IPv6", "protocol": "icmp"}, {"ethertype": "ipv6", "protocol": "58"}),
    ({"description": "one"}, {"description": "two"}),
    ({"protocol": "tcp"}, {"protocol": "tcp", "remote_ip_prefix": "0.0.0.0/0"}),
    ({"remote_ip_prefix": "10.0.0.9/0"}, {}), ({}, {"remote_ip_prefix": ""}),
    ({"ethertype": "IPv6", "remote_ip_prefix": "::/0"}, {"ethertype": "IPv6"}),
    ({"ethertype": "IPv6"}, {"ethertype": "ipv6", "remote_ip_prefix": "fd00::1/0"}),
    ({"protocol": "udp", "port_range_min": 1, "port_range_max": 65535}, {"protocol": 17}),
    ({"remote_ip_prefix": "10.0.0.0/255.0.0.0"}, {"remote_ip_prefix": "10.9.9.9/8"}),
    ({"protocol": "any"}, {"protocol": 0}), ({"protocol": "ipip"}, {"protocol": "4"}),
    ({"ethertype": "IPv6", "protocol": "icmpv6"}, {"ethertype": "IPv6", "protocol": 1}),
])
def test_double_rules(bench, group, first, again):
    base = {"security_group_id": group, "direction": "ingress"}
    made = bench.do(rules.create, **base, **first)
    message = bench.refused("SecurityGroupRuleExists", 409, rules.create, **base, **again)
    assert made.id in message
    bench.drop(rules.delete, made.id)
    bench.do(rules.create, **base, **again)


def test_rules_that_differ(bench, group):
    base = {"security_group_id": group, "direction": "ingress"}
    for body in (
        {}, {"protocol": "icmp"}, {"protocol": "icmp", "port_range_min": 8},
        {"protocol": "icmp", "port_range_min": 8, "port_range_max": 0},
        {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22},
        {"protocol": "udp", "port_range_min": 22, "port_range_max": 22},
        {"remote_group_id": group}, {"remote_ip_prefix": "0.0.0.0/1"}, {"ethertype": "IPv6"},
        {"protocol": "vrrp"}, {"protocol": 255},
    ):
        bench.do(rules.create, **base, **body)
    assert len(bench.config.rules_by_group[group]) == 13
    one = bench.do(rules.create, **base, remote_ip_prefix="192.0.2.7/24", protocol="tcp")
    assert one.remote_ip_prefix == "192.0.2.7/24" and one.project_id == "p"
    found = rules_of(bench.config, 1, (group,), {})
    assert "192.0.2.0/24" in {rule.remote for rule in found.values()}
    assert bench.do(rules.update, one.id, description="x").revision_number == 2


@given(st.data())
def test_what_is_accepted_can_be_translated(data):
    """Any rule that passes validation comes out as rules of a set, or as one it repeats."""
    bench = Bench(project_id="p")
    group = bench.do(groups.create, name="g").id
    number = st.one_of(st.none(), st.integers(-1, 300), st.integers(65000, 65540))
    body = data.draw(st.fixed_dictionaries({
        "direction": st.sampled_from(["ingress", "egress"]),
        "ethertype": st.sampled_from(["IPv4", "IPv6"]),
        "protocol": st.sampled_from([None, "tcp", "udp", "icmp", "icmpv6", "ah", "17", 132, "58"]),
        "port_range_min": number, "port_range_max": number,
        "remote_ip_prefix": st.sampled_from([None, "10.1.2.3/8", "::/0", "fd00::1", "0.0.0.0/0"]),
    }))
    try:
        made = bench.do(rules.create, security_group_id=group, **body)
    except RuleError:
        return
    found = [one for one in rules_of(bench.config, 1, (group,), {}).values()
             if made.id in one.rules]
    assert found
    for one in found:
        assert one.first == -1 or 0 <= one.first <= 65535
        assert one.first != -1 or one.last == -1


# ------------------------------------------------------------ address groups


def test_address_groups(bench, group):
    made = bench.do(address_groups.create, name="a",
                    addresses=["10.0.0.1/32", "10.1.0.0/16", "FD00:0::/64", "10.1.2.3/16"])
    assert made.addresses == ("10.0.0.1/32", "10.1.0.0/16", "fd00::/64")
    bench.refused("AddressesAlreadyExist", 400, address_groups.add, made.id,
                  addresses=["10.0.0.1/32"])
    bench.refused("HTTPBadRequest", 400, address_groups.create, addresses=["10.0.0.7"])
    bench.refused("AddressesAlreadyExist", 400, address_groups.add, made.id,
                  addresses=["10.0.0.1"])
    bench.refused("AddressesNotFound", 404, address_groups.remove, made.id,
                  addresses=["10.0.0.2"])
    bench.refused("HTTPBadRequest", 400, address_groups.add, made.id, addresses=["x"])
    more = bench.do(address_groups.add, made.id, addresses=["10.2.0.0/16"])
    assert more.revision_number == 2 and len(more.addresses) == 4
    less = bench.do(address_groups.remove, made.id, addresses=["10.0.0.1/32", "fd00::/64"])
    assert less.addresses == ("10.1.0.0/16", "10.2.0.0/16")
    rule = bench.do(rules.create, security_group_id=group, direction="ingress",
                    remote_address_group_id=made.id)
    named = Named(ADDRESS_GROUP, made.id)
    assert [
        (one.address_group, one.page, one.bit)
        for one in rules_of(bench.config, 1, (group,), {named: (7, 3)}).values()
        if rule.id in one.rules
    ] == [(made.id, 7, 3)]
    bench.refused_drop("AddressGroupInUse", address_groups.delete, made.id)
    bench.drop(rules.delete, rule.id)
    bench.drop(address_groups.delete, made.id)
    bench.refused("InvalidInput", 400, address_groups.create,
                  addresses=[f"10.{i >> 8}.{i & 255}.0/24" for i in range(4097)])


# ------------------------------------------------------------ what is stored


def test_ports_of_before_stay_open():
    new = Port("p", "n", "fa:16:3e:00:00:01")
    assert stored.decode("port", stored.encode(new)) == new and groups_of(new) == NO_GROUPS
    data = json.loads(stored.encode(new))
    assert data["schema"] == stored.SCHEMA == 2
    del data["security_groups"], data["unfiltered"]
    old = stored.decode("port", json.dumps({**data, "schema": 1}).encode())
    assert old == dataclasses.replace(new, unfiltered=True) and groups_of(old) == ()
    assert stored.decode("port", stored.encode(old)) == old
    with pytest.raises(stored.ModelError, match="schema 3"):
        stored.decode("port", json.dumps({**data, "schema": 3}).encode())
    rule = SecurityGroupRule("r", "g", "ingress")
    assert json.loads(stored.encode(rule))["schema"] == 1
    assert stored.decode("security_group_rule", stored.encode(rule)) == rule


def test_a_port_of_before_is_filtered_once_it_is_told_its_groups(bench):
    def old(id):
        port = bench.do(ports.create, network_id=bench.network.id, security_groups=[])
        port = dataclasses.replace(port, id=id, unfiltered=True)
        bench.config.apply(Change("port", id, port))
        return port

    old("a")
    assert groups_of(bench.do(ports.update, "a", name="renamed")) == ()
    assert groups_of(bench.do(ports.update, "a", security_groups=[])) == NO_GROUPS
    old("b")
    group = bench.do(groups.create, name="g").id
    assert groups_of(bench.do(ports.update, "b", security_groups=[group])) == (group,)
    old("c")
    bench.do(ports.update, "c", port_security_enabled=False)
    assert groups_of(bench.do(ports.update, "c", port_security_enabled=True)) == NO_GROUPS


def test_addresses_and_ranges_of_ports_are_bounded(bench):
    """They add up, and every hypervisor holds them: refused before they fill a switch."""
    large = [
        bench.do(address_groups.create, addresses=[
            f"10.{n >> 8}.{n & 255}.{of * 16}/28" for n in range(4096)
        ])
        for of in range(8)
    ]  # fmt: skip
    group = bench.do(groups.create, name="g").id

    def allow(first, last, **more):
        return bench.do(rules.create, **{
            "security_group_id": group, "direction": "ingress", "protocol": "tcp",
            "port_range_min": first, "port_range_max": last, **more})

    for one in large[:7]:
        allow(1024, 2047, remote_address_group_id=one.id)
    # They are there once for each direction, whatever is asked of them.
    allow(1, 65534, remote_address_group_id=large[0].id)
    with pytest.raises(RuleError) as refused:
        allow(22, 22, remote_address_group_id=large[7].id)
    assert refused.value.status == 409 and group in refused.value.message
    allow(1, 65534)
    few = bench.do(address_groups.create, addresses=["10.0.0.0/24"])
    allow(1001, 1999, remote_address_group_id=few.id)
    with pytest.raises(RuleError) as refused:
        bench.do(address_groups.add, few.id, addresses=[f"10.99.{n >> 8}.{n & 255}/32"
                                                        for n in range(4095)])
    assert refused.value.status == 409 and group in refused.value.message
    assert bench.config.address_groups[few.id].addresses == ("10.0.0.0/24",)
