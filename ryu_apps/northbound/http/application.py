"""A small WSGI application: routes, JSON in and out, errors, the request log."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from webob import Request, Response

from ryu_apps.control.config.access import Principal
from ryu_apps.control.config.rules import RuleError
from ryu_apps.northbound.http import json_body
from ryu_apps.northbound.http.errors import ApiError, error_body
from ryu_apps.store.base import Conflict, StoreError, TooLarge, Unavailable

LOG = logging.getLogger(__name__)
ACCESS = logging.getLogger("ryu_apps.northbound.access")
_PARAMETER = re.compile(r"\{(\w+)\}")
MAX_PARAMETERS = 2000
LOGGED = 500
"""Characters of a URL in the log of requests."""


Identify = Callable[[Request], Principal]


class Stream(NamedTuple):
    """An answer that is made piece by piece, on a thread of its own.

    ``items``: an iterator of bytes as they are, or of JSON-able data, one line each.  It yields b""
    every few seconds when there is nothing to say: between two items is when it is closed, if it
    is a generator, because the client has gone or the node stops.
    """

    items: Iterator[Any]
    content_type: str = "application/x-ndjson"


class Reply(NamedTuple):
    """``body``: JSON-able data, bytes already in JSON, a Stream, or None for no content."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Route:
    """``path``: with ``{name}`` parameters; ``handler(call, **parameters) -> Reply``.

    The rest is for the OpenAPI document: schemas by name or inline, and query parameters.
    """

    method: str
    path: str
    handler: Callable[..., Reply]
    summary: str = ""
    tag: str = ""
    request_schema: Any = None
    response_schema: Any = None
    status: int = 200
    query: tuple[tuple[str, str], ...] = field(default=())


def strict(route: Route) -> Route:
    """The route, refusing query parameters that it does not declare: a filter that was ignored
    would select everything."""
    known = {name for name, _ in route.query}

    def handle(call: Call, **parameters: str) -> Reply:
        unknown = set(call.query) - known
        if unknown:
            there = f"; there are: {', '.join(sorted(known))}" if known else "; it has none"
            raise ApiError(
                400, "InvalidInput", f"'{min(unknown)}' is not a parameter of this query{there}."
            )
        return route.handler(call, **parameters)

    return dataclasses.replace(route, handler=handle)


class Call:
    """A request, with what handlers ask of it."""

    def __init__(self, request: Request, identify: Identify):
        self.request = request
        self._identify = identify

    @functools.cached_property
    def principal(self) -> Principal:
        """Who asks.  Raises ApiError where that cannot be told."""
        return self._identify(self.request)

    @property
    def query(self) -> Any:
        """A multidict of the query string.  Raises ApiError 400 when it is not UTF-8, or has more
        parameters than anybody needs."""
        if self.request.query_string.count("&") >= MAX_PARAMETERS:
            raise ApiError(
                400, "HTTPBadRequest",
                f"The query has more than {MAX_PARAMETERS} parameters; split the request.",
            )
        try:
            return self.request.GET
        except UnicodeDecodeError as error:
            raise ApiError(400, "HTTPBadRequest", "The query string is not UTF-8.") from error

    def header(self, name: str) -> str:
        return self.request.headers.get(name, "").strip()

    def base_url(self) -> str:
        return self.request.host_url

    def json(self) -> Any:
        """The body.  Its content type is not looked at.  Raises ApiError 400 or 413."""
        return json_body.decode(self.request.body)


class Pieces:
    """The bytes of a stream.  ``at_end(size)`` is told once how many there were."""

    def __init__(self, items: Iterator[Any], at_end: Callable[[int], None]) -> None:
        self._items = items
        self._at_end: Callable[[int], None] | None = at_end
        self._size = 0

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> bytes:
        item = next(self._items)
        piece = item if isinstance(item, bytes) else _json(item) + b"\n"
        self._size += len(piece)
        return piece

    def close(self) -> None:
        """Idempotent."""
        at_end, self._at_end = self._at_end, None
        if at_end is not None:
            try:
                if hasattr(self._items, "close"):
                    self._items.close()
            finally:
                at_end(self._size)


