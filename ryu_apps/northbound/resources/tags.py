"""Tags of every resource: ``/v2.0/<collection>/<id>/tags`` (API extension "standard-attr-tag")."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ryu_apps.control.config.rules.draft import Draft
from ryu_apps.control.config.rules.draft import tags as canonical
from ryu_apps.northbound.bodies.parsing import parse
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.application import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.resources import bodies
from ryu_apps.northbound.resources.resource import Resource


class Tags:
    """The tag handlers of one resource."""

    def __init__(self, resource: Resource, environment: Environment):
        self._resource = resource
        self._env = environment
        self._kind = resource.d.kind

    def routes(self) -> list[Route]:
        collection = self._resource.d.collection
        root = f"/v2.0/{collection}/{{id}}/tags"
        one = f"{root}/{{tag}}"
        return [
            Route("GET", root, self.index, "List tags", collection, None, "TagsBody"),
            Route("POST", root, self.extend, "Add tags", collection, "TagsBody", "TagsBody", 201),
            Route("PUT", root, self.replace, "Replace all tags", collection, "TagsBody",
                  "TagsBody"),
            Route("DELETE", root, self.clear, "Remove all tags", collection, status=204),
            Route("GET", one, self.confirm, "Whether it has the tag", collection, status=204),
            Route("PUT", one, self.add, "Add a tag", collection, status=201),
            Route("DELETE", one, self.remove, "Remove a tag", collection, status=204),
        ]

    def index(self, call: Call, id: str) -> Reply:
        return Reply(200, {"tags": list(self._tags(call, id))})

    def confirm(self, call: Call, id: str, tag: str) -> Reply:
        if tag not in self._tags(call, id):
            raise _absent(tag, id)
        return Reply(204)

    def replace(self, call: Call, id: str) -> Reply:
        wanted = parse(bodies.TagsBody, call.json())["tags"]
        return Reply(200, {"tags": list(self._change(call, id, lambda _: wanted))})

    def extend(self, call: Call, id: str) -> Reply:
        """Those that it has already stay as they are."""
        more = parse(bodies.TagsBody, call.json())["tags"]
        canonical(more)
        self._change(call, id, lambda present: {*present, *more})
        return Reply(201, {"tags": more})

    def clear(self, call: Call, id: str) -> Reply:
        self._change(call, id, lambda _: ())
        return Reply(204)

    def add(self, call: Call, id: str, tag: str) -> Reply:
        self._change(call, id, lambda present: {*present, tag})
        return Reply(201)

    def remove(self, call: Call, id: str, tag: str) -> Reply:
        def without(present: tuple[str, ...]) -> Iterable[str]:
            if tag not in present:
                raise _absent(tag, id)
            return [one for one in present if one != tag]

        self._change(call, id, without)
        return Reply(204)

    def _tags(self, call: Call, id: str) -> tuple[str, ...]:
        return self._env.configuration.read(
            lambda config: self._resource.visible(config, call, id).tags
        )

    def _change(
        self, call: Call, id: str, change: Callable[[tuple[str, ...]], Iterable[str]]
    ) -> tuple[str, ...]:
        context = self._env.context(call)

        def edit(draft: Draft) -> tuple[str, ...]:
            old = draft.get(self._kind, id)
            new = canonical(change(old.tags))
            return draft.replace(self._kind, old, context, tags=new).tags

        return self._resource.commit_one(call, id, "update", edit, ("tags",))


def _absent(tag: str, id: str) -> ApiError:
    return ApiError(404, "TagNotFound", f"Tag {tag} could not be found on {id}.")
