"""Quotas of projects (Networking API v2.0, "Quotas extension").

They are looked at where resources are made by a request, in the same transaction: whatever nodes
make some at the same time, no project gets more than it may have.  What the system makes by itself,
a router's interface or a default group, counts and is not refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import KINDS, Limit, Quota, Resource
from ryu_apps.control.config.resources.quota import UNLIMITED
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    conflict,
    standard,
)

COUNTED = tuple(name for name, kind in KINDS.items() if kind.quota is not None)
"""The kinds that have quotas."""


def limits(config: Config, project_id: str, defaults: Mapping[str, int]) -> dict[str, int]:
    """Kind -> the most that the project may have."""
    found = {kind: defaults[kind] for kind in COUNTED}
    own = config.quotas.get(project_id)
    if own is not None:
        found.update((limit.kind, limit.limit) for limit in own.limits if limit.kind in found)
    return found


def usage(config: Config, project_id: str) -> dict[str, int]:
    """Kind -> how many the project has."""
    return {kind: config.counts.get((kind, project_id), 0) for kind in COUNTED}


def require(draft: Draft, kind: str, made: Collection[Resource], context: Context) -> None:
    """After a request has made resources of a kind.  Raises RuleError 409 if with these, and with
    what is part of them, a project has more than it may have; what else the system made along with
    them does not matter yet."""
    asked = {item.id for item in made}
    _require(draft, kind, asked, context)
    for name, child in KINDS.items():  # A group is made with rules.
        if child.parent is not None and child.parent.kind == kind:
            field = child.parent.field
            ids = {one.id for one in draft.created(name) if getattr(one, field) in asked}
            _require(draft, name, ids, context)


def _require(draft: Draft, kind: str, asked: set[str], context: Context) -> None:
    if kind not in COUNTED:
        return
    created = draft.created(kind)
    beside = Counter(item.project_id for item in created if item.id not in asked)
    for project in dict.fromkeys(item.project_id for item in created if item.id in asked):
        limit = limits(draft.config, project, context.quotas)[kind]
        count = draft.config.counts.get((kind, project), 0) - beside[project]
        if project and UNLIMITED < limit < count:
            raise conflict("OverQuota", f"Quota exceeded for resources: ['{kind}'].")


def update(draft: Draft, project_id: str, body: Mapping[str, int], context: Context) -> Quota:
    """Set some limits of a project."""
    config = draft.config
    old = config.quotas.get(project_id)
    found = {} if old is None else {limit.kind: limit.limit for limit in old.limits}
    found.update(body)
    new = tuple(Limit(kind, found[kind]) for kind in sorted(found))
    if old is not None:
        return draft.replace("quota", old, context, limits=new)
    fields = {**standard({"project_id": project_id}, context), "id": project_id}
    return draft.put("quota", Quota(**fields, limits=new))


def not_below_use(config: Config, project_id: str, body: Mapping[str, int]) -> None:
    """Raises RuleError 400 where a new limit is less than what the project has already."""
    used = usage(config, project_id)
    for kind, limit in body.items():
        if UNLIMITED < limit < used[kind]:
            raise bad_request(
                f"Quota limit {limit} for {kind} must be greater than or equal to already used "
                f"{used[kind]}", "QuotaLimitTooLow",
            )


def reset(draft: Draft, project_id: str) -> None:
    """Back to what all projects have.  Raises RuleError 404 where nothing was set."""
    if project_id not in draft.config.quotas:
        raise not_set(project_id)
    draft.delete("quota", project_id)


def not_set(project_id: str) -> RuleError:
    return RuleError(404, "TenantQuotaNotFound",
                     f"Quota for tenant {project_id} could not be found.")
