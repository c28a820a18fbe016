"""Rules for tap services (Networking API v2.0, extension taas)."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config import ipam
from ryu_apps.control.config.model import TapService
from ryu_apps.control.config.rules import segment_ranges
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.config.rules.mirrors import ports


def create(draft: Draft, body: dict[str, Any], context: Context) -> TapService:
    fields = common(body, context)
    port = ports.target(draft, body["port_id"], fields["project_id"], "tap service")
    ranges = segment_ranges.spans(draft.config, "", context.vni_range)
    try:
        vni = ipam.lowest_vni(draft.config, ranges)
    except ipam.Exhausted as error:
        raise RuleError(
            503, "NoNetworkAvailable", f"No VNI is left for copies ({error})."
        ) from error
    return draft.put("tap_service", TapService(port_id=port.id, vni=vni, **fields))


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> TapService:
    old = draft.get("tap_service", id)
    return draft.replace("tap_service", old, context, **plain(body, "name", "description"))


def delete(draft: Draft, id: str, context: Context) -> None:
    """Raises RuleError 409 while there are tap flows to it."""
    check_revision("tap_service", draft.get("tap_service", id), context)
    flows = draft.config.tap_flows_by_service.get(id)
    if flows:
        raise conflict(
            "TapServiceInUse",
            f"Tap service {id} has tap flows ({draft.names('tap_flow', flows)}); delete them "
            "first.",
        )
    draft.delete("tap_service", id)
