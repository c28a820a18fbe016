"""A small client of the REST API: what the demo, the tests and the benchmarks call."""

from __future__ import annotations

import http.client
import json
import select
import ssl
import threading
import urllib.parse
from collections.abc import Iterable
from typing import Any

from lab.wait import wait_until


class ApiError(Exception):
    """The API refused a request.  ``status``: HTTP status; ``body``: what it answered."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        super().__init__(f"{method} {path}: {status}: {body}")
        self.status = status
        self.body = body


class Client:
    """JSON over one kept connection per thread; a broken one is made anew for idempotent calls.
    ``token``: of who asks, where the API has to know that.  ``tls``: for https."""

    def __init__(
        self, url: str, timeout: float = 60.0, token: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self.url = url
        self._tls = tls
        self._token = token
        parts = urllib.parse.urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._timeout = timeout
        self._local = threading.local()

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is not None and _closed_by_peer(connection):
            self.close()
            connection = None
        if connection is None:
            connection = self._new_connection()
            self._local.connection = connection
        return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout, context=self._tls
        )

    def close(self) -> None:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Returns the decoded answer, or None for an empty one.

        Raises ApiError for a status of 400 and above, OSError or http.client.HTTPException when
        there is no answer.
        """
        data = None if body is None else json.dumps(body)
        headers = {"Accept": "application/json"}
        if self._token:
            headers["X-Auth-Token"] = self._token
        if data is not None:
            headers["Content-Type"] = "application/json"
        fresh = getattr(self._local, "connection", None) is None
        try:
            return self._once(method, path, data, headers)
        except (OSError, http.client.HTTPException):
            self.close()
            if fresh or method == "POST":
                raise
        return self._once(method, path, data, headers)

    def _once(self, method: str, path: str, data: str | None, headers: dict[str, str]) -> Any:
        connection = self._connection()
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        try:
            content = json.loads(text) if text else None
        except ValueError:
            content = text.decode(errors="replace")
        if answer.status >= 400:
            raise ApiError(method, path, answer.status, content)
        return content

    def get(self, path: str, **query: Any) -> Any:
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        return self.request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.request("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self.request("PUT", path, body)

    def delete(self, path: str) -> None:
        self.request("DELETE", path)

    # ------------------------------------------------------------ Networking API

    def create(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Create one resource; ``kind`` is "network", "subnet", "port" or "router"."""
        return self.post(f"/v2.0/{kind}s", {kind: fields})[kind]

    def create_many(self, kind: str, items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Bulk create: all of them or none, in the order given."""
        return self.post(f"/v2.0/{kind}s", {f"{kind}s": list(items)})[f"{kind}s"]

    def list(self, kind: str, **filters: Any) -> list[dict[str, Any]]:
        return self.get(f"/v2.0/{kind}s", **filters)[f"{kind}s"]

    def show(self, kind: str, resource_id: str) -> dict[str, Any]:
        return self.get(f"/v2.0/{kind}s/{resource_id}")[kind]

    def update(self, kind: str, resource_id: str, **fields: Any) -> dict[str, Any]:
        return self.put(f"/v2.0/{kind}s/{resource_id}", {kind: fields})[kind]

    def remove(self, kind: str, resource_id: str) -> None:
        self.delete(f"/v2.0/{kind}s/{resource_id}")

    def add_router_interface(self, router_id: str, subnet_id: str) -> dict[str, Any]:
        return self.put(
            f"/v2.0/routers/{router_id}/add_router_interface", {"subnet_id": subnet_id}
        )

    def remove_router_interface(self, router_id: str, subnet_id: str) -> dict[str, Any]:
        return self.put(
            f"/v2.0/routers/{router_id}/remove_router_interface", {"subnet_id": subnet_id}
        )

    def wait_ports(
        self, port_ids: Iterable[str], status: str = "ACTIVE", timeout: float = 30.0
    ) -> None:
        """Wait until all these ports have ``status``.  Raises LabTimeout naming those that lack."""
        wanted = set(port_ids)
        missing: dict[str, str] = {}

        def reached() -> bool:
            missing.clear()
            for port in self.list("port", fields=["id", "status"]):
                if port["id"] in wanted and port["status"] != status:
                    missing[port["id"]] = port["status"]
            return not missing

        wait_until(reached, _Lazy(f"ports to be {status}; still", missing), timeout)

    # ------------------------------------------------------------ /v1

    def v1(self, what: str, **query: Any) -> Any:
        """``GET /v1/<what>``; a list comes without its wrapping: v1("rib") -> [path, ...]."""
        answer = self.get(f"/v1/{what}", **query)
        return answer.get(what.rpartition("/")[2], answer)

    def health(self) -> dict[str, Any]:
        """``GET /v1/health``, whose answer is 503 while the node is degraded."""
        try:
            return self.get("/v1/health")
        except ApiError as error:
            if error.status != 503 or not isinstance(error.body, dict):
                raise
            return error.body

    def wait_healthy(self, timeout: float = 40.0) -> None:
        """Wait until the node says that it is well.  Raises LabTimeout with what is not."""
        seen: dict[str, Any] = {}

        def well() -> bool:
            seen.clear()
            seen.update(self.health())
            return seen.get("status") == "ok"

        wait_until(well, _Lazy(f"{self.url}/v1/health to be ok;", seen), timeout, 0.1)


def _closed_by_peer(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection has something to read, which can only be its end."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])


class _Lazy:
    """A description whose details are known only when it is shown."""

    def __init__(self, text: str, details: object) -> None:
        self._text, self._details = text, details

    def __str__(self) -> str:
        return f"{self._text} {self._details}"
