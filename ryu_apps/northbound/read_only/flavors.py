"""``/v2.0/flavors``, ``/v2.0/service_profiles`` and ``/v2.0/service-providers``: all routers are
distributed, and that is the one flavor.

The extension "flavors" is not listed: it says that flavors can be made."""

from __future__ import annotations

import uuid

from ryu_apps.control.config.flavors import DISTRIBUTED
from ryu_apps.identity.defaults import FLAVOR, SERVICE_PROFILE, SERVICE_PROVIDER
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call
from ryu_apps.northbound.listing.attributes import BOOLEAN, STRING, list_of
from ryu_apps.northbound.read_only.collection import ReadOnly, View

L3 = "L3_ROUTER_NAT"
"""What Neutron calls the service that routers are."""
PROVIDER = "distributed"
_PROFILE = str(uuid.uuid5(uuid.UUID(DISTRIBUTED), "profile"))
_WORDS = "Routers that are on every hypervisor with ports of their networks"


def _flavors(environment: Environment, call: Call, filters: dict[str, set[str]]) -> list[View]:
    return [{
        "id": DISTRIBUTED, "name": PROVIDER, "description": _WORDS, "service_type": L3,
        "service_profiles": [_PROFILE], "enabled": True,
    }] if call.authority.regardless(FLAVOR) else []


def _profiles(environment: Environment, call: Call, filters: dict[str, set[str]]) -> list[View]:
    return [{
        "id": _PROFILE, "description": _WORDS, "driver": "", "metainfo": "{}", "enabled": True,
    }] if call.authority.regardless(SERVICE_PROFILE) else []


def _providers(environment: Environment, call: Call, filters: dict[str, set[str]]) -> list[View]:
    return [
        {"service_type": L3, "name": PROVIDER, "default": True}
    ] if call.authority.regardless(SERVICE_PROVIDER) else []


FLAVORS = ReadOnly(
    path="flavors",
    name="flavor",
    plural="flavors",
    title="Flavor",
    words="flavors",
    items=_flavors,
    attributes={
        "id": STRING, "name": STRING, "description": STRING, "service_type": STRING,
        "service_profiles": list_of(), "enabled": BOOLEAN,
    },
)
SERVICE_PROFILES = ReadOnly(
    path="service_profiles",
    name="service_profile",
    plural="service_profiles",
    title="ServiceProfile",
    words="service profiles",
    items=_profiles,
    attributes={
        "id": STRING, "description": STRING, "driver": STRING, "metainfo": STRING,
        "enabled": BOOLEAN,
    },
)
SERVICE_PROVIDERS = ReadOnly(
    path="service-providers",
    name="service_provider",
    plural="service_providers",
    title="ServiceProvider",
    words="service providers",
    items=_providers,
    attributes={"service_type": STRING, "name": STRING, "default": BOOLEAN},
    key="",
    extensions={
        "service-type": ("Neutron Service Type Management", "Who provides which service"),
    },
)
