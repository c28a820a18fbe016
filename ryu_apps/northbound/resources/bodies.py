"""Request bodies: one pydantic model per resource and method.

Field names are those of the rules (:mod:`ryu_apps.control.config.rules`); aliases are the API's.
Unknown fields are refused.  A field of the API that this version cannot honour is accepted with
the values
that ask for nothing, and refused with any other, so that no client believes in something that is
not there.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ryu_apps.northbound.bodies.fields import (
    Address,
    Addresses,
    Body,
    Name,
    Names,
    PortNumber,
    Tags,
    Text,
    Uuid,
    UuidOrNone,
    Uuids,
    Vni,
    only,
)

MAX_LIST = 1000
"""Addresses, pairs or pools of one resource."""


class PoolBody(Body):
    start: Address
    end: Address


class HostRouteBody(Body):
    destination: Address
    nexthop: Address


class FixedIpBody(Body):
    subnet_id: Uuid | None = None
    ip_address: Address | None = None


class AddressPairBody(Body):
    ip_address: Address
    mac_address: Address | None = None


class DhcpOptionBody(Body):
    """``opt_value`` null takes the option away."""

    opt_name: Annotated[str, Field(min_length=1, max_length=64)]
    opt_value: Annotated[str, Field(max_length=255)] | None = None
    ip_version: int | None = 4


class _Common(Body):
    name: Name = ""
    description: Text = ""
    admin_state_up: bool = True


class _Owned(Body):
    project_id: Text = ""
    tenant_id: Text = ""
    tags: Tags = []


class NetworkUpdate(_Common):
    shared: bool = False
    mtu: Annotated[int, Field(ge=0, le=65535)] | None = None
    port_security_enabled: bool = True
    network_type: str | None = Field(None, alias="provider:network_type")
    physical_network: str | None = Field(None, alias="provider:physical_network")
    segmentation_id: Vni = Field(None, alias="provider:segmentation_id")
    import_targets: Names = Field([], alias="vpn:import_targets")
    export_targets: Names = Field([], alias="vpn:export_targets")
    external: only(False) = Field(False, alias="router:external")
    is_default: only(False) = False
    dns_domain: Text = ""
    flood_unknown: bool = Field(False, alias="vpn:flood_unknown")
    mdns: Text = Field("", alias="vpn:mdns")
    vlan_transparent: only(False) = None
    vlan_qinq: only(False) = Field(None, alias="qinq")
    qos_policy_id: only() = None
    segments: only([]) = None
    availability_zone_hints: only([]) = []
    pvlan: only(False) = None


class NetworkCreate(NetworkUpdate, _Owned):
    pass


class SubnetUpdate(Body):
    name: Name = ""
    description: Text = ""
    gateway_ip: Address | None = None
    enable_dhcp: bool = True
    allocation_pools: Annotated[list[PoolBody], Field(max_length=MAX_LIST)] | None = None
    dns_nameservers: Names | None = None
    host_routes: Annotated[list[HostRouteBody], Field(max_length=256)] | None = None
    service_types: only([]) = []
    segment_id: only() = None
    dns_publish_fixed_ip: only(False) = False


class SubnetCreate(SubnetUpdate, _Owned):
    network_id: Uuid
    cidr: Address | None = None
    ip_version: int | None = None
    subnetpool_id: only() = None
    use_default_subnet_pool: only(False) = None
    use_default_subnetpool: only(False) = None
    prefixlen: only() = None
    prefix_length: only() = None
    ipv6_address_mode: Text = ""
    ipv6_ra_mode: Text = ""
    router_external: only(False) = Field(None, alias="router:external")


class PortUpdate(_Common):
    fixed_ips: Annotated[list[FixedIpBody], Field(max_length=MAX_LIST)] | None = None
    mac_address: Address | None = None
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
    qos_policy_id: only() = None
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


class PortCreate(PortUpdate, _Owned):
    network_id: Uuid


class GatewayBody(Body):
    """Without a network, or with null or "" for it, there is no gateway: that is asked for."""

    network_id: UuidOrNone = None
    enable_snat: only(True, False) = None
    external_fixed_ips: only([]) = None
    qos_policy_id: only() = None


class RouterUpdate(_Common):
    import_targets: Names = Field([], alias="vpn:import_targets")
    export_targets: Names = Field([], alias="vpn:export_targets")
    external_gateway_info: GatewayBody | None = None
    external_gateways: only([]) = None
    distributed: only(True) = None
    ha: only(False) = None
    routes: only([]) = []
    availability_zone_hints: only([]) = []
    flavor_id: only() = None
    service_type_id: only() = None
    enable_ndp_proxy: only(False) = None
    enable_default_route_bfd: only(False) = None
    enable_default_route_ecmp: only(False) = None
    qos_policy_id: only() = None
    evpn_vni: only() = None


class RouterCreate(RouterUpdate, _Owned):
    pass


class InterfaceBody(Body):
    """``add_router_interface`` and ``remove_router_interface``: a subnet or a port."""

    subnet_id: Uuid | None = None
    port_id: Uuid | None = None


class SecurityGroupUpdate(Body):
    name: Name = ""
    description: Text = ""
    stateful: bool = True


class SecurityGroupCreate(SecurityGroupUpdate, _Owned):
    pass


class SecurityGroupRuleUpdate(Body):
    description: Text = ""


class SecurityGroupRuleCreate(SecurityGroupRuleUpdate, _Owned):
    """Ports of TCP, UDP and SCTP; for ICMP ``port_range_min`` is the type, ``_max`` the code."""

    security_group_id: Uuid
    direction: Name
    ethertype: Name | None = None
    protocol: Annotated[int | str, Field(union_mode="left_to_right")] | None = None
    port_range_min: PortNumber = None
    port_range_max: PortNumber = None
    remote_ip_prefix: Address | None = None
    remote_group_id: Name | None = None
    remote_address_group_id: UuidOrNone = None


class AddressGroupUpdate(Body):
    name: Name = ""
    description: Text = ""


class AddressGroupCreate(AddressGroupUpdate, _Owned):
    addresses: Addresses = []


class AddressesBody(Body):
    """``add_addresses`` and ``remove_addresses``."""

    addresses: Addresses


class TagsBody(Body):
    tags: Tags
