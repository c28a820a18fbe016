"""Errors of the API and how they look to a client."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """Answer the request with this.  ``type``: the Networking API's error type."""

    def __init__(
        self, status: int, type: str, message: str, headers: Mapping[str, str] | None = None
    ):
        super().__init__(message)
        self.status, self.type, self.message = status, type, message
        self.headers = dict(headers or {})


ERROR, IDENTITY_ERROR = "Error", "IdentityError"
"""The names of their schemas: of :func:`error_body`, :func:`identity_error`."""
MAX_MESSAGE = 2000
"""Characters: what a message repeats of a request may be megabytes."""


def identity_error(status: int, message: str) -> dict[str, Any]:
    """As the Identity API says it."""
    if len(message) > MAX_MESSAGE:
        message = message[:MAX_MESSAGE] + "..."
    return {"error": {"code": status, "title": HTTPStatus(status).phrase, "message": message}}


def error_body(type: str, message: str) -> dict[str, Any]:
    if len(message) > MAX_MESSAGE:
        message = message[:MAX_MESSAGE] + "..."
    return {"NeutronError": {"type": type, "message": message, "detail": ""}}
