"""The contract between who says who a client is and the API."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, NamedTuple

from ryu_apps.control.config.access import Principal

Environ = Mapping[str, Any]
"""A request's WSGI environment (PEP 3333)."""
TOKEN = "X-Auth-Token"
MAX_TOKEN = 16 * 1024
"""Characters of a token; a longer one is nobody's (Keystone's Fernet tokens have some 250, signed
ones of large federations a few thousand)."""


class BadIdentity(Exception):
    """What the request says of its client makes no sense.  Answered with 400."""


class Unauthenticated(Exception):
    """Nobody knows who asks.  Answered with 401; ``uri``: where a client gets a token."""

    def __init__(self, message: str, uri: str) -> None:
        super().__init__(message)
        self.uri = uri


class IdentityUnavailable(Exception):
    """It cannot be told now.  Answered with 503; ``retry``: after so many seconds."""

    def __init__(self, message: str, retry: int = 5) -> None:
        super().__init__(message)
        self.retry = retry


class Standing(NamedTuple):
    """How authentication is, in words for operators; ``warning``: somebody should look at it."""

    detail: str
    warning: bool = False


class Authenticator(abc.ABC):
    """Used by several threads at a time.  ``tokens``: it refuses who has none."""

    tokens = True

    @abc.abstractmethod
    def authenticate(self, environ: Environ) -> Principal:
        """Who makes the request.  Raises BadIdentity, Unauthenticated, IdentityUnavailable."""

    @abc.abstractmethod
    def forwarded(self, environ: Environ, who: Principal) -> dict[str, str]:
        """The headers with which another node is asked for ``who``, whose request this is: the
        other one authenticates them itself."""

    @abc.abstractmethod
    def standing(self) -> Standing: ...


def token_of(environ: Environ, uri: str) -> str:
    """The token of a request, within bounds.  Raises Unauthenticated."""
    token = environ.get("HTTP_X_AUTH_TOKEN", "").strip()
    if not token:
        raise Unauthenticated(
            f"The request you have made requires authentication: a token in {TOKEN}.", uri
        )
    if len(token) > MAX_TOKEN:
        raise Unauthenticated(f"The token has more than {MAX_TOKEN} characters.", uri)
    if not token.isascii() or " " in token or not token.isprintable():
        raise Unauthenticated("The token has characters that no token has.", uri)
    return token
