"""Which floating IPs are carried, read from a World."""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control.desired.confirmations import DONE
from ryu_apps.control.world import World
from vrouter_ovs.state import FloatingIp


def carried(world: World, ids: Iterable[str]) -> list[bool]:
    """Whether each is: the switch of its port has confirmed it, or another node announces it."""
    return [_is_carried(world, id) for id in ids]


def _is_carried(world: World, id: str) -> bool:
    item = world.config.floatingips.get(id)
    if item is None or not item.port_id:
        return False
    network = world.config.networks.get(item.floating_network_id)
    port = world.config.ports.get(item.floating_port_id)
    if network is None or port is None:
        return False
    key = (FloatingIp.kind, network.vni, port.mac_address)
    for element in world.floating.get(network.vni, ()):
        if world.desired.get(element, key) is not None:
            confirmations = world.elements.accepted[element].confirmations
            return not world.desired.is_changed(element, key) and (
                confirmations.status(key).state == DONE
            )
    instance = world.instances.by_vni.get(network.vni)
    paths = instance.macs.get(port.mac_address, ()) if instance is not None else ()
    return world.instances.best(paths) is not None
