"""``[api] auth = tokens``: says who a client is by a token of the built-in identity service."""

from __future__ import annotations

from ryu_apps.control.config.access import Principal
from ryu_apps.identity.base import (
    TOKEN,
    Authenticator,
    Environ,
    IdentityUnavailable,
    Standing,
    Unauthenticated,
    token_of,
)
from ryu_apps.identity.directory.errors import IdentityError
from ryu_apps.identity.service import IdentityService


class TokenAuthenticator(Authenticator):
    """``url``: where clients reach this node, or "": where they asked."""

    def __init__(self, service: IdentityService, url: str = "") -> None:
        self.service = service
        self.url = url.rstrip("/")

    def authenticate(self, environ: Environ) -> Principal:
        """Raises Unauthenticated, IdentityUnavailable."""
        uri = f"{self.url or _asked(environ)}/v3"
        token = token_of(environ, uri)
        if not self.service.copy.loaded:
            raise IdentityUnavailable("The config store was not read yet; try again.", 1)
        try:
            return self.service.context(token).principal
        except IdentityError as error:
            raise Unauthenticated(str(error), uri) from None

    def forwarded(self, environ: Environ, who: Principal) -> dict[str, str]:
        return {TOKEN: environ.get("HTTP_X_AUTH_TOKEN", "").strip()}

    def standing(self) -> Standing:
        copy = self.service.copy
        if not copy.loaded:
            return Standing("tokens: the config store was not read yet", warning=True)
        users, admins = copy.read(
            lambda directory: (len(directory.users), len(directory.administrators())))
        if not admins:
            return Standing(f"tokens: {users} users, and none of them is an administrator who can "
                            "log in: vnctl identity bootstrap", warning=True)
        more = f", {copy.skipped} stored records left out" if copy.skipped else ""
        return Standing(f"tokens: {users} users, {admins} administrators{more}", bool(more))


def _asked(environ: Environ) -> str:
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return f"{environ['wsgi.url_scheme']}://{host}"
