"""Rules for trunks and their subports (API extension "trunk")."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config import ipam
from ryu_apps.control.config.model import SUBPORT, Port, SubPort, Trunk
from ryu_apps.control.config.resources.ports.trunk import INHERIT, VLAN
from ryu_apps.control.config.rules.access.authority import may
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
)

VLANS = range(1, 4095)
MAX_SUBPORTS = len(VLANS)


def create(draft: Draft, body: dict[str, Any], context: Context) -> Trunk:
    """Raises RuleError."""
    asked = body.get("sub_ports") or []
    _well_formed(asked)
    parent = _usable(draft, body["port_id"])
    if parent.is_system:
        raise _in_use(parent.id)
    fields = common(body, context)
    fields["project_id"] = fields["project_id"] or parent.project_id
    trunk = Trunk(
        port_id=parent.id, admin_state_up=body.get("admin_state_up", True), **fields
    )
    draft.put("trunk", trunk)
    return draft.put(
        "trunk", dataclasses.replace(trunk, sub_ports=_added(draft, trunk, asked, context))
    )


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Trunk:
    """Name, description and administrative state."""
    old = draft.get("trunk", id)
    return draft.replace(
        "trunk", old, context, **plain(body, "name", "description", "admin_state_up")
    )


def delete(draft: Draft, id: str, context: Context) -> None:
    """Its ports stay, and are in no trunk.  Raises RuleError 409 where it is down."""
    old = draft.get("trunk", id)
    check_revision("trunk", old, context)
    _manageable(old)
    draft.delete("trunk", id)
    _release(draft, old.sub_ports, context)


def add_subports(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Trunk:
    """All of the request, or none.  Raises RuleError."""
    _well_formed(body["sub_ports"])
    old = draft.get("trunk", id)
    check_revision("trunk", old, context)
    _manageable(old)
    return draft.replace(
        "trunk", old, context, sub_ports=_added(draft, old, body["sub_ports"], context)
    )


def remove_subports(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Trunk:
    """All of the request, or none.  Raises RuleError 404 for a port that is not in the trunk."""
    old = draft.get("trunk", id)
    check_revision("trunk", old, context)
    _manageable(old)
    asked = dict.fromkeys(one["port_id"] for one in body["sub_ports"])
    known = {one.port_id: one for one in old.sub_ports}
    for port_id in asked:
        if port_id not in known:
            raise RuleError(
                404, "SubPortNotFound",
                f"SubPort on trunk {id} with port {port_id} could not be found.",
            )
    left = tuple(one for one in old.sub_ports if one.port_id not in asked)
    made = draft.replace("trunk", old, context, sub_ports=left)
    _release(draft, [known[port_id] for port_id in asked], context)
    return made


def untouched(draft: Draft, port_id: str) -> None:
    """Raises RuleError 409 for a port that cannot be deleted, or become the interface of a router,
    as it is in a trunk."""
    for index, type, what in (
        (draft.config.trunks_by_subport, "PortInUseAsSubPort", "a subport for"),
        (draft.config.trunks_by_port, "PortInUseAsTrunkParent", "a parent port for"),
    ):
        trunks = index.get(port_id)
        if trunks:
            raise conflict(
                type, f"Port {port_id} is currently {what} trunk {draft.names('trunk', trunks)}."
            )


def _manageable(trunk: Trunk) -> None:
    if not trunk.admin_state_up:
        raise conflict(
            "TrunkDisabled",
            f"Trunk {trunk.id} is currently disabled. Set its admin_state_up to true first.",
        )


def _in_use(port_id: str) -> RuleError:
    return conflict(
        "ParentPortInUse",
        f"Port {port_id} is currently in use and is not eligible for use as a parent port.",
    )


def _usable(draft: Draft, port_id: str) -> Port:
    """A port that is in no trunk."""
    may(draft, "port", port_id, "update")
    if port_id in draft.config.trunks_by_subport:
        raise conflict("TrunkPortInUse", f"Port {port_id} is in use by another trunk.")
    if port_id in draft.config.trunks_by_port:
        raise _in_use(port_id)
    return draft.get("port", port_id)


def _added(
    draft: Draft, trunk: Trunk, asked: list[dict[str, Any]], context: Context
) -> tuple[SubPort, ...]:
    """The subports of a trunk with those that a request adds, which become its own."""
    parent = draft.config.ports[trunk.port_id]
    most = draft.config.networks[parent.network_id].mtu
    taken = {one.segmentation_id for one in trunk.sub_ports}
    made = list(trunk.sub_ports)
    for one in asked:
        port = _usable(draft, one["port_id"])
        if port.device_id:
            raise conflict(
                "PortInUse",
                f"Unable to complete operation on port {port.id} for network {port.network_id}. "
                f"Port already has an attached device {port.device_id}.",
            )
        mtu = draft.config.networks[port.network_id].mtu
        if mtu > most:
            raise conflict(
                "SubPortMtuGreaterThanTrunkPortMtu",
                f"MTU {mtu} of subport {port.id} cannot be greater than MTU {most} of trunk "
                f"{trunk.id}.",
            )
        vlan = _vlan(draft, port, one)
        if vlan in taken:
            raise conflict(
                "DuplicateSubPort",
                f"segmentation_type {VLAN} and segmentation_id {vlan} already in use on trunk "
                f"{trunk.id}.",
            )
        taken.add(vlan)
        made.append(SubPort(port.id, vlan, _number(draft)))
        # The next one is to have another number.
        draft.put("trunk", dataclasses.replace(trunk, sub_ports=tuple(made)))
        draft.replace(
            "port", port, _unconditional(context), device_id=trunk.id, device_owner=SUBPORT
        )
    return tuple(made)


def _number(draft: Draft) -> int:
    try:
        return ipam.lowest_subport_number(draft.config)
    except ipam.Exhausted as error:
        raise conflict("NoSubPortAvailable", f"No subport can be made: {error}.") from error


def _well_formed(asked: list[dict[str, Any]]) -> None:
    """What a request says of subports, whatever ports they are.  Raises RuleError 400."""
    _distinct([one["port_id"] for one in asked], "port ID")
    _distinct([one["segmentation_id"] for one in asked
               if one.get("segmentation_id") is not None], "segmentation ID")
    for one in asked:
        type, vlan = one.get("segmentation_type"), one.get("segmentation_id")
        if type is None or (vlan is None and type != INHERIT):
            raise bad_request(
                f"Invalid subport details '{one['port_id']}': missing segmentation information. "
                "Must specify both segmentation_id and segmentation_type", "InvalidInput",
            )
        if type not in (VLAN, INHERIT):
            raise bad_request(f"Unknown segmentation_type '{type}'", "InvalidInput")
        if vlan is not None and vlan not in VLANS:
            raise bad_request(f"Segmentation ID '{vlan}' is not in range", "InvalidInput")


def _vlan(draft: Draft, port: Port, asked: dict[str, Any]) -> int:
    """Of a subport.  What inherits has that of its network."""
    if asked["segmentation_type"] == VLAN:
        return asked["segmentation_id"]
    network = draft.config.networks[port.network_id]
    if network.network_type != VLAN:
        raise bad_request(
            f"Cannot accept segmentation type {INHERIT} for subport {port.id}: its network "
            f"{port.network_id} has no VLAN. Give it {VLAN} and a segmentation_id.", "InvalidInput",
        )
    return network.vlan_id


def _distinct(values: list[Any], what: str) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise bad_request(
                f"Invalid input for sub_ports. Reason: {what} '{value}' specified multiple times "
                "for subports.", "HTTPBadRequest",
            )
        seen.add(value)


def _release(draft: Draft, sub_ports: Iterable[SubPort], context: Context) -> None:
    for one in sub_ports:
        port = draft.config.ports.get(one.port_id)
        if port is not None and port.device_owner == SUBPORT:
            draft.replace("port", port, _unconditional(context), device_id="", device_owner="")


def _unconditional(context: Context) -> Context:
    """The revision that a client expects is the trunk's."""
    return dataclasses.replace(context, if_match=None)
