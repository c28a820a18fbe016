"""EVI and VRF tables: what route targets import into each, indexed by what lookups ask for.

Each entry holds the candidate paths as a tuple; nearly always there is one.  Which of them is used
is :func:`select_mac` and :func:`select_hops`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Container, Iterable

from ryu_apps.control import ids
from ryu_apps.control.rib import BestChange, Rib
from ryu_apps.control.routes import Imet, IpPrefix, MacIp, Nlri, Path
from ryu_apps.control.translate import Spec

Entry = tuple[str, int, str]
"""("mac"|"ip"|"imet"|"prefix", VNI, MAC | address | "" | prefix): one lookup of one instance."""


def _without(paths: tuple[Path, ...], nlri: Nlri) -> tuple[Path, ...]:
    return tuple(path for path in paths if path.nlri != nlri)


class Instance:
    """The imported routes of one EVI or VRF."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.macs: dict[str, tuple[Path, ...]] = {}
        self.ips: dict[str, tuple[Path, ...]] = {}
        self.prefixes: dict[str, tuple[Path, ...]] = {}
        self.imets: dict[Nlri, Path] = {}
        self.contested: dict[Entry, None] = {}
        """Entries whose candidates lead to several VTEPs."""

    def places(self, path: Path) -> list[tuple[dict, Entry]]:
        """The tables of this instance where a path belongs, with its entry in each.

        None for a path that no tunnel here can carry: its label would be taken for a VNI.
        """
        nlri = path.nlri
        vni = self.spec.vni
        kind = type(nlri)
        is_evi = self.spec.kind == "evi"
        attrs = path.attrs
        label = path.labels[0] if is_evi else path.labels[-1]
        if attrs.encap != "vxlan" or not label or ":" in attrs.next_hop:
            return []
        if is_evi:
            if kind is MacIp:
                places = [(self.macs, ("mac", vni, nlri.mac))]
                if nlri.ip:
                    places.append((self.ips, ("ip", vni, nlri.ip)))
                    if ":" in nlri.ip:
                        # Who has an IPv6 address has this one as well (RFC 4291 section 2.1); no
                        # route tells it.
                        own = ids.link_local(nlri.mac)
                        if own != nlri.ip:
                            places.append((self.ips, ("ip", vni, own)))
                return places
            if kind is Imet:
                return [(self.imets, ("imet", vni, ""))]
        elif kind is IpPrefix:
            return [(self.prefixes, ("prefix", vni, nlri.prefix))]
        elif kind is MacIp and nlri.ip and len(path.labels) == 2:
            if nlri.ip.startswith("fe80:"):
                return []  # Of one link, so no router has a route to it.
            return [(self.prefixes, ("prefix", vni, ids.host_prefix(nlri.ip)))]
        return []

    def add(self, path: Path, dirty: dict[Entry, None]) -> None:
        for table, entry in self.places(path):
            if table is self.imets:
                table[path.nlri] = path
            else:
                held = table.get(entry[2])
                table[entry[2]] = (*_without(held, path.nlri), path) if held else (path,)
                if held:
                    self._contest(entry, table[entry[2]])
            dirty[entry] = None

    def remove(self, path: Path, dirty: dict[Entry, None]) -> None:
        for table, entry in self.places(path):
            if table is self.imets:
                table.pop(path.nlri, None)
            elif held := table.get(entry[2]):
                rest = _without(held, path.nlri)
                if rest:
                    table[entry[2]] = rest
                else:
                    del table[entry[2]]
                if len(held) > 1:
                    self._contest(entry, rest)
            dirty[entry] = None

    def _contest(self, entry: Entry, paths: tuple[Path, ...]) -> None:
        if any(path.attrs.next_hop != paths[0].attrs.next_hop for path in paths):
            self.contested[entry] = None
        else:
            self.contested.pop(entry, None)

    def candidates(self, entry: Entry) -> Iterable[Path]:
        """The paths of an entry."""
        match entry[0]:
            case "mac":
                return self.macs.get(entry[2], ())
            case "ip":
                return self.ips.get(entry[2], ())
            case "prefix":
                return self.prefixes.get(entry[2], ())
        return self.imets.values()

    def entries(self) -> Iterable[Entry]:
        """Every entry that holds something."""
        vni = self.spec.vni
        yield from (("mac", vni, mac) for mac in self.macs)
        yield from (("ip", vni, ip) for ip in self.ips)
        yield from (("prefix", vni, prefix) for prefix in self.prefixes)
        if self.imets:
            yield ("imet", vni, "")


