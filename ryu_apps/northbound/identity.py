"""Who asks: the one place that says so of a request, and of what a node asks another."""

from __future__ import annotations

import dataclasses

from webob import Request

from ryu_apps.control.config.access import ADMINISTRATOR, Principal
from ryu_apps.identity.defaults import CHANGE_SYSTEM, READ_SYSTEM
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError

PROJECT, ROLES = "X-Project-Id", "X-Roles"
"""The headers that name the client's project and its roles, separated by commas.  Without both the
client is an administrator; without roles it is a member of the project."""
MAX_PROJECT = 255


class NoProject(ApiError):
    """A project that has no name: it must not pass for an administrator."""

    def __init__(self) -> None:
        super().__init__(
            400, "HTTPBadRequest", f"{PROJECT} must have 1 to {MAX_PROJECT} characters; leave it "
            "out for an administrator's request.",
        )


def identify(request: Request) -> Principal:
    """Raises NoProject."""
    project, roles = request.headers.get(PROJECT), request.headers.get(ROLES)
    if project is None and roles is None:
        return ADMINISTRATOR
    project = (project or "").strip()
    if len(project) > MAX_PROJECT or not (project or PROJECT not in request.headers):
        raise NoProject
    if roles is None:
        return Principal(project)
    return Principal(project, frozenset(role.strip().lower() for role in roles.split(",")) - {""})


def headers(principal: Principal) -> dict[str, str]:
    """What tells another node for whom it is asked: :func:`identify` reads it there."""
    found = {PROJECT: principal.project_id} if principal.project_id else {}
    if principal == ADMINISTRATOR or (found and principal.roles == Principal.roles):
        return found
    return {**found, ROLES: ",".join(sorted(principal.roles))}


def operators_only(route: Route) -> Route:
    """The route, refusing whom the policy does not let read, or change, what is of the whole
    system."""
    rule = READ_SYSTEM if route.method == "GET" else CHANGE_SYSTEM

    def handle(call: Call, **parameters: str) -> Reply:
        try:
            operator = call.authority.regardless(rule)
        except NoProject:
            operator = False
        if not operator:
            raise ApiError(
                403, "PolicyNotAuthorized",
                f"rule:{rule} is disallowed by policy: this is for operators, it shows all "
                "projects.",
            )
        return route.handler(call, **parameters)

    return dataclasses.replace(route, handler=handle)
