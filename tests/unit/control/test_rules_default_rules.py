"""Default security group rules: what new groups begin with."""

from __future__ import annotations

import pytest

from ryu_apps.control.config import consistency
from ryu_apps.control.config.model import Change, DefaultSecurityGroupRules, TemplateRule
from ryu_apps.control.config.resources.security.default_security_group_rule import (
    BUILT_IN,
    ONLY,
    PARENT,
)
from ryu_apps.control.config.rules.security import (
    address_groups,
    security_group_rules,
    security_groups,
)
from ryu_apps.control.config.rules.security import default_security_group_rules as rules
from ryu_apps.control.config.rules.security.default_security_group_rules import template
from tests.unit.control.rules_support import Bench


@pytest.fixture
def bench():
    made = Bench()
    yield made
    assert list(consistency.faults(made.config)) == []


def says(bench, group):
    """(direction, ethertype, protocol, ports, remote) of a group's rules."""
    found = []
    for id in bench.config.rules_by_group.get(group, ()):
        rule = bench.config.security_group_rules[id]
        remote = "itself" if rule.remote_group_id == group else rule.remote_group_id
        found.append((rule.direction, rule.ethertype, rule.protocol, rule.port_range_min,
                      remote or rule.remote_ip_prefix or rule.remote_address_group_id))
    return sorted(found)


def custom(bench, name="g"):
    return bench.do(security_groups.create, name=name, project_id="p").id


def default(bench, project):
    bench.do(security_groups.create, name="x", project_id=project)
    return security_groups.find_default(bench.config, project)


ALL_OUT = [("egress", "IPv4", "", -1, ""), ("egress", "IPv6", "", -1, "")]
FROM_ITSELF = [("ingress", "IPv4", "", -1, "itself"), ("ingress", "IPv6", "", -1, "itself")]


def test_what_groups_begin_with_when_nobody_said_otherwise(bench):
    assert template(bench.config) == BUILT_IN
    assert says(bench, custom(bench)) == ALL_OUT
    assert says(bench, default(bench, "p")) == ALL_OUT + FROM_ITSELF
    assert not bench.config.default_security_group_rules


def test_new_groups_get_what_is_added_and_old_ones_stay(bench):
    before, ssh = custom(bench, "old"), {"direction": "ingress", "protocol": "tcp",
                                         "port_range_min": 22, "port_range_max": 22}
    made = bench.do(rules.create, used_in_default_sg=True, description="d", **ssh)
    assert made.used_in_default_sg and made.used_in_non_default_sg and made.description == "d"
    bench.do(rules.create, remote_group_id=PARENT, direction="ingress", ethertype="IPv6")
    assert says(bench, before) == ALL_OUT
    rule = ("ingress", "IPv4", "tcp", 22, "")
    assert says(bench, custom(bench)) == sorted([*ALL_OUT, rule, FROM_ITSELF[1]])
    assert says(bench, default(bench, "q")) == sorted([*ALL_OUT, *FROM_ITSELF, rule])
    group = custom(bench, "named")
    for id in bench.config.rules_by_group[group]:
        rule = bench.config.security_group_rules[id]
        assert rule.project_id == "p" and not rule.description and rule.revision_number == 1


def test_all_of_them_can_go_and_stay_away(bench):
    for rule in BUILT_IN:
        bench.do(lambda draft, id, _, context: rules.delete(draft, id, context), rule.id)
    assert template(bench.config) == ()
    assert says(bench, custom(bench)) == [] == says(bench, default(bench, "q"))
    with pytest.raises(Exception, match="does not exist"):
        bench.drop(rules.delete, BUILT_IN[0].id)
    made = bench.do(rules.create, direction="egress", used_in_non_default_sg=False,
                    used_in_default_sg=True)
    assert template(bench.config) == (made,)
    assert says(bench, custom(bench, "h")) == []
    assert says(bench, default(bench, "r")) == [ALL_OUT[0]]


@pytest.mark.parametrize("fields", [
    {"direction": "egress"}, {"direction": "egress", "remote_ip_prefix": "0.0.0.0/0"},
    {"direction": "ingress", "remote_group_id": PARENT, "used_in_default_sg": True},
])
def test_one_that_says_the_same_is_refused(bench, fields):
    bench.refused("DefaultSecurityGroupRuleExists", 409, rules.create, **fields)


def test_the_same_for_other_groups_is_another(bench):
    bench.do(rules.create, direction="ingress", remote_group_id=PARENT)
    tcp = {"direction": "ingress", "protocol": "tcp"}
    bench.do(rules.create, used_in_default_sg=True, used_in_non_default_sg=False, **tcp)
    bench.do(rules.create, **tcp)
    bench.refused("DefaultSecurityGroupRuleExists", 409, rules.create, **{**tcp, "protocol": "6"})


@pytest.mark.parametrize("fields,type", [
    ({"direction": "up"}, "HTTPBadRequest"),
    ({"direction": "ingress", "remote_group_id": PARENT, "remote_ip_prefix": "10.0.0.0/8"},
     "SecurityGroupRemoteGroupAndRemoteIpPrefix"),
    ({"direction": "ingress", "port_range_min": 1, "port_range_max": 2},
     "SecurityGroupProtocolRequiredWithPorts"),
])
def test_what_no_rule_may_say(bench, fields, type):
    bench.refused(type, 400, rules.create, **fields)


def test_what_they_name_stays_or_takes_them_along(bench):
    addresses = bench.do(address_groups.create, addresses=["192.0.2.0/24"])
    remote = custom(bench, "remote")
    by_addresses = bench.do(rules.create, direction="ingress",
                            remote_address_group_id=addresses.id)
    bench.do(rules.create, direction="ingress", remote_group_id=remote)
    group = custom(bench)
    assert {one[-1] for one in says(bench, group)} == {"", addresses.id, remote}
    bench.drop(security_groups.delete, remote)
    assert [rule.id for rule in template(bench.config)][4:] == [by_addresses.id]
    rule = next(id for id in bench.config.rules_by_address_group[addresses.id])
    bench.drop(security_group_rules.delete, rule)
    assert by_addresses.id in str(bench.refused(
        "AddressGroupInUse", 409, lambda draft, id, _, context:
        address_groups.delete(draft, id, context), addresses.id))
    bench.drop(rules.delete, by_addresses.id)
    bench.drop(address_groups.delete, addresses.id)


def test_there_are_not_too_many(bench):
    for port in range(1, rules.MAX_RULES - len(BUILT_IN) + 1):
        bench.do(rules.create, direction="ingress", protocol="tcp", port_range_min=port,
                 port_range_max=port)
    bench.refused("OverQuota", 409, rules.create, direction="ingress", protocol="udp")


@pytest.mark.parametrize("item,text", [
    (DefaultSecurityGroupRules("other"), "it is not default"),
    (DefaultSecurityGroupRules(ONLY, rules=(TemplateRule("a", "egress"),) * 2), "one id"),
    (DefaultSecurityGroupRules(ONLY, rules=(
        TemplateRule("a", "ingress", remote_group_id="gone"),)), "no security_group gone"),
])
def test_what_is_wrong_with_stored_ones(item, text):
    bench = Bench()
    bench.config.apply(Change("default_security_group_rule", item.id, item))
    assert text in " ".join(consistency.faults(bench.config))
