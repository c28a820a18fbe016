"""``/v3/services``, ``/v3/endpoints``, ``/v3/regions``: what the catalog has, to be read."""

from __future__ import annotations

from collections.abc import Callable

from ryu_apps.identity.directory.errors import missing
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.identity_api import shapes
from ryu_apps.northbound.identity_api.base import TAG, Fields, Part


class ServicesApi(Part):
    def routes(self) -> list[Route]:
        parts: tuple[tuple[str, Callable[[Call], list[Fields]]], ...] = (
            ("service", lambda call: shapes.services(self._v3(call))),
            ("endpoint", lambda call: shapes.endpoints(self._base(call))),
            ("region", lambda call: [shapes.region(self._v3(call))]),
        )
        found = []
        for name, read in parts:
            found += [
                Route("GET", f"/v3/{name}s", self._many(name, read), f"List {name}s", TAG, None,
                      f"{name.capitalize()}List"),
                Route("GET", f"/v3/{name}s/{{id}}", self._one(name, read), f"Show a {name}", TAG,
                      None, f"{name.capitalize()}Item"),
            ]
        return found

    def _many(
        self, name: str, read: Callable[[Call], list[Fields]]
    ) -> Callable[[Call], Reply]:
        return lambda call: self._list(call, f"{name}s", read(call))

    @staticmethod
    def _one(name: str, read: Callable[[Call], list[Fields]]) -> Callable[..., Reply]:
        def show(call: Call, id: str) -> Reply:
            for one in read(call):
                if one["id"] == id:
                    return Reply(200, {name: one})
            raise missing(name, id)

        return show
