"""Rules for the bindings of a port (Networking API v2.0, extension "binding-extended").

A port has one ACTIVE binding, whose host and profile are its ``binding:host_id`` and
``binding:profile``, and INACTIVE ones at hosts to which its VM may move while it runs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Container
from typing import Any

from ryu_apps.control.config.model import Binding, Port
from ryu_apps.control.config.resources.ports.port import MIGRATING_TO
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    conflict,
    profile,
)

MAX_BINDINGS = 8
"""INACTIVE ones of a port: a VM moves to one host, and may have left a few."""


def create(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Port:
    """A binding at a further host, INACTIVE.  Raises RuleError."""
    port = _port(draft, id)
    host = body["host"]
    if host == port.requested_host or any(one.host == host for one in port.bindings):
        raise conflict(
            "PortBindingAlreadyExists", f"Binding for port {id} on host {host} already exists."
        )
    if len(port.bindings) >= MAX_BINDINGS:
        raise conflict(
            "PortBindingLimitExceeded",
            f"Port {id} has {MAX_BINDINGS} INACTIVE bindings, which is the most that there may be; "
            "delete those that it does not move to.",
        )
    made = Binding(host, profile(body.get("profile")))
    return draft.replace("port", port, context, bindings=(*port.bindings, made))


def update(draft: Draft, id: str, host: str, body: dict[str, Any], context: Context) -> Port:
    """Another profile.  Raises RuleError."""
    port = _port(draft, id)
    made = profile(body.get("profile")) if "profile" in body else None
    if host and host == port.requested_host:
        changed = {} if made is None else {"binding_profile": made}
        return draft.replace("port", port, context, **changed)
    old = inactive(port, host)
    new = old if made is None else dataclasses.replace(old, profile=made)
    bindings = tuple(new if one is old else one for one in port.bindings)
    return draft.replace("port", port, context, bindings=bindings)


def activate(draft: Draft, id: str, host: str, context: Context) -> Port:
    """The binding at ``host`` becomes the ACTIVE one, and that one INACTIVE.  Raises RuleError."""
    port = _port(draft, id)
    if host and host == port.requested_host:
        raise conflict(
            "PortBindingAlreadyActive",
            f"Binding for port {id} on host {host} is already active.",
        )
    return draft.replace("port", port, context, **_activated(port, inactive(port, host)))


def delete(draft: Draft, id: str, host: str, context: Context) -> Port:
    """Where it is the ACTIVE one, that at the host which the port has left becomes it again, or the
    port has none.  Raises RuleError."""
    port = _port(draft, id)
    if not host or host != port.requested_host:
        gone = inactive(port, host)
        bindings = tuple(one for one in port.bindings if one is not gone)
        return draft.replace("port", port, context, bindings=bindings)
    back = next((one for one in reversed(port.bindings) if one.left), None)
    if back is None:
        return draft.replace("port", port, context, requested_host="", binding_profile="{}")
    return draft.replace(
        "port", port, context, requested_host=back.host, binding_profile=back.profile,
        bindings=tuple(one for one in port.bindings if one is not back),
    )


def arrived(draft: Draft, id: str, hosts: Container[str], now: str) -> None:
    """The port has moved to a host that it might move to, of the names ``hosts``; nothing where
    that is no longer so.  ``now``: as in a Context."""
    port = draft.config.ports.get(id)
    if port is None or port.requested_host in hosts:
        return
    binding = next((one for one in port.bindings if one.host in hosts), None)
    if binding is not None:
        fields = _activated(port, binding)
    elif port.migrating_to in hosts:
        said = json.loads(port.binding_profile)
        target = said.pop(MIGRATING_TO)
        fields = {"requested_host": target, "binding_profile": profile(said)}
    else:
        return
    draft.put("port", dataclasses.replace(
        port, **fields, revision_number=port.revision_number + 1, updated_at=now
    ))


def inactive(port: Port, host: str) -> Binding:
    """The INACTIVE binding at a host.  Raises RuleError 404."""
    for binding in port.bindings:
        if binding.host == host:
            return binding
    raise absent(port.id, host)


def absent(id: str, host: str) -> RuleError:
    """A port has no binding at a host."""
    return RuleError(
        404, "PortBindingNotFound",
        f"Binding for port {id} for host {host} could not be found.",
    )


def _activated(port: Port, binding: Binding) -> dict[str, Any]:
    others = tuple(one for one in port.bindings if one is not binding)
    if port.requested_host:
        said = json.loads(port.binding_profile)
        said.pop(MIGRATING_TO, None)
        others = (*others, Binding(port.requested_host, profile(said), left=True))
    return {
        "requested_host": binding.host, "binding_profile": binding.profile, "bindings": others,
    }


def _port(draft: Draft, id: str) -> Port:
    port = draft.get("port", id)
    if port.is_system:
        raise bad_request(
            f"Port {id} is the system's own ({port.device_owner}) and on every hypervisor: it has "
            "no bindings.", "InvalidInput",
        )
    return port
