"""Devices and links, as they are shown.

A device is known by somebody: a node of this system, who heard of it by OVSDB, LLDP (IEEE
802.1AB), BGP, its own configuration, or the records of the store.  A physical link has an end at a
hypervisor; its other end is open (None) until LLDP says what is there.  A routed link is one that a
router sends packets over: another router is the next hop of what it announces.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

HYPERVISOR, NODE, SWITCH, ROUTER = "hypervisor", "node", "switch", "router"
PHYSICAL, ROUTED, BGP = "physical", "routed", "bgp"
UP, DOWN, UNKNOWN = "up", "down", "unknown"
MAX_SHOWN = 100
"""Tunnels of one link, or prefixes of one router, that are listed; all are counted."""


@dataclass(frozen=True, order=True)
class Known:
    """``how``: "ovsdb", "lldp", "bgp", "configuration" or "store"; ``node``: who heard; ``where``:
    the hypervisor and port at which it did, "" where that says nothing."""

    how: str
    node: str
    where: str = ""


@dataclass
class Device:
    """``owner``: the node that is in charge of it, or knows it where nobody is.  ``prefixes``: what
    it announces of the underlay."""

    id: str
    kind: str
    name: str = ""
    state: str = UNKNOWN
    owner: str = ""
    description: str = ""
    addresses: list[str] = field(default_factory=list)
    known_by: list[Known] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)

    def known(self, how: str, node: str, where: str = "") -> None:
        one = Known(how, node, where)
        if one not in self.known_by:
            self.known_by.append(one)

    def at(self, *addresses: str) -> None:
        """It has these addresses."""
        for one in addresses:
            if one and one not in self.addresses:
                self.addresses.append(one)


@dataclass(frozen=True)
class End:
    """``port``: "" where a link has none, as a session."""

    device: str
    port: str = ""


@dataclass(frozen=True)
class Tunnel:
    """``device``: the hypervisor at its far end, "" where none has that VTEP address."""

    device: str
    vtep: str
    path: int
    encap: str
    bfd: str


@dataclass
class Link:
    """``speed`` in bits a second and ``mtu`` in bytes, 0 where they are not known.  ``bridge``: of
    the hypervisor's end.  ``tunnels``: of that hypervisor's, those that leave by this link."""

    kind: str
    a: End
    b: End | None
    state: str = UNKNOWN
    speed: int = 0
    mtu: int = 0
    bridge: str = ""
    detail: str = ""
    tunnels: list[Tunnel] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        counts = {"total": len(self.tunnels)}
        for state in (UP, DOWN):
            counts[state] = sum(one.bfd == state for one in self.tunnels)
        # What is wrong first.
        tunnels = sorted(self.tunnels, key=lambda one: (one.bfd == UP, one.device, one.path))
        return {
            "kind": self.kind, "a": asdict(self.a), "b": asdict(self.b) if self.b else None,
            "state": self.state, "speed": self.speed, "mtu": self.mtu, "bridge": self.bridge,
            "detail": self.detail,
            "carries": {"tunnels": counts, "vteps": sorted({one.vtep for one in tunnels})[
                :MAX_SHOWN], "shown": [asdict(one) for one in tunnels[:MAX_SHOWN]]},
        }  # fmt: skip


@dataclass
class Topology:
    """``devices``: by id."""

    devices: dict[str, Device] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)

    def shown(self) -> dict[str, list[dict[str, Any]]]:
        """As JSON, in an order that does not change with the order of what it was built from."""
        devices = [
            asdict(one) | {
                "addresses": sorted(one.addresses),
                "known_by": [asdict(known) for known in sorted(one.known_by)],
                "prefixes": sorted(one.prefixes)[:MAX_SHOWN],
            }
            for _, one in sorted(self.devices.items())
        ]  # fmt: skip
        links = [one.shown() for one in sorted(
            self.links, key=lambda one: (one.kind, one.a.device, one.a.port, one.detail))]
        return {"devices": devices, "links": links}
