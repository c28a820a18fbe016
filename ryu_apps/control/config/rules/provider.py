"""Rules for what a network is on the wire (Networking API v2.0, "provider extended attributes"): an
overlay, or the untagged frames or a VLAN of a physical network."""

from __future__ import annotations

from typing import Any, NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Network
from ryu_apps.control.config.resources.network import FLAT, NETWORK_TYPES, VLAN, VXLAN
from ryu_apps.control.config.rules import segment_ranges
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    conflict,
)
from ryu_apps.control.kinds import is_physical_network


class Provided(NamedTuple):
    """As fields of a Network."""

    network_type: str = VXLAN
    physical_network: str = ""
    vlan_id: int = 0


def requested(draft: Draft, body: dict[str, Any], project_id: str, than: str = "") -> Provided:
    """What a network of a project is to be; ``than``: the id of one that may have it already.

    Raises RuleError 400 for what is no such network, 409 where another network is that, 503 where
    no VLAN is free.
    """
    kind = body.get("network_type") or VXLAN
    physical = body.get("physical_network") or ""
    vlan = body.get("segmentation_id")
    if kind not in NETWORK_TYPES:
        raise bad_request(
            f"provider:network_type '{kind}' is not supported: use 'vxlan', 'flat' or 'vlan', or "
            "leave it out", "InvalidInput",
        )
    if kind == VXLAN:
        if physical:
            raise bad_request("provider:physical_network does not apply to vxlan: leave it out",
                              "InvalidInput")
        return Provided()
    if physical:
        check_physical_network(physical)
    elif kind == FLAT or vlan is not None:
        raise bad_request(
            f"Invalid input for operation: physical_network required for {kind} provider network.",
            "InvalidInput",
        )
    if kind == FLAT:
        if vlan is not None:
            raise bad_request(
                "Invalid input for operation: segmentation_id prohibited for flat provider "
                "network.", "InvalidInput",
            )
        _free(draft, physical, 0, than)
        return Provided(FLAT, physical)
    if vlan is None:
        physical, vlan = _allocated(draft.config, physical, project_id)
    elif not 1 <= vlan <= segment_ranges.LAST_VLAN:
        raise bad_request(
            "Invalid input for operation: segmentation_id out of range (1 through "
            f"{segment_ranges.LAST_VLAN}).", "InvalidInput",
        )
    _free(draft, physical, vlan, than)
    return Provided(VLAN, physical, vlan)


def transparent(body: dict[str, Any], provided: Provided) -> bool:
    """Whether a network is to carry frames of VLANs of its guests' own.  Raises RuleError 400 where
    it is one of VLANs itself: a frame has one tag."""
    if body.get("vlan_transparent") and provided.network_type == VLAN:
        raise bad_request(
            "Backend does not support VLAN Transparency of a vlan network: its frames have a tag "
            "already. vxlan and flat networks can have it.", "VlanTransparencyDriverError",
        )
    return body.get("vlan_transparent") or False


def check_physical_network(name: str) -> None:
    """Raises RuleError 400 for what no hypervisor can be attached to."""
    if not is_physical_network(name):
        raise bad_request(
            f"Invalid input for operation: physical_network '{name[:80]}' is no name of one: at "
            "most 64 letters, digits and _ . @ - .", "InvalidInput",
        )


def changed(draft: Draft, old: Network, body: dict[str, Any], context: Context) -> Provided:
    """What a network is to be from now on.  An overlay may become a segment and a segment an
    overlay while its ports talk (:mod:`ryu_apps.control.forwarding.segments`).

    Raises RuleError 400, 409 where it may not: another segment takes two steps, and all of its
    ports must be where the new way leads.
    """
    now = Provided(old.network_type, old.physical_network, old.vlan_id)
    kind = body.get("network_type") or old.network_type
    if kind == old.network_type:
        for name, present in (
            ("segmentation_id", old.segmentation_id), ("physical_network", old.physical_network),
        ):
            if body.get(name) not in (None, present):
                raise bad_request(
                    f"provider:{name} of a network cannot change; create another network"
                    + (", or make this one vxlan before" if old.physical_network else ""),
                    "InvalidInput",
                )
        return now
    if kind == VXLAN:
        if body.get("segmentation_id") not in (None, old.vni):
            raise bad_request(
                f"provider:segmentation_id of this network as vxlan is {old.vni}", "InvalidInput"
            )
        _fits(old, body, context)
        return requested(draft, {"network_type": VXLAN}, "")
    if old.network_type != VXLAN:
        raise bad_request(
            f"A {old.network_type} network cannot become a {kind} network at once: make it vxlan "
            "before.", "InvalidInput",
        )
    made = requested(draft, {**body, "network_type": kind}, old.project_id, old.id)
    transparent({"vlan_transparent": old.vlan_transparent}, made)
    interfaces = draft.config.interfaces_by_network.get(old.id)
    if interfaces:
        raise no_router(old.id, made.physical_network)
    if missing := context.unattached(made.physical_network):
        raise conflict(
            "NetworkInUse",
            f"Unable to complete operation on network {old.id}. There are ports of it at "
            f"hypervisors that are not attached to physical network {made.physical_network}: "
            f"{', '.join(missing[:3])}" + (f" and {len(missing) - 3} more" if missing[3:] else "")
            + ". Map it there (external_ids:vnc-bridge-mappings), or move the ports.",
        )
    return made


def no_router(network_id: str, physical: str) -> RuleError:
    """A segment has no interfaces of routers."""
    return RuleError(
        501, "NotImplemented",
        f"Network {network_id} is a part of physical network {physical}: in this version a router "
        "has no interfaces there. Hosts use a router of the physical network as gateway.",
    )


def _fits(old: Network, body: dict[str, Any], context: Context) -> None:
    """Raises RuleError 409 where guests send what the overlay does not carry."""
    mtu = body.get("mtu") or old.mtu
    if max(mtu, old.mtu) > context.max_mtu:
        raise conflict(
            "NetworkInUse",
            f"The MTU of network {old.id} is {old.mtu}, and the overlay carries {context.max_mtu}: "
            "set the mtu first, and have its guests use it.",
        )


def _free(draft: Draft, physical: str, vlan: int, than: str) -> None:
    """Raises RuleError 409 where another network is this one."""
    others = [
        id for id in draft.config.networks_by_vlan.get((physical, vlan), ()) if id != than
    ]
    if others and vlan:
        raise conflict(
            "VlanIdInUse",
            f"Unable to create the network. The VLAN {vlan} on physical network {physical} is in "
            f"use ({draft.names('network', others)}).",
        )
    if others:
        raise conflict(
            "FlatNetworkInUse",
            f"Unable to create the flat network. Physical network {physical} is in use "
            f"({draft.names('network', others)}).",
        )


def _allocated(config: Config, physical: str, project_id: str) -> tuple[str, int]:
    """(physical network, VID): the lowest that is free of the first range that has one; of those of
    ``physical``, or of any."""
    for one in segment_ranges.of_vlans(config, physical, project_id):
        for vlan in range(one.minimum, one.maximum + 1):
            if (one.physical_network, vlan) not in config.networks_by_vlan:
                return one.physical_network, vlan
    where = f"on physical network {physical}" if physical else "on any physical network"
    raise RuleError(
        503, "NoNetworkAvailable",
        f"Unable to create the network. No VLAN is free {where}: add a network segment range, or "
        "name one with provider:segmentation_id.",
    )
