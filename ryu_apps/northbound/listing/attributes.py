"""The types of attributes: their JSON schema, and how a filter's text becomes such a value.

A filter is converted as the attribute itself is, so that it finds a value however it is spelled:
``FA-16-3E-00-00-0A``, ``t``, ``FD00:0::1``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.control.config.ipam import mac_spelled
from ryu_apps.control.config.protocols import protocol_number

TRUE = frozenset({"true", "t", "1", "yes", "y", "on"})
FALSE = frozenset({"false", "f", "0", "no", "n", "off"})


def boolean(text: str) -> bool:
    """Raises ValueError."""
    lower = text.strip().lower()
    if lower not in TRUE | FALSE:
        raise ValueError(f"it is true or false, not '{text}'")
    return lower in TRUE


def _integer(text: str) -> int:
    digits = text.strip().removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise ValueError(f"'{text}' is not an integer")
    return int(text)


def _text(value: str) -> str:
    return value


# What is not an address is looked for as it stands, and not found: as Neutron has it.


def _mac(text: str) -> str:
    return mac_spelled(text) or text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _prefix(text: str) -> str:
    """With its host bits: those of a rule's remote_ip_prefix are shown as they were given."""
    try:
        return str(ipaddress.ip_interface(text))
    except ValueError:
        return text


def _protocol(text: str) -> Any:
    try:
        return protocol_number(text.strip().lower(), 4)
    except ValueError:
        return text


@dataclass(frozen=True)
class Type:
    """``convert(text)`` raises ValueError; of a list it makes one element.  ``keys``: of the
    objects in a list, how their values are converted."""

    schema: dict[str, Any]
    convert: Callable[[str], Any] = _text
    keys: dict[str, Callable[[str], Any]] = field(default_factory=dict)

    @property
    def nullable(self) -> bool:
        return "null" in self.schema.get("type", ())


_OPEN: dict[str, Any] = {"type": "object", "additionalProperties": True}
_STRING = {"type": "string"}


def _list(convert: Callable[[str], Any] = _text) -> Type:
    return Type({"type": "array", "items": _STRING}, convert)


def _objects(**keys: Callable[[str], Any]) -> Type:
    return Type({"type": "array", "items": _OPEN}, keys=keys)


_DECLARED: tuple[tuple[Type, str], ...] = (
    (Type({"type": "boolean"}, boolean), "admin_state_up shared port_security_enabled "
     "router:external is_default enable_dhcp distributed ha stateful belongs_to_default_sg alive "
     "resources_synced"),
    (Type({"type": "integer"}, _integer), "mtu provider:segmentation_id vpn:rd_index vpn:vni "
     "revision_number ip_version"),
    (Type({"type": ["integer", "null"]}, _integer), "port_range_min port_range_max"),
    (Type({"enum": ["ingress", "egress"]}, str.lower), "direction"),
    (Type({"enum": ["IPv4", "IPv6"]}, str.lower), "ethertype"),
    (Type({"type": ["string", "null"]}, _protocol), "protocol"),
    (Type({"type": ["string", "null"]}, _prefix), "remote_ip_prefix normalized_cidr"),
    (Type(_STRING, _prefix), "cidr"),
    (Type(_STRING, _mac), "mac_address"),
    (Type({"type": ["string", "null"]}, _address), "gateway_ip"),
    (Type({"type": ["string", "null"]}), "provider:physical_network ipv6_address_mode "
     "ipv6_ra_mode subnetpool_id segment_id remote_group_id remote_address_group_id"),
    (_list(), "subnets availability_zone_hints availability_zones vpn:import_targets "
     "vpn:export_targets tags service_types security_groups"),
    (_list(_address), "dns_nameservers"),
    (_list(_prefix), "addresses"),
    (_objects(start=_address, end=_address), "allocation_pools"),
    (_objects(destination=_prefix, nexthop=_address), "host_routes routes"),
    (_objects(subnet_id=_text, ip_address=_address, ip_address_substr=_text), "fixed_ips"),
    (_objects(ip_address=_prefix, mac_address=_mac), "allowed_address_pairs"),
    (_objects(opt_name=_text, opt_value=_text, ip_version=_integer), "extra_dhcp_opts"),
    (_objects(ip_address=_address, hostname=str.lower, fqdn=str.lower), "dns_assignment"),
    (_objects(id=_text, protocol=_protocol, remote_ip_prefix=_prefix, remote_group_id=_text),
     "security_group_rules"),
    (Type(_OPEN), "binding:profile binding:vif_details configurations"),
    (Type({"type": ["object", "null"]}), "external_gateway_info"),
    (Type({"enum": ["ACTIVE", "BUILD", "DOWN", "ERROR"]}, str.upper), "status"),
    (Type({"type": "string", "format": "date-time"}), "created_at updated_at"),
)
_TYPES = {name: kind for kind, names in _DECLARED for name in names.split()}
_DEFAULT = Type(_STRING)


def type_of(name: str) -> Type:
    """The type of an attribute by its name, the same in all resources."""
    return _TYPES.get(name, _DEFAULT)
