"""The physical ports of a hypervisor's other bridges, and what its Open vSwitch can do.  Pure.

An uplink is an interface of a device (type "" or "system") or of DPDK or AF_XDP on a bridge that is
not the integration bridge, unless it says that it is a guest's (``iface-id``).

Sources: ovs-vswitchd.conf.db(5), tables Interface (link_speed, link_state, mtu, mac_in_use),
Bridge (datapath_type, datapath_version), Open_vSwitch (iface_types), Datapath (capabilities).
"""

from __future__ import annotations

from typing import Any

from ryu_apps.control.kinds import Capabilities, Uplink
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row, TableChanges

PHYSICAL = frozenset({"", "system", "dpdk", "afxdp", "afxdp-nonpmd"})
MAX_UPLINKS = 32
MAX_SHOWN = 64
"""Capabilities, or types of interfaces, that are kept of one hypervisor."""


class Uplinks:
    """``found``: the uplinks, by bridge and name.  Its cost is that of what changed."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._looked_at: frozenset[str] = frozenset()
        """UUIDs of the interfaces on other bridges."""
        self._ports: frozenset[str] = frozenset()
        self.found: tuple[Uplink, ...] = ()

    def follow(self, changes: TableChanges, integration: str | None) -> None:
        """Take in what an update changed; ``integration``: UUID of the integration bridge."""
        if (
            not changes.keys().isdisjoint(("Open_vSwitch", "Bridge", "Controller"))
            or not self._ports.isdisjoint(changes.get("Port", ()))
            or not self._looked_at.isdisjoint(changes.get("Interface", ()))
        ):
            self._look(integration)

    def _look(self, integration: str | None) -> None:
        tables = self._replica.tables
        root = self._replica.root
        ports, looked_at, found = set(), set(), []
        for uuid in root[1]["bridges"] if root is not None else ():
            bridge = tables["Bridge"].get(uuid)
            if bridge is None or uuid == integration:
                continue
            ports |= bridge["ports"]
            service = self._service(bridge)
            for port in bridge["ports"]:
                row = tables["Port"].get(port)
                for interface in row["interfaces"] if row is not None else ():
                    looked_at.add(interface)
                    one = tables["Interface"].get(interface)
                    if one is not None and _is_physical(one):
                        found.append(_uplink(bridge, one, service))
        self._ports, self._looked_at = frozenset(ports), frozenset(looked_at)
        found.sort(key=lambda one: (one.bridge, one.name))
        self.found = tuple(found[:MAX_UPLINKS])

    def _service(self, bridge: Row) -> str:
        """The first target at which the bridge waits for controllers."""
        rows = (self._replica.tables["Controller"].get(uuid) for uuid in bridge["controller"])
        targets = sorted(_text(row["target"]) for row in rows if row is not None)
        return next((one for one in targets if one.startswith("ptcp:")), "")


def _is_physical(row: Row) -> bool:
    return row["type"] in PHYSICAL and "iface-id" not in row["external_ids"]


def _uplink(bridge: Row, row: Row, service: str) -> Uplink:
    ofport = row["ofport"]
    return Uplink(
        name=_text(row["name"]),
        bridge=_text(bridge["name"]),
        mac=_text(row.get("mac_in_use")),
        mtu=_count(row.get("mtu")),
        speed=_count(row.get("link_speed")),
        state=_text(row["link_state"]),
        ofport=ofport if type(ofport) is int and 0 < ofport < 0xFFFF_FF00 else -1,
        service=service,
    )


def capabilities(replica: Replica, root: Row, bridge: Row | None) -> Capabilities:
    """What the hypervisor's Open vSwitch says that it can do."""
    kind = _text(bridge["datapath_type"]) if bridge is not None else ""
    datapaths = root.get("datapaths")
    uuid = datapaths.get(kind or "system") if isinstance(datapaths, dict) else None
    row = replica.tables.get("Datapath", {}).get(uuid)
    features = row.get("capabilities") if row is not None else None
    return Capabilities(
        datapath_type=kind or "system",
        datapath_version=_text(bridge.get("datapath_version")) if bridge is not None else "",
        interface_types=tuple(sorted(map(_text, root.get("iface_types") or ()))[:MAX_SHOWN]),
        features=tuple(sorted(
            (_text(name), _text(value)) for name, value in (features or {}).items()
        )[:MAX_SHOWN]),
    )  # fmt: skip


def _text(value: Any, limit: int = 64) -> str:
    """A value for people; "" where it is no text."""
    if not isinstance(value, str):
        return ""
    value = value[:limit]
    return value if value.isprintable() else value.encode("unicode_escape").decode("ascii")


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
