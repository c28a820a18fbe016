"""``/v2.0/networks``."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import Field, WithJsonSchema

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Network
from ryu_apps.control.config.resources.network import NETWORK
from ryu_apps.control.config.rules import networks
from ryu_apps.control.config.scopes import network_scope
from ryu_apps.control.config.zones import ZONE
from ryu_apps.northbound.bodies.fields import Names, Text, UuidOrNone, Vni, integer, only
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    INTEGER,
    STATUS,
    STRING,
    as_integer,
    list_of,
    or_null,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View
from vrouter_ovs.state import MDNS_MODES

Mdns = Annotated[Text, WithJsonSchema({"enum": [None, "", *MDNS_MODES]})]


class NetworkUpdate(standard.Described):
    shared: bool = False
    mtu: integer(65535) | None = None
    port_security_enabled: bool = True
    network_type: str | None = Field(None, alias="provider:network_type")
    physical_network: str | None = Field(None, alias="provider:physical_network")
    segmentation_id: Vni = Field(None, alias="provider:segmentation_id")
    import_targets: Names = Field([], alias="vpn:import_targets")
    export_targets: Names = Field([], alias="vpn:export_targets")
    external: bool = Field(False, alias="router:external")
    is_default: only(False) = False
    dns_domain: Text = ""
    flood_unknown: bool = Field(False, alias="vpn:flood_unknown")
    mdns: Mdns = Field("", alias="vpn:mdns")
    igmp_snooping: bool | None = Field(None, alias="vpn:igmp_snooping")
    vlan_qinq: only(False) = Field(None, alias="qinq")
    qos_policy_id: UuidOrNone = None
    segments: only([]) = None
    pvlan: only(False) = None


class NetworkCreate(NetworkUpdate, standard.Owned):
    availability_zone_hints: Names = []
    vlan_transparent: bool = False


class Within(NamedTuple):
    """What else is shown of a network: ids of its subnets, and of the address scopes that they are
    in, by IP version."""

    subnets: list[str]
    scopes: dict[int, str]


def view(item: Network, within: Within) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "status": "ACTIVE" if item.admin_state_up else "DOWN",
        "admin_state_up": item.admin_state_up,
        "subnets": within.subnets,
        "ipv4_address_scope": within.scopes[4] or None,
        "ipv6_address_scope": within.scopes[6] or None,
        "shared": item.shared,
        "mtu": item.mtu,
        "port_security_enabled": item.port_security_enabled,
        "router:external": item.external,
        "is_default": False,
        "provider:network_type": item.network_type,
        "provider:physical_network": item.physical_network or None,
        "provider:segmentation_id": item.segmentation_id,
        "availability_zone_hints": list(item.availability_zone_hints),
        "availability_zones": [ZONE],
        "vpn:rd_index": item.rd_index,
        "vpn:import_targets": list(item.import_targets),
        "vpn:export_targets": list(item.export_targets),
        "vpn:flood_unknown": item.flood_unknown,
        "vpn:mdns": item.mdns,
        "vpn:igmp_snooping": item.igmp_snooping,
        "vlan_transparent": item.vlan_transparent,
        "dns_domain": item.dns_domain,
        "qos_policy_id": item.qos_policy_id or None,
        **standard.standard(item),
    }


def _within(config: Config, item: Network) -> Within:
    return Within(
        sorted(config.subnets_by_network.get(item.id, ())),
        {version: network_scope(config, item.id, version) for version in (4, 6)},
    )


def _places(environment: Environment, id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Where the ports of a network are that is to be another on the wire."""
    if not body.get("physical_network"):
        return {}
    ports = environment.configuration.read(
        lambda config: list(config.ports_by_network.get(id, ()))
    )
    states = environment.node_view.port_states(ports).values()
    used = {state.element for state in states if state.element}
    attached = {
        one["id"]: (one["hostname"] or one["id"], one.get("physical_networks", ()))
        for one in environment.node_view.elements() if one["id"] in used
    }

    def unattached(physical_network: str) -> list[str]:
        return sorted(
            attached.get(element, (element,))[0] for element in used
            if physical_network not in attached.get(element, ("", ()))[1]
        )

    return {"unattached": unattached}


COLLECTION = Collection(
    kind=NETWORK,
    path="networks",
    create_body=NetworkCreate,
    update_body=NetworkUpdate,
    rules=networks,
    view=view,
    refusals=(501,),
    before_update=_places,
    extra=_within,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "status": STATUS, "admin_state_up": BOOLEAN, "subnets": list_of(),
        "shared": BOOLEAN, "mtu": INTEGER, "port_security_enabled": BOOLEAN,
        "router:external": BOOLEAN, "is_default": BOOLEAN, "provider:network_type": STRING,
        "provider:physical_network": or_null("string"),
        "provider:segmentation_id": or_null("integer", as_integer),
        "ipv4_address_scope": or_null("string"), "ipv6_address_scope": or_null("string"),
        "availability_zone_hints": list_of(), "availability_zones": list_of(),
        "vpn:rd_index": INTEGER, "vpn:import_targets": list_of(), "vpn:export_targets": list_of(),
        "vpn:flood_unknown": BOOLEAN, "vpn:mdns": STRING, "vpn:igmp_snooping": BOOLEAN,
        "dns_domain": STRING, "vlan_transparent": BOOLEAN, "qos_policy_id": or_null("string"),
    },
    extensions={
        "external-net": ("Neutron external network", "Networks that routers have gateways on"),
        "net-mtu": ("Network MTU", "The MTU of a network"),
        "net-mtu-writable": ("Network MTU (writable)", "The MTU of a network can be set"),
        "provider": ("Provider Network", "Type, physical network and VNI or VLAN of a network"),
        "vlan-transparent": (
            "Vlantransparent", "Networks that carry frames of VLANs of their guests' own"),
        "vpn": ("VPN attributes", "RD index, VNI and route targets of networks and routers"),
    },
)
