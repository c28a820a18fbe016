"""``[api] auth = none``: a client is whoever it says it is, by headers, and else an administrator.

For a node that only its own host reaches, or only who may do everything.
"""

from __future__ import annotations

from ryu_apps.control.config.access import ADMINISTRATOR, Principal
from ryu_apps.identity.base import Authenticator, BadIdentity, Environ, Standing

PROJECT, ROLES = "X-Project-Id", "X-Roles"
"""The headers that name the client's project and its roles, separated by commas.  Without both the
client is an administrator; without roles it is a member of the project."""
MAX_PROJECT = 255
MAX_ROLES = 4096
"""Characters of the header."""


class NoProject(BadIdentity):
    """A project that has no name: it must not pass for an administrator."""

    def __init__(self) -> None:
        super().__init__(
            f"{PROJECT} must have 1 to {MAX_PROJECT} characters; leave it out for an "
            "administrator's request."
        )


class Unverified(Authenticator):
    """``exposed``: where others than this host reach the API, or ""."""

    tokens = False

    def __init__(self, exposed: str = "") -> None:
        self._exposed = exposed

    def authenticate(self, environ: Environ) -> Principal:
        """Raises BadIdentity."""
        project, roles = environ.get("HTTP_X_PROJECT_ID"), environ.get("HTTP_X_ROLES")
        if project is None and roles is None:
            return ADMINISTRATOR
        named = (project or "").strip()
        if len(named) > MAX_PROJECT or (project is not None and not named):
            raise NoProject
        if roles is None:
            return Principal(named)
        if len(roles) > MAX_ROLES:
            raise BadIdentity(f"{ROLES} must have at most {MAX_ROLES} characters.")
        return Principal(
            named, frozenset(role.strip().lower() for role in roles.split(",")) - {""}
        )

    def forwarded(self, environ: Environ, who: Principal) -> dict[str, str]:
        return headers(who)

    def standing(self) -> Standing:
        if self._exposed:
            return Standing(anybody(self._exposed), warning=True)
        return Standing("none: who can reach the API is an administrator, and only this host can, "
                        "or who has a certificate")


def anybody(address: str) -> str:
    """What is said where the API is open."""
    return (f"none: anybody who reaches {address} is an administrator of all projects "
            "([api] auth, allow_unauthenticated)")


def headers(who: Principal) -> dict[str, str]:
    """What tells another node for whom it is asked."""
    found = {PROJECT: who.project_id} if who.project_id else {}
    if who == ADMINISTRATOR or (found and who.roles == Principal.roles):
        return found
    return {**found, ROLES: ",".join(sorted(who.roles))}
