"""What the Identity API answers instead of doing it (Keystone's API reference, "Errors")."""

from __future__ import annotations

from http import HTTPStatus


class IdentityError(Exception):
    """``status``: of HTTP.  ``retry``: after so many seconds it may be asked again, or 0."""

    def __init__(self, status: int, message: str, retry: int = 0) -> None:
        super().__init__(message)
        self.status, self.retry = status, retry

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase


def bad(message: str) -> IdentityError:
    return IdentityError(400, message)


def forbidden(action: str) -> IdentityError:
    return IdentityError(
        403, f"You are not authorized to perform the requested action: {action}."
    )


def missing(kind: str, id: str) -> IdentityError:
    return IdentityError(404, f"Could not find {kind}: {id:.255}.")


def conflict(message: str) -> IdentityError:
    return IdentityError(409, message)


def unauthorized() -> IdentityError:
    """One text for all reasons, so that it does not tell who exists."""
    return IdentityError(401, "The request you have made requires authentication.")
