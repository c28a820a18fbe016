"""Rules for tap flows (Networking API v2.0, extension taas)."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import TapFlow
from ryu_apps.control.config.resources.mirrors.tap_flow import DIRECTIONS
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    bad_request,
    check_revision,
    common,
    plain,
)
from ryu_apps.control.config.rules.mirrors import ports


def create(draft: Draft, body: dict[str, Any], context: Context) -> TapFlow:
    fields = common(body, context)
    if body["direction"] not in DIRECTIONS:
        raise invalid("direction", f"'{body['direction']}' is not in {list(DIRECTIONS)}")
    service = draft.get("tap_service", body["tap_service_id"])
    if service.project_id != fields["project_id"]:
        raise bad_request(
            f"Tap service {service.id} does not belong to the project of the tap flow.",
            "TapServiceNotBelongToTenant",
        )
    port = ports.source(draft, body["source_port"], fields["project_id"], "tap flow")
    return draft.put("tap_flow", TapFlow(
        tap_service_id=service.id, source_port=port.id, direction=body["direction"], **fields,
    ))  # fmt: skip


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> TapFlow:
    old = draft.get("tap_flow", id)
    return draft.replace("tap_flow", old, context, **plain(body, "name", "description"))


def delete(draft: Draft, id: str, context: Context) -> None:
    check_revision("tap_flow", draft.get("tap_flow", id), context)
    draft.delete("tap_flow", id)
