"""Which of several paths elements take, by the encapsulations that they have, and as which hops."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ryu_apps.control.routes import MacIp, Path
from ryu_apps.control.vpn.encapsulations import (
    by_preference,
    can_follow,
    choose_encapsulation,
    endpoint_to,
)
from ryu_apps.control.vpn.instances import Instances
from vrouter_ovs.encapsulation import NATIVE
from vrouter_ovs.state import BridgedHop, LocalHop, RemoteHop, RemoteMac


class Ways:
    """Reads: how the instances choose among paths.  Of each question elements with the same
    encapsulations get the same answer."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances

    def best(self, paths: Collection[Path], supported: tuple[str, ...]) -> Path | None:
        """Where a MAC or an address is, and how elements with these encapsulations send there; None
        where they cannot.  Nobody else takes its place then, who may only say that he has it."""
        best = self._instances.best(paths)
        if best is None:
            return None
        # The same route may be there once more, with a label of the other kind.
        same = [path for path in paths if path.attrs.next_hop == best.attrs.next_hop
                and path.nlri._replace(rd=best.nlri.rd) == best.nlri]
        if len(same) == 1:
            return best if choose_encapsulation(best.attrs.encaps, supported) else None
        preferred = by_preference(can_follow(same, supported), supported)
        return best if best in preferred else self._instances.best(preferred)

    def hops(
        self, paths: tuple[Path, ...], supported: tuple[str, ...]
    ) -> tuple[list[RemoteHop], tuple[Path, ...], tuple[Path, ...]]:
        """What elements with these encapsulations forward a prefix along: (the hops to VTEPs, the
        paths that these are of, the paths that are behind a gateway address)."""
        hosts = [path for path in paths if type(path.nlri) is MacIp]
        if hosts:
            best = self.best(hosts, supported)
            direct = (best,) if best is not None else ()
            return remote_hops(direct, supported), direct, ()
        chosen = can_follow(self._instances.hops(paths), supported)
        chosen = chosen or self._instances.hops(can_follow(paths, supported))
        behind = tuple(path for path in chosen if path.gateway)
        direct = [path for path in chosen if not path.gateway] if behind else chosen
        direct = tuple(by_preference(direct, supported))
        return remote_hops(direct, supported), direct, behind


def remote_mac(vni: int, mac: str, path: Path, supported: tuple[str, ...]) -> RemoteMac | None:
    """How elements with these encapsulations send to a MAC along a path; None where they cannot, or
    where it is found on a segment, as all that is not known."""
    endpoint = endpoint_to(path.attrs, supported)
    if endpoint is None or endpoint.encap == NATIVE:
        return None
    return RemoteMac(vni, mac, (BridgedHop(endpoint, path.labels[0]),))


def flood_hops(paths: Iterable[Path], supported: tuple[str, ...]) -> list[BridgedHop]:
    """One leaf a route, so that a VTEP with two EVIs imported here gets a copy for each; in the
    order of the leaves.  One that takes from the segment gets none."""
    return sorted({
        BridgedHop(endpoint, path.labels[0])
        for path in by_preference(paths, supported)
        if (endpoint := endpoint_to(path.attrs, supported)) is not None
        and endpoint.encap != NATIVE
    })


def remote_hops(paths: Iterable[Path], supported: tuple[str, ...]) -> list[RemoteHop]:
    """The hops of elements with these encapsulations along routes that are not behind a gateway
    address, in their order."""
    return sorted({
        RemoteHop(endpoint, path.labels[-1], path.attrs.router_mac)
        for path in paths
        if (endpoint := endpoint_to(path.attrs, supported)) is not None
    })


def hop_order(hop: LocalHop | RemoteHop) -> tuple:
    """Local hops first; those of one kind have an order of their own."""
    return type(hop) is RemoteHop, hop
