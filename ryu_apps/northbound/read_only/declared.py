"""All collections that are read alone."""

from ryu_apps.northbound.read_only.agents import AGENTS
from ryu_apps.northbound.read_only.availability_zones import AVAILABILITY_ZONES
from ryu_apps.northbound.read_only.collection import ReadOnly
from ryu_apps.northbound.read_only.flavors import FLAVORS, SERVICE_PROFILES, SERVICE_PROVIDERS
from ryu_apps.northbound.read_only.ip_availabilities import IP_AVAILABILITIES
from ryu_apps.northbound.read_only.qos_rule_types import QOS_RULE_TYPES

READ_ONLY: tuple[ReadOnly, ...] = (
    AGENTS, AVAILABILITY_ZONES, FLAVORS, IP_AVAILABILITIES, QOS_RULE_TYPES, SERVICE_PROFILES,
    SERVICE_PROVIDERS,
)
