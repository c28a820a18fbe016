"""What clients ask first: versions, the resources of v2.0, extensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing import listing
from ryu_apps.northbound.read_only.declared import READ_ONLY
from ryu_apps.northbound.resources import quotas, standard, tags
from ryu_apps.northbound.resources.collection import Collection
from ryu_apps.northbound.resources.security import default_security_group_rules

_UPDATED = "2026-01-01T00:00:00-00:00"


class Discovery:
    """What there is of these collections."""

    def __init__(self, collections: Sequence[Collection]):
        self._collections = [one for one in collections if one.parent is None]
        found = {
            **standard.EXTENSIONS, **tags.EXTENSIONS, **quotas.EXTENSIONS, **listing.EXTENSIONS,
            **default_security_group_rules.EXTENSIONS,
        }
        for one in (*collections, *READ_ONLY):
            found.update(one.extensions)
        self.extensions = dict(sorted(found.items()))
        """Alias -> name and description."""

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", _versions, "API versions", "discovery", None, "Versions",
                  public=True),
            Route("GET", "/v2.0", self._resources, "Resources of v2.0", "discovery", None,
                  "Resources", public=True),
            Route("GET", "/v2.0/extensions", self._show_all, "List extensions", "discovery", None,
                  "ExtensionList"),
            Route("GET", "/v2.0/extensions/{alias}", self._show, "Show an extension", "discovery",
                  None, "ExtensionItem"),
        ]

    def _resources(self, call: Call) -> Reply:
        """The resources, and the version: clients that were given ".../v2.0" as the endpoint look
        for it here."""
        return Reply(200, {
            "version": _version(call),
            "resources": [
                {
                    "name": one.name,
                    "collection": one.plural,
                    "links": [{
                        "rel": "self", "href": f"{call.base_url()}{one.root}",
                    }],
                }
                for one in self._collections
            ],
        })

    def _view(self, alias: str) -> dict[str, Any]:
        name, description = self.extensions[alias]
        return {"alias": alias, "name": name, "description": description, "links": [],
                "updated": _UPDATED}

    def _show_all(self, call: Call) -> Reply:
        return Reply(200, {"extensions": [self._view(alias) for alias in self.extensions]})

    def _show(self, call: Call, alias: str) -> Reply:
        if alias not in self.extensions:
            raise ApiError(404, "ExtensionNotFound", f"Extension {alias} could not be found.")
        return Reply(200, {"extension": self._view(alias)})


def contents(routes: Sequence[Route]) -> Route:
    """``/v1``: what there is below it, so that nobody has to guess."""
    listed = [
        {"method": route.method, "path": route.path, "summary": route.summary,
         "query": [parameter.name for parameter in route.query]}
        for route in sorted(routes, key=lambda route: (route.path, route.method))
    ]
    return Route("GET", "/v1", lambda call: Reply(200, {"resources": listed}),
                 "What there is below /v1", "node", None, "Contents")


def _version(call: Call) -> dict[str, Any]:
    href = f"{call.base_url()}/v2.0/"
    return {"id": "v2.0", "status": "CURRENT", "links": [{"href": href, "rel": "self"}]}


def _versions(call: Call) -> Reply:
    return Reply(200, {"versions": [_version(call)]})
