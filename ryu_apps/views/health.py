"""How a node is: its totals, and a check of each thing that can be wrong with it."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.rib import LOCAL
from ryu_apps.control.world import World


def counts(world: World) -> dict[str, int]:
    """Cheap totals.  ``unconfirmed``: changes that some vrouter of ours has not confirmed yet."""
    return {
        "ports": len(world.config.ports),
        "bound_ports": len(world.ports.bound),
        "active_ports": len(world.ports.active),
        "paths": len(world.rib),
        "local_paths": world.rib.count(LOCAL),
        "unconfirmed": sum(
            element.revision - element.acked for element in world.elements.accepted.values()
        ),
        "objects": sum(map(len, world.desired.objects.values())),
    }


def checks(
    store: dict[str, Any], peers: list[dict[str, Any]], elements: list[dict[str, Any]],
    waiting: str, refused: int, failures: int,
) -> list[dict[str, Any]]:
    """``{"name", "ok", "detail"}`` of each check.

    ``store``: its status.  ``peers``, ``elements``: as the API shows them; of the elements,
    those that this node owns.  ``waiting``: what the start waits for, or "".  ``refused``: objects
    that switches refused.  ``failures``: internal errors of the control core.
    """
    found: list[dict[str, Any]] = []

    def check(name: str, ok: bool, detail: str) -> None:
        found.append({"name": name, "ok": bool(ok), "detail": detail})

    check("store", store["ok"], store.get("error") or f"{store['kind']}, reachable")
    down = [peer["name"] for peer in peers if not peer["up"]]
    check("peers", not down, f"down: {', '.join(down)}" if down else f"{len(peers)} up")
    away = [one["hostname"] for one in elements if not one["connected"]]
    check("hypervisors", not away,
          f"not connected: {', '.join(away)}" if away else f"{len(elements)} connected")
    late = [one["hostname"] for one in elements if one["connected"] and not one.get("settled")]
    check("vrouters", not late,
          f"not confirmed: {', '.join(late)}" if late else "all changes confirmed")
    check("start", not waiting,
          f"after the start, waiting for {waiting}" if waiting else "converged")
    check("flows", not refused,
          f"the switches refused {refused} objects" if refused else "none refused")
    check("core", not failures,
          f"{failures} internal errors, see the log" if failures else "no internal error")
    return found
