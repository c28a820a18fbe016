"""The default security group of a project is there when somebody looks at the project's groups."""

from __future__ import annotations

import dataclasses
import logging

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.rules import Draft, security_groups
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.application import Call
from ryu_apps.store.base import StoreError

LOG = logging.getLogger(__name__)


def ensure(environment: Environment, call: Call, filters: dict[str, set[str]]) -> None:
    """Make the default group of the client's project, or of the one project that it asks for.

    A list must not fail because it cannot be made now: that is logged.
    """
    project = call.principal.project_id
    if not project:
        projects = filters.get("project_id") or filters.get("tenant_id") or ()
        if len(projects) != 1:
            return
        (project,) = projects
    configuration = environment.configuration
    if not project or len(project) > 255 or configuration.read(
        lambda config: security_groups.find_default(config, project)
    ):
        return
    context = dataclasses.replace(environment.context(call), if_match=None)

    def plan(config: Config) -> tuple[list, None]:
        with Draft(config) as draft:
            security_groups.default_group(draft, project, context)
            return draft.changes(), None

    try:
        configuration.commit(plan)
    except StoreError as error:
        LOG.warning("the default security group of %s was not made: %s", project, error)
