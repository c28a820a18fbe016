"""What the default policy and a policy file let clients do."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_policy import opts

from ryu_apps.control.config.access import ADMINISTRATOR, Principal, Target, roles_up_to
from ryu_apps.control.config.model import KINDS
from ryu_apps.identity.policy import RELOAD, Policy, PolicyError
from ryu_apps.northbound.policies import known_attributes
from ryu_apps.northbound.resources.declared import COLLECTIONS
from tests.unit.authorities import authority

READER = Principal("red", roles_up_to("reader"))
MEMBER = Principal("red")
PROJECT_ADMIN = Principal("red", roles_up_to("admin"))
NOBODY = Principal("red", frozenset({"auditor"}))
PROJECTS = st.sampled_from(["", "red", "blue"])


def read(kind: str, project: str, roles: frozenset[str], target: Target) -> bool:
    """Who sees what, in the words of the Networking API's guide."""
    if "admin" in roles:
        return True
    mine = bool(project) and target.project_id == project
    parent = bool(project) and target.parent_project == project
    reader = "reader" in roles
    if kind in ("network", "security_group", "address_group"):
        return (reader and mine) or target.shared
    if kind == "router":
        return reader and mine
    if kind == "subnet":
        return (reader and (mine or parent)) or target.parent_shared
    if kind == "port":
        return reader and (mine or parent)
    return (reader and parent) or target.parent_shared  # The rules of a group.


@given(
    st.sampled_from(["network", "security_group", "address_group", "router", "subnet", "port",
                     "security_group_rule"]), PROJECTS,
    st.frozensets(st.sampled_from(["reader", "member", "admin", "auditor"])), PROJECTS,
    st.booleans(), PROJECTS, st.booleans(),
)
def test_who_reads_what_by_default(kind, project, roles, owner, shared, parent, parent_shared):
    target = Target(kind, owner, shared, parent, parent_shared)
    who = authority(Principal(project, roles))
    wanted = read(kind, project, roles, target)
    assert who.may(f"get_{kind}", target) == wanted
    assert who.regardless(f"get_{kind}") in (None, wanted)
    assert who.admin == ("admin" in roles)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ["create", "update", "delete"])
def test_a_reader_changes_nothing_and_a_member_what_is_its_own(kind, action):
    mine = Target(kind, "red", False, "red", False)
    other = Target(kind, "blue", True, "blue", False)
    rule = f"{action}_{kind}"
    for who, own, others in ((NOBODY, False, False), (READER, False, False), (MEMBER, True, False),
                             (PROJECT_ADMIN, True, True), (ADMINISTRATOR, True, True)):
        asked = authority(who)
        admin_only = asked.regardless(rule) is False and who is MEMBER
        assert asked.may(rule, mine) == (own and not admin_only), who
        assert asked.may(rule, other) == others, who


def test_one_without_a_project_has_not_what_is_of_no_project():
    assert not authority(Principal("")).may("get_router", Target("router", ""))


def test_the_whole_system_is_for_administrators_and_readers_of_it():
    scoped = Principal(roles=roles_up_to("reader"), system_scope="all")
    for who, reads, changes in ((MEMBER, False, False), (scoped, True, False),
                                (PROJECT_ADMIN, True, True)):
        asked = authority(who)
        assert asked.regardless("get_system") is reads
        assert asked.regardless("update_system") is changes


def test_what_no_rule_names_is_allowed_of_attributes_alone():
    asked = authority(MEMBER)
    assert asked.regardless("create_network:name") is True
    assert asked.regardless("create_network:shared") is False
    assert asked.regardless("create_nothing") is False


# ------------------------------------------------------------ a policy file


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def policy_of(file: Path, text: str, clock: Clock | None = None) -> Policy:
    file.write_text(text)
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    opts.set_defaults(conf, str(file))
    return Policy(conf, known_attributes(COLLECTIONS), clock or Clock())


def test_a_file_overrides_and_what_it_does_not_name_stays(tmp_path):
    policy = policy_of(tmp_path / "policy.yaml", """
"operator": "role:operator"
"create_network": "rule:operator"
"get_network:provider:segmentation_id": "role:member"
"update_port:device_owner": "rule:admin_only"
"get_router": "rule:admin_only or field:routers:shared=True"
"create_netwrok": "@"
""")
    member, operator = policy.authority(MEMBER), policy.authority(Principal(
        "red", roles_up_to("member") | {"operator"}))
    target = Target("network", "red")
    assert not member.may("create_network", target) and operator.may("create_network", target)
    assert not policy.authority(ADMINISTRATOR).may("create_network", target)
    assert member.may("update_network", target)
    assert member.regardless("get_network:provider:segmentation_id") is True
    assert member.regardless("get_network:provider:network_type") is False
    assert member.regardless("update_port:device_owner") is False
    assert member.may("get_router", Target("router", "blue", True))
    assert not member.may("get_router", Target("router", "red", False))
    assert policy.unknown_rules() == ["create_netwrok"]


@pytest.mark.parametrize("text", ['"a": "rule:b"\n"b": "rule:a"\n', '"a": "rule:nothing"\n',
                                  "- a list\n", '"a: b', '"create_network": "role:"or"\n'])
def test_a_file_that_makes_no_sense_is_named_at_the_start(tmp_path, text):
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        policy_of(tmp_path / "policy.yaml", text)


def test_a_changed_file_counts_soon_and_a_broken_one_never(tmp_path, caplog):
    file, clock = tmp_path / "policy.yaml", Clock()
    policy = policy_of(file, '"create_router": "role:member"\n', clock)
    target = Target("router", "red")

    def may() -> bool:
        return policy.authority(MEMBER).may("create_router", target)

    assert may()
    _rewrite(file, '"create_router": "!"\n', 1)
    assert may()
    clock.now += RELOAD
    assert not may()
    _rewrite(file, '"create_router: "@"\n', 2)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            clock.now += RELOAD
            assert not may()
    assert caplog.text.count("the policy stays as it was") == 1
    _rewrite(file, "", 3)
    clock.now += RELOAD
    assert may()


def _rewrite(file: Path, text: str, age: int) -> None:
    """With a time of its own, as oslo.policy goes by whole steps of the clock."""
    file.write_text(text)
    moment = file.stat().st_mtime + age
    os.utime(file, (moment, moment))
