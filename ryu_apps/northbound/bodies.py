"""Request bodies: one pydantic model per resource and method.

Field names are those of the rules (:mod:`ryu_apps.control.rules`); aliases are the API's.  Unknown
fields are refused.  A field of the API that this version cannot honour is accepted with the values
that ask for nothing, and refused with any other, so that no client believes in something that is
not there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from ryu_apps.northbound.errors import ApiError

MAX_BULK = 10000


def _text(value: Any) -> Any:
    return "" if value is None else value


def _number(value: Any) -> Any:
    return None if value in ("", None) else value


Text = Annotated[str, BeforeValidator(_text), Field(max_length=255)]
Name = Annotated[str, Field(max_length=255)]
LongText = Annotated[str, BeforeValidator(_text), Field(max_length=4096)]
Uuid = Annotated[str, Field(min_length=1, max_length=64)]
Address = Annotated[str, Field(max_length=64)]
Names = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=64)]
Addresses = Annotated[list[Address], Field(max_length=4096)]
Tags = Annotated[list[str], Field(max_length=64)]
Vni = Annotated[int | None, BeforeValidator(_number)]

PortNumber = Annotated[int | None, BeforeValidator(_number)]


def _only(*allowed: Any) -> Any:
    """Type of a field that may only ask for nothing: one of ``allowed``, or null."""

    def check(value: Any) -> Any:
        if value is not None and value not in allowed:
            raise ValueError(f"{value!r} is not supported in this version; leave it out")
        return value

    return Annotated[Any, AfterValidator(check), WithJsonSchema({
        "description": "Not supported in this version; may stand only with a value that asks for "
        "nothing.", "enum": [None, *allowed],
    })]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


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
    mtu: Annotated[int, Field(ge=68, le=65535)] | None = None
    port_security_enabled: bool = True
    network_type: str | None = Field(None, alias="provider:network_type")
    physical_network: str | None = Field(None, alias="provider:physical_network")
    segmentation_id: Vni = Field(None, alias="provider:segmentation_id")
    import_targets: Names = Field([], alias="vpn:import_targets")
    export_targets: Names = Field([], alias="vpn:export_targets")
    external: _only(False) = Field(False, alias="router:external")
    is_default: _only(False) = False
    dns_domain: Text = ""
    flood_unknown: bool = Field(False, alias="vpn:flood_unknown")
    mdns: Text = Field("", alias="vpn:mdns")
    vlan_transparent: _only(False) = None
    vlan_qinq: _only(False) = Field(None, alias="qinq")
    qos_policy_id: _only() = None
    segments: _only([]) = None
    availability_zone_hints: _only([]) = []
    pvlan: _only(False) = None


class NetworkCreate(NetworkUpdate, _Owned):
    pass


class SubnetUpdate(Body):
    name: Name = ""
    description: Text = ""
    gateway_ip: Address | None = None
    enable_dhcp: bool = True
    allocation_pools: list[PoolBody] | None = None
    dns_nameservers: Names | None = None
    host_routes: Annotated[list[HostRouteBody], Field(max_length=256)] | None = None
    service_types: _only([]) = []
    segment_id: _only() = None
    dns_publish_fixed_ip: _only(False) = False


class SubnetCreate(SubnetUpdate, _Owned):
    network_id: Uuid
    cidr: Address | None = None
    ip_version: int | None = None
    subnetpool_id: _only() = None
    use_default_subnet_pool: _only(False) = None
    use_default_subnetpool: _only(False) = None
    prefixlen: _only() = None
    prefix_length: _only() = None
    ipv6_address_mode: Text = ""
    ipv6_ra_mode: Text = ""
    router_external: _only(False) = Field(None, alias="router:external")


class PortUpdate(_Common):
    fixed_ips: list[FixedIpBody] | None = None
    mac_address: Address | None = None
    device_id: Text = ""
    device_owner: Text = ""
    requested_host: Text = Field("", alias="binding:host_id")
    binding_profile: dict[str, Any] | None = Field(None, alias="binding:profile")
    vnic_type: _only("normal") = Field("normal", alias="binding:vnic_type")
    port_security_enabled: bool | None = None
    allowed_address_pairs: list[AddressPairBody] | None = None
    security_groups: Names | None = []
    extra_dhcp_opts: Annotated[list[DhcpOptionBody], Field(max_length=64)] | None = None
    qos_policy_id: _only() = None
    dns_name: Text = ""
    dns_domain: Text = ""
    data_plane_status: _only() = None
    propagate_uplink_status: _only(False) = None
    numa_affinity_policy: _only() = None
    device_profile: _only() = None
    hints: _only({}) = None
    trusted: _only(False) = None
    uplink_status_propagation: _only(False) = None
    hardware_offload_type: _only() = None


class PortCreate(PortUpdate, _Owned):
    network_id: Uuid


class RouterUpdate(_Common):
    import_targets: Names = Field([], alias="vpn:import_targets")
    export_targets: Names = Field([], alias="vpn:export_targets")
    external_gateway_info: _only({}) = None
    external_gateways: _only([]) = None
    distributed: _only(True) = None
    ha: _only(False) = None
    routes: _only([]) = []
    availability_zone_hints: _only([]) = []
    flavor_id: _only() = None
    service_type_id: _only() = None
    enable_ndp_proxy: _only(False) = None
    enable_default_route_bfd: _only(False) = None
    enable_default_route_ecmp: _only(False) = None
    qos_policy_id: _only() = None
    evpn_vni: _only() = None


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
    remote_address_group_id: Name | None = None


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


def parse(
    model: type[Body], data: Any, known: Collection[str] = (), method: str = "POST"
) -> dict[str, Any]:
    """The fields that the request has, keyed for the rules.  Raises ApiError 400.

    ``known``: attributes that the resource has, whether or not ``method`` may set them.
    """
    if type(data) is not dict:
        raise ApiError(400, "HTTPBadRequest", "The body of a resource must be a JSON object.")
    try:
        return model.model_validate(data).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ApiError(400, "HTTPBadRequest", explain(error, known, method)) from error


def explain(error: ValidationError, known: Collection[str], method: str) -> str:
    """The first thing that is wrong, in the Networking API's words."""
    problems = error.errors(include_url=False, include_context=False)
    extra = [".".join(str(part) for part in item["loc"])
             for item in problems if item["type"] == "extra_forbidden"]
    unknown = [name for name in extra if name not in known]
    if unknown:
        return (f"Unrecognized attribute(s) '{', '.join(unknown)}'; /openapi.json describes what "
                "there is.")
    if extra:
        why = "they cannot be set" if method == "POST" else "they cannot change"
        return f"Attribute(s) '{', '.join(extra)}' not allowed in {method}: {why}."
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"Failed to parse request. Required attribute '{where}' not specified."
    reason = first["msg"].removeprefix("Value error, ")
    return f"Invalid input for {where}. Reason: {reason}."
