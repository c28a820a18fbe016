"""Reading a node's REST API, with errors that say what to do next."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from .errors import UNREACHABLE, USAGE, CliError

DEFAULT_URL = "http://127.0.0.1:9696"
TIMEOUT = 30
MAX_PAGES = 10_000
_PLAIN = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""What OpenSSL calls an answer that is no TLS (its versions differ)."""


class Listed(list[dict[str, Any]]):
    """Items of a list.  ``unanswered``: ``{"node", "reason"}`` of nodes that did not say."""

    unanswered: Sequence[dict[str, Any]] = ()


class Login(Protocol):
    """Who asks."""

    def token(self, new: bool = False) -> str: ...


class Client:
    """``url``: base URL of a node's API.  ``ca_file``: whom to trust instead of the system's.
    ``cert_file``, ``key_file``: who we are, where the node asks for a certificate."""

    def __init__(
        self, url: str, ca_file: str | None = None, timeout: float = TIMEOUT,
        cert_file: str | None = None, key_file: str | None = None,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(parts):
            raise CliError(f"the URL of a node reads http://HOST:9696, not {url!r}", USAGE)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise CliError(
                f"the URL of a node ends with its port: {parts.scheme}://{parts.netloc}, not "
                f"{url!r}", USAGE,
            )
        self._timeout = timeout
        self._token = ""
        self.login: Login | None = None
        """Where a token comes from, if the node wants one."""
        self.url = f"{parts.scheme}://{parts.netloc}"
        handlers: list[Any] = [urllib.request.ProxyHandler({})]
        if parts.scheme == "https":
            try:
                context = ssl.create_default_context(cafile=ca_file)
            except OSError as error:
                raise CliError(f"cannot read {ca_file}: {error}", USAGE) from error
            try:
                if cert_file:
                    context.load_cert_chain(cert_file, key_file)
            except OSError as error:
                raise CliError(f"cannot use the certificate {cert_file} with the key "
                               f"{key_file or 'in it'}: {error}", USAGE) from error
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, accept: tuple[int, ...] = (), **query: Any) -> Any:
        """GET ``path`` with ``query``; ``accept``: statuses besides 200 whose body is an answer.

        Raises CliError.
        """
        given = [(key, value) for key, value in query.items() if value not in (None, "")]
        if given:
            path += "?" + urllib.parse.urlencode(given, doseq=True)
        return self._call("GET", path, accept)

    def post(self, path: str) -> Any:
        """POST without a body.  Raises CliError."""
        return self._call("POST", path, ())

    def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send JSON, or nothing; the answer, or None where it has no body.  Raises CliError."""
        data = json.dumps(body).encode() if body is not None else None
        with self._errors(path), self._open(method, path, data, self._timeout) as answer:
            raw = answer.read()
        return self._decode(raw) if raw else None

    def put(self, path: str) -> Any:
        """PUT without a body.  Raises CliError."""
        return self._call("PUT", path, ())

    def delete(self, path: str) -> Any:
        """Raises CliError."""
        return self._call("DELETE", path, ())

    def send(self, path: str, body: bytes, timeout: float) -> Any:
        """POST ``body``, a file of JSON lines, to what may take ``timeout`` seconds.  Raises
        CliError."""
        return self._call("POST", path, (), body, timeout)

    def lines(self, path: str) -> Iterator[bytes]:
        """GET an answer that is made line by line.  Raises CliError, also half way."""
        with self._errors(path), self._open("GET", path, None, self._timeout) as answer:
            yield from answer

    def _open(
        self, method: str, path: str, data: bytes | None, timeout: float
    ) -> http.client.HTTPResponse:
        """Logs in where the node wants to know who asks, and asks again; also where it knows the
        token no more.  Raises what urllib does, CliError."""
        def ask() -> http.client.HTTPResponse:
            headers = {"Accept": "application/json"}
            if self._token:
                headers["X-Auth-Token"] = self._token
            return self._opener.open(urllib.request.Request(
                self.url + path, headers=headers, method=method, data=data), timeout=timeout)

        try:
            return ask()
        except urllib.error.HTTPError as error:
            if error.code != 401 or self.login is None:
                raise
            token = self.login.token(new=bool(self._token))
            if not token:
                raise
            error.close()
        self._token = token
        return ask()

    @contextlib.contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        """What goes wrong with a request, as CliError."""
        try:
            yield
        except urllib.error.HTTPError as error:
            with error:
                body = error.read()
            raise CliError(_refusal(error.code, body, path.partition("?")[0])) from error
        except urllib.error.URLError as error:
            raise CliError(self._unreachable(error.reason), UNREACHABLE) from error
        except (OSError, http.client.HTTPException) as error:
            raise CliError(self._unreachable(error), UNREACHABLE) from error

    def _call(
        self, method: str, path: str, accept: tuple[int, ...], body: bytes = b"",
        timeout: float | None = None,
    ) -> Any:
        data = body if method == "POST" else None
        with self._errors(path):
            try:
                with self._open(method, path, data, timeout or self._timeout) as answer:
                    return self._decode(answer.read())
            except urllib.error.HTTPError as error:
                if error.code not in accept:
                    raise
                with error:
                    return self._decode(error.read())

    def _decode(self, body: bytes) -> Any:
        try:
            data = json.loads(body)
        except ValueError as error:
            raise CliError(
                f"{self.url} answered with something that is not JSON: is it a VNC node?"
            ) from error
        if not isinstance(data, dict):
            raise CliError(f"{self.url} answered with {type(data).__name__}: is it a VNC node?")
        return data

    def _unreachable(self, reason: object) -> str:
        if isinstance(reason, ConnectionRefusedError):
            return (
                f"nothing listens at {self.url}. Is the node running (systemctl status vnc-node), "
                "and is this its [api] host and port? Another node: --url or VNCTL_URL"
            )
        if isinstance(reason, TimeoutError):
            return f"{self.url} gave no answer in {self._timeout:g} s; try another node (--url)"
        if isinstance(reason, socket.gaierror):
            return f"the host name in {self.url} is not known; check --url or VNCTL_URL"
        if isinstance(reason, ssl.SSLCertVerificationError):
            return f"the certificate of {self.url} is not trusted ({reason.verify_message}); --ca"
        if isinstance(reason, ssl.SSLError) and "CERTIFICATE_REQUIRED" in str(reason.reason):
            return f"{self.url} asks for a certificate of yours: --cert and --key"
        if isinstance(reason, ssl.SSLError) and reason.reason in _PLAIN:
            return f"{self.url} does not speak TLS; is it http:// instead?"
        return f"no answer from {self.url}: {reason}"

    # ---- collections

    def networking(self, collection: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a Networking API collection, over all pages."""
        items: list[dict[str, Any]] = []
        path, name = f"/v2.0/{collection}", collection.replace("-", "_")
        for _ in range(MAX_PAGES):
            answer = self.get(path, **query)
            items += _items(answer, name)
            links = answer.get(f"{name}_links") or []
            following = [link["href"] for link in links if link.get("rel") == "next"]
            if not following:
                return items
            # Only the marker counts: the host in the link may be one that we cannot reach.
            pages = urllib.parse.parse_qs(urllib.parse.urlsplit(following[0]).query)
            if not pages.get("marker") or pages["marker"] == [query.get("marker")]:
                raise CliError(f"the node's pages of {collection} do not end")
            query = {**query, **{key: values[0] for key, values in pages.items()
                                 if key in ("marker", "limit")}}  # fmt: skip
        raise CliError(f"the node's pages of {collection} do not end")

    def system(self, path: str, collection: str, **query: Any) -> Listed:
        """All items of a list below /v1, over all pages."""
        items = Listed()
        while True:
            answer = self.get(f"/v1/{path}", offset=len(items) or None, **query)
            page = _items(answer, collection)
            items += page
            items.unanswered = answer.get("unanswered") or []
            if not page or len(items) >= answer.get("total", 0):
                return items

    def find(self, collection: str, name: str) -> dict[str, Any]:
        """The one item whose id or name is ``name``.  Raises CliError."""
        found = self.networking(collection, id=name) or self.networking(collection, name=name)
        kind = collection.removesuffix("s").replace("-", " ")
        if not found:
            raise CliError(f"no {kind} has the id or name {name}; see `vnctl {collection}`")
        if len(found) > 1:
            ids = ", ".join(item["id"] for item in found[:5])
            raise CliError(f"{len(found)} {collection} are named {name}; use an id: {ids}")
        return found[0]


def _has_port(parts: urllib.parse.SplitResult) -> bool:
    """Whether the port, if there is one, is a number that a port can have."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def quote(name: str) -> str:
    """``name`` as one segment of a path."""
    return urllib.parse.quote(name, safe="")


def _items(answer: dict[str, Any], collection: str) -> list[dict[str, Any]]:
    items = answer.get(collection)
    if not isinstance(items, list):
        raise CliError(f"the answer has no {collection}: is this a VNC node of this version?")
    return items


def _refusal(status: int, body: bytes, path: str) -> str:
    try:
        found = json.loads(body)
        error = found.get("NeutronError") or found["error"]
        return error["message"] if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the node answered {path} with HTTP status {status}"
