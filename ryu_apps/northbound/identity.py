"""Who may ask what, as far as a whole route is for some clients alone."""

from __future__ import annotations

import dataclasses

from ryu_apps.identity.defaults import CHANGE_SYSTEM, READ_SYSTEM
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError


def operators_only(route: Route) -> Route:
    """The route, refusing whom the policy does not let read, or change, what is of the whole
    system."""
    rule = READ_SYSTEM if route.method == "GET" else CHANGE_SYSTEM

    def handle(call: Call, **parameters: str) -> Reply:
        if not call.authority.regardless(rule):
            raise ApiError(
                403, "PolicyNotAuthorized",
                f"rule:{rule} is disallowed by policy: this is for operators, it shows all "
                "projects.",
            )
        return route.handler(call, **parameters)

    return dataclasses.replace(route, handler=handle, refusals=(*route.refusals, 403))
