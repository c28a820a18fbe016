"""What the routes say of addresses that ports of this node hold or want to hold.

Who takes over announces a higher sequence number than all that is known of the address, and whoever
sees a higher one than its own withdraws (RFC 7432 section 15; RFC 9721 for an address that moves to
another MAC, so that the routes have different names).  Where both are the same, the lower VTEP
stays.
"""

from __future__ import annotations

from ryu_apps.control.addresses.holders import AddressHolder, Key
from ryu_apps.control.routes import Path
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.rib import LIVE
from ryu_apps.control.vpn.selection import select_mac


class CompetingRoutes:
    """Reads the routes; keeps nothing of its own.

    ``own_mac``, where a method takes it: the MAC of the port itself, not the one that it holds an
    address with.
    """

    def __init__(self, tables: Tables) -> None:
        self._rib = tables.rib
        self._is_node = tables.origins.is_node
        self._instances = tables.instances
        self._elements = tables.elements

    def holders(self, key: Key, mac: str, own_mac: str) -> list[AddressHolder]:
        """All that is announced of an address, or of a MAC that passes with it, live or stale."""
        return [
            AddressHolder("", path.nlri.mac, path.attrs.next_hop, path.attrs.mobility)
            for path in self._paths(key, mac, own_mac)
        ]

    def announced_remotely(self, key: Key) -> bool:
        """Whether another node says, or said until it went away, where an address is; not at one of
        our hypervisors, as the former owner of one does for a while."""
        instance = self._instances.by_vni.get(key[0])
        paths = instance.ips.get(key[1], ()) if instance else ()
        return any(not self._is_ours(path.attrs.next_hop) for path in paths)

    def announced(self, key: Key) -> bool:
        """Whether any node, this one too, says where an address is."""
        instance = self._instances.by_vni.get(key[0])
        return instance is not None and key[1] in instance.ips

    def is_beaten(self, key: Key, holder: AddressHolder, own_mac: str) -> bool:
        """Whether a live route of another node, or of a router, beats what a port of ours holds.

        With the MAC of the port itself a router announces what is plugged in here.
        """
        live = [
            path
            for path in self._paths(key, holder.mac, own_mac)
            if path.nlri not in self._rib.stale_best
            and not self._is_ours(path.attrs.next_hop)
            and (path.nlri.mac != own_mac or self._is_node(path))
        ]
        if not live:
            return False
        best = select_mac(live, lambda nlri: LIVE)
        attrs = best.attrs._replace(next_hop=holder.vtep, mobility=holder.sequence, sticky=False)
        mine = best._replace(attrs=attrs)
        return select_mac([best, mine], lambda nlri: LIVE) is best

    def _paths(self, key: Key, mac: str, own_mac: str) -> list[Path]:
        """The routes that say where the address is, or a MAC that passes with it."""
        instance = self._instances.by_vni.get(key[0])
        if instance is None:
            return []
        paths = list(instance.ips.get(key[1], ()))
        if mac != own_mac:
            paths += instance.macs.get(mac, ())
        return paths

    def _is_ours(self, vtep: str) -> bool:
        return self._elements.by_vtep.get(vtep) in self._elements.accepted
