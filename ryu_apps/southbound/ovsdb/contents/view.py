"""The claims and tunnels of a hypervisor's integration bridge, and what each update changed.  Pure.

:class:`View` follows a :class:`~ryu_apps.southbound.ovsdb.protocol.replica.Replica` and tells after
each update which claims and tunnels changed; its cost is that of the update, not of the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ryu_apps.control.messages import Interface, TunnelStatus
from ryu_apps.southbound.ovsdb.contents.physical_networks import PATCH_MARK
from ryu_apps.southbound.ovsdb.contents.rows import (
    bridge_name,
    claim_of,
    datapath_id,
    shown,
    tunnel_of,
)
from ryu_apps.southbound.ovsdb.contents.uplinks import Uplinks
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row, RowChange, TableChanges
from vrouter_ovs.state import Endpoint

LOOKED_AT = {"Bridge", "Port", "Interface"}
"""Tables whose changes are mostly ovs-vswitchd's own, or claims: what is the node's to keep right
in them is found out row by row.  A change in any other table is."""


@dataclass
class Changes:
    """What one update changed on the integration bridge.

    ``interfaces``: name -> claim, None where it is gone.  ``tunnels``: endpoint -> status,
    None where it is gone.  ``configuration``: whether something changed that the node keeps as it
    wants.  ``garbage``: log lines.
    """

    interfaces: dict[str, Interface | None] = field(default_factory=dict)
    tunnels: dict[Endpoint, TunnelStatus | None] = field(default_factory=dict)
    configuration: bool = False
    garbage: list[str] = field(default_factory=list)


class View:
    """The integration bridge's claims and tunnels.

    ``bridge``: (UUID, row) of the integration bridge or None.  ``claims``: interface name -> value.
    ``tunnels``: endpoint -> status.  ``uplinks``: of the other bridges.  ``patches``: names of the
    interfaces of any bridge that bear the mark of our patch ports.
    """

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.bridge: tuple[str, Row] | None = None
        self.claims: dict[str, Interface] = {}
        self.tunnels: dict[Endpoint, TunnelStatus] = {}
        self.uplinks = Uplinks(replica)
        self.patches: set[str] = set()
        self._members: dict[str, str] = {}
        self._claim_of: dict[str, Interface] = {}
        self._tunnel_of: dict[str, TunnelStatus] = {}
        self._tunnels_at: dict[Endpoint, set[str]] = {}
        self._datapath_id = 0

    def update(self, updates: Any) -> Changes:
        """Take in a ``<table-updates2>``.  Raises ProtocolError where it does not fit."""
        return self.apply(self.replica.apply(updates))

    @property
    def names(self) -> tuple[str, str]:
        """What the hypervisor says its system-id and its host name are, in a form that can be
        shown."""
        root = self.replica.root
        ids = root[1]["external_ids"] if root is not None else {}
        return shown(ids.get("system-id")), shown(ids.get("hostname"))

    def last_datapath_id(self) -> int:
        """What the integration bridge was last seen configured with; 0 where it never was."""
        if self.bridge is not None and "datapath-id" in self.bridge[1]["other_config"]:
            self._datapath_id = datapath_id(self.bridge[1])
        return self._datapath_id

    def member(self, interface_uuid: str) -> str | None:
        """UUID of the integration bridge's Port that holds the interface."""
        return self._members.get(interface_uuid)

    def tunnel_interfaces(self) -> list[str]:
        """UUIDs of the interfaces on the integration bridge that bear our tunnel mark."""
        return [uuid for uuids in self._tunnels_at.values() for uuid in uuids]

    def apply(self, changes: TableChanges) -> Changes:
        """Follow what :meth:`Replica.apply` returned."""
        result = Changes()
        tables = self.replica.tables
        result.configuration = not changes.keys() <= LOOKED_AT
        old_ports = self.bridge[1]["ports"] if self.bridge is not None else frozenset()
        if "Bridge" in changes or "Open_vSwitch" in changes:
            self.bridge = self._find_bridge()
        result.configuration |= any(
            old is None or new is None or _differ(old, new, ("ports", "datapath_id"))
            for old, new in changes.get("Bridge", {}).values()
        ) or any(
            old is not None and new is not None and _differ(old, new, ("interfaces",))
            for old, new in changes.get("Port", {}).values()
        )
        new_ports = self.bridge[1]["ports"] if self.bridge is not None else frozenset()
        touched = set(changes.get("Interface", ()))
        changed_ports = changes.get("Port", {})
        for uuid in old_ports - new_ports:
            row = (changed_ports[uuid][0] if uuid in changed_ports else tables["Port"].get(uuid))
            self._leave(uuid, row, touched)
        for uuid, (old, _) in changed_ports.items():
            if uuid in old_ports and uuid in new_ports:
                self._leave(uuid, old, touched)
        for uuid in new_ports - old_ports:
            self._join(uuid, tables["Port"].get(uuid), touched)
        for uuid, (_, new) in changed_ports.items():
            if uuid in old_ports and uuid in new_ports:
                self._join(uuid, new, touched)
        self._refresh(touched, changes.get("Interface", {}), result)
        for old, new in changes.get("Interface", {}).values():
            self._follow_patch(old, new, result)
        self.uplinks.follow(changes, self.bridge[0] if self.bridge is not None else None)
        return result

    def _follow_patch(self, old: Row | None, new: Row | None, result: Changes) -> None:
        was = old is not None and PATCH_MARK in old["external_ids"]
        now = new is not None and PATCH_MARK in new["external_ids"]
        if was and old is not None:
            self.patches.discard(old["name"])
        if now and new is not None:
            self.patches.add(new["name"])
        if was != now or (
            was and old is not None and new is not None
            and any(old[column] != new[column] for column in ("type", "options", "external_ids"))
        ):
            result.configuration = True

    def _find_bridge(self) -> tuple[str, Row] | None:
        root = self.replica.root
        if root is None:
            return None
        name = bridge_name(root[1])
        bridges = self.replica.tables["Bridge"]
        for uuid in root[1]["bridges"]:
            row = bridges.get(uuid)
            if row is not None and row["name"] == name:
                return uuid, row
        return None

    def _leave(self, port: str, row: Row | None, touched: set[str]) -> None:
        for interface in row["interfaces"] if row is not None else ():
            if self._members.get(interface) == port:
                del self._members[interface]
                touched.add(interface)

    def _join(self, port: str, row: Row | None, touched: set[str]) -> None:
        for interface in row["interfaces"] if row is not None else ():
            self._members[interface] = port
            touched.add(interface)

    def _refresh(
        self,
        touched: set[str],
        changed: dict[str, RowChange],
        result: Changes,
    ) -> None:
        rows = self.replica.tables["Interface"]
        endpoints: set[Endpoint] = set()
        added: list[Interface] = []
        for uuid in touched:
            row = rows.get(uuid) if uuid in self._members else None
            claim = None
            tunnel = tunnel_of(row) if row is not None else None
            if row is not None and tunnel is None:
                claim, problem = claim_of(row)
                if problem:
                    result.garbage.append(problem)
            old_claim = self._claim_of.get(uuid)
            if claim != old_claim:
                if claim is None:
                    del self._claim_of[uuid]
                else:
                    self._claim_of[uuid] = claim
                    added.append(claim)
                if old_claim is not None and (claim is None or claim.name != old_claim.name):
                    self.claims.pop(old_claim.name, None)
                    result.interfaces[old_claim.name] = None
            old_tunnel = self._tunnel_of.get(uuid)
            if tunnel is not None or old_tunnel is not None:
                result.configuration |= self._configured(changed.get(uuid), tunnel, old_tunnel)
            if tunnel != old_tunnel:
                if old_tunnel is not None:
                    endpoints.add(old_tunnel.endpoint)
                    at = self._tunnels_at[old_tunnel.endpoint]
                    at.discard(uuid)
                    if not at:
                        del self._tunnels_at[old_tunnel.endpoint]
                    del self._tunnel_of[uuid]
                if tunnel is not None:
                    endpoints.add(tunnel.endpoint)
                    self._tunnels_at.setdefault(tunnel.endpoint, set()).add(uuid)
                    self._tunnel_of[uuid] = tunnel
        for claim in added:
            self.claims[claim.name] = claim
            result.interfaces[claim.name] = claim
        for endpoint in endpoints:
            status = self._best(endpoint)
            if status == self.tunnels.get(endpoint):
                continue
            result.tunnels[endpoint] = status
            if status is None:
                del self.tunnels[endpoint]
            else:
                self.tunnels[endpoint] = status

    @staticmethod
    def _configured(
        rows: RowChange | None,
        tunnel: TunnelStatus | None,
        old_tunnel: TunnelStatus | None,
    ) -> bool:
        """Whether more than the status of a tunnel changed."""
        if rows is None or rows[0] is None or rows[1] is None or tunnel is None \
                or old_tunnel is None:
            return True
        old, new = rows
        return any(
            old[column] != new[column]
            for column in ("name", "type", "options", "bfd", "external_ids")
        )

    def _best(self, endpoint: Endpoint) -> TunnelStatus | None:
        """The one status to show where several ports lead to one endpoint: one that exists."""
        uuids = self._tunnels_at.get(endpoint)
        if not uuids:
            return None
        return max(
            (self._tunnel_of[uuid] for uuid in uuids),
            key=lambda status: (status.bfd == "up", status.ofport),
        )


def _differ(old: Row, new: Row, but: tuple[str, ...]) -> bool:
    """Whether any column differs but those."""
    return any(
        old[column] is not new[column] and old[column] != new[column]
        for column in new if column not in but
    )
