"""The schemas of the Identity API by name: of what it shows, and of the bodies that it reads."""

from __future__ import annotations

from typing import Any

from ryu_apps.identity.directory.directory import ROLES
from ryu_apps.identity.tokens.payload import METHODS
from ryu_apps.identity.tokens.requests import MAX_TEXT
from ryu_apps.northbound.bodies.schemas import INTEGER, OPEN, STRING, list_of, obj, ref
from ryu_apps.northbound.identity_api import bodies
from ryu_apps.northbound.identity_api.credentials import CREDENTIAL_FIELDS
from ryu_apps.northbound.identity_api.operations import BOOTSTRAP_FIELDS
from ryu_apps.northbound.identity_api.projects import PROJECT_FIELDS
from ryu_apps.northbound.identity_api.users import PASSWORD_FIELDS, USER_FIELDS

_BOOLEAN = {"type": "boolean"}
_STRING_OR_NULL = {"type": ["string", "null"]}
_LINKS = {"type": "object", "additionalProperties": _STRING_OR_NULL}
_ROLE = {"enum": list(ROLES)}
_TIME = {"type": "string", "format": "date-time"}


def _whole(**properties: Any) -> dict[str, Any]:
    """All of which are always there."""
    return obj(properties, **properties)


def _collection(title: str, name: str, plural: str) -> dict[str, Any]:
    return {
        f"{title}Item": _whole(**{name: ref(title)}),
        f"{title}List": _whole(**{plural: list_of(ref(title)), "links": _LINKS}),
    }


_NAMED = _whole(id=STRING, name=STRING)
_OF_DOMAIN = _whole(id=STRING, name=STRING, domain=_NAMED)
_PERHAPS_NAMED = obj((), id=STRING, name=STRING, domain=_NAMED)
_ENDPOINT = {"id": STRING, "interface": STRING, "region": STRING, "region_id": STRING,
             "url": STRING}
_SHOWN: dict[str, Any] = {
    "Project": _whole(
        id=STRING, name=STRING, domain_id=STRING, description=STRING, enabled=_BOOLEAN,
        parent_id=STRING, is_domain=_BOOLEAN, tags=list_of(STRING), options=OPEN, links=_LINKS),
    "User": obj(
        ("id", "name", "domain_id", "description", "email", "enabled", "password_expires_at",
         "options", "links"),
        id=STRING, name=STRING, domain_id=STRING, description=STRING, email=STRING,
        enabled=_BOOLEAN, password_expires_at={"type": "null"}, options=OPEN, links=_LINKS,
        default_project_id=STRING),
    "Role": _whole(id=_ROLE, name=_ROLE, domain_id={"type": "null"}, description=STRING,
                   options=OPEN, links=_LINKS),
    "ApplicationCredential": obj(
        ("id", "name", "description", "user_id", "project_id", "unrestricted", "roles",
         "expires_at", "system", "links"),
        id=STRING, name=STRING, description=_STRING_OR_NULL, user_id=STRING, project_id=STRING,
        unrestricted=_BOOLEAN, roles=list_of(_whole(
            id=_ROLE, name=_ROLE, domain_id={"type": "null"})),
        expires_at=_STRING_OR_NULL, system={"type": "null"}, links=_LINKS, secret=STRING),
    "Domain": _whole(id=STRING, name=STRING, description=STRING, enabled=_BOOLEAN,
                     tags=list_of(STRING), options=OPEN, links=_LINKS),
    "Service": _whole(id=STRING, type=STRING, name=STRING, enabled=_BOOLEAN, description=STRING,
                      links=_LINKS),
    "Endpoint": _whole(**_ENDPOINT, service_id=STRING, enabled=_BOOLEAN, links=_LINKS),
    "Region": _whole(id=STRING, description=STRING, parent_region_id={"type": "null"},
                     links=_LINKS),
    "Group": OPEN,
}
_CATALOG = list_of(_whole(
    id=STRING, type=STRING, name=STRING, endpoints=list_of(_whole(**_ENDPOINT))))
