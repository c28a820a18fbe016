"""Rules for networks (Networking API v2.0, "Networks" and "provider extended attributes")."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config import ipam
from ryu_apps.control.config.model import Network
from ryu_apps.control.config.rules import provider, segment_ranges
from ryu_apps.control.config.rules.access import sharing, ways_out
from ryu_apps.control.config.rules.dns import dns_domain, mdns
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
    project,
)
from ryu_apps.control.config.rules.placement import zone_hints
from ryu_apps.control.config.rules.qos import use as qos

MIN_MTU = {4: 68, 6: 1280}
"""What each IP version needs (RFC 791 section 3.2, RFC 8200 section 5)."""
_TARGET = re.compile(r"(\d{1,10}|\d{1,3}(?:\.\d{1,3}){3}):(\d{1,10})")


def create(draft: Draft, body: dict[str, Any], context: Context) -> Network:
    owner = project(body, context)
    provided = provider.requested(draft, body, owner)
    vni, rd_index = identifiers(
        draft, None if provided.physical_network else body.get("segmentation_id"), context, owner
    )
    policy = body.get("qos_policy_id") or qos.default_policy(draft, owner)
    name = body.get("name") or "without a name"
    network = draft.put(
        "network",
        Network(
            vni=vni,
            rd_index=rd_index,
            **provided._asdict(),
            admin_state_up=body.get("admin_state_up", True),
            shared=body.get("shared") or False,
            mtu=mtu(body, context, provided.physical_network),
            port_security_enabled=body.get("port_security_enabled", True),
            import_targets=targets(body.get("import_targets")),
            export_targets=targets(body.get("export_targets")),
            dns_domain=dns_domain(body.get("dns_domain")),
            flood_unknown=body.get("flood_unknown") or False,
            mdns=mdns(body.get("mdns"), context),
            igmp_snooping=_igmp_snooping(body, context),
            availability_zone_hints=zone_hints(body.get("availability_zone_hints")),
            external=body.get("external") or False,
            vlan_transparent=provider.transparent(body, provided),
            qos_policy_id=qos.chosen(draft, "network", name, {"qos_policy_id": policy}),
            **common(body, context),
        ),
    )
    if network.external:
        ways_out.open_to_all(draft, network, context)
    return network


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Network:
    old = draft.get("network", id)
    provided = provider.changed(draft, old, body, context)
    if old.shared and body.get("shared") is False:
        _used_by_none_else(draft, old)
    fields = plain(body, "name", "description", "admin_state_up", "shared",
                   "port_security_enabled", "flood_unknown")
    fields |= provided._asdict()
    if body.get("mtu") is not None:
        fields["mtu"] = mtu(body, context, provided.physical_network)
        subnets = draft.config.subnets_by_network.get(id, ())
        check_mtu(id, fields["mtu"], {draft.config.subnets[one].ip_version for one in subnets})
    for name in ("import_targets", "export_targets"):
        if name in body:
            fields[name] = targets(body[name])
    if "dns_domain" in body:
        fields["dns_domain"] = dns_domain(body["dns_domain"])
    if body.get("igmp_snooping") is not None:
        fields["igmp_snooping"] = body["igmp_snooping"]
    if "mdns" in body:
        fields["mdns"] = mdns(body["mdns"], context)
    if "qos_policy_id" in body:
        fields["qos_policy_id"] = qos.chosen(draft, "network", id, body, old.qos_policy_id)
    if body.get("external") is not None:
        fields["external"] = body["external"]
    network = draft.replace("network", old, context, **fields)
    if network.external and not old.external:
        ways_out.open_to_all(draft, network, context)
    elif old.external and not network.external:
        ways_out.close(draft, network)
    return network


def _igmp_snooping(body: dict[str, Any], context: Context) -> bool:
    said = body.get("igmp_snooping")
    return context.igmp_snooping if said is None else said


def delete(draft: Draft, id: str, context: Context) -> None:
    """Its subnets and floating IPs that stand for nothing go with it; ports must be gone before."""
    old = draft.get("network", id)
    check_revision("network", old, context)
    for floating in list(draft.config.floatingips_by_network.get(id, ())):
        item = draft.config.floatingips[floating]
        if not item.port_id:
            draft.delete("floatingip", item.id)
            draft.delete("port", item.floating_port_id)
    ports = draft.config.ports_by_network.get(id)
    if ports:
        raise conflict(
            "NetworkInUse",
            f"Unable to complete operation on network {id}. There are one or more ports still in "
            f"use on the network, id for these ports is {draft.names('port', ports)}. Delete them "
            "first (router interfaces with remove_router_interface).",
        )
    for subnet_id in list(draft.config.subnets_by_network.get(id, ())):
        draft.delete("subnet", subnet_id)
    draft.delete("network", id)


def _used_by_none_else(draft: Draft, network: Network) -> None:
    """Raises RuleError 409 where projects have ports or subnets on a network that would not be
    shared with them any more."""
    if sharing.is_stranded(draft.config, "network", dataclasses.replace(network, shared=False)):
        raise conflict(
            "InvalidSharedSetting",
            f"Unable to reconfigure sharing settings for network {network.id}. Multiple projects "
            "are using it.",
        )


def identifiers(
    draft: Draft, requested: int | None, context: Context, project_id: str = ""
) -> tuple[int, int]:
    """VNI (``requested`` if given) and route distinguisher index for a new network of a project, or
    for a router, which gets a VNI that is for all projects.

    Raises RuleError 409 when the requested VNI is taken, 503 when a range is exhausted.
    """
    config, default = draft.config, context.vni_range
    try:
        rd_index = ipam.lowest_rd_index(draft.config)
        if requested is None:
            ranges = segment_ranges.spans(config, project_id, default)
            return ipam.lowest_vni(config, ranges), rd_index
    except ipam.Exhausted as error:
        raise RuleError(
            503,
            "NoNetworkAvailable",
            f"Unable to create: no identifier is left ({error}). Delete unused networks or "
            "routers, add a network segment range, or widen vni_range in the nodes' "
            "configuration.",
        ) from error
    if not segment_ranges.within(config, requested, default):
        raise bad_request(
            f"segmentation id {requested} is outside this system's range {default[0]}-{default[1]} "
            "and in no network segment range",
            "InvalidInput",
        )
    if requested in draft.config.by_vni:
        kind, id = next(iter(draft.config.by_vni[requested]))
        raise conflict(
            "TunnelIdInUse",
            f"Unable to create the network. The tunnel ID {requested} is in use by a {kind} "
            f"({draft.names(kind, [id])}); choose another or leave it out.",
        )
    return requested, rd_index


def mtu(body: dict[str, Any], context: Context, physical_network: str = "") -> int:
    """The MTU that is asked for, else the default.  Raises RuleError where the overlay, or the
    physical network, carries less."""
    if physical_network:
        carried = context.physical_mtu(physical_network)
        requested: int = body.get("mtu") or carried
        if requested > carried:
            raise bad_request(
                f"Invalid input for operation: Requested MTU is too big, maximum is {carried}: what"
                f" {physical_network} carries by physical_network_mtus and physical_mtu in the "
                "nodes' configuration.", "InvalidInput",
            )
        return requested
    requested = body.get("mtu") or context.mtu
    if requested > context.max_mtu:
        raise bad_request(
            "Invalid input for operation: Requested MTU is too big, maximum is "
            f"{context.max_mtu}. It follows from underlay_mtu in the nodes' configuration.",
            "InvalidInput",
        )
    return requested


def check_mtu(network_id: str, mtu: int, versions: Iterable[int]) -> None:
    """Refuse an MTU that is too small for the IP versions of a network's subnets.  Raises RuleError
    409."""
    for version in versions:
        if mtu < MIN_MTU[version]:
            raise conflict(
                "NetworkMTUSubnetConflict",
                f"MTU of {network_id} is not valid, subnet requires a minimum of "
                f"{MIN_MTU[version]}: it is {mtu}.",
            )


def targets(values: list[str] | None) -> tuple[str, ...]:
    """Route targets "ASN:NUMBER" or "A.B.C.D:NUMBER" (RFC 4360 section 3), sorted, each once."""
    for value in values or ():
        match = _TARGET.fullmatch(value)
        left, right = match.groups() if match else ("", "0")
        if "." in left:
            ok = all(int(part) < 256 for part in left.split(".")) and int(right) < 1 << 16
        else:
            number = int(left or -1)
            limit = 1 << 32 if number < 1 << 16 else 1 << 16
            ok = 0 <= number < 1 << 32 and int(right) < limit
        if not ok:
            raise bad_request(
                f"'{value}' is not a route target: ASN:NUMBER or A.B.C.D:NUMBER", "InvalidInput"
            )
    return tuple(sorted(set(values or ())))


def some(ids: Any, limit: int = 3) -> str:
    """A few of the ids, for a message."""
    first = list(ids)[:limit]
    more = len(ids) - len(first)
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")
