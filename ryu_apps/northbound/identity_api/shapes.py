"""What the Identity API shows of the directory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.access.principal import ADMIN, MEMBER, READER
from ryu_apps.identity.directory.directory import ROLES
from ryu_apps.identity.directory.records import (
    DOMAIN,
    SYSTEM,
    ApplicationCredential,
    Assignment,
    Project,
    User,
)
from ryu_apps.identity.tokens.context import Context
from ryu_apps.identity.tokens.requests import DOMAIN_NAME
from ryu_apps.northbound.identity_api.base import moment

Fields = dict[str, Any]
IN_DOMAIN = {"id": DOMAIN, "name": DOMAIN_NAME}
REGION = "RegionOne"
_ROLES = {
    READER: "Sees what its project has", MEMBER: "Changes what its project has, and sees it",
    ADMIN: "Does everything, in all projects",
}
_SERVICES = (("network", "vnc", ""), ("identity", "identity", "/v3"))
"""Type, name, and the path of its URL."""
_INTERFACES = ("public", "internal", "admin")


def project(one: Project, v3: str) -> Fields:
    return {
        "id": one.id, "name": one.name, "domain_id": DOMAIN, "description": one.description,
        "enabled": one.enabled, "parent_id": DOMAIN, "is_domain": False, "tags": [],
        "options": {}, "links": {"self": f"{v3}/projects/{one.id}"},
    }  # fmt: skip


def user(one: User, v3: str) -> Fields:
    found = {
        "id": one.id, "name": one.name, "domain_id": DOMAIN, "description": one.description,
        "email": one.email, "enabled": one.enabled, "password_expires_at": None, "options": {},
        "links": {"self": f"{v3}/users/{one.id}"},
    }
    if one.default_project_id:
        found["default_project_id"] = one.default_project_id
    return found


def role(name: str, v3: str) -> Fields:
    """Its name is its id."""
    return {"id": name, "name": name, "domain_id": None, "description": _ROLES[name],
            "options": {}, "links": {"self": f"{v3}/roles/{name}"}}


def assignment(
    one: Assignment, role_name: str, v3: str, users: dict[str, User], projects: dict[str, Project],
    names: bool,
) -> Fields:
    """``names``: also those, not only ids."""
    def named(thing: User | Project | None) -> Fields:
        if thing is None:
            return {}
        return {"id": thing.id, **({"name": thing.name, "domain": IN_DOMAIN} if names else {})}

    if one.target == SYSTEM:
        scope: Fields = {"system": {"all": True}}
        link = f"{v3}/system/users/{one.actor}/roles/{one.role}"
    else:
        scope = {"project": named(projects.get(one.target))}
        link = f"{v3}/projects/{one.target}/users/{one.actor}/roles/{one.role}"
    return {
        "role": {"id": role_name, **({"name": role_name} if names else {})},
        "user": named(users.get(one.actor)), "scope": scope, "links": {"assignment": link},
    }


def credential(one: ApplicationCredential, v3: str) -> Fields:
    return {
        "id": one.id, "name": one.name, "description": one.description or None,
        "user_id": one.user_id, "project_id": one.project_id, "unrestricted": one.unrestricted,
        "roles": [{"id": name, "name": name, "domain_id": None} for name in one.roles],
        "expires_at": moment(one.expires_at).removesuffix("Z") if one.expires_at else None,
        "system": None,
        "links": {"self": f"{v3}/users/{one.user_id}/application_credentials/{one.id}"},
    }


def domain(v3: str) -> Fields:
    return {**IN_DOMAIN, "description": "The one domain", "enabled": True, "tags": [],
            "options": {}, "links": {"self": f"{v3}/domains/{DOMAIN}"}}


def token(context: Context, catalog: list[Fields] | None) -> Fields:
    payload = context.payload
    found: Fields = {
        "methods": list(payload.methods), "audit_ids": list(payload.audit_ids),
        "issued_at": moment(payload.issued_at), "expires_at": moment(payload.expires_at),
        "user": {"id": context.user.id, "name": context.user.name, "domain": IN_DOMAIN,
                 "password_expires_at": None},
    }
    if context.project is not None:
        found["project"] = {
            "id": context.project.id, "name": context.project.name, "domain": IN_DOMAIN}
        found["is_domain"] = False
    if payload.system:
        found["system"] = {"all": True}
    if context.roles:
        found["roles"] = [{"id": name, "name": name} for name in ROLES if name in context.roles]
        if catalog is not None:
            found["catalog"] = catalog
    if context.credential is not None:
        found["application_credential"] = {
            "id": context.credential.id, "name": context.credential.name,
            "restricted": not context.credential.unrestricted,
        }
    return {"token": found}


# ------------------------------------------------------------ services


def services(v3: str) -> list[Fields]:
    return [
        {"id": kind, "type": kind, "name": name, "enabled": True, "description": "",
         "links": {"self": f"{v3}/services/{kind}"}}
        for kind, name, _ in _SERVICES
    ]


def endpoints(base: str) -> list[Fields]:
    return [
        {"id": f"{kind}-{interface}", "service_id": kind, "interface": interface,
         "region": REGION, "region_id": REGION, "enabled": True, "url": f"{base}{path}",
         "links": {"self": f"{base}/v3/endpoints/{kind}-{interface}"}}
        for kind, _, path in _SERVICES for interface in _INTERFACES
    ]


def catalog(base: str) -> list[Fields]:
    """The services with their endpoints, as tokens have them."""
    shown = ("id", "interface", "region", "region_id", "url")
    return [
        {"id": one["id"], "type": one["type"], "name": one["name"], "endpoints": [
            {name: endpoint[name] for name in shown} for endpoint in endpoints(base)
            if endpoint["service_id"] == one["id"]
        ]}
        for one in services(base)
    ]


def region(v3: str) -> Fields:
    return {"id": REGION, "description": "", "parent_region_id": None,
            "links": {"self": f"{v3}/regions/{REGION}"}}


def sorted_by_name(items: Iterable[Fields]) -> list[Fields]:
    return sorted(items, key=lambda one: (one["name"], one["id"]))
