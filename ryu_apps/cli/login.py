"""How vnctl says who asks: as the openstack client does, by the environment or clouds.yaml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import USAGE, CliError

HINT = (
    "set OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME (or OS_SYSTEM_SCOPE=all), or "
    "OS_APPLICATION_CREDENTIAL_ID and OS_APPLICATION_CREDENTIAL_SECRET, or OS_TOKEN, or OS_CLOUD "
    "for one of clouds.yaml; and OS_AUTH_URL where the node itself gives no tokens"
)
_NAMES = (
    "auth_url", "token", "username", "user_id", "password", "user_domain_id", "user_domain_name",
    "project_name", "project_id", "project_domain_id", "project_domain_name", "system_scope",
    "application_credential_id", "application_credential_name", "application_credential_secret",
)


def credentials(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What is set, by the names of clouds.yaml without "OS_".  Raises CliError."""
    found: dict[str, Any] = {}
    cloud = environment.get("OS_CLOUD")
    if cloud:
        found = _cloud(cloud, environment)
    for name in _NAMES:
        value = environment.get(f"OS_{name.upper()}")
        if value:
            found[name] = value
    return found


def _cloud(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    import yaml  # most commands need not wait for it

    given = environment.get("OS_CLIENT_CONFIG_FILE")
    places = [Path(given)] if given else [
        Path("clouds.yaml"), Path.home() / ".config/openstack/clouds.yaml",
        Path("/etc/openstack/clouds.yaml"),
    ]
    for place in places:
        try:
            data = yaml.safe_load(place.read_text())
        except OSError:
            continue
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise CliError(f"{place}: {error}", USAGE) from error
        try:
            auth = data["clouds"][name]["auth"]
        except (KeyError, TypeError):
            raise CliError(f"{place} has no cloud {name} with auth", USAGE) from None
        return {key: auth[key] for key in _NAMES if key in auth}
    raise CliError(f"OS_CLOUD is {name}, and there is no clouds.yaml", USAGE)


def request(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body of a login with these credentials; None: they are not enough for one."""
    if given.get("application_credential_secret"):
        named: dict[str, Any] = {"secret": given["application_credential_secret"]}
        if given.get("application_credential_id"):
            named["id"] = given["application_credential_id"]
        else:
            named["name"] = given.get("application_credential_name")
            named["user"] = _user(given)
        return {"auth": {"identity": {
            "methods": ["application_credential"], "application_credential": named}}}
    if "password" not in given or not (given.get("username") or given.get("user_id")):
        return None
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {
        "user": {**_user(given), "password": str(given["password"])}}}}
    if given.get("system_scope"):
        auth["scope"] = {"system": {given["system_scope"]: True}}
    elif given.get("project_id"):
        auth["scope"] = {"project": {"id": given["project_id"]}}
    elif given.get("project_name"):
        auth["scope"] = {"project": {
            "name": given["project_name"], "domain": _domain(given, "project")}}
    return {"auth": auth}


def _user(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("user_id"):
        return {"id": given["user_id"]}
    return {"name": given.get("username"), "domain": _domain(given, "user")}


def _domain(given: Mapping[str, Any], of: str) -> dict[str, Any]:
    if given.get(f"{of}_domain_name"):
        return {"name": given[f"{of}_domain_name"]}
    return {"id": given.get(f"{of}_domain_id") or "default"}
