"""``/v2.0/ports``."""

from __future__ import annotations

import json
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.dns_names import assignments
from ryu_apps.control.config.model import FLOATING_IP, SYSTEM_OWNERS, Port
from ryu_apps.control.config.qos import network_policy
from ryu_apps.control.config.resources.ports.port import PORT
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.northbound.base import DOWN, NodeView
from ryu_apps.northbound.bodies.fields import (
    MAX_LIST,
    Address,
    Body,
    IpVersion,
    Mac,
    Prefix,
    Text,
    Uuid,
    UuidOrNone,
    Uuids,
    only,
)
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    MAC,
    OBJECT,
    STATUS,
    STRING,
    as_address,
    as_integer,
    as_mac,
    as_prefix,
    as_text,
    list_of,
    objects,
    or_null,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, State, View
from ryu_apps.northbound.resources.ports.port_bindings import PortBindings
from ryu_apps.northbound.resources.ports.trunk import sub_ports


class FixedIpBody(Body):
    subnet_id: Uuid | None = None
    ip_address: Address | None = None


class AddressPairBody(Body):
    ip_address: Prefix
    mac_address: Mac | None = None


class DhcpOptionBody(Body):
    """``opt_value`` null takes the option away."""

    opt_name: Annotated[str, Field(min_length=1, max_length=64)]
    opt_value: Annotated[str, Field(max_length=255)] | None = None
    ip_version: IpVersion | None = 4


class PortUpdate(standard.Described):
    fixed_ips: Annotated[list[FixedIpBody], Field(max_length=MAX_LIST)] | None = None
    mac_address: Mac | None = None
    device_id: Text = ""
    device_owner: Text = ""
    requested_host: Text = Field("", alias="binding:host_id")
    binding_profile: dict[str, Any] | None = Field(None, alias="binding:profile")
    vnic_type: only("normal") = Field("normal", alias="binding:vnic_type")
    port_security_enabled: bool | None = None
    allowed_address_pairs: (
        Annotated[list[AddressPairBody], Field(max_length=MAX_LIST)] | None
    ) = None
    security_groups: Uuids | None = []
    extra_dhcp_opts: Annotated[list[DhcpOptionBody], Field(max_length=64)] | None = None
    qos_policy_id: UuidOrNone = None
    dns_name: Text = ""
    dns_domain: Text = ""
    data_plane_status: only() = None
    propagate_uplink_status: only(False) = None
    numa_affinity_policy: only() = None
    device_profile: only() = None
    hints: only({}) = None
    trusted: only(False) = None
    uplink_status_propagation: only(False) = None
    hardware_offload_type: only() = None


class PortCreate(PortUpdate, standard.Owned):
    network_id: Uuid


class Beside(NamedTuple):
    """What is shown of a port's network, its DNS domain and the id of its QoS policy, and the
    ``trunk_details`` of a trunk's parent."""

    domain: str
    qos_policy_id: str
    carries: View | None


def view(item: Port, beside: Beside) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "network_id": item.network_id,
        "status": "DOWN",
        "admin_state_up": item.admin_state_up,
        "mac_address": item.mac_address,
        "fixed_ips": [
            {"subnet_id": fixed.subnet_id, "ip_address": fixed.ip_address}
            for fixed in item.fixed_ips
        ],
        "device_id": item.device_id,
        "device_owner": item.device_owner,
        "binding:host_id": item.requested_host,
        "binding:profile": {} if item.binding_profile == "{}" else json.loads(item.binding_profile),
        "binding:vnic_type": "normal",
        "binding:vif_type": "unbound",
        "binding:vif_details": {},
        "port_security_enabled": item.port_security_enabled,
        "allowed_address_pairs": [
            {"ip_address": pair.ip_address, "mac_address": pair.mac_address or item.mac_address}
            for pair in item.allowed_address_pairs
        ],
        "security_groups": list(item.security_groups),
        "extra_dhcp_opts": [
            {"opt_name": name, "opt_value": value, "ip_version": version}
            for version, name, value in item.extra_dhcp_opts
        ],
        "dns_name": item.dns_name,
        "dns_domain": item.dns_domain,
        "dns_assignment": [
            {"ip_address": one.ip_address, "hostname": one.hostname, "fqdn": one.fqdn}
            for one in assignments(item, beside.domain)
        ],
        "qos_policy_id": item.qos_policy_id or None,
        "qos_network_policy_id": beside.qos_policy_id or None,
        "trunk_details": beside.carries,
        **standard.standard(item),
    }


