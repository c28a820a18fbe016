"""Rules for tap mirrors (Networking API v2.0, extension tap-mirror)."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import TapMirror
from ryu_apps.control.config.rules.addresses import invalid, parse_host
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.config.rules.mirrors import ports
from vrouter_ovs.state import MIRROR_TYPES, MOST_SESSION


def create(draft: Draft, body: dict[str, Any], context: Context) -> TapMirror:
    """Raises RuleError, also where a session of the project has one of the numbers."""
    fields = common(body, context)
    kind = body["mirror_type"]
    if kind not in MIRROR_TYPES:
        raise invalid("mirror_type", f"'{kind}' is not in {list(MIRROR_TYPES)}")
    directions = body["directions"]
    sessions = [directions.get(name) for name in ("IN", "OUT")]
    if not any(number is not None for number in sessions):
        raise invalid("directions", "neither IN nor OUT is given")
    for number in sessions:
        if number is not None and not 1 <= number <= MOST_SESSION[kind]:
            raise invalid(
                "directions", f"the tunnel id {number} is not in 1-{MOST_SESSION[kind]}, which is "
                f"what {kind} carries"
            )
    port = ports.source(draft, body["port_id"], fields["project_id"], "tap mirror")
    _unused(draft, {number for number in sessions if number}, fields["project_id"])
    return draft.put("tap_mirror", TapMirror(
        port_id=port.id, remote_ip=parse_host(body["remote_ip"], what="remote_ip"),
        mirror_type=kind, session_in=sessions[0] or 0, session_out=sessions[1] or 0, **fields,
    ))  # fmt: skip


def _unused(draft: Draft, sessions: set[int], project_id: str) -> None:
    for other in draft.config.tap_mirrors.values():
        used = sessions & {other.session_in, other.session_out}
        if used and other.project_id == project_id:
            raise conflict(
                "TapMirrorTunnelConflict",
                f"The tunnel id {min(used)} is in use by tap mirror {other.id}: a project has each "
                "once.",
            )


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> TapMirror:
    old = draft.get("tap_mirror", id)
    return draft.replace("tap_mirror", old, context, **plain(body, "name", "description"))


def delete(draft: Draft, id: str, context: Context) -> None:
    check_revision("tap_mirror", draft.get("tap_mirror", id), context)
    draft.delete("tap_mirror", id)
