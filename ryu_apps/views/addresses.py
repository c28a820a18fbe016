"""Where the addresses are that a port shares with others, for people."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.vpn.translate import is_exact
from ryu_apps.control.world import World
from vrouter_ovs.addresses import ip_network


def shared_addresses(world: World, port_id: str) -> list[dict[str, Any]]:
    """Of each address in the port's allowed pairs, and of those of a prefix that it holds, what
    is known: MAC, host, and the port's id where it is known; "" where nobody has it."""
    port = world.config.ports.get(port_id)
    network = world.config.networks.get(port.network_id) if port is not None else None
    if network is None:
        return []
    own = {fixed.ip_address for fixed in port.fixed_ips}
    addresses = {
        str(ip_network(pair.ip_address).network_address): None
        for pair in port.allowed_address_pairs
        if is_exact(pair.ip_address)
    }
    bound = world.ports.bound.get(port_id)
    if bound is not None:
        addresses.update(dict.fromkeys(item.ip for item in bound.learned))
    found = [location(world, network.id, one) for one in addresses if one not in own]
    return [{**one, "here": one["port"] == port_id} for one in found]


def location(world: World, network_id: str, address: str) -> dict[str, Any]:
    """What is known of an address that ports of a network share: MAC, host, the port's id where
    that is known, and the sequence number of its announcement."""
    vni = world.config.networks[network_id].vni
    mac = host = holder = ""
    sequence = 0
    known = world.learned.holders.get((vni, address))
    if known is not None:
        mac, holder, sequence = known.mac, known.port_id, known.sequence
        host = world.elements.accepted[world.ports.bound[holder].element].info.hostname
    else:
        instance = world.instances.by_vni.get(vni)
        paths = instance.ips.get(address, ()) if instance else ()
        path = world.instances.best(paths)
        if path is not None:
            mac, vtep, sequence = path.nlri.mac, path.attrs.next_hop, path.attrs.mobility
            record = world.elements.records.get(world.elements.by_vtep.get(vtep, ""))
            host = record["hostname"] if record else vtep
            holder = next(iter(world.config.ports_by_mac.get((network_id, mac), ())), "")
    return {
        "address": address, "mac": mac, "host": host, "port": holder, "sequence": sequence,
    }  # fmt: skip
