"""JSON schemas of what ``/v1`` answers."""

from __future__ import annotations

from typing import Any

from ryu_apps.northbound.bodies.schemas import OPEN, RECORDS, STRING, obj

_INTEGER = {"type": "integer"}


def _page(name: str) -> dict[str, Any]:
    return obj((name, "total", "offset"), **{name: RECORDS}, total=_INTEGER, offset=_INTEGER,
               unanswered=RECORDS)


SCHEMAS: dict[str, Any] = {
    "Record": OPEN,
    "Health": obj(("status",), status={"enum": ["ok", "degraded"]}, checks=RECORDS),
    "Explanation": obj(
        ("verdict", "reason", "packet", "source", "destination", "stages"),
        verdict={"enum": ["allowed", "denied", "unreachable"]}, reason=STRING, packet=STRING,
        source=OPEN, destination=OPEN, stages=RECORDS),
    "Counters": obj(
        ("rule", "packets", "bytes", "vrouters", "unanswered"), rule=STRING, packets=_INTEGER,
        bytes=_INTEGER, vrouters=RECORDS, unanswered=RECORDS),
    "Gateways": obj(
        ("router", "order", "gateways", "refused", "unanswered"), router=STRING,
        order={"type": "array", "items": STRING}, gateways=RECORDS, refused=_INTEGER,
        unanswered=RECORDS),
    "Topology": obj(("devices", "links"), devices=RECORDS, links=RECORDS, unanswered=RECORDS),
    "Document": OPEN,
    **{
        f"{name.capitalize()}Answer": _page(name) for name in (
            "nodes", "elements", "evis", "vrfs", "peers", "ports", "rib", "objects", "flows",
        )
    },
}
