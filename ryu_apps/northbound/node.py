"""``/v1``: what the Networking API has no word for: nodes, elements, VPNs, routes, flows, health.

Any node answers for the whole system: what belongs to another node is asked there, once.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import requests

from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.errors import ApiError
from ryu_apps.northbound.http import Call, Reply, Route
from ryu_apps.northbound.listing import FALSE, TRUE

LOG = logging.getLogger(__name__)
FORWARDED = "X-VNC-Forwarded"
TIMEOUT = (2.0, 10.0)
"""Seconds to connect to another node, and between bytes of its answer."""

RIB_FILTERS = ("type", "evi", "vrf", "rt", "mac", "ip", "prefix", "next_hop", "peer", "best", "rd")
RIB_NUMBERS = ("type", "evi", "vrf")
PAGING = (("limit", "at most so many items"), ("offset", "skip so many items"))


def session(options: Any) -> requests.Session:
    """What other nodes are asked with."""
    made = requests.Session()
    made.trust_env = False
    if options.client_ca_file:  # the nodes of a system have certificates of one CA
        made.verify = options.client_ca_file
        made.cert = (options.cert_file, options.key_file)
    return made


class NodeApi:
    """Handlers of ``/v1``."""

    def __init__(self, environment: Environment):
        self._env = environment
        self._view = environment.node_view
        self._http = session(environment.settings.api)

    def routes(self) -> list[Route]:
        def flat(path: str, read: Callable[[], Any], name: str, summary: str) -> Route:
            return Route("GET", f"/v1/{path}", self._plain(name, read), summary, "node", None,
                         f"{name.capitalize()}Answer")

        view = self._view
        vrouter = "/v1/vrouters/{element}"
        return [
            Route("GET", "/v1/health", self.health, "Whether this node works", "node", None,
                  "Health"),
            Route("GET", "/v1/counts", self.counts, "Totals of this node, cheap to read", "node",
                  None, "Record"),
            Route("GET", "/v1/dns", lambda call: Reply(200, view.dns()),
                  "What became of the names that VMs of this node asked for", "node", None,
                  "Record"),
            flat("nodes", view.nodes, "nodes", "VNC nodes of the system"),
            flat("elements", view.elements, "elements", "Hypervisors of the system"),
            flat("evis", view.evis, "evis", "EVIs (MAC-VRFs)"),
            flat("vrfs", view.vrfs, "vrfs", "VRFs (IP-VRFs)"),
            flat("peers", view.peers, "peers", "BGP peers of this node"),
            Route("GET", "/v1/elements/{element}", self.element, "Show a hypervisor", "node",
                  None, "Record"),
            Route("DELETE", "/v1/elements/{element}", self.forget,
                  "Forget a hypervisor that is gone for good", "node", status=204),
            Route("GET", "/v1/rib", self.rib, "Routes this node knows, best ones marked", "node",
                  None, "RibAnswer", query=(*((name, "") for name in RIB_FILTERS), *PAGING)),
            Route("GET", "/v1/ports/{id}", self.port, "State and claims of a port", "node", None,
                  "Record"),
            Route("DELETE", "/v1/ports/{id}/duplicate", self.clear_duplicate,
                  "Announce a port anew that was frozen as a duplicate", "node", status=204),
            Route("GET", f"{vrouter}/objects", self.objects, "What a vrouter must do", "node",
                  None, "ObjectsAnswer", query=(("kind", "kind of object"), *PAGING)),
            Route("GET", f"{vrouter}/flows", self.flows, "Flows as installed in a vrouter", "node",
                  None, "FlowsAnswer",
                  query=(("table", ""), ("object", "kind of object"), ("cookie", ""), *PAGING)),
        ]

    def _plain(self, name: str, read: Callable[[], Any]) -> Callable[[Call], Reply]:
        return lambda call: Reply(200, {name: read()})

    def health(self, call: Call) -> Reply:
        found = self._view.health()
        return Reply(200 if found.get("status") == "ok" else 503, found)

    def counts(self, call: Call) -> Reply:
        return Reply(200, self._view.counts())

    def element(self, call: Call, element: str) -> Reply:
        remote = self._owner(element)
        if remote is not None:
            return self._ask(call, remote, "GET", f"/v1/elements/{element}")
        for found in self._view.elements():
            if element in (found.get("id"), found.get("element"), found.get("system_id")):
                return Reply(200, found)
        raise _no_element(element)

    def forget(self, call: Call, element: str) -> Reply:
        remote = self._owner(element)
        if remote is not None:
            return self._ask(call, remote, "DELETE", f"/v1/elements/{element}")
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
            return self._ask(call, remote, "GET", f"/v1/ports/{id}")
        return Reply(200, self._view.port_detail(id))

    def clear_duplicate(self, call: Call, id: str) -> Reply:
        remote = self._port_owner(id)
        if remote is not None:
            return self._ask(call, remote, "DELETE", f"/v1/ports/{id}/duplicate")
        self._view.clear_duplicate(id)
        return Reply(204)

    def _port_owner(self, id: str) -> Any:
        if self._env.configuration.read(lambda config: id not in config.ports):
            raise ApiError(404, "PortNotFound", f"Port {id} could not be found.")
        return self._view.port_owner(id)

    def rib(self, call: Call) -> Reply:
        wanted = {name: call.query.getall(name) for name in RIB_FILTERS if name in call.query}
        tests = [_rib_test(name, set(values)) for name, values in wanted.items()]
        found = [path for path in self._view.rib() if all(test(path) for test in tests)]
        return Reply(200, self._page(call, "rib", found))

    def objects(self, call: Call, element: str) -> Reply:
        remote = self._owner(element)
        if remote is not None:
            return self._ask(call, remote, "GET", f"/v1/vrouters/{element}/objects")
        kinds = set(call.query.getall("kind"))
        found = self._read(self._view.vrouter_objects, element)
        return Reply(200, self._page(
            call, "objects", [one for one in found if not kinds or one.get("kind") in kinds]
        ))

    def flows(self, call: Call, element: str) -> Reply:
        remote = self._owner(element)
        if remote is not None:
            return self._ask(call, remote, "GET", f"/v1/vrouters/{element}/flows")
        tests = [
            functools.partial(_flow_has, name, set(call.query.getall(name)))
            for name in ("table", "object", "cookie")
            if name in call.query
        ]
        found = self._read(self._view.vrouter_flows, element)
        return Reply(200, self._page(
            call, "flows", [flow for flow in found if all(test(flow) for test in tests)]
        ))

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
        limit = _count(call, "limit", self._env.max_page) or self._env.max_page
        offset = _count(call, "offset", 0)
        shown = found[offset:offset + min(limit, self._env.max_page)]
        return {name: shown, "total": len(found), "offset": offset}

    def _ask(self, call: Call, remote: Any, method: str, path: str) -> Reply:
        """Ask the node that owns the element; it must not ask on."""
        if call.header(FORWARDED):
            raise ApiError(
                503, "OwnerUnclear",
                f"Two nodes each hold the other for the owner (this one: {remote.node}): the "
                "element is moving. Try again in a moment.",
            )
        query = call.request.query_string
        url = f"{remote.url.rstrip('/')}{path}" + (f"?{query}" if query else "")
        try:
            answer = self._http.request(
                method, url, headers={FORWARDED: "1"}, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            LOG.warning("node %s at %s did not answer: %s", remote.node, remote.url, error)
            raise ApiError(
                502, "NodeUnreachable",
                f"The owner of this element, node {remote.node}, does not answer at {remote.url}.",
            ) from error
        return Reply(answer.status_code, answer.content or None)


def _no_element(element: str) -> ApiError:
    return ApiError(404, "ElementNotFound", f"Hypervisor {element} is not known; see /v1/elements.")


def _count(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ApiError(400, "InvalidInput", f"{name} must be an integer of 0 or more.")
    return int(text)


def _rib_test(name: str, values: set[str]) -> Callable[[dict[str, Any]], bool]:
    if name == "best":
        lower = {value.lower() for value in values}
        if not lower <= TRUE | FALSE:
            raise ApiError(400, "InvalidInput", "best is true or false.")
        return lambda path: not lower.isdisjoint(TRUE if path.get("best") else FALSE)
    if name in RIB_NUMBERS and not all(text.isascii() and text.isdigit() for text in values):
        raise ApiError(400, "InvalidInput", f"{name} is a number; see /v1/evis and /v1/vrfs.")
    plural = {"rt": "rts"}.get(name, name)

    def test(path: dict[str, Any]) -> bool:
        value = path.get(name, path.get(plural))
        if isinstance(value, (list, tuple)):
            return any(str(item) in values for item in value)
        return str(value) in values

    return test


def _flow_has(name: str, values: set[str], flow: dict[str, Any]) -> bool:
    value = flow.get(name)
    if name == "cookie":
        return any(_cookie(text) == _cookie(value) for text in values)
    if name == "table":
        return not values.isdisjoint({str(value), str(flow.get("table_name", value))})
    if isinstance(value, (list, tuple)):
        return bool(value) and str(value[0]) in values
    if isinstance(value, dict):
        return str(value.get("kind")) in values
    return str(value) in values or str(value).split(":")[0] in values


def _cookie(value: Any) -> Any:
    try:
        return int(value, 0) if isinstance(value, str) else value
    except ValueError:
        return value
