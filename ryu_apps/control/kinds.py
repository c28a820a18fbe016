"""The kinds of elements, and what only elements of one kind have.

The control core knows of every element what :class:`~ryu_apps.control.messages.ElementInfo` says.
A southbound of another kind brings a subclass of :class:`Facts`; nothing has to be made up for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vrouter_ovs.encapsulation import VXLAN

OVS = "ovs"
_PHYSICAL_NETWORK = re.compile(r"[\w.@-]{1,64}", re.ASCII)


def is_physical_network(name: object) -> bool:
    """Whether a text may name a physical network: it stands in names of ports and in mappings."""
    return isinstance(name, str) and bool(_PHYSICAL_NETWORK.fullmatch(name))


@dataclass(frozen=True, slots=True)
class Facts:
    """What elements of one kind say of themselves beyond what all do.  ``kind``: names the
    southbound that they belong to.  ``encapsulations``: of the tunnels that they send and take,
    the one that they send by rather first.  ``gateway``: whether they take what routers send
    outside."""

    kind: ClassVar[str]
    encapsulations: ClassVar[tuple[str, ...]] = (VXLAN,)
    gateway: ClassVar[bool] = False

    def record(self) -> dict[str, Any]:
        """The part of the element's record in the store that is the kind's own."""
        return {"kind": self.kind, "encapsulations": list(self.encapsulations)}


@dataclass(frozen=True, slots=True)
class Uplink:
    """A physical port of a hypervisor, on its bridge ``bridge``.

    ``mtu`` in bytes and ``speed`` in bits a second, 0 where they are not known; ``state``: "up",
    "down" or "".  ``ofport``: its number at the bridge, -1 where it has none; ``service``: the
    target at which the bridge waits for controllers, as "ptcp:6654:192.0.2.1", or "".
    """

    name: str
    bridge: str
    mac: str
    mtu: int
    speed: int
    state: str
    ofport: int = -1
    service: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """The physical network ``name`` that a hypervisor reaches by its bridge ``bridge``.

    ``problem``: why the mapping is of no use, or "".  ``ofport``: number of the patch port to it
    at the integration bridge, -1 where there is none.  ``error``: why Open vSwitch could not make
    that, or "".
    """

    name: str
    bridge: str
    problem: str = ""
    ofport: int = -1
    error: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an Open vSwitch can do.  ``datapath_type``: "system" or "netdev"; ``interface_types``:
    those that it can make; ``features``: of its datapath, (name, value), where its database has
    them (ovs-vswitchd.conf.db(5), Datapath, capabilities)."""

    datapath_type: str = ""
    datapath_version: str = ""
    interface_types: tuple[str, ...] = ()
    features: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OvsFacts(Facts):
    """Of a hypervisor with Open vSwitch.

    ``datapath_id``: of the integration bridge, called ``bridge``; 0 where it is not known.
    ``connection_limit``: how many connections its database lets each port have tracked, 0 where
    it says nothing; None where it has no place for that.  ``uplinks``: its physical ports.
    ``attachments``: to physical networks, those that are of no use among them.
    """

    kind: ClassVar[str] = OVS

    ovs_version: str
    datapath_id: int
    bridge: str
    connection_limit: int | None
    capabilities: Capabilities = Capabilities()
    uplinks: tuple[Uplink, ...] = ()
    encapsulations: tuple[str, ...] = field(default=(VXLAN,), kw_only=True)
    attachments: tuple[Attachment, ...] = ()
    gateway: bool = field(default=False, kw_only=True)

    def record(self) -> dict[str, Any]:
        """Names no kind, and physical networks, or that it is a gateway, only where there is
        something to say: records were written before there were others."""
        networks = sorted(attachments_of(self))
        return {
            "ovs_version": self.ovs_version, "datapath_id": f"{self.datapath_id:016x}",
            "encapsulations": list(self.encapsulations),
            **({"physical_networks": networks} if networks else {}),
            **({"gateway": True} if self.gateway else {}),
        }


def attachments_of(facts: Facts) -> dict[str, Attachment]:
    """Physical network -> how an element is attached to it, of those that are of use."""
    if not isinstance(facts, OvsFacts):
        return {}
    return {one.name: one for one in facts.attachments if not one.problem}


def mapping_problems(facts: Facts) -> Iterator[str]:
    """What is wrong with how an element is attached to physical networks."""
    for one in facts.attachments if isinstance(facts, OvsFacts) else ():
        problem = one.problem or one.error
        if problem:
            yield f"{one.name}: {problem}" if one.name else problem


def physical_networks_of(record: dict[str, Any]) -> tuple[str, ...]:
    """Those that the element is attached to that a record in the store is of."""
    return tuple(record.get("physical_networks", ()))


def encapsulations_of(record: dict[str, Any]) -> tuple[str, ...]:
    """:attr:`Facts.encapsulations` of the element that a record in the store is of; that of an
    earlier version names none."""
    return tuple(record.get("encapsulations", (VXLAN,)))


def is_gateway(record: dict[str, Any]) -> bool:
    """:attr:`Facts.gateway` of the element that a record in the store is of."""
    return record.get("gateway") is True


def kind_of(record: dict[str, Any]) -> str:
    """The kind of the element that a record in the store is of."""
    return record.get("kind", OVS)


def datapath_id(facts: Facts) -> int:
    """0 where it is not known, and for an element that is no OpenFlow switch."""
    return facts.datapath_id if isinstance(facts, OvsFacts) else 0


def datapath_of(record: dict[str, Any]) -> int:
    """As :func:`datapath_id`, from a record in the store."""
    try:
        return int(record["datapath_id"], 16)
    except (KeyError, ValueError):
        return 0