class Instances:
    """All EVIs and VRFs of the configuration, kept equal to what the RIB's best paths import.

    ``is_node``: see :meth:`~ryu_apps.control.origins.Origins.is_node`.
    """

    def __init__(self, rib: Rib, is_node: Callable[[Path], bool] = lambda path: False) -> None:
        self._rib = rib
        self._is_node = is_node
        self.by_vni: dict[int, Instance] = {}
        self._importers: dict[str, dict[int, None]] = {}
        self._by_target: dict[str, dict[Nlri, None]] = {}
        """Route target -> NLRIs whose best path carries it; serves a new instance."""
        self.dirty: dict[Entry, None] = {}
        """Entries that changed since the consumer last emptied it."""

    def configure(self, spec: Spec) -> None:
        """Create an instance, or give it other import targets."""
        old = self.by_vni.get(spec.vni)
        if old is not None:
            if old.spec.imports == spec.imports:
                old.spec = spec
                return
            self.remove(spec.vni)
        instance = self.by_vni[spec.vni] = Instance(spec)
        for target in spec.imports:
            self._importers.setdefault(target, {})[spec.vni] = None
            for nlri in self._by_target.get(target, ()):
                instance.add(self._rib.best[nlri], self.dirty)

    def remove(self, vni: int) -> None:
        instance = self.by_vni.pop(vni, None)
        if instance is None:
            return
        self.dirty.update(dict.fromkeys(instance.entries()))
        for target in instance.spec.imports:
            importers = self._importers[target]
            del importers[vni]
            if not importers:
                del self._importers[target]

    def follow(self, changes: Iterable[BestChange]) -> None:
        """Apply changes of the RIB's best paths."""
        for nlri, old, new, freshness in changes:
            if freshness:
                # The same path: only a choice between several candidates can come out differently,
                # or a claim that waits for this one to go.
                for vni in self.importing(new.attrs.rts):
                    for _, entry in self.by_vni[vni].places(new):
                        self.dirty[entry] = None
                continue
            old_rts = old.attrs.rts if old is not None else ()
            new_rts = new.attrs.rts if new is not None else ()
            if old_rts != new_rts:
                for target in old_rts:
                    nlris = self._by_target[target]
                    nlris.pop(nlri, None)
                    if not nlris:
                        del self._by_target[target]
                for target in new_rts:
                    self._by_target.setdefault(target, {})[nlri] = None
            after = self.importing(new_rts)
            if old is not None:
                for vni in self.importing(old_rts):
                    self.by_vni[vni].remove(old, self.dirty)
            for vni in after:
                self.by_vni[vni].add(new, self.dirty)

    def best(self, paths: Iterable[Path]) -> Path | None:
        """Where a MAC or an address is: :func:`select_mac` as all of this node use it."""
        return select_mac(paths, self._rib.stale_best.__contains__, self._is_node)

    def hops(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        """How a prefix is reached: :func:`select_hops` likewise."""
        return select_hops(paths, self._rib.stale_best.__contains__, self._is_node)

    def passed(self, vteps: Container[str]) -> None:
        """These VTEPs became a node's, or ceased to be: choose again where that decides."""
        for instance in self.by_vni.values():
            for entry in instance.contested:
                if any(path.attrs.next_hop in vteps for path in instance.candidates(entry)):
                    self.dirty[entry] = None

    def importing(self, rts: tuple[str, ...]) -> dict[int, None]:
        """The VNIs of the instances that import one of these targets."""
        found: dict[int, None] = {}
        for target in rts:
            importers = self._importers.get(target)
            if importers:
                found.update(importers)
        return found


def vtep_order(address: str) -> tuple[int, int]:
    """RFC 7432 section 15.1: of equal sequence numbers the lowest VTEP wins, which is the largest
    by this."""
    vtep = ipaddress.ip_address(address)
    return -vtep.version, -int(vtep)


def select_mac(
    paths: Iterable[Path],
    is_stale: Callable[[Nlri], bool],
    is_node: Callable[[Path], bool] = lambda path: False,
) -> Path | None:
    """The path that says where a MAC is: live before stale, a node's before a router's, sticky,
    highest sequence number, lowest VTEP (RFC 7432 sections 7.7 and 15).

    A node announces what its switch delivers to, so no router takes that away.
    """
    paths = tuple(paths)
    if len(paths) < 2:
        return paths[0] if paths else None
    return max(
        paths,
        key=lambda path: (
            not is_stale(path.nlri),
            is_node(path),
            path.attrs.sticky,
            path.attrs.mobility,
            path.attrs.local_pref,
            vtep_order(path.attrs.next_hop),
            path.nlri,
        ),
    )


def select_hops(
    paths: tuple[Path, ...],
    is_stale: Callable[[Nlri], bool],
    is_node: Callable[[Path], bool] = lambda path: False,
) -> tuple[Path, ...]:
    """The paths a prefix is forwarded along: the MAC/IP route of a host before IP prefix routes,
    and of those all that are equally good (ECMP)."""
    hosts = [path for path in paths if type(path.nlri) is MacIp]
    if hosts:
        best = select_mac(hosts, is_stale, is_node)
        return (best,)
    if len(paths) < 2:
        return paths

    def rank(path: Path):
        attrs = path.attrs
        return (
            not is_stale(path.nlri),
            attrs.local_pref,
            -len(attrs.as_path),
            -attrs.origin,
            -max(attrs.med, 0),
        )

    top = max(map(rank, paths))
    return tuple(path for path in paths if rank(path) == top)