_SHORT_ROLE = _whole(id=_ROLE, name=_ROLE, links=_LINKS)
_KEY = _whole(number=INTEGER, made_at=_TIME, state={"enum": ["staged", "primary", "old"]})
_ANSWERS: dict[str, Any] = {
    "IdentityVersion": _whole(version=_whole(
        id=STRING, status=STRING, updated=_TIME, links=list_of(ref("Link")),
        **{"media-types": list_of(_whole(base=STRING, type=STRING))})),
    "Token": _whole(token=obj(
        ("methods", "audit_ids", "issued_at", "expires_at", "user"),
        methods=list_of({"enum": list(METHODS)}), audit_ids=list_of(STRING), issued_at=_TIME,
        expires_at=_TIME, user=_whole(id=STRING, name=STRING, domain=_NAMED,
                                      password_expires_at={"type": "null"}),
        project=_OF_DOMAIN, is_domain=_BOOLEAN, system=_whole(all=_BOOLEAN),
        roles=list_of(_whole(id=_ROLE, name=_ROLE)), catalog=_CATALOG,
        application_credential=_whole(id=STRING, name=STRING, restricted=_BOOLEAN))),
    "SystemScopes": _whole(system=list_of(_whole(all=_BOOLEAN)), links=_LINKS),
    "Catalog": _whole(catalog=_CATALOG, links=_LINKS),
    "RoleInferences": _whole(role_inferences=list_of(_whole(
        prior_role=_SHORT_ROLE, implies=list_of(_SHORT_ROLE)))),
    "RoleAssignments": _whole(
        role_assignments=list_of(_whole(
            role=obj(("id",), id=_ROLE, name=_ROLE), user=_PERHAPS_NAMED,
            scope=obj((), system=_whole(all=_BOOLEAN), project=_PERHAPS_NAMED), links=_LINKS)),
        links=_LINKS),
    "TokenKeys": obj(("token_keys",), token_keys=list_of(_KEY), primary=INTEGER),
}

_SHORT = {"type": "string", "maxLength": MAX_TEXT}
_THE_DOMAIN = {"description": "{id} or {name} of the domain"}
_REFERENCE = {"anyOf": [
    obj(("id",), id=_SHORT), obj(("name",), name=_SHORT, domain=_THE_DOMAIN, id=False),
]}
_PROOF = {
    "password": _whole(user={"allOf": [_REFERENCE, _whole(password=_SHORT)]}),
    "token": _whole(id=_SHORT),
    "application_credential": {"allOf": [_whole(secret=_SHORT), {"anyOf": [
        obj(("id",), id={**_SHORT, "minLength": 1}),
        obj(("name", "user"), name=_SHORT, user=_REFERENCE, id=False),
    ]}]},
}
_SCOPE = {"anyOf": [
    {"type": "null"}, {"const": "unscoped"},
    {**obj(("unscoped",), unscoped={}), "maxProperties": 1},
    {**obj(("project",), project=_REFERENCE), "maxProperties": 1},
    {**obj(("system",), system=_whole(all={"const": True})), "maxProperties": 1},
]}
_REQUESTS: dict[str, Any] = {
    "LoginRequest": _whole(auth=obj(
        ("identity",), scope=_SCOPE,
        identity={"anyOf": [
            obj(("methods", method), methods={"const": [method]}, **{method: proof})
            for method, proof in _PROOF.items()
        ]})),
    "BootstrapRequest": _whole(
        bootstrap=bodies.schema(BOOTSTRAP_FIELDS, "code", "password")),
    "ProjectCreateRequest": _whole(project=bodies.schema(PROJECT_FIELDS, "name")),
    "ProjectUpdateRequest": _whole(project=bodies.schema(PROJECT_FIELDS)),
    "UserCreateRequest": _whole(user=bodies.schema(USER_FIELDS, "name")),
    "UserUpdateRequest": _whole(user=bodies.schema(USER_FIELDS)),
    "PasswordRequest": _whole(
        user=bodies.schema(PASSWORD_FIELDS, "password", "original_password")),
    "ApplicationCredentialRequest": _whole(
        application_credential=bodies.schema(CREDENTIAL_FIELDS, "name")),
}

SCHEMAS: dict[str, Any] = {
    **_SHOWN,
    **_collection("Project", "project", "projects"),
    **_collection("User", "user", "users"),
    **_collection("Role", "role", "roles"),
    **_collection("ApplicationCredential", "application_credential", "application_credentials"),
    **_collection("Domain", "domain", "domains"),
    **_collection("Service", "service", "services"),
    **_collection("Endpoint", "endpoint", "endpoints"),
    **_collection("Region", "region", "regions"),
    **_collection("Group", "group", "groups"),
    **_ANSWERS,
    **_REQUESTS,
}
