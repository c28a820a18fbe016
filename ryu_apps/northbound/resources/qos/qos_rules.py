"""``/v2.0/qos/policies/<id>/<type>_rules``, and each rule by its id alone.

The latter (``/v2.0/qos/alias_<type>_rules/<id>``) shows, changes and deletes.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from ryu_apps.control.config.model import ALL_KINDS, QosRule
from ryu_apps.control.config.rules.qos.rules import RulesOf
from ryu_apps.northbound.bodies import parsing
from ryu_apps.northbound.bodies.fields import Body, integer
from ryu_apps.northbound.bodies.schemas import Schema, obj, ref, wrapper
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.listing import parameters
from ryu_apps.northbound.listing.attributes import STRING, Attributes, one_of
from ryu_apps.northbound.resources.collection import Collection, Extensions, View
from ryu_apps.northbound.resources.handlers import Handlers

Amount = integer(2**31 - 1)
"""Of kilobits and thousands of packets, as Neutron's database has them."""
Direction = Literal["egress", "ingress"]
DIRECTION = one_of("egress", "ingress")


def said(item: QosRule) -> View:
    """What a rule says."""
    common = {field.name for field in dataclasses.fields(QosRule)}
    own = {
        field.name: getattr(item, field.name)
        for field in dataclasses.fields(item) if field.name not in common
    }
    return {"id": item.id, **own}


def collection(
    name: str, parent: Collection, create: type[Body], update: type[Body], attributes: Attributes,
    extensions: Extensions | None = None,
) -> Collection:
    """Of the rules of the kind ``name``, below the policies; ``attributes``: those besides id."""
    kind = ALL_KINDS[name]
    return Collection(
        kind=kind,
        path=f"{name}s",
        parent=parent,
        create_body=create,
        update_body=update,
        rules=RulesOf(kind),
        view=lambda item, _extra: said(item),
        attributes={"id": STRING, **attributes},
        below=(Alias,),
        extensions=extensions or {},
    )


class Alias:
    """The rules of one type by their ids alone: shown, changed and deleted."""

    def __init__(self, handlers: Handlers, environment: Environment):
        self._handlers = handlers
        self.name = f"alias_{handlers.collection.name}"

    def routes(self) -> list[Route]:
        words = self._handlers.kind.replace("_", " ")
        title = self.name.capitalize()
        member = f"/v2.0/qos/{self.name}s/{{id}}"
        return [
            Route("GET", member, self.show, f"Show a {words}", "qos", None, f"{title}Part",
                  query=(parameters.FIELDS,)),
            Route("PUT", member, self.update, f"Change a {words}", "qos",
                  f"{title}UpdateRequest", f"{title}Item", conditional=True),
            Route("DELETE", member, self._handlers.delete, f"Delete a {words}", "qos",
                  status=204, conditional=True),
        ]

    def show(self, call: Call, id: str) -> Reply:
        return self._named(self._handlers.show(call, id))

    def update(self, call: Call, id: str) -> Reply:
        body = parsing.unwrap(call.json(), self.name)
        return self._named(self._handlers.updated(call, id, body))

    def _named(self, reply: Reply) -> Reply:
        return Reply(reply.status, {self.name: reply.body[self._handlers.collection.name]})


def alias_schemas(one: Collection) -> dict[str, Schema]:
    """Of the answers and requests of :class:`Alias`."""
    name = f"alias_{one.name}"
    title = name.capitalize()
    return {
        f"{title}Part": obj((name,), **{name: ref(f"{one.title}Fields")}),
        f"{title}Item": obj((name,), **{name: ref(one.title)}),
        f"{title}UpdateRequest": wrapper(name, ref(one.update_body.__name__)),
    }
