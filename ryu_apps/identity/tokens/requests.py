"""What a client asks for with ``POST /v3/auth/tokens`` (Keystone's API reference, "Authentication
and token management"), taken apart."""

from __future__ import annotations

from typing import Any, NamedTuple

from ryu_apps.identity.directory.errors import IdentityError, bad
from ryu_apps.identity.directory.records import DOMAIN
from ryu_apps.identity.tokens.payload import METHODS

DOMAIN_NAME = "Default"
MAX_TEXT = 4096


class Reference(NamedTuple):
    """By id, or by name where ``id`` is "".  ``elsewhere``: it is of a domain that there is not."""

    id: str = ""
    name: str = ""
    elsewhere: bool = False


class Scope(NamedTuple):
    """``project``: None where it is another scope.  ``system``; or neither: without scope."""

    project: Reference | None = None
    system: bool = False


class Login(NamedTuple):
    """``methods``: of METHODS, each once.  ``scope``: None where none is asked for."""

    methods: tuple[str, ...]
    user: Reference = Reference()
    password: str = ""
    token: str = ""
    credential: Reference = Reference()
    secret: str = ""
    scope: Scope | None = None


def parse(body: Any) -> Login:
    """Raises IdentityError; its text repeats no value."""
    auth = section(body, "auth")
    identity = section(auth, "identity")
    methods = identity.get("methods")
    if (
        type(methods) is not list or not methods or len(methods) > len(METHODS)
        or not all(type(one) is str for one in methods) or len(set(methods)) < len(methods)
    ):
        raise bad("auth.identity.methods must list what the client proves who it is with: "
                  f"{', '.join(METHODS)}.")
    if set(methods) - set(METHODS):
        raise IdentityError(401, "Attempted to authenticate with an unsupported method.")
    found = Login(tuple(one for one in METHODS if one in methods), scope=_scope(auth.get("scope")))
    if "password" in methods:
        user = section(section(identity, "password"), "user")
        found = found._replace(user=reference(user, "user"), password=text(user, "password"))
    if "token" in methods:
        found = found._replace(token=text(section(identity, "token"), "id"))
    if "application_credential" in methods:
        if found.scope is not None:
            raise IdentityError(401, "Application credentials cannot request a scope.")
        given = section(identity, "application_credential")
        found = found._replace(
            credential=reference(given, "application_credential"), secret=text(given, "secret")
        )
        if not found.credential.id:
            found = found._replace(user=reference(section(given, "user"), "user"))
    return found


def section(data: Any, name: str) -> dict[str, Any]:
    """The object of that name.  Raises IdentityError."""
    found = data.get(name) if type(data) is dict else None
    if type(found) is not dict:
        raise bad(f"Expecting to find {name} in the request, as an object.")
    return found


def text(data: dict[str, Any], name: str) -> str:
    found = data.get(name)
    if type(found) is not str or len(found) > MAX_TEXT:
        raise bad(f"Expecting to find {name}, a text of at most {MAX_TEXT} characters.")
    return found


def reference(data: dict[str, Any], what: str) -> Reference:
    """Raises IdentityError where there is neither an id nor a name."""
    if "id" in data:
        return Reference(id=text(data, "id"))
    if "name" not in data:
        raise bad(f"Expecting to find id or name in {what}.")
    domain = data.get("domain")
    elsewhere = domain is not None and not is_default(domain)
    return Reference(name=text(data, "name"), elsewhere=elsewhere)


def is_default(domain: Any) -> bool:
    """Whether ``{"id": ...}`` or ``{"name": ...}`` means the one domain."""
    return type(domain) is dict and (
        domain.get("id") == DOMAIN
        or ("id" not in domain and str(domain.get("name")).lower() == DOMAIN_NAME.lower())
    )


def _scope(given: Any) -> Scope | None:
    if given is None:
        return None
    if given == "unscoped":
        return Scope()
    if type(given) is not dict or len(given) != 1:
        raise bad("auth.scope must name one of project, system, domain, unscoped.")
    if "unscoped" in given:
        return Scope()
    if "project" in given:
        return Scope(reference(section(given, "project"), "project"))
    if "system" in given:
        if section(given, "system").get("all") is not True:
            raise bad("The scope of the system reads {\"system\": {\"all\": true}}.")
        return Scope(system=True)
    raise IdentityError(401, "There is no such scope here: a token is for a project, for the "
                        "system, or unscoped.")
