"""All routes of the built-in identity service."""

from __future__ import annotations

from ryu_apps.identity.service import IdentityService
from ryu_apps.northbound.http.call import Route
from ryu_apps.northbound.identity_api import schemas
from ryu_apps.northbound.identity_api.base import spoken
from ryu_apps.northbound.identity_api.credentials import CredentialsApi
from ryu_apps.northbound.identity_api.operations import BootstrapApi, TokenKeysApi
from ryu_apps.northbound.identity_api.projects import ProjectsApi
from ryu_apps.northbound.identity_api.roles import RolesApi
from ryu_apps.northbound.identity_api.services import ServicesApi
from ryu_apps.northbound.identity_api.tokens import TokensApi
from ryu_apps.northbound.identity_api.users import UsersApi

SCHEMAS = schemas.SCHEMAS
PARTS = (
    TokensApi, ProjectsApi, UsersApi, RolesApi, CredentialsApi, ServicesApi, BootstrapApi,
)


def routes(service: IdentityService, url: str) -> list[Route]:
    """``/v3``, and what may be asked without a login.  ``url``: where clients reach this node, or
    "": where they asked."""
    return [spoken(route, url) for part in PARTS for route in part(service, url).routes()]


def operations(service: IdentityService) -> list[Route]:
    """Those below ``/v1`` that are for operators."""
    return [spoken(route) for route in TokenKeysApi(service).routes()]
