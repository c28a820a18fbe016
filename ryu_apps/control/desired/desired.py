"""The desired state of every vrouter, with the changes since the last flush.

Objects belong to a scope, ("element",), ("evi", VNI), ("vrf", VNI) or ("outside", VNI), so that a
scope can be dropped at once; and the endpoints that they send to are counted, which is the set of
tunnels that a vrouter needs.
"""

from __future__ import annotations

from collections.abc import Callable

from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.messages import Program
from vrouter_ovs.state import (
    Endpoint,
    ExternalNeighbor,
    FloodRemotes,
    GatewayPort,
    Key,
    OutsideHop,
    PortMirror,
    RemoteHop,
    RemoteMac,
    Route,
    ServiceInstance,
    StateObject,
)

Scope = tuple


ENDPOINTS: dict[str, Callable[[StateObject], list[Endpoint]]] = {
    RemoteMac.kind: lambda item: [hop.endpoint for hop in item.hops],
    Route.kind: lambda item: [
        hop.endpoint for hop in item.hops if type(hop) in (RemoteHop, OutsideHop) and hop.endpoint
    ],
    GatewayPort.kind: lambda item: [one.hop.endpoint for one in (*item.before, *item.after)],
    FloodRemotes.kind: lambda item: [hop.endpoint for hop in item.remotes],
    ServiceInstance.kind: lambda item: [item.remote.endpoint] if item.remote else [],
    ExternalNeighbor.kind: lambda item: [item.hop.endpoint] if item.hop is not None else [],
    PortMirror.kind: lambda item: list(item.endpoints),
}
"""Kind of objects that send to other vrouters -> the endpoints that one sends to, one for each of
its hops."""


class Desired:
    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self.objects: dict[str, dict[Key, StateObject]] = {}
        self._scopes: dict[tuple[str, Scope], dict[Key, None]] = {}
        self._changes: dict[str, dict[Key, StateObject | None]] = {}
        self._endpoints: dict[str, dict[Endpoint, int]] = {}

    def add_element(self, element: str) -> None:
        self.objects.setdefault(element, {})
        self._endpoints.setdefault(element, {})

    def remove_element(self, element: str) -> None:
        self.objects.pop(element, None)
        self._changes.pop(element, None)
        self._endpoints.pop(element, None)
        for place in [place for place in self._scopes if place[0] == element]:
            del self._scopes[place]

    def endpoints(self, element: str) -> frozenset[Endpoint]:
        return frozenset(self._endpoints.get(element, ()))

    def get(self, element: str, key: Key) -> StateObject | None:
        objects = self.objects.get(element)
        return objects.get(key) if objects is not None else None

    def is_changed(self, element: str, key: Key) -> bool:
        """Whether an object changed, came or went since the last flush."""
        return key in self._changes.get(element, ())

    def keys(self, element: str, scope: Scope) -> list[Key]:
        return list(self._scopes.get((element, scope), ()))

    def count(self, element: str, scope: Scope) -> int:
        """How many objects of a scope an element has."""
        return len(self._scopes.get((element, scope), ()))

    def put(self, element: str, scope: Scope, item: StateObject) -> None:
        objects = self.objects[element]
        key = item.key
        old = objects.get(key)
        if old == item:
            return
        objects[key] = item
        if old is None:
            self._scopes.setdefault((element, scope), {})[key] = None
        self._changed(element, key, old, item)

    def delete(self, element: str, scope: Scope, key: Key) -> None:
        old = self.objects[element].pop(key, None)
        if old is None:
            return
        keys = self._scopes[element, scope]
        del keys[key]
        if not keys:
            del self._scopes[element, scope]
        self._changed(element, key, old, None)

    def drop_scope(self, element: str, scope: Scope) -> None:
        objects = self.objects[element]
        for key in self._scopes.pop((element, scope), ()):
            self._changed(element, key, objects.pop(key), None)

    def flush(self, element: str, revision: int) -> Program | None:
        """The changes of one element since the last flush, as the effect ``revision``."""
        changes = self._changes.pop(element, None)
        return Program(element, revision, tuple(changes.items())) if changes else None

    def _changed(
        self, element: str, key: Key, old: StateObject | None, new: StateObject | None
    ) -> None:
        changes = self._changes.get(element)
        if changes is None:
            changes = self._changes[element] = {}
            self._marks.programs.mark(element)
        changes[key] = new
        endpoints = ENDPOINTS.get(key[0])
        if endpoints is None:
            return
        before = endpoints(old) if old is not None else ()
        after = endpoints(new) if new is not None else ()
        if before == after:
            return
        counts = self._endpoints[element]
        for endpoint in after:
            count = counts[endpoint] = counts.get(endpoint, 0) + 1
            if count == 1:
                self._marks.tunnel_ports.mark(element)
        for endpoint in before:
            count = counts[endpoint] = counts[endpoint] - 1
            if not count:
                del counts[endpoint]
                self._marks.tunnel_ports.mark(element)
