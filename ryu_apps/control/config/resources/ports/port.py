"""Ports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

from ryu_apps.control.config.resources.access import (
    SET_BY_ADMIN,
    SYSTEM,
    Access,
    Attribute,
    Parent,
    owner,
)
from ryu_apps.control.config.resources.kind import Index, Kind, by_field
from ryu_apps.control.config.resources.resource import Resource

ROUTER_INTERFACE = "network:router_interface"
"""The device_owner of a router's interfaces."""
ROUTER_GATEWAY = "network:router_gateway"
"""Of its gateways: its addresses on external networks."""
FLOATING_IP = "network:floatingip"
"""Of what holds the address of a floating IP."""
SYSTEM_OWNERS = frozenset((ROUTER_INTERFACE, ROUTER_GATEWAY, FLOATING_IP))
"""Ports that the system has for what is not plugged in anywhere."""
MIGRATING_TO = "migrating_to"
"""Of ``binding:profile``: the host that a VM moves to while it runs."""


@dataclass(frozen=True, slots=True)
class FixedIp:
    """An address of a port on one of its network's subnets."""

    subnet_id: str
    ip_address: str


@dataclass(frozen=True, slots=True)
class AddressPair:
    """An address or a prefix that a port may use besides its own; ``mac_address`` "": its MAC."""

    ip_address: str
    mac_address: str = ""


class DhcpOption(NamedTuple):
    """An extra DHCP option of a port.  ``name``: a name or a number; ``ip_version``: 4 or 6."""

    ip_version: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Binding:
    """A further hypervisor that a port is bound to, INACTIVE, so that it may move there.  ``left``:
    it comes from there, and does not go back because somebody sends there."""

    host: str
    profile: str = "{}"
    left: bool = False


@dataclass(frozen=True, slots=True)
class Port(Resource):
    """``requested_host``: where the user wants it (``binding:host_id`` of a write), or "": the host
    of its ACTIVE binding, whose profile ``binding_profile`` is.  ``bindings``: the INACTIVE ones.

    ``unfiltered``: it was stored before there were security groups and has not been given any
    since, so it goes on as it was.  Without that mark, a port with port security and no group may
    send and receive nothing.
    """

    network_id: str
    mac_address: str
    name: str = ""
    admin_state_up: bool = True
    fixed_ips: tuple[FixedIp, ...] = ()
    device_id: str = ""
    device_owner: str = ""
    requested_host: str = ""
    binding_profile: str = "{}"
    port_security_enabled: bool = True
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    security_groups: tuple[str, ...] = ()
    unfiltered: bool = False
    dns_name: str = ""
    dns_domain: str = ""
    extra_dhcp_opts: tuple[DhcpOption, ...] = ()
    bindings: tuple[Binding, ...] = ()
    qos_policy_id: str = ""

    schema: ClassVar[int] = 2
    """2: ports have security groups; who does not know them would take a filtered port for an open
    one."""

    @property
    def is_router_interface(self) -> bool:
        return self.device_owner == ROUTER_INTERFACE

    @property
    def is_router_gateway(self) -> bool:
        return self.device_owner == ROUTER_GATEWAY

    @property
    def is_system(self) -> bool:
        """Whether it stands for something of the system's own, and nothing is plugged in."""
        return self.device_owner in SYSTEM_OWNERS

    @property
    def migrating_to(self) -> str:
        """Where its profile says that it moves to, as Nova writes it, or ""."""
        if MIGRATING_TO not in self.binding_profile:
            return ""
        target = json.loads(self.binding_profile).get(MIGRATING_TO)
        return target if type(target) is str else ""

    @staticmethod
    def upgrade(data: dict[str, Any]) -> None:
        if not data.get("security_groups"):
            data["unfiltered"] = True


_subnet_of = attrgetter("subnet_id")
_address_of = attrgetter("subnet_id", "ip_address")


def _single_pairs(port: Port) -> Iterable[tuple[str, str]]:
    if not port.allowed_address_pairs:
        return ()
    found = []
    for pair in port.allowed_address_pairs:
        address, _, length = pair.ip_address.partition("/")
        if length in ("", "128" if ":" in address else "32"):
            found.append((port.network_id, address))
    return found


_NETWORK = Parent("network", "network_id")
_OF_NETWORK_OWNER = Attribute(create=(_NETWORK.owner,), update=(_NETWORK.owner,))
"""What would harm others on a network that is shared: its owner's, and administrators'."""

PORT = Kind(
    "port",
    Port,
    Access(
        read=(owner, _NETWORK.owner),
        create=(_NETWORK.owner, _NETWORK.shared),
        delete=(owner, _NETWORK.owner),
        attributes={
            "mac_address": _OF_NETWORK_OWNER,
            "fixed_ips": Attribute(
                create=(_NETWORK.owner, _NETWORK.shared), update=(_NETWORK.owner,)
            ),
            "fixed_ips:ip_address": _OF_NETWORK_OWNER,
            "port_security_enabled": _OF_NETWORK_OWNER,
            "allowed_address_pairs": _OF_NETWORK_OWNER,
            "binding:vnic_type": Attribute(),
            "binding:*": SYSTEM,
            "hints": SYSTEM, "trusted": SYSTEM, "data_plane_status": SET_BY_ADMIN,
        },
    ),
    parent=_NETWORK,
    indexes=(
        by_field("ports_by_device", "device_id"),
        by_field("ports_by_network", "network_id"),
        by_field("ports_by_group", "security_groups"),
        by_field("ports_by_qos_policy", "qos_policy_id"),
        # (network id, MAC) -> port ids.
        Index("ports_by_mac", lambda port: ((port.network_id, port.mac_address),)),
        Index("ports_by_subnet", lambda port: map(_subnet_of, port.fixed_ips)),
        # (subnet id, address) -> port ids; one, if every writer validated.
        Index("ports_by_address", lambda port: map(_address_of, port.fixed_ips)),
        # (network id, address) -> ports with an allowed address pair of just this address.
        Index("pairs_by_address", _single_pairs),
        Index("open_ports_by_network", lambda port: (
            "" if port.port_security_enabled or port.is_system else port.network_id
        )),
        Index("interfaces_by_network", lambda port: (
            port.network_id if port.device_owner == ROUTER_INTERFACE else ""
        )),
        Index("interfaces_by_subnet", lambda port: (
            map(_subnet_of, port.fixed_ips) if port.device_owner == ROUTER_INTERFACE else ()
        )),
        # External network id -> gateways of routers there.
        Index("gateways_by_network", lambda port: (
            port.network_id if port.device_owner == ROUTER_GATEWAY else ""
        )),
    ),
    quota=500,
)
