"""Rules for ports (Networking API v2.0, "Ports", with the port binding, port security, allowed
address pairs, security group, DNS integration and extra DHCP option extensions)."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import Port
from ryu_apps.control.config.rules import dns
from ryu_apps.control.config.rules.addressing import ipv6_modes
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
    profile,
)
from ryu_apps.control.config.rules.mirrors import ports as mirrored_ports
from ryu_apps.control.config.rules.ports import (
    address_pairs,
    dhcp_options,
    fixed_ips,
    mac_addresses,
    trunks,
)
from ryu_apps.control.config.rules.qos import use as qos
from ryu_apps.control.config.rules.routing import floatingips
from ryu_apps.control.config.rules.security import security_groups


def create(draft: Draft, body: dict[str, Any], context: Context) -> Port:
    """A new port: what the request leaves out is chosen for it.  Raises RuleError."""
    network = draft.get("network", body["network_id"])
    owner = body.get("device_owner") or ""
    _owner_allowed(owner)
    mac = mac_addresses.chosen(draft, network.id, body.get("mac_address"), context)
    security = body.get("port_security_enabled")
    security = network.port_security_enabled if security is None else security
    fields = common(body, context)
    fields["project_id"] = fields["project_id"] or network.project_id
    requested = body.get("fixed_ips")
    if requested is None:
        addresses = fixed_ips.automatic(draft, network, mac, owner)
    else:
        addresses = fixed_ips.chosen(draft, network, requested, mac, owner)
    groups = body.get("security_groups") or ()
    if groups and not security:
        raise _security_required()
    if "security_groups" in body:
        groups = security_groups.of_port(draft, groups)
    elif security:
        groups = (security_groups.default_group(draft, fields["project_id"], context),)
    pairs = address_pairs.checked(
        draft.config, network, body.get("allowed_address_pairs"), security, mac
    )
    port = draft.put(
        "port",
        Port(
            network_id=network.id,
            mac_address=mac,
            admin_state_up=body.get("admin_state_up", True),
            fixed_ips=addresses,
            device_id=body.get("device_id") or "",
            device_owner=owner,
            requested_host=body.get("requested_host") or "",
            binding_profile=profile(body.get("binding_profile")),
            port_security_enabled=security,
            allowed_address_pairs=pairs,
            security_groups=groups,
            dns_name=dns.dns_name(body.get("dns_name")),
            dns_domain=dns.dns_domain(body.get("dns_domain")),
            extra_dhcp_opts=dhcp_options.merged((), body.get("extra_dhcp_opts")),
            qos_policy_id=qos.chosen(draft, "port", fields["id"], body),
            **fields,
        ),
    )
    dns.whole_name(port, network)
    return port


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Port:
    """The fields that the request names.  Raises RuleError."""
    old = draft.get("port", id)
    if old.is_system:
        _system_untouched(old, body)
    elif body.get("device_owner", old.device_owner) != old.device_owner:
        _owner_allowed(body["device_owner"] or "")
    fields = plain(
        body, "name", "description", "admin_state_up", "device_id", "device_owner",
        "requested_host",
    )
    if "mac_address" in body:
        asked = body["mac_address"]
        # Null asks for a new one (extension "port-mac-address-regenerate").
        if asked is None or mac_addresses.parsed(asked) != old.mac_address:
            mac = mac_addresses.chosen(draft, old.network_id, asked, context)
            fields["mac_address"] = mac
            fields["fixed_ips"] = ipv6_modes.follow_mac(draft, old, mac)
    if body.get("fixed_ips") is not None and not old.is_system:
        network = draft.config.networks[old.network_id]
        mac = fields.get("mac_address", old.mac_address)
        owner = fields.get("device_owner", old.device_owner) or ""
        fields["fixed_ips"] = fixed_ips.chosen(
            draft, network, body["fixed_ips"], mac, owner, keep=old
        )
    if "binding_profile" in body:
        fields["binding_profile"] = profile(body["binding_profile"])
    security = body.get("port_security_enabled")
    security = old.port_security_enabled if security is None else security
    fields["port_security_enabled"] = security
    if "allowed_address_pairs" in body:
        fields["allowed_address_pairs"] = address_pairs.checked(
            draft.config, draft.config.networks[old.network_id], body["allowed_address_pairs"],
            security, fields.get("mac_address", old.mac_address),
        )
    elif old.allowed_address_pairs and not security:
        raise address_pairs.security_required()
    fields |= _groups(draft, old, body, security)
    for name, read in (("dns_name", dns.dns_name), ("dns_domain", dns.dns_domain)):
        if name in body:
            fields[name] = read(body[name])
    if "qos_policy_id" in body:
        fields["qos_policy_id"] = qos.chosen(draft, "port", id, body, old.qos_policy_id)
    if body.get("extra_dhcp_opts"):
        options = dhcp_options.merged(old.extra_dhcp_opts, body["extra_dhcp_opts"])
        fields["extra_dhcp_opts"] = options
    port = draft.replace("port", old, context, **fields)
    floatingips.port_changed(draft, old, port, context)
    if "dns_name" in body or "dns_domain" in body:
        dns.whole_name(port, draft.config.networks[old.network_id])
    return port


def _groups(
    draft: Draft, old: Port, body: dict[str, Any], security: bool
) -> dict[str, Any]:
    """The fields about security groups that an update changes."""
    if "security_groups" in body:
        requested = body["security_groups"] or ()
        if requested and not security:
            raise _security_required()
        groups = security_groups.of_port(draft, requested, old.security_groups)
        return {"security_groups": groups, "unfiltered": False}
    if old.security_groups and not security:
        raise conflict(
            "PortSecurityPortHasSecurityGroup",
            "Port has security group associated. Cannot disable port security or IP address until "
            "security group is removed: send 'security_groups': [] as well.",
        )
    return {"unfiltered": False} if security != old.port_security_enabled else {}


def _security_required() -> Exception:
    return bad_request(
        "Port security must be enabled and port must have an IP address in order to use security "
        "groups.",
        "PortSecurityAndIPRequiredForSecurityGroups",
    )


def delete(draft: Draft, id: str, context: Context) -> None:
    """Raises RuleError 409 for the interface or the gateway of a router, or a floating IP's."""
    old = draft.get("port", id)
    check_revision("port", old, context)
    if old.is_router_interface:
        raise conflict(
            "ServicePortInUse",
            f"Port {id} cannot be deleted directly via the port API: it is the interface of a "
            f"router ({draft.names('router', [old.device_id])}); use remove_router_interface.",
        )
    if old.is_system:
        raise conflict(
            "ServicePortInUse",
            f"Port {id} cannot be deleted directly via the port API: has device owner "
            f"{old.device_owner}.",
        )
    trunks.untouched(draft, id)
    draft.delete("port", id)
    floatingips.port_changed(draft, old, None, context)
    mirrored_ports.deleted(draft, id)


def _owner_allowed(owner: str) -> None:
    if owner.startswith("network:"):
        raise bad_request(
            f"device_owner '{owner}' is reserved for the system's own ports. For a router "
            "interface use add_router_interface.",
            "InvalidInput",
        )


def _system_untouched(old: Port, body: dict[str, Any]) -> None:
    present = {
        "device_id": old.device_id,
        "device_owner": old.device_owner,
    }
    changed = [
        name for name, value in present.items()
        if name in body and body[name] is not None and body[name] != value
    ]
    mac = body.get("mac_address", old.mac_address)
    if mac is None or mac_addresses.parsed(mac) != old.mac_address:
        changed.append("mac_address")
    if body.get("fixed_ips") is not None and not fixed_ips.unchanged(old, body["fixed_ips"]):
        changed.append("fixed_ips")
    if changed:
        raise conflict(
            "ServicePortInUse",
            f"Port {old.id} has device owner {old.device_owner}: '{changed[0]}' cannot be changed; "
            "change the router or the floating IP that it is of.",
        )
