"""Where the ports are and who claims them, read from a World."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.model import Port
from ryu_apps.control.desired.confirmations import DONE, REFUSED
from ryu_apps.control.elements.claims import RefusalKind
from ryu_apps.control.routes import Path
from ryu_apps.control.vpn.translate import BoundPort
from ryu_apps.control.world import World
from ryu_apps.northbound.base import DOWN, PortState
from ryu_apps.views.addresses import location, shared_addresses
from vrouter_ovs.state.limits import RECEIVED, SENT, limit_meter


def port_state(world: World, port_id: str) -> PortState:
    """What is true of a port: bound here, or announced by another node."""
    port = world.config.ports.get(port_id)
    if port is None:
        return DOWN
    if port.is_system:
        # It is on every vrouter where its network is, and has no place of its own.
        return PortState("ACTIVE" if port.admin_state_up else "DOWN", "")
    bound = world.ports.bound.get(port_id)
    if bound is not None:
        host = world.elements.accepted[bound.element].info.hostname
        status = world.ports.status(port_id)
        if status.state == REFUSED:
            return PortState("ERROR", host, bound.element, status.reason)
        active = port_id in world.ports.active and status.state == DONE
        duplicate = world.duplicates.by_port.get(port_id)
        return PortState(
            "ACTIVE" if active else "BUILD", host, bound.element,
            f"duplicate: {duplicate.reason}" if duplicate is not None else "",
        )  # fmt: skip
    path = _remote_path(world, port)
    if path is not None and world.is_node(path):
        element = world.elements.by_vtep[path.attrs.next_hop]
        return PortState("ACTIVE", world.elements.records[element]["hostname"], element)
    refused = tuple(world.ports.refused.get(port_id, {}).values())
    reasons = list(dict.fromkeys(one.text for one in refused))
    if path is not None:
        reasons.append(
            f"VTEP {path.attrs.next_hop}, which is no hypervisor of this system, announces its MAC"
        )
    failed = any(one.kind == RefusalKind.NOT_ATTACHED for one in refused)
    return PortState("DOWN", "", reason="; ".join(reasons), binding_failed=failed)


def holder(world: World, sharing: list[str], address: str) -> str:
    """Which of the ports of a network that may have an address has it now, or "".

    With the MAC of a virtual router (RFC 9568) another node's is known by its host alone: then it
    is the first of those there.
    """
    known = location(world, world.config.ports[sharing[0]].network_id, address)
    if known["port"] in sharing:
        return known["port"]
    there = (id for id in sorted(sharing) if known["host"] and
             port_state(world, id).host == known["host"])
    return next(there, "")


def _remote_path(world: World, port: Port) -> Path | None:
    network = world.config.networks.get(port.network_id)
    if network is None or not port.admin_state_up:
        return None
    instance = world.instances.by_vni.get(network.vni)
    paths = instance.macs.get(port.mac_address, ()) if instance else ()
    return world.instances.best(paths)


def port_list(world: World, port_ids: Iterable[str]) -> list[dict[str, Any]]:
    """The states of ports, and whether an interface of ours claims them."""
    return [
        {"id": port_id, **port_state(world, port_id)._asdict(),
         "mine": bool(world.elements.claims.get(port_id))}
        for port_id in port_ids
    ]


def port_detail(world: World, port_id: str) -> dict[str, Any]:
    """The port's state, all interfaces that claim it, and the addresses that it shares."""
    state = port_state(world, port_id)
    bound = world.ports.bound.get(port_id)
    refused = world.ports.refused.get(port_id, {})
    claims = []
    for claim, row in world.elements.claims.get(port_id, {}).items():
        holds = bound is not None and (bound.element, bound.interface) == claim
        claims.append({
            "element": claim.element,
            "host": world.elements.accepted[claim.element].info.hostname,
            "interface": claim.interface,
            "ofport": row.ofport,
            "holds": holds,
            "reason": refused[claim].text if claim in refused else "",
            "node": world.settings.node,
        })
    local = {claim["element"] for claim in claims}
    for (claimed, element), record in world.status.claims.items():
        if claimed == port_id and element not in local:
            claims.append({
                "element": element, "host": record["host"], "interface": record["interface"],
                "ofport": None, "holds": False, "reason": record["reason"],
                "node": record["node"],
            })
    if state.element and bound is None:
        record = world.elements.records.get(state.element, {})
        claims.insert(0, {
            "element": state.element, "host": state.host, "interface": None, "ofport": None,
            "holds": True, "reason": "", "node": record.get("owner", ""),
        })
    return {
        "id": port_id, "state": state._asdict(), "claims": claims,
        "duplicate": _duplicate(world, port_id),
        "shared_addresses": shared_addresses(world, port_id),
        "limits": [] if bound is None else _limits(bound),
    }


def _limits(bound: BoundPort) -> list[dict[str, Any]]:
    """What a port is held to, with the meter of each limit."""
    return [
        {
            "element": bound.element, "meter": limit_meter(bound.ofport, direction, one.unit),
            "direction": direction, **one._asdict(),
        }
        for direction, of in ((SENT, bound.limits.sent), (RECEIVED, bound.limits.received))
        for one in of
    ]


def _duplicate(world: World, port_id: str) -> dict[str, Any] | None:
    """Who else announces a port that is plugged here, if anybody does."""
    duplicate = world.duplicates.by_port.get(port_id)
    if duplicate is None:
        return None
    left = round(duplicate.until - world.duplicates.now) if duplicate.until else None
    return {
        "vtep": duplicate.vtep, "mac": duplicate.mac, "address": duplicate.address,
        "sequence": duplicate.sequence, "kind": duplicate.kind,
        "frozen_for": left, "reason": duplicate.reason,
    }