def _beside(config: Config, item: Port) -> Beside:
    network = config.networks.get(item.network_id)
    domain = network.dns_domain if network is not None else ""
    return Beside(domain, network_policy(config, item.network_id), _trunk_details(config, item))


def _trunk_details(config: Config, item: Port) -> View | None:
    for trunk_id in config.trunks_by_port.get(item.id, ()):
        return {
            "trunk_id": trunk_id,
            "sub_ports": [
                {**one, "mac_address": config.ports[one["port_id"]].mac_address}
                for one in sub_ports(config.trunks[trunk_id])
            ],
        }
    return None


def _add_states(node_view: NodeView, found: list[View], new: bool) -> None:
    """Put what is true now into the views of ports: status, and the host where it is bound.

    What is the system's own lives on every vrouter: it is ACTIVE as soon as it is configured; of
    the port of a floating IP there is nothing to say.  No switch can have confirmed a port that was
    just created.
    """
    states = {} if new else node_view.port_states([one["id"] for one in found])
    for one in found:
        if one["device_owner"] in SYSTEM_OWNERS:
            one["status"] = "ACTIVE" if one["admin_state_up"] else "DOWN"
            if one["device_owner"] == FLOATING_IP:
                one["status"] = "N/A"
            one["binding:vif_type"] = "distributed"
            continue
        state = states.get(one["id"], DOWN)
        one["status"] = state.status
        if state.host:
            one["binding:host_id"] = state.host
            one["binding:vif_type"] = "ovs"
        elif state.binding_failed:
            one["binding:vif_type"] = "binding_failed"


COLLECTION = Collection(
    kind=PORT,
    path="ports",
    create_body=PortCreate,
    update_body=PortUpdate,
    rules=ports,
    view=view,
    extra=_beside,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "network_id": STRING, "status": STATUS, "admin_state_up": BOOLEAN,
        "mac_address": MAC,
        "fixed_ips": objects(subnet_id=as_text, ip_address=as_address, ip_address_substr=as_text),
        "device_id": STRING, "device_owner": STRING, "binding:host_id": STRING,
        "binding:profile": OBJECT, "binding:vnic_type": STRING, "binding:vif_type": STRING,
        "binding:vif_details": OBJECT, "port_security_enabled": BOOLEAN,
        "allowed_address_pairs": objects(ip_address=as_prefix, mac_address=as_mac),
        "security_groups": list_of(),
        "extra_dhcp_opts": objects(opt_name=as_text, opt_value=as_text, ip_version=as_integer),
        "dns_name": STRING, "dns_domain": STRING, "qos_policy_id": or_null("string"),
        "qos_network_policy_id": or_null("string"),
        "dns_assignment": objects(ip_address=as_address, hostname=str.lower, fqdn=str.lower),
        "trunk_details": OBJECT,
    },
    optional=frozenset({"trunk_details"}),
    state=State(frozenset({"status", "binding:host_id", "binding:vif_type"}), _add_states),
    below=(PortBindings,),
    extensions={
        "aap-reject-multicast": (
            "Allowed address pairs reject multicast", "Address pairs of multicast are refused"),
        "allowed-address-pairs": (
            "Allowed Address Pairs", "Further addresses that a port may send from"),
        "binding": ("Port Binding", "Where a port is wanted, and where it is"),
        "binding-extended": (
            "Port Bindings Extended", "Ports are bound to the hosts that their VMs move to"),
        "dns-domain-ports": ("dns_domain for ports", "Ports have a DNS domain of their own"),
        "dns-integration": ("DNS Integration", "dns_name of ports, dns_domain of networks"),
        "extra_dhcp_opt": ("Neutron Extra DHCP options", "DHCP options that a port gets besides"),
        "ip-substring-filtering": (
            "IP address substring filtering", "Ports are found by a part of their address"),
        "port-mac-address-regenerate": (
            "Neutron Port MAC address regenerate", "mac_address null gives a port a new one"),
        "port-security": ("Port Security", "Anti-spoofing of a port or network can be turned off"),
        "port-security-groups-filtering": (
            "Port filtering on security groups", "Ports are found by their security groups"),
        "qos-port-network-policy": (
            "QoS port network policy ID", "Ports show the QoS policy of their network"),
        "tag-ports-during-bulk-creation": (
            "Tag ports during bulk creation", "New ports can have tags at once"),
    },
)
