"""``/v2.0/security-groups``.  The default one of a project is made when somebody looks."""

from __future__ import annotations

import dataclasses
import logging

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import SecurityGroup, SecurityGroupRule
from ryu_apps.control.config.resources.security.security_group import SECURITY_GROUP
from ryu_apps.control.config.rules import Draft
from ryu_apps.control.config.rules.security import security_groups
from ryu_apps.northbound.bodies.fields import Body, Name, Text
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http import audit
from ryu_apps.northbound.http.call import Call
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    STRING,
    as_prefix,
    as_protocol,
    as_text,
    objects,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View
from ryu_apps.northbound.resources.security import security_group_rule
from ryu_apps.store.base import StoreError

LOG = logging.getLogger(__name__)


class SecurityGroupUpdate(Body):
    name: Name = ""
    description: Text = ""
    stateful: bool = True


class SecurityGroupCreate(SecurityGroupUpdate, standard.Owned):
    pass


def view(item: SecurityGroup, rules: list[SecurityGroupRule]) -> View:
    in_default = item.name == security_groups.DEFAULT
    return {
        "id": item.id,
        "name": item.name,
        "stateful": item.stateful,
        "shared": item.shared,
        "security_group_rules": [security_group_rule.view(rule, in_default) for rule in rules],
        **standard.standard(item),
    }


def _rules(config: Config, item: SecurityGroup) -> list[SecurityGroupRule]:
    rules = config.security_group_rules
    return [rules[id] for id in config.rules_by_group.get(item.id, ())]


def _ensure_default(environment: Environment, call: Call, filters: dict[str, set[str]]) -> None:
    """Make the default group of the client's project, or of the one project that it asks for.

    A list must neither fail nor wait because it cannot be made now: that is logged.
    """
    project = call.principal.project_id
    projects = filters.get("project_id") or filters.get("tenant_id") or set()
    if call.authority.admin and len(projects) == 1:
        (project,) = projects
    configuration = environment.configuration
    if not project or len(project) > 255 or not configuration.answers or configuration.read(
        lambda config: security_groups.find_default(config, project)
    ):
        return
    context = dataclasses.replace(environment.context(call), if_match=None)

    def plan(config: Config) -> tuple[list, None]:
        with Draft(config) as draft:
            security_groups.default_group(draft, project, context)
            return draft.changes(), None

    try:
        audit.committed(configuration.commit, plan)
    except StoreError as error:
        LOG.warning("the default security group of %s was not made: %s", project, error)


COLLECTION = Collection(
    kind=SECURITY_GROUP,
    path="security-groups",
    create_body=SecurityGroupCreate,
    update_body=SecurityGroupUpdate,
    rules=security_groups,
    view=view,
    extra=_rules,
    before_list=_ensure_default,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "stateful": BOOLEAN, "shared": BOOLEAN,
        "security_group_rules": objects(
            id=as_text, protocol=as_protocol, remote_ip_prefix=as_prefix, remote_group_id=as_text
        ),
    },
    extensions={
        "security-group": ("security-group", "Security groups and their rules"),
        "stateful-security-group": (
            "Stateful security group", "Groups whose connections are tracked, or not"),
    },
)
