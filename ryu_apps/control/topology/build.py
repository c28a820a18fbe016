"""From what the nodes of a system say of their elements and peers to its topology.

Records are those of ``/v1/elements``, ``/v1/nodes``, ``/v1/peers`` and ``/v1/rib``.  They may come
from a node of another version, so what a record lacks is left open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from urllib.parse import urlsplit

from ryu_apps.control.topology.model import (
    BGP,
    DOWN,
    HYPERVISOR,
    NODE,
    PHYSICAL,
    ROUTED,
    ROUTER,
    SWITCH,
    UNKNOWN,
    UP,
    Device,
    End,
    Link,
    Topology,
    Tunnel,
)

Record = Mapping[str, Any]
MAX_NEXT_HOPS = 64
"""Of one router."""
LINK = {4: 30, 6: 126}
"""A prefix of at least so many bits is one link between two routers, by version."""


def build(
    elements: Iterable[Record], nodes: Iterable[Record], peers: Mapping[str, Iterable[Record]],
    routes: Mapping[str, Iterable[Record]],
) -> Topology:
    """``elements``, ``nodes``: of the whole system.  ``peers``, ``routes``: node -> its BGP peers,
    and what it heard of the underlay."""
    made = _Builder()
    for node in nodes:
        made.add_node(node)
    known = [one for one in elements if not one.get("refused") and _text(one.get("id"))]
    for element in known:
        made.add_element(element)
    for element in known:
        for uplink in _records(element.get("uplinks")):
            made.add_uplink(element, uplink)
    for node, listed in peers.items():
        for peer in listed:
            made.add_peer(node, peer)
    for node, listed in routes.items():
        for route in listed:
            made.add_route(node, route)
    made.add_next_hops()
    return made.topology


class _Builder:
    def __init__(self) -> None:
        self.topology = Topology()
        self._by_vtep: dict[str, str] = {}
        self._by_mac: dict[str, End] = {}
        """MAC of a hypervisor's uplink -> that uplink."""
        self._by_address: dict[str, str] = {}
        """Address of a device that is no hypervisor -> its id."""
        self._by_chassis: dict[str, str] = {}
        self._by_peer: dict[tuple[str, str], str] = {}
        """(node, name of its peer) -> the peer's id."""
        self._cables: dict[frozenset[End], Link] = {}
        self._next_hops: dict[str, dict[str, str]] = {}
        """Router -> next hops of what it announces -> the node that heard."""
        self._link_prefixes: dict[str, list[IPv4Network | IPv6Network]] = {}
        """Router -> the links that it has an address on."""

    def _device(self, id: str, kind: str) -> Device:
        return self.topology.devices.setdefault(id, Device(id, kind, id))

    # ------------------------------------------------------------ this system

    def add_node(self, node: Record) -> None:
        name = _text(node.get("node") or node.get("name"))
        if not name:
            return
        device = self._device(name, NODE)
        device.state = UP if node.get("alive") or node.get("self") else DOWN
        device.owner = name
        device.known("store", name)
        device.at(_host(_text(node.get("url"))), _text(node.get("router_id")))
        for address in device.addresses:
            self._by_address.setdefault(address, name)

    def add_element(self, element: Record) -> None:
        id = _text(element["id"])
        device = self._device(id, HYPERVISOR)
        device.kind = HYPERVISOR  # A node of the same name runs on it.
        device.name = _text(element.get("hostname")) or id
        device.state = UP if element.get("connected") else DOWN
        device.owner = _text(element.get("owner"))
        version = _text(element.get("ovs_version"))
        device.description = f"Open vSwitch {version}".strip()
        device.known("ovsdb", device.owner)
        for vtep in [_text(element.get("vtep")), *_texts(element.get("vteps"))]:
            if vtep:
                device.at(vtep)
                self._by_vtep[vtep] = id
        for uplink in _records(element.get("uplinks")):
            mac = _text(uplink.get("mac"))
            if mac:
                self._by_mac[mac] = End(id, _text(uplink.get("name")))

    def add_uplink(self, element: Record, uplink: Record) -> None:
        id, name = _text(element["id"]), _text(uplink.get("name"))
        bridge = _text(uplink.get("bridge"))
        here = End(id, name)
        state = _text(uplink.get("state")) or UNKNOWN
        tunnels = [
            Tunnel(
                self._by_vtep.get(_text(one.get("vtep")), ""), _text(one.get("vtep")),
                _count(one.get("path")), _text(one.get("encap")), _text(one.get("bfd")),
            )
            for one in _records(element.get("tunnels"))
            if (egress := _text(one.get("egress"))) and egress in (bridge, name)
        ]
        neighbours = _records(uplink.get("neighbours")) or [{}]
        for neighbour in neighbours:
            far = self._neighbour(element, here, neighbour) if neighbour else None
            link = Link(
                PHYSICAL, here, far, state if element.get("connected") else UNKNOWN,
                _count(uplink.get("speed")), _count(uplink.get("mtu")), bridge,
                "neighbour silent" if neighbour.get("silent") is True else "", tunnels,
            )
            if far is not None:
                # Between two hypervisors it is told of twice.
                twin = self._cables.setdefault(frozenset((here, far)), link)
                if twin is not link:
                    continue
            self.topology.links.append(link)

    # ------------------------------------------------------------ what is around it

    def _neighbour(self, element: Record, here: End, neighbour: Record) -> End:
        """The end of a link that LLDP told of."""
        chassis = _text(neighbour.get("chassis"))
        port = _text(neighbour.get("port"))
        if chassis in self._by_mac:
            end = self._by_mac[chassis]
            return End(end.device, port or end.port)
        named = self.topology.devices.get(chassis)
        if named is not None and named.kind == HYPERVISOR:
            return End(chassis, port)
        addresses = _texts(neighbour.get("management"))
        id = self._by_chassis.get(chassis) or next(
            (self._by_address[one] for one in addresses if one in self._by_address), ""
        )
        name = _text(neighbour.get("system_name"))
        if not id:
            id = name or chassis
            if id in self.topology.devices:
                id = f"{id} ({chassis})"
        self._by_chassis[chassis] = id
        device = self._device(id, _kind(_texts(neighbour.get("capabilities"))))
        device.name = name or device.name
        device.state = UP
        device.description = _text(neighbour.get("system_description")) or device.description
        device.at(*addresses)
        device.owner = device.owner or _text(element.get("owner"))
        device.known("lldp", _text(element.get("owner")), f"{here.device} {here.port}")
        for address in device.addresses:
            self._by_address.setdefault(address, id)
        return End(id, port)

    def add_peer(self, node: str, peer: Record) -> None:
        """A BGP peer of a node: another node, or a router of somebody's."""
        address, name = _text(peer.get("address")), _text(peer.get("name"))
        up = bool(peer.get("up"))
        id = self._by_address.get(address, "")
        if not id and peer.get("kind") == NODE and name in self.topology.devices:
            id = name
        if not id:
            id = address if name in self.topology.devices else name or address
        if not id:
            return
        self._by_peer[node, name] = id
        device = self._device(id, ROUTER)
        if device.kind in (ROUTER, SWITCH):
            self._by_address.setdefault(address, id)
            device.at(address)
            device.owner = device.owner or node
            device.known("bgp" if up else "configuration", node)
            if device.kind == ROUTER or up:
                device.state = UP if up else device.state if device.state == UP else DOWN
        ends = sorted((node, id))
        if any(one.kind == BGP and sorted((one.a.device, one.b.device if one.b else "")) == ends
               for one in self.topology.links if device.kind == NODE):
            return
        self.topology.links.append(Link(
            BGP, End(node), End(id), UP if up else DOWN, detail=_text(peer.get("state")),
        ))  # fmt: skip

    def add_route(self, node: str, route: Record) -> None:
        """A prefix of the underlay that a peer announced."""
        device = self.topology.devices.get(
            self._by_peer.get((node, _text(route.get("peer"))), "")
        )
        prefix, next_hop = _text(route.get("prefix")), _text(route.get("next_hop"))
        if device is None or device.kind == NODE:
            return
        if prefix not in device.prefixes:
            device.prefixes.append(prefix)
        if next_hop in device.addresses:
            network = _network(prefix)
            if network is not None and network.prefixlen >= LINK[network.version]:
                self._link_prefixes.setdefault(device.id, []).append(network)
        elif _network(next_hop) is not None:
            hops = self._next_hops.setdefault(device.id, {})
            if len(hops) < MAX_NEXT_HOPS:
                hops.setdefault(next_hop, node)

    def add_next_hops(self) -> None:
        """The routers behind those that told of their routes.

        A next hop on a link that another router has an address on as well is that router: this
        one would not send to itself.
        """
        joined: set[frozenset[str]] = set()
        for id, hops in sorted(self._next_hops.items()):
            for next_hop, node in sorted(hops.items()):
                far = self._by_address.get(next_hop) or self._at_link(id, next_hop)
                if not far:
                    far = next_hop
                    device = self._device(far, ROUTER)
                    device.at(next_hop)
                    device.owner = device.owner or node
                    device.known("bgp", node, f"next hop of {id}")
                pair = frozenset((id, far))
                if far != id and pair not in joined:
                    joined.add(pair)
                    self.topology.links.append(
                        Link(ROUTED, End(id), End(far), UP, detail=next_hop)
                    )

    def _at_link(self, id: str, next_hop: str) -> str:
        """The one other router that has an address on the link of ``next_hop``, or ""."""
        network = _network(next_hop)
        found = {
            other for other, links in self._link_prefixes.items() if other != id
            for link in links
            if network is not None and link.version == network.version and network.subnet_of(link)
        }  # fmt: skip
        return found.pop() if len(found) == 1 else ""


def _kind(capabilities: list[str]) -> str:
    """A device that routes and bridges is called a switch, as racks' are."""
    return ROUTER if "router" in capabilities and "bridge" not in capabilities else SWITCH


def _records(value: Any) -> list[Record]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
