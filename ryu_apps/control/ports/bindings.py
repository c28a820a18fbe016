"""Which of the claims of a port holds it, and with which mobility sequence number it is announced.

A claim is an interface with ``external_ids:iface-id``.  The oldest claim that can hold the port
does, and keeps it until it is gone or the port arrives at another (:mod:`.arrivals`): a newer one
waits.  A claim on another node's hypervisor is
known by its type 2 route; while that stands, a claim here waits too.  A stale route stands until
its node has expired: a node that restarts must not lose the ports of its hypervisors.  A move
increases the sequence number (RFC 7432 section 15), so that copies of the old route lose wherever
they still are.  A router's route is no claim: a port that is plugged in is announced above it
(:mod:`ryu_apps.control.vpn.duplicates`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from ipaddress import ip_address
from typing import NamedTuple

from ryu_apps.control.addresses.learned import Learned
from ryu_apps.control.config.model import Port
from ryu_apps.control.config.trunks import parent_of
from ryu_apps.control.elements.claims import ClaimRefusal, RefusalKind
from ryu_apps.control.elements.elements import Claim, Interface
from ryu_apps.control.kinds import attachments_of
from ryu_apps.control.messages import ElementInfo
from ryu_apps.control.ports.arrivals import MAY_HOLD, Arrivals, Role
from ryu_apps.control.ports.verdict import Verdict, where_carried
from ryu_apps.control.routes import Path, next_sequence
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.duplicates import Duplicates
from ryu_apps.control.vpn.rib import LIVE
from ryu_apps.control.vpn.selection import select_mac
from vrouter_ovs.addresses import ip_network


class Mobility(NamedTuple):
    """The last announcement of a port's MAC that this node knows of."""

    sequence: int
    vtep: str


