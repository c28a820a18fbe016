"""``/v1``: what the Networking API has no word for: nodes, elements, VPNs, routes, flows, health.

Any node answers for the whole system: what belongs to another node is asked there, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryu_apps.control.ownership.records import MAINTENANCE, PINS
from ryu_apps.northbound.base import Remote
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Parameter, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.node import filters, merge
from ryu_apps.northbound.node.others import FORWARDED, Others
from ryu_apps.northbound.node.owner import ask_owner

_COUNT = {"type": "string", "pattern": "^[0-9]{1,12}$"}
PAGING = (
    Parameter("limit", "at most so many items", _COUNT),
    Parameter("offset", "skip so many items", _COUNT),
)
Records = list[dict[str, Any]]


class NodeApi:
    """Handlers of ``/v1``."""

    def __init__(self, environment: Environment, others: Others):
        self._env = environment
        self._view = environment.node_view
        self._others = others
        self._http = others.http

    def routes(self) -> list[Route]:
        def flat(
            name: str, read: Callable[[], Records], summary: str,
            merge: Callable[[Records, Any], Records] | None = None,
        ) -> Route:
            handler = self._list(name, read) if merge is None else self._whole(name, read, merge)
            return Route("GET", f"/v1/{name}", handler, summary, "node", None,
                         f"{name.capitalize()}Answer", query=PAGING)

        view = self._view
        vrouter = "/v1/vrouters/{element}"
        return [
            Route("GET", "/v1/health", self.health, "Whether this node works", "node", None,
                  "Health", also=((503, "Health"),)),
            Route("GET", "/v1/counts", self.counts, "Totals of this node, cheap to read", "node",
                  None, "Record"),
            Route("GET", "/v1/dns", lambda call: Reply(200, view.dns()),
                  "What became of the names that VMs of this node asked for", "node", None,
                  "Record"),
            Route("GET", "/v1/metadata", lambda call: Reply(200, view.metadata()),
                  "What became of what instances of this node asked for", "node", None,
                  "Record"),
            Route("GET", "/v1/configuration", self.configuration,
                  "Whether the stored configuration is followed", "node", None, "Record"),
            Route("POST", "/v1/configuration/accept", self.accept,
                  "Follow what the store has now, in spite of a doubt", "node", None, "Record"),
            flat("nodes", view.nodes, "VNC nodes of the system"),
            Route("GET", "/v1/nodes/{node}", self.node, "Show a node", "node", None, "Record"),
            Route("POST", "/v1/nodes/{node}/drain", self.drain,
                  "Move all elements of a node to others, one by one", "node", None, "Record"),
            Route("POST", "/v1/nodes/{node}/undrain", self.undrain,
                  "Let a node own elements again", "node", None, "Record"),
            Route("PUT", "/v1/elements/{element}/pin/{node}", self.pin,
                  "Have a node own an element, and keep it", "node", status=204),
            Route("DELETE", "/v1/elements/{element}/pin", self.unpin,
                  "Let the nodes choose the owner of an element again", "node", status=204),
            flat("elements", view.elements, "Hypervisors of the system", merge.elements),
            flat("evis", view.evis, "EVIs (MAC-VRFs) of the system", merge.instances),
            flat("vrfs", view.vrfs, "VRFs (IP-VRFs) of the system", merge.instances),
            flat("peers", view.peers, "BGP peers of this node"),
            Route("GET", "/v1/ports", self.ports, "States of the ports of the system", "node",
                  None, "PortsAnswer", query=PAGING),
            Route("GET", "/v1/elements/{element}", self.element, "Show a hypervisor", "node",
                  None, "Record", refusals=(502,)),
            Route("DELETE", "/v1/elements/{element}", self.forget,
                  "Forget a hypervisor that is gone for good", "node", status=204,
                  refusals=(502,)),
            Route("GET", "/v1/rib", self.rib, "Routes this node knows, best ones marked", "node",
                  None, "RibAnswer", query=(*_many(filters.RIB), *PAGING)),
            Route("GET", "/v1/ports/{id}", self.port, "State and claims of a port", "node", None,
                  "Record", refusals=(502,)),
            Route("DELETE", "/v1/ports/{id}/duplicate", self.clear_duplicate,
                  "Announce a port anew that was frozen as a duplicate", "node", status=204,
                  refusals=(502,)),
            Route("GET", f"{vrouter}/objects", self.objects, "What a vrouter must do", "node",
                  None, "ObjectsAnswer", query=(*_many({"kind": "kind of object"}), *PAGING),
                  refusals=(502,)),
            Route("GET", f"{vrouter}/flows", self.flows, "Flows as installed in a vrouter", "node",
                  None, "FlowsAnswer",
                  query=(*_many(filters.FLOWS), *PAGING), refusals=(502,)),
        ]

    def _list(self, name: str, read: Callable[[], Records]) -> Callable[[Call], Reply]:
        return lambda call: Reply(200, self._page(call, name, read()))

    def _whole(
        self, name: str, read: Callable[[], Records], merge: Callable[[Records, Any], Records]
    ) -> Callable[[Call], Reply]:
        """A list of the whole system; to another node, which has its own part, that of this one."""

        def handle(call: Call) -> Reply:
            if call.header(FORWARDED):
                return Reply(200, {name: read()})
            theirs = self._others.ask(
                call, f"/v1/{name}", lambda answer: _records(answer[name])
            )
            merged = merge(read(), theirs.found.values())
            return Reply(200, {
                **self._page(call, name, merged), "unanswered": theirs.missing,
            })

        return handle

    def ports(self, call: Call) -> Reply:
        """A page of the configured ports, by id; the nodes are asked for the states of the same."""
        ids = self._env.configuration.read(lambda config: sorted(config.ports))
        page = self._page(call, "ports", ids)
        ours = self._view.port_list(page["ports"])
        if call.header(FORWARDED):
            return Reply(200, {**page, "ports": ours})
        query = f"limit={len(page['ports']) or 1}&offset={page['offset']}"
        theirs = self._others.ask(
            call, f"/v1/ports?{query}", lambda answer: _records(answer["ports"])
        )
        return Reply(200, {**page, "ports": merge.ports(ours, theirs.found.values()),
                           "unanswered": theirs.missing})

    def health(self, call: Call) -> Reply:
        found = self._view.health()
        return Reply(200 if found.get("status") == "ok" else 503, found)

    def configuration(self, call: Call) -> Reply:
        return Reply(200, self._env.configuration.status())

    def accept(self, call: Call) -> Reply:
        self._env.configuration.accept()
        return self.configuration(call)

    def counts(self, call: Call) -> Reply:
        return Reply(200, self._view.counts())

    def element(self, call: Call, element: str) -> Reply:
        remote = self._owner(element)
        unanswered: dict[str, Any] = {}
        if remote is not None and not call.header(FORWARDED):
            try:
                return self._ask(call, remote, "GET", "/v1/elements", element)
            except ApiError as error:
                if error.type != "NodeUnreachable":
                    raise
                # It has just gone: what this node knows is better than nothing.
                unanswered = {"unanswered": [remote.node]}
        for found in self._view.elements():
            if element in (found.get("id"), found.get("element"), found.get("system_id")):
                return Reply(200, found | unanswered)
        raise _no_element(element)

    def node(self, call: Call, node: str) -> Reply:
        return Reply(200, self._node(node))

    def _node(self, name: str) -> dict[str, Any]:
        for found in self._view.nodes():
            if found.get("node") == name:
                return found
        raise ApiError(404, "NodeNotFound", f"Node {name} is not known; see /v1/nodes.")

    def drain(self, call: Call, node: str) -> Reply:
        found = self._node(node)
        self._env.configuration.wish(MAINTENANCE + node, {"drain": True})
        return Reply(200, found | {"draining": True})

    def undrain(self, call: Call, node: str) -> Reply:
        self._env.configuration.wish(MAINTENANCE + node, None)
        return Reply(200, {"node": node, "draining": False})

    def pin(self, call: Call, element: str, node: str) -> Reply:
        self._owner(element)
        self._node(node)
        self._env.configuration.wish(PINS + element, {"node": node})
        return Reply(204)

    def unpin(self, call: Call, element: str) -> Reply:
        self._owner(element)
        self._env.configuration.wish(PINS + element, None)
        return Reply(204)

    def forget(self, call: Call, element: str) -> Reply:
        remote = self._owner(element)
        if remote is not None:
            return self._ask(call, remote, "DELETE", "/v1/elements", element)
        try:
            self._view.forget_element(element)
        except KeyError as error:
            raise _no_element(element) from error
        except ValueError as error:
            raise ApiError(
                409, "ElementConnected",
                f"Hypervisor {element} is connected ({error}); remove its manager target first "
                "(ovs-vsctl del-manager).",
            ) from error
        return Reply(204)

    def port(self, call: Call, id: str) -> Reply:
        remote = self._port_owner(id)
        if remote is not None and not call.header(FORWARDED):
            try:
                return self._ask(call, remote, "GET", "/v1/ports", id)
            except ApiError as error:
                if error.type != "NodeUnreachable":
                    raise
                # It has just gone: what this node knows is better than nothing.
                return Reply(200, self._view.port_detail(id) | {"unanswered": [remote.node]})
        return Reply(200, self._view.port_detail(id))

    def clear_duplicate(self, call: Call, id: str) -> Reply:
        remote = self._port_owner(id)
        if remote is not None:
            return self._ask(call, remote, "DELETE", "/v1/ports", id, "duplicate")
        self._view.clear_duplicate(id)
        return Reply(204)

    def _port_owner(self, id: str) -> Any:
        if self._env.configuration.read(lambda config: id not in config.ports):
            raise ApiError(404, "PortNotFound", f"Port {id} could not be found.")
        return self._view.port_owner(id)

    def rib(self, call: Call) -> Reply:
        asked = filters.rib(_asked(call, filters.RIB), self._view)
        offset, limit = self._window(call)
        shown, total = self._view.rib(asked, offset, limit)
        return Reply(200, {"rib": shown, "total": total, "offset": offset})

    def objects(self, call: Call, element: str) -> Reply:
        remote = self._owner(element)
        if remote is not None:
            return self._ask(call, remote, "GET", "/v1/vrouters", element, "objects")
        kinds = filters.kinds_of(call.query.getall("kind"), "kind")
        found = self._read(self._view.vrouter_objects, element)
        return Reply(200, self._page(
            call, "objects", [one for one in found if not kinds or one.get("kind") in kinds]
        ))

    def flows(self, call: Call, element: str) -> Reply:
        remote = self._owner(element)
        if remote is not None:
            return self._ask(call, remote, "GET", "/v1/vrouters", element, "flows")
        test = filters.flows(_asked(call, filters.FLOWS))
        found = self._read(self._view.vrouter_flows, element)
        return Reply(200, self._page(call, "flows", list(filter(test, found))))

    # ------------------------------------------------------------ helpers

    def _read(self, read: Callable[[str], list], element: str) -> list:
        try:
            return read(element)
        except KeyError as error:
            raise _no_element(element) from error

    def _owner(self, element: str) -> Any:
        try:
            return self._view.element_owner(element)
        except KeyError as error:
            raise _no_element(element) from error

    def _page(self, call: Call, name: str, found: list) -> dict[str, Any]:
        offset, limit = self._window(call)
        return {name: found[offset:offset + limit], "total": len(found), "offset": offset}

    def _window(self, call: Call) -> tuple[int, int]:
        limit = _count(call, "limit", self._env.max_page) or self._env.max_page
        return _count(call, "offset", 0), min(limit, self._env.max_page)

    def _ask(self, call: Call, remote: Remote, method: str, root: str, *names: str) -> Reply:
        return ask_owner(self._http, call, remote, method, root, *names)


def _many(described: dict[str, str]) -> tuple[Parameter, ...]:
    """Parameters that may be repeated."""
    return tuple(Parameter(name, text, many=True) for name, text in described.items())


def _no_element(element: str) -> ApiError:
    return ApiError(404, "ElementNotFound", f"Hypervisor {element} is not known; see /v1/elements.")


def _count(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ApiError(400, "InvalidInput", f"{name} must be an integer of 0 or more.")
    return int(text)


def _asked(call: Call, names: dict[str, str]) -> dict[str, list[str]]:
    return {name: call.query.getall(name) for name in names if name in call.query}


def _records(value: Any) -> Records:
    """What another node listed.  Raises ValueError."""
    if type(value) is not list or not all(
        type(one) is dict and ("id" in one or "vni" in one) for one in value
    ):
        raise ValueError("no list of records")
    return value
