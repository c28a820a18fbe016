"""A small WSGI application: finds the route of a request, answers errors, logs."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote

from webob import Request, Response

from ryu_apps.control.config.access import Authority, Principal
from ryu_apps.control.config.rules import RuleError
from ryu_apps.identity.base import Authenticator
from ryu_apps.northbound.http import audit, json_body, unidentified
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError, error_body, identity_error
from ryu_apps.northbound.http.stream import Pieces, Stream
from ryu_apps.store.base import Conflict, StoreError, TooLarge, Unavailable

LOG = logging.getLogger(__name__)
ACCESS = logging.getLogger("ryu_apps.northbound.access")
_PARAMETER = re.compile(r"\{(\w+)\}")
NOBODY = Principal(roles=frozenset())
NETWORKING = "/v2.0/"
IDENTITY = "/v3"
"""Paths of the Identity API begin with this."""
REQUEST_ID, PRINCIPAL, OF_IDENTITY = "vnc.request_id", "vnc.principal", "vnc.identity"
"""In the environment of a request: its number, who makes it, and whether its route speaks as the
Identity API does."""
READING = ("GET", "HEAD", "OPTIONS")
_REQUEST = re.compile(r"req-[0-9a-fA-F-]{36}")
LOGGED = 500
"""Characters of a URL in the log of requests."""


class Application:
    """The WSGI callable.  ``routes`` are matched literally first, then by parameter.

    ``authenticator`` says who makes a request, before anything else of it is looked at but whether
    its route is public; ``authorize`` what that client may do; ``no_route(path)`` what is said of a
    path that there is not.
    """

    def __init__(
        self, routes: Iterable[Route], authenticator: Authenticator,
        authorize: Callable[[Principal], Authority],
        no_route: Callable[[str], str] = "The resource {} could not be found.".format,
    ):
        self.routes = list(routes)
        self._authenticator = authenticator
        self._authorize = authorize
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
        self._collections = {
            name.replace("-", "_"): name for path in by_path if path.startswith(NETWORKING)
            for name in [path.removeprefix(NETWORKING).partition("/")[0]]
        }
        """How each is spelled, by its name with underscores."""
        self._identity = IDENTITY in self._exact
        """The Identity API is among the routes."""
        self._counters: dict[int, int] = {}
        self._counters_lock = threading.Lock()

    def counters(self) -> dict[int, int]:
        """Answers given so far by HTTP status."""
        with self._counters_lock:
            return dict(self._counters)

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        started = time.perf_counter()
        request = Request(environ)
        trail = audit.begin()
        request_id = environ[REQUEST_ID] = f"req-{uuid.uuid4()}"
        reply = self._answer(request)
        if trail.noted or (PRINCIPAL in environ and request.method not in READING):
            audit.record(trail, _audited(request), reply.status)
        reply = reply._replace(headers=(*reply.headers, ("X-Openstack-Request-Id", request_id)))
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
        """In the words of the API that was asked."""
        reply = self._reply(request)
        identity = request.environ.get(OF_IDENTITY) or (
            self._identity and _raw_path(request).startswith(IDENTITY))
        if identity and isinstance(reply.body, dict):
            error = reply.body.get("NeutronError")
            if error is not None:
                return reply._replace(body=identity_error(reply.status, error["message"]))
        return reply

    def _reply(self, request: Request) -> Reply:
        try:
            return self._handle(request)
        except unidentified.ERRORS as error:
            return unidentified.answer(error)
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
            reference = request.environ[REQUEST_ID]
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

    def _handle(self, request: Request) -> Reply:
        path = _raw_path(request)
        methods, texts = self._match(path.rstrip("/") or "/")
        method = "GET" if request.method == "HEAD" else request.method
        route = (methods or {}).get(method)
        request.environ[OF_IDENTITY] = route is not None and route.identity
        if route is not None and route.public:
            call = Call(request, self._authorize(NOBODY))
        else:
            environ = request.environ
            who = self._authenticator.authenticate(environ)
            forwarded = self._authenticator.forwarded(environ, who)
            environ[PRINCIPAL] = who
            call = Call(request, self._authorize(who), forwarded)
        if methods is None:
            raise ApiError(404, "HTTPNotFound", self._no_route(path[:LOGGED]))
        if route is None:
            allowed = ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
            raise ApiError(
                405, "HTTPMethodNotAllowed", f"{request.method} is not allowed here: {allowed}.",
                {"Allow": allowed},
            )
        return route.handler(call, **{name: _decode(text) for name, text in texts.items()})

    def _spelled(self, path: str) -> str:
        """With the name of the collection as its route has it: Neutron takes hyphens and
        underscores for one another there, and its clients use both."""
        if not path.startswith(NETWORKING):
            return path
        name, slash, rest = path.removeprefix(NETWORKING).partition("/")
        return f"{NETWORKING}{self._collections.get(name.replace('-', '_'), name)}{slash}{rest}"

    def _match(self, path: str) -> tuple[dict[str, Route] | None, dict[str, str]]:
        """``path``: as in the URL.  A parameter is one of its segments, to be decoded after the
        path was taken apart: so that it may have a slash in it (RFC 3986 section 2.2).

        The suffix .json of older clients asks for what is answered anyway.
        """
        if path.startswith(NETWORKING) and "/tags/" not in path:
            path = path.removesuffix(".json")
        path = self._spelled(path)
        exact = self._exact.get(path)
        if exact is not None:
            return exact, {}
        for pattern, methods in self._patterns.get(path.count("/"), ()):
            match = pattern.fullmatch(path)
            if match:
                return methods, match.groupdict()
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
        body = reply.body
        response.body = body if isinstance(body, bytes) else json_body.encode(body)
    for name, value in reply.headers:
        response.headers[name] = value
    return response


def _audited(request: Request) -> dict[str, Any]:
    """What the audit trail says of a request itself."""
    who = request.environ.get(PRINCIPAL, NOBODY)
    found = {
        "request_id": request.environ[REQUEST_ID],
        "user_id": who.user_id,
        "user_name": who.user_name,
        "project_id": who.project_id,
        "roles": sorted(who.roles),
        "address": request.environ.get("REMOTE_ADDR", ""),
        "method": request.method,
        "path": _raw_path(request)[:LOGGED],
    }
    theirs = request.headers.get("X-Openstack-Request-Id", "")
    if _REQUEST.fullmatch(theirs):  # of the service that passes the request on
        found["global_request_id"] = theirs
    return found


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