class Bindings:
    """Reads: the configuration, claims, routes, bound ports.  Marks and emits nothing."""

    def __init__(self, tables: Tables, learned: Learned, duplicates: Duplicates) -> None:
        self._config = tables.config
        self._rib = tables.rib
        self._instances = tables.instances
        self._elements = tables.elements
        self._bound = tables.bound
        self._prepared = tables.prepared
        self._learned = learned
        self._origins = tables.origins
        self.duplicates = duplicates
        self.expired_peers = tables.origins.expired_peers
        """Peers that are away for so long that their routes hold no port against a claim here."""
        self.mobility: dict[str, Mobility] = {}
        """Port id -> what was last seen; only of ports in the configuration."""
        self.arrivals = Arrivals(tables.elements)

    def decide(self, port_id: str, current: Claim | None) -> Verdict:
        """Which claim has a port.  ``current``: the one that had it until now."""
        refused: dict[Claim, ClaimRefusal] = {}
        claims = self._elements.claims.get(port_id)
        port = self._config.ports.get(port_id)
        if not claims or port is None:
            self.arrivals.forget(port_id)
        if not claims:
            return Verdict(None, None, refused)
        denial = self._port_denial(port_id, port)
        if denial is not None:
            return Verdict(None, None, dict.fromkeys(claims, denial))
        carrier = parent_of(self._config, port_id)
        if carrier:
            return where_carried(
                claims, carrier, self._bound.get(carrier), self._prepared.get(carrier, ())
            )
        self.arrivals.review(port, claims)
        able = {}
        for claim, interface in claims.items():
            denial = self._interface_denial(port, claim, interface)
            if denial is not None:
                refused[claim] = denial
            else:
                able[claim] = interface
        if not able:
            return Verdict(None, None, refused)
        chosen, remote = self._chosen(port, able, current)
        holder = chosen if remote is None else None
        for claim in able:
            if claim != holder:
                text = self._why_it_waits(port, claim, holder, remote)
                refused[claim] = ClaimRefusal(RefusalKind.BOUND_ELSEWHERE, text)
        # The oldest on each vrouter that does not have it.
        waiting: dict[str, Claim] = {} if holder is None else {holder.element: holder}
        for claim in able:
            waiting.setdefault(claim.element, claim)
        prepared = tuple(claim for claim in waiting.values() if claim != holder)
        if holder is None:
            return Verdict(None, None, refused, prepared)
        return Verdict(holder, able[holder], refused, prepared)

    def _chosen(
        self, port: Port, able: dict[Claim, Interface], current: Claim | None
    ) -> tuple[Claim | None, Path | None]:
        """The claim that is the first here to have a port, and the route that is before it."""
        for claim in able:
            if self.arrivals.arriving(port.id, claim.element):
                return claim, None
        if current in able:
            chosen = current
        else:
            # After a start, the one that had it before.
            may = [
                claim for claim in able if self.arrivals.role(port, claim.element) in MAY_HOLD
            ]
            chosen = next((claim for claim in may if able[claim].installed), None)
            chosen = chosen or next(iter(may), None)
        vtep = self._elements.accepted[(chosen or next(iter(able))).element].vtep
        announced = chosen is not None and chosen == current
        return chosen, self._better_remote_route(port, vtep, announced)

    def _why_it_waits(
        self, port: Port, claim: Claim, holder: Claim | None, remote: Path | None
    ) -> str:
        if remote is not None:
            text = f"held by {self._host_of(remote.attrs.next_hop)}"
        elif holder is not None:
            host = self._elements.accepted[holder.element].info.hostname
            text = f"held by interface {holder.interface} on {host}"
        else:
            text = "nobody has the port"
        if self.arrivals.is_watched(port, claim.element):
            return f"{text}; it takes over when the VM sends here, or its binding is activated"
        if self.arrivals.role(port, claim.element) == Role.LEFT:
            return (
                f"{text}; the port has left this host, and comes back when its binding here is "
                "activated"
            )
        if remote is not None:
            return text
        if holder is None:
            return f"{text}; it gets it when its binding is activated"
        return f"{text}; it takes over when that is gone"

    def _port_denial(self, port_id: str, port: Port | None) -> ClaimRefusal | None:
        """Why no claim can have a port."""
        if port is None:
            return ClaimRefusal(RefusalKind.NO_PORT, f"no port has the id {port_id}")
        if port.is_router_interface:
            return ClaimRefusal(
                RefusalKind.ROUTER_INTERFACE,
                "the port is a router interface; it has no place of its own",
            )
        if port.is_system:
            return ClaimRefusal(
                RefusalKind.SYSTEM_PORT,
                f"the port is the system's own ({port.device_owner}); it has no place of its own",
            )
        if not port.admin_state_up:
            return ClaimRefusal(RefusalKind.PORT_DOWN, "the port is administratively down")
        network = self._config.networks.get(port.network_id)
        if network is None or not network.admin_state_up:
            return ClaimRefusal(RefusalKind.NETWORK_DOWN, "its network is administratively down")
        return None

    def _interface_denial(
        self, port: Port, claim: Claim, interface: Interface
    ) -> ClaimRefusal | None:
        """Why an interface cannot have the port that it claims."""
        if interface.error:
            return ClaimRefusal(
                RefusalKind.INTERFACE_ERROR,
                f"Open vSwitch could not make the interface: {interface.error}",
            )
        if interface.ofport <= 0:
            return ClaimRefusal(
                RefusalKind.NO_OFPORT,
                "Open vSwitch has given the interface no OpenFlow port yet",
            )
        physical = self._config.networks[port.network_id].physical_network
        if physical and physical not in attachments_of(
            self._elements.accepted[claim.element].info.facts
        ):
            return ClaimRefusal(
                RefusalKind.NOT_ATTACHED,
                f"the hypervisor is not attached to physical network {physical}: "
                "external_ids:vnc-bridge-mappings of it names no bridge for that",
            )
        if self.arrivals.role(port, claim.element) == Role.OTHER:
            return ClaimRefusal(
                RefusalKind.OTHER_HOST, f"the port is requested on host {port.requested_host}"
                + _uncertified(port.requested_host, self._elements.accepted[claim.element].info),
            )
        return None

    def _better_remote_route(self, port: Port, vtep: str, announced: bool) -> Path | None:
        """The route of another node for this port's MAC that beats a claim here."""
        instance = self._instances.by_vni.get(self._config.networks[port.network_id].vni)
        if instance is None:
            return None
        live = [
            path
            for path in instance.macs.get(port.mac_address, ())
            if path.attrs.next_hop != vtep
            and self._origins.is_node(path)
            and (path.nlri not in self._rib.stale_best or (not announced and self._waits(path)))
        ]
        if live:
            ours = {element.vtep for element in self._elements.accepted.values()}
            live = [path for path in live if path.attrs.next_hop not in ours]
        best = select_mac(live, self._rib.best_freshness)
        if best is None or not announced:
            return best
        mine = self.mobility.get(port.id)
        if mine is None or best.attrs.mobility > mine.sequence:
            return best
        if best.attrs.mobility == mine.sequence:
            # RFC 7432 section 15.1: the lowest VTEP wins, on both sides.
            both = [best, best._replace(attrs=best.attrs._replace(next_hop=vtep))]
            if select_mac(both, lambda nlri: LIVE) is best:
                return best
        return None

    def was_elsewhere(self, port: Port, vtep: str) -> bool:
        """Whether another vrouter than that of ``vtep`` has announced a port."""
        last = self.mobility.get(port.id)
        if last is not None and last.vtep != vtep:
            return True
        instance = self._instances.by_vni.get(self._config.networks[port.network_id].vni)
        paths = instance.macs.get(port.mac_address, ()) if instance is not None else ()
        return any(
            path.attrs.next_hop != vtep and self._origins.is_node(path) for path in paths
        )

    def _waits(self, path: Path) -> bool:
        """Whether a stale route still stands for a hypervisor that forwards on."""
        return not self.expired_peers.issuperset(self._rib.announcers(path.nlri))

    def _host_of(self, vtep: str) -> str:
        name = self._elements.by_vtep.get(vtep)
        record = self._elements.records.get(name or "")
        return f"{record['hostname']} (VTEP {vtep})" if record else f"VTEP {vtep}"

    def sequence(self, port: Port, vtep: str) -> int:
        """The sequence number with which a port is announced from ``vtep``; remembers it."""
        last = self.mobility.get(port.id)
        here = self._elements.by_vtep.get(vtep, "")
        arrives = here in self._elements.accepted and self.arrivals.arriving(port.id, here)
        fresh = last is None or last.vtep != vtep
        vni = self._config.networks[port.network_id].vni
        instance = self._instances.by_vni.get(vni)
        competing: list[Path] = []
        for path in instance.macs.get(port.mac_address, ()) if instance else ():
            if not self._origins.is_node(path):
                competing.append(path)
                continue
            if path.attrs.next_hop == vtep:
                competing += self._routers_of(self._rib.others(path.nlri))
                if (vni, path.nlri.ip) in self._learned.holders:
                    continue  # A shared address at this port has a sequence number of its own.
            newer = last is None or path.attrs.mobility > last.sequence
            # One that arrives must win, also where it was announced here by the same number.
            if newer or (
                arrives and path.attrs.mobility == last.sequence and path.attrs.next_hop != vtep
            ):
                last = Mobility(path.attrs.mobility, path.attrs.next_hop)
        for fixed in port.fixed_ips if instance else ():
            competing += self._routers_of(
                path for path in instance.ips.get(fixed.ip_address, ())
                if path.nlri.mac != port.mac_address
            )
        sequence = 0 if last is None else last.sequence
        if last is not None and last.vtep != vtep:
            sequence = next_sequence(sequence)
        sequence = self.duplicates.review(port.id, sequence, vtep, competing, fresh)
        self.mobility[port.id] = Mobility(sequence, vtep)
        self.arrivals.arrived(port.id)
        return sequence

    def _routers_of(self, paths: Iterable[Path]) -> list[Path]:
        return [path for path in paths if not self._origins.is_node(path)]

    def remember_mobility(self, network_id: str, path: Path, active: Container[str]) -> None:
        """A route went away: remember its sequence number for the next move.

        A route that competed with a port that is ``active`` here says nothing of a move; nor
        does a shared address that left a port of ours.
        """
        ours = self._origins.is_ours(path)
        for port_id in self._config.ports_by_mac.get((network_id, path.nlri.mac), ()):
            if ours and self._is_shared(self._config.ports[port_id], path.nlri.ip):
                continue
            last = self.mobility.get(port_id)
            newer = last is None or path.attrs.mobility > last.sequence
            if newer or (path.attrs.mobility == last.sequence and port_id not in active):
                self.mobility[port_id] = Mobility(path.attrs.mobility, path.attrs.next_hop)

    @staticmethod
    def _is_shared(port: Port, ip: str) -> bool:
        if not ip or not port.allowed_address_pairs:
            return False
        if any(fixed.ip_address == ip for fixed in port.fixed_ips):
            return False
        address = ip_address(ip)
        return any(address in ip_network(pair.ip_address) for pair in port.allowed_address_pairs)


def _uncertified(host: str, info: ElementInfo) -> str:
    """Where a hypervisor says that it is ``host``, and may not: how it may."""
    if host != info.hostname or host in info.hosts:
        return ""
    return (
        ", a name that the certificate of this one does not have: vnctl pki issue hypervisor "
        f"{info.element} --dns {host}"
    )
