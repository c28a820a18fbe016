"""Tags of resources that show them: ``/v2.0/<collection>/<id>/tags`` (extension
"standard-attr-tag")."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ryu_apps.control.config.rules.draft import Draft
from ryu_apps.control.config.rules.draft import tags as canonical
from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.bodies.fields import Tags as TagList
from ryu_apps.northbound.bodies.parsing import parse
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.resources.handlers import Handlers

EXTENSIONS = {
    "standard-attr-tag": ("Tag support for resources", "Resources have tags"),
    "tag-creation": ("Tag creation", "POST adds several tags at once"),
}


class TagsBody(Body):
    tags: TagList


class Tags:
    """The tag handlers of one collection."""

    def __init__(self, handlers: Handlers, environment: Environment):
        self._handlers = handlers
        self._env = environment

    def routes(self) -> list[Route]:
        collection = self._handlers.collection
        # Neutron has those of QoS policies at /v2.0/policies, without the first part.
        roots = dict.fromkeys((collection.root, f"/v2.0/{collection.path.rpartition('/')[2]}"))
        return [route for root in roots for route in self._below(f"{root}/{{id}}/tags")]

    def _below(self, root: str) -> list[Route]:
        tag = self._handlers.tag
        one = f"{root}/{{tag}}"
        return [
            Route("GET", root, self.index, "List tags", tag, None, "TagsBody"),
            Route("POST", root, self.extend, "Add tags", tag, "TagsBody", "TagsBody", 201,
                  conditional=True),
            Route("PUT", root, self.replace, "Replace all tags", tag, "TagsBody",
                  "TagsBody", conditional=True),
            Route("DELETE", root, self.clear, "Remove all tags", tag, status=204,
                  conditional=True),
            Route("GET", one, self.confirm, "Whether it has the tag", tag, status=204),
            Route("PUT", one, self.add, "Add a tag", tag, status=201, conditional=True),
            Route("DELETE", one, self.remove, "Remove a tag", tag, status=204,
                  conditional=True),
        ]

    def index(self, call: Call, id: str) -> Reply:
        return Reply(200, {"tags": list(self._tags(call, id))})

    def confirm(self, call: Call, id: str, tag: str) -> Reply:
        if tag not in self._tags(call, id):
            raise _absent(tag, id)
        return Reply(204)

    def replace(self, call: Call, id: str) -> Reply:
        new = parse(TagsBody, call.json())["tags"]
        return Reply(200, {"tags": list(self._change(call, id, lambda _: new))})

    def extend(self, call: Call, id: str) -> Reply:
        """Those that it has already stay as they are."""
        more = parse(TagsBody, call.json())["tags"]
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
            lambda config: self._handlers.visible(config, call, id, {}).tags
        )

    def _change(
        self, call: Call, id: str, change: Callable[[tuple[str, ...]], Iterable[str]]
    ) -> tuple[str, ...]:
        context, kind = self._env.context(call), self._handlers.kind

        def edit(draft: Draft) -> tuple[str, ...]:
            old = draft.get(kind, id)
            new = canonical(change(old.tags))
            return draft.replace(kind, old, context, tags=new).tags

        return self._handlers.commit_one(call, id, "update", edit, ("tags",))


def _absent(tag: str, id: str) -> ApiError:
    return ApiError(404, "TagNotFound", f"Tag {tag} could not be found on {id}.")
