"""Rules for security groups (Networking API v2.0, "Security groups").

Every project has a group named "default", made when it is first needed: without other default
rules its members may send anything and receive from one another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import SecurityGroup
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.config.rules.security import default_security_group_rules
from ryu_apps.control.config.rules.security.rule_size import check_size

DEFAULT = "default"


def create(draft: Draft, body: dict[str, Any], context: Context) -> SecurityGroup:
    """A group with the default rules: without others of them it lets its members send anything and
    receive nothing."""
    fields = common(body, context)
    _name_free(fields["name"])
    default_group(draft, fields["project_id"], context)
    return _create(draft, fields, body.get("stateful", True), context)


def _create(
    draft: Draft, fields: dict[str, Any], stateful: bool, context: Context
) -> SecurityGroup:
    group = draft.put("security_group", SecurityGroup(stateful=stateful, **fields))
    default_security_group_rules.instantiate(
        draft, group.id, group.project_id, group.name == DEFAULT, context
    )
    check_size(draft, (group.id,))
    return group


def find_default(config: Config, project_id: str) -> str:
    """The id of a project's default group, or "" if it has none yet."""
    found = config.groups_by_name.get((project_id, DEFAULT))
    return min(found) if found else ""


def default_group(draft: Draft, project_id: str, context: Context) -> str:
    """The id of the project's default group, which is made if there is none."""
    found = find_default(draft.config, project_id)
    if found:
        return found
    fields = common(
        {"name": DEFAULT, "description": "Default security group", "project_id": project_id},
        dataclasses.replace(context, project_id=""),
    )
    return _create(draft, fields, True, context).id


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> SecurityGroup:
    old = draft.get("security_group", id)
    if "name" in body and body["name"] != old.name:
        if old.name == DEFAULT:
            raise conflict(
                "SecurityGroupCannotUpdateDefault",
                f"Updating default security group not allowed: {id} keeps its name.",
            )
        _name_free(body["name"])
    if body.get("stateful", old.stateful) != old.stateful:
        _unused(draft, id, "cannot change between stateful and stateless")
    return draft.replace(
        "security_group", old, context, **plain(body, "name", "description", "stateful")
    )


def delete(draft: Draft, id: str, context: Context) -> None:
    """Its rules go with it, and rules of other groups that name it as remote."""
    old = draft.get("security_group", id)
    check_revision("security_group", old, context)
    if old.name == DEFAULT and not draft.who.admin:
        raise conflict(
            "SecurityGroupCannotRemoveDefault",
            f"Insufficient rights for removing default security group {id}: every project has "
            "one. Its rules can be changed.",
        )
    _unused(draft, id, "cannot be deleted")
    config = draft.config
    for rule_id in list(config.rules_by_group.get(id, ())):
        draft.delete("security_group_rule", rule_id)
    touched: dict[str, None] = {}
    for rule_id in list(config.rules_by_remote_group.get(id, ())):
        touched[config.security_group_rules[rule_id].security_group_id] = None
        draft.delete("security_group_rule", rule_id)
    default_security_group_rules.group_deleted(draft, id, context)
    for group_id in touched:
        draft.touch("security_group", group_id, context)
    draft.delete("security_group", id)


def of_port(
    draft: Draft, ids: Iterable[str], present: Iterable[str] = ()
) -> tuple[str, ...]:
    """The groups that a port asks for.  Raises RuleError 404, 400 for one named twice, and 409 for
    stateful and stateless ones together.

    ``present``: those it has already; it may keep them.
    """
    found = tuple(ids)
    double = next((id for id in found if found.count(id) > 1), None)
    if double is not None:
        raise invalid("security_groups", f"Duplicate items in the list: '{double}'")
    for id in found:
        if id not in present:
            draft.get("security_group", id)
    groups = draft.config.security_groups
    if len({groups[id].stateful for id in found if id in groups}) > 1:
        raise conflict(
            "SecurityGroupConflict",
            "Error Cannot apply both stateful and stateless security groups on the same port at "
            "the same time while attempting the operation.",
        )
    return found


def _name_free(name: str) -> None:
    if name.lower() == DEFAULT:
        raise conflict(
            "SecurityGroupDefaultAlreadyExists",
            "Default security group already exists: choose another name.",
        )


def _unused(draft: Draft, id: str, what: str) -> None:
    ports = draft.config.ports_by_group.get(id)
    if ports:
        raise conflict(
            "SecurityGroupInUse",
            f"Security Group {id} {what}: in use by ports {draft.names('port', ports)}. Take it "
            "from them first.",
        )
