"""Routers whose way out leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.outside.way_out import way_out
from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources
from ryu_apps.views.ways_out import next_routers

NAMED = 3
"""So many routers are named."""


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """The check of one World."""
    ways, config = world.ways_out, world.config
    routers = [id for id, router in config.routers.items() if router.gateways]
    found = {id: way for id in routers if (way := way_out(config, id)) is not None}
    texts = []
    if found and not ways.gateways():
        texts.append(
            f"{_named(found)}: no hypervisor is a gateway; run on one or more: "
            "ovs-vsctl set Open_vSwitch . external_ids:vnc-gateway=true"
        )
    elif found:
        untranslated = [
            id for id, way in found.items()
            if config.routers[id].gateways[0].enable_snat and not way.snat
            and any(":" not in address for address in way.addresses)
        ]
        if untranslated:
            texts.append(
                f"{_named(untranslated)}: no zone of connections is left to translate in; delete "
                "networks and routers that nobody needs, and make the router anew"
            )
        lost = [
            id for id, way in ways.ways.items()
            for name in way.gateways if name in world.elements.accepted
            for mac in next_routers(world, name, way).values() if not mac
        ]
        if lost:
            texts.append(
                f"{_named(dict.fromkeys(lost))}: nobody is known to have the address of the next "
                "router (gateway_ip of the external subnet)"
            )
    return Check("gateways", True, "; ".join(texts) or "every way out has a gateway", bool(texts))


def _named(routers: dict[str, object] | list[str]) -> str:
    names = sorted(routers)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"router {', '.join(names[:NAMED])}{more}"