class Application:
    """The WSGI callable.  ``routes`` are matched literally first, then by parameter.

    ``identify`` says who makes a request; ``no_route(path)`` what is said of a path that there is
    not.
    """

    def __init__(
        self, routes: Iterable[Route], identify: Identify,
        no_route: Callable[[str], str] = "The resource {} could not be found.".format,
    ):
        self.routes = list(routes)
        self._identify = identify
        self._no_route = no_route
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: dict[int, list[tuple[re.Pattern[str], dict[str, Route]]]] = {}
        by_path: dict[str, dict[str, Route]] = {}
        for route in self.routes:
            by_path.setdefault(route.path, {})[route.method] = route
        for path, methods in by_path.items():
            if "{" not in path:
                self._exact[path] = methods
                continue
            pattern = re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", path))
            self._patterns.setdefault(path.count("/"), []).append((pattern, methods))
        self._counters: dict[int, int] = {}
        self._counters_lock = threading.Lock()

    def counters(self) -> dict[int, int]:
        """Answers given so far by HTTP status."""
        with self._counters_lock:
            return dict(self._counters)

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        started = time.perf_counter()
        request = Request(environ)
        reply = self._answer(request)
        with self._counters_lock:
            self._counters[reply.status] = self._counters.get(reply.status, 0) + 1
        response = _response(reply)
        if isinstance(reply.body, Stream):
            response.app_iter = Pieces(
                reply.body.items, lambda size: _log(request, reply.status, size, started)
            )
        else:
            _log(request, reply.status, response.content_length or 0, started)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Reply:
        try:
            handler, parameters = self._find(request)
            return handler(Call(request, self._identify), **parameters)
        except (ApiError, RuleError) as error:
            return Reply(
                error.status,
                error_body(error.type, error.message),
                tuple(getattr(error, "headers", {}).items()),
            )
        except TooLarge as error:
            return Reply(413, error_body("RequestEntityTooLarge", f"{error}; split the request."))
        except Conflict as error:
            return Reply(409, error_body("Conflict", str(error)))
        except Unavailable as error:
            happened = "" if error.definite else " The outcome is unknown: read before repeating."
            return Reply(
                503,
                error_body("ServiceUnavailable", f"The config store: {error}.{happened}"),
                (("Retry-After", "1"),),
            )
        except StoreError as error:
            return Reply(503, error_body("ServiceUnavailable", f"The config store: {error}"))
        except Exception:  # the outermost boundary of a request
            reference = uuid.uuid4().hex[:12]
            LOG.exception(
                "request %s %s failed, reference %s", request.method,
                request.environ.get("PATH_INFO"), reference,
            )
            return Reply(
                500,
                error_body(
                    "HTTPInternalServerError",
                    "Request Failed: internal server error. Search this node's log for the "
                    f"reference {reference}.",
                ),
            )

    def _find(self, request: Request) -> tuple[Callable[..., Reply], dict[str, str]]:
        path = _raw_path(request)
        methods, parameters = self._match(path.rstrip("/") or "/")
        if methods is None:
            raise ApiError(404, "HTTPNotFound", self._no_route(path[:LOGGED]))
        method = "GET" if request.method == "HEAD" else request.method
        route = methods.get(method)
        if route is None:
            allowed = ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
            raise ApiError(
                405, "HTTPMethodNotAllowed", f"{request.method} is not allowed here: {allowed}.",
                {"Allow": allowed},
            )
        return route.handler, parameters

    def _match(self, path: str) -> tuple[dict[str, Route] | None, dict[str, str]]:
        """``path``: as in the URL.  A parameter is one of its segments, decoded after the path was
        taken apart: so that it may have a slash in it (RFC 3986 section 2.2).

        The suffix .json of older clients asks for what is answered anyway.
        """
        if path.startswith("/v2.0/") and "/tags/" not in path:
            path = path.removesuffix(".json")
        exact = self._exact.get(path)
        if exact is not None:
            return exact, {}
        for pattern, methods in self._patterns.get(path.count("/"), ()):
            match = pattern.fullmatch(path)
            if match:
                return methods, {name: _decode(text) for name, text in match.groupdict().items()}
        return None, {}


def _raw_path(request: Request, query: bool = False) -> str:
    """The path as in the URL, or with the query."""
    uri = request.environ.get("REQUEST_URI") or quote(request.path_info)
    return uri if query else uri.partition("?")[0]


def _decode(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise ApiError(400, "HTTPBadRequest", "The path is not UTF-8.") from error


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _response(reply: Reply) -> Response:
    """Without the body of a stream."""
    response = Response(status=reply.status)
    if reply.body is None:
        response.headers.pop("Content-Type", None)
        if reply.status != 204:
            response.content_length = 0
    elif isinstance(reply.body, Stream):
        response.content_type = reply.body.content_type
        response.charset = None
    else:
        response.content_type = "application/json"
        response.charset = None
        response.body = reply.body if isinstance(reply.body, bytes) else _json(reply.body)
    for name, value in reply.headers:
        response.headers[name] = value
    return response


def _log(request: Request, status: int, size: int, started: float) -> None:
    if ACCESS.isEnabledFor(logging.INFO):
        ACCESS.info(
            "%s %s %r %d %d bytes %.1f ms",
            request.environ.get("REMOTE_ADDR", "-"),
            request.method,
            _raw_path(request, query=True)[:LOGGED],
            status,
            size,
            (time.perf_counter() - started) * 1000,
        )
