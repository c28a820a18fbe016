"""What somebody has set to log in with: ``OS_*`` variables, or a cloud of ``clouds.yaml``.

openstacksdk reads the same files, and takes more than a second to be imported.  Its documentation,
"Configuring OpenStack SDK Applications", says where they are and what is in them; vendor profiles
are not read here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ryu_apps.cli.errors import USAGE, CliError

AUTH_OPTIONS = (
    "auth_url", "username", "user_id", "user_domain_id", "user_domain_name", "password", "token",
    "passcode", "project_id", "project_name", "project_domain_id", "project_domain_name",
    "domain_id", "domain_name", "default_domain_id", "default_domain_name", "system_scope",
    "trust_id", "application_credential_id", "application_credential_name",
    "application_credential_secret",
)
"""Of plugins of keystoneauth; the variable of each is its name in capitals after OS_."""
NO_LOGIN = ("none", "noauth")
NAMES = ("clouds.yaml", "clouds.yml", "clouds.json")
FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True)
class Cloud:
    """``auth``: what its plugin ``auth_type`` is given.  ``verify``: whether the certificate of its
    Keystone is looked at; ``ca_file``: whom to trust instead of the system's; ``cert``: files of
    who we are there, a certificate and its key, or both in one."""

    auth_type: str
    auth: dict[str, Any] = field(default_factory=dict)
    verify: bool = True
    ca_file: str = ""
    cert: tuple[str, str] | str | None = None


def find(name: str, environment: Mapping[str, str]) -> Cloud | None:
    """The cloud called ``name`` or OS_CLOUD, if there is such a name, with what the variables say
    instead; None where nothing says how to log in.  Raises CliError."""
    name = name or environment.get("OS_CLOUD", "")
    settings = _named(name, environment) if name else {}
    auth = {**settings.get("auth", {}), **{
        option: environment[f"OS_{option.upper()}"] for option in AUTH_OPTIONS
        if environment.get(f"OS_{option.upper()}")
    }}
    auth_type = environment.get("OS_AUTH_TYPE") or settings.get("auth_type") or _usual(auth)
    if not auth or auth_type in NO_LOGIN:
        return None
    insecure = environment.get("OS_INSECURE", "").lower() not in ("", *FALSE)
    verify = str(settings.get("verify", True)).lower() not in FALSE and not insecure
    ca_file = environment.get("OS_CACERT") or settings.get("cacert") or ""
    cert = environment.get("OS_CERT") or settings.get("cert") or None
    key = environment.get("OS_KEY") or settings.get("key")
    return Cloud(
        str(auth_type), _with_domains(auth), verify, str(ca_file),
        (str(cert), str(key)) if cert and key else cert,
    )


def _usual(auth: Mapping[str, Any]) -> str:
    if "application_credential_secret" in auth:
        return "v3applicationcredential"
    return "token" if "token" in auth and "password" not in auth else "password"


def _with_domains(auth: dict[str, Any]) -> dict[str, Any]:
    """Names are of the domain "default" unless another is named."""
    for owner, named in (("user", "username"), ("project", "project_name")):
        if auth.get(named) and not any(
            auth.get(name) for name in (f"{owner}_domain_id", f"{owner}_domain_name",
                                        "default_domain_id", "default_domain_name")
        ):
            auth = {**auth, f"{owner}_domain_id": "default"}
    return auth


def _named(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    path = _file(environment.get("OS_CLIENT_CONFIG_FILE", ""), NAMES)
    if path is None:
        places = ", ".join(map(str, _places()))
        raise CliError(f"there is no clouds.yaml with the cloud {name} in {places}, and "
                       "OS_CLIENT_CONFIG_FILE names none", USAGE)
    clouds = _clouds(path)
    if name not in clouds:
        raise CliError(f"{path} has no cloud {name}; there are: {', '.join(sorted(clouds))}", USAGE)
    secret = _file(environment.get("OS_CLIENT_SECURE_FILE", ""), ("secure.yaml", "secure.yml"))
    cloud = _merged(clouds[name], _clouds(secret).get(name) if secret is not None else None)
    if cloud.get("auth_type") in NO_LOGIN:
        cloud.setdefault("auth", {})
    if not isinstance(cloud.get("auth"), dict):
        raise CliError(f"{path}: the cloud {name} has no auth of keys and values", USAGE)
    return cloud


def _places() -> list[Path]:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return [Path.cwd(), Path(home) / "openstack", Path("/etc/openstack")]


def _file(given: str, names: tuple[str, ...]) -> Path | None:
    if given:
        return Path(given)
    found = (place / name for place in _places() for name in names)
    return next((path for path in found if path.is_file()), None)


def _clouds(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise CliError(f"cannot read {path}: {' '.join(str(error).split())}", USAGE) from error
    clouds = data.get("clouds") if isinstance(data, dict) else None
    if not isinstance(clouds, dict) or not all(isinstance(one, dict) for one in clouds.values()):
        raise CliError(f"{path} has no 'clouds' of keys and values", USAGE)
    return clouds


def _merged(base: dict[str, Any], over: dict[str, Any] | None) -> dict[str, Any]:
    found = dict(base)
    for key, value in (over or {}).items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = _merged(found[key], value) if both else value
    return found
