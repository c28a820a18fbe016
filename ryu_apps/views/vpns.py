"""VPN instances and their routes, read from a World."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.vpn.instance import Instance
from ryu_apps.control.world import World


def instances(world: World, vnis: Iterable[int]) -> list[dict[str, Any]]:
    """Those that there still are."""
    known = world.instances.by_vni
    return [_instance(world, vni, known[vni]) for vni in vnis if vni in known]


def _instance(world: World, vni: int, instance: Instance) -> dict[str, Any]:
    spec = instance.spec
    table = "network" if spec.kind == "evi" else "router"
    item = world.config.get(table, spec.id)
    one: dict[str, Any] = {
        "vni": vni,
        table: spec.id,
        "name": item.name if item else "",
        "rd_index": spec.rd_index,
        "import_targets": sorted(world.instances.targets(spec)),
        "export_targets": list(spec.exports),
    }
    if spec.kind == "evi":
        one["vrouters"] = sorted(world.ports.locations.present.get(vni, ()))
        one |= {"macs": len(instance.macs), "addresses": len(instance.ips),
                "flood": sorted(path.attrs.next_hop for path in instance.imets.values())}
        if item is not None and item.igmp_snooping:
            memberships, routers = world.multicast.memberships, world.multicast.routers
            one["multicast"] = {group: sorted(memberships.members(vni, group))
                                for group in sorted(memberships.groups(vni))}
            one["multicast_routers"] = sorted(routers.get(vni, ()))
    else:
        one["vrouters"] = sorted(world.presence.vrfs.get(vni, ()))
        one["prefixes"] = len(instance.prefixes)
    return one


def routed(world: World, vni: int, address: str) -> str:
    """The longest prefix by which the routes of an instance lead to an address, or ""."""
    instance = world.instances.by_vni.get(vni)
    if instance is None:
        return ""
    if instance.spec.kind == "evi":
        return address if address in instance.ips else ""
    parsed = ipaddress.ip_address(address)
    for length in range(parsed.max_prefixlen, -1, -1):
        prefix = str(ipaddress.ip_network((parsed, length), strict=False))
        if instance.usable(prefix):
            return prefix
    return ""
