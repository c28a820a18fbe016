"""What the handlers of the Identity API share: who asks, what is refused, how lists look."""

from __future__ import annotations

import abc
import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

from ryu_apps.connections.source import source_of
from ryu_apps.identity.base import Unauthenticated, token_of
from ryu_apps.identity.defaults import READ_SYSTEM
from ryu_apps.identity.directory.errors import IdentityError, forbidden
from ryu_apps.identity.directory.rules import Plan
from ryu_apps.identity.service import IdentityService
from ryu_apps.identity.tokens.context import Context
from ryu_apps.northbound.http import audit
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import identity_error

Fields = dict[str, Any]
TAG = "identity"


class Part(abc.ABC):
    """Some of the routes.  ``url``: where clients reach this node, or "": where they asked."""

    def __init__(self, service: IdentityService, url: str = "") -> None:
        self._service = service
        self._url = url.rstrip("/")

    @abc.abstractmethod
    def routes(self) -> list[Route]: ...

    # ------------------------------------------------------------ who asks

    def _context(self, call: Call) -> Context:
        """The client's own token.  Raises IdentityError 401."""
        return self._service.context(token_of(call.request.environ, self._v3(call)))

    @staticmethod
    def _source(call: Call) -> str:
        return source_of(str(call.request.environ.get("REMOTE_ADDR", "")))

    @staticmethod
    def _admins_only(call: Call, action: str) -> None:
        """Raises IdentityError 403."""
        if not call.authority.admin:
            raise forbidden(action)

    @staticmethod
    def _readers_only(call: Call, action: str, user_id: str = "") -> None:
        """Administrators and readers of the system, and the user ``user_id`` itself.  Raises
        IdentityError 403."""
        if user_id and call.principal.user_id == user_id:
            return
        if not call.authority.regardless(READ_SYSTEM):
            raise forbidden(action)

    # ------------------------------------------------------------ answers

    def _base(self, call: Call) -> str:
        return self._url or call.base_url()

    def _v3(self, call: Call) -> str:
        return f"{self._base(call)}/v3"

    def _commit(self, plan: Plan) -> Any:
        return audit.committed(self._service.copy.commit, plan)

    def _list(self, call: Call, name: str, items: Iterable[Fields]) -> Reply:
        """The items that the query's filters let through."""
        path = call.request.path
        return Reply(200, {
            name: [one for one in items if _matches(one, call.query)],
            "links": {"self": f"{self._base(call)}{path}", "previous": None, "next": None},
        })


def _matches(item: Fields, query: Any) -> bool:
    """Filters by fields that the item has; others are of no meaning here, as in Keystone."""
    for name, wanted in query.items():
        value = item.get(name)
        if name in item and type(value) in (str, bool):
            text = str(value).lower() if type(value) is bool else value
            if text != (_truth(wanted) if type(value) is bool else wanted):
                return False
    return True


def _truth(text: str) -> str:
    return {"1": "true", "0": "false", "": "true"}.get(text.lower(), text.lower())


def spoken(route: Route, url: str = "") -> Route:
    """The route, answering errors of identity as Keystone does: a 401 says where tokens come from
    (RFC 9110 section 11.6.1).  ``url``: where clients reach this node, or "": where they asked."""
    def handle(call: Call, **parameters: str) -> Reply:
        try:
            return route.handler(call, **parameters)
        except IdentityError as error:
            if error.status == 401:
                base = url.rstrip("/") or call.base_url()
                raise Unauthenticated(str(error), f"{base}/v3") from None
            headers = (("Retry-After", str(error.retry)),) if error.retry else ()
            return Reply(error.status, identity_error(error.status, str(error)), headers)

    return dataclasses.replace(
        route, handler=handle, identity=True, refusals=(*route.refusals, 403))


def moment(seconds: float) -> str:
    """As Keystone writes times."""
    made = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return made.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
