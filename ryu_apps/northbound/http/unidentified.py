"""What a client is answered that cannot be told from others: in the words of the Identity service
where it has to get a token, so that its clients do."""

from __future__ import annotations

from ryu_apps.identity.base import BadIdentity, IdentityUnavailable, Unauthenticated
from ryu_apps.northbound.http.call import Reply
from ryu_apps.northbound.http.errors import error_body, identity_error

ERRORS = (BadIdentity, IdentityUnavailable, Unauthenticated)


def answer(error: Exception) -> Reply:
    """``error``: one of ERRORS.  A 401 names where tokens come from (RFC 9110 section 11.6.1; the
    scheme is keystonemiddleware's)."""
    if isinstance(error, Unauthenticated):
        return Reply(
            401,
            identity_error(401, str(error)),
            (("WWW-Authenticate", f'Keystone uri="{error.uri}"'),),
        )
    if isinstance(error, IdentityUnavailable):
        return Reply(
            503, error_body("ServiceUnavailable", str(error)), (("Retry-After", str(error.retry)),)
        )
    return Reply(400, error_body("HTTPBadRequest", str(error)))
