"""The bindings of a port: ``/v2.0/ports/<id>/bindings`` (API extension "binding-extended")."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from ryu_apps.control.config.model import Port
from ryu_apps.control.config.rules.access.authority import may
from ryu_apps.control.config.rules.draft import Draft
from ryu_apps.control.config.rules.ports import port_bindings as rules
from ryu_apps.northbound.base import DOWN
from ryu_apps.northbound.bodies.fields import Body, only
from ryu_apps.northbound.bodies.parsing import parse, unwrap
from ryu_apps.northbound.bodies.schemas import STRING, obj, ref, wrapper
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.resources.handlers import Handlers

ATTRIBUTES = ("host", "status", "profile", "vif_type", "vif_details", "vnic_type")
ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"
_SET_BY = ("binding:host_id", "binding:profile")


class PortBindingUpdate(Body):
    profile: dict[str, Any] | None = None
    vnic_type: only("normal") = "normal"


class PortBindingCreate(PortBindingUpdate):
    host: Annotated[str, Field(min_length=1, max_length=255)]


SCHEMAS: dict[str, Any] = {
    "PortBinding": obj(
        ATTRIBUTES, host=STRING, status=STRING, profile={"type": "object"}, vif_type=STRING,
        vif_details={"type": "object"}, vnic_type=STRING,
    ),
    "PortBindingItem": obj(("binding",), binding=ref("PortBinding")),
    "PortBindingList": obj(
        ("bindings",), bindings={"type": "array", "items": ref("PortBinding")}),
    "PortBindingCreateRequest": wrapper("binding", ref("PortBindingCreate")),
    "PortBindingUpdateRequest": wrapper("binding", ref("PortBindingUpdate")),
}
BODIES: tuple[type[Body], ...] = (PortBindingCreate, PortBindingUpdate)


class PortBindings:
    """The handlers below ports.  Bindings are the system's: administrators' alone."""

    def __init__(self, handlers: Handlers, environment: Environment):
        self._handlers = handlers
        self._env = environment

    def routes(self) -> list[Route]:
        root = f"{self._handlers.collection.root}/{{id}}/bindings"
        tag, one = self._handlers.tag, f"{root}/{{host}}"
        item = "PortBindingItem"
        return [
            Route("GET", root, self.index, "List the bindings of a port", tag, None,
                  "PortBindingList", refusals=(403,)),
            Route("POST", root, self.create, "Bind a port to a further host", tag,
                  "PortBindingCreateRequest", item, 201, conditional=True),
            Route("GET", one, self.show, "Show a binding", tag, None, item,
                  refusals=(403,)),
            Route("PUT", one, self.update, "Change a binding", tag, "PortBindingUpdateRequest",
                  item, conditional=True),
            Route("DELETE", one, self.delete, "Delete a binding", tag, status=204,
                  conditional=True),
            Route("PUT", f"{one}/activate", self.activate, "Have a port be at a host", tag, None,
                  item, conditional=True),
        ]

    def index(self, call: Call, id: str) -> Reply:
        return Reply(200, {"bindings": self._views(self._read(call, id))})

    def show(self, call: Call, id: str, host: str) -> Reply:
        return self._reply(200, self._read(call, id), host)

    def create(self, call: Call, id: str) -> Reply:
        body = parse(PortBindingCreate, unwrap(call.json(), "binding"), ATTRIBUTES)
        context = self._env.context(call)
        port = self._commit(call, id, lambda draft: rules.create(draft, id, body, context))
        return self._reply(201, port, body["host"])

    def update(self, call: Call, id: str, host: str) -> Reply:
        body = parse(PortBindingUpdate, unwrap(call.json(), "binding"), ATTRIBUTES, "PUT")
        context = self._env.context(call)
        port = self._commit(call, id, lambda draft: rules.update(draft, id, host, body, context))
        return self._reply(200, port, host)

    def activate(self, call: Call, id: str, host: str) -> Reply:
        context = self._env.context(call)
        port = self._commit(call, id, lambda draft: rules.activate(draft, id, host, context))
        return self._reply(200, port, host)

    def delete(self, call: Call, id: str, host: str) -> Reply:
        context = self._env.context(call)
        self._commit(call, id, lambda draft: rules.delete(draft, id, host, context))
        return Reply(204)

    def _read(self, call: Call, id: str) -> Port:
        def find(config: Any) -> Port:
            draft = Draft(config, call.authority)
            may(draft, "port", id, "update", _SET_BY)
            return draft.get("port", id)

        return self._env.configuration.read(find)

    def _commit(self, call: Call, id: str, change: Any) -> Port:
        return self._handlers.commit_one(call, id, "update", change, _SET_BY)

    def _reply(self, status: int, port: Port, host: str) -> Reply:
        for view in self._views(port):
            if view["host"] == host:
                return Reply(status, {"binding": view})
        raise rules.absent(port.id, host)

    def _views(self, port: Port) -> list[dict[str, Any]]:
        """The ACTIVE one first.  Of a port that may be anywhere it is where the port is."""
        host = port.requested_host or (
            self._env.node_view.port_states([port.id]).get(port.id, DOWN).host
        )
        found = [_view(host, ACTIVE, port.binding_profile)]
        return found + [
            _view(one.host, INACTIVE, one.profile) for one in port.bindings if one.host != host
        ]


def _view(host: str, status: str, profile: str) -> dict[str, Any]:
    return {
        "host": host, "status": status, "profile": json.loads(profile),
        "vif_type": "ovs" if host else "unbound", "vif_details": {}, "vnic_type": "normal",
    }
