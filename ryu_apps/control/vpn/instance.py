"""One EVI or VRF: the routes that it imports, indexed by what lookups ask for.

Each lookup holds the candidate paths as a tuple; nearly always there is one.  Which of them is used
is decided in :mod:`~ryu_apps.control.vpn.selection`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ryu_apps.control import ids
from ryu_apps.control.graph.worklist import Worklist
from ryu_apps.control.routes import IpPrefix, MacIp, Nlri, Path
from ryu_apps.control.vpn.import_rules import RULES_OF, Lookup
from ryu_apps.control.vpn.translate import VpnInstanceSpec
from ryu_apps.control.vpn.usable import unreachable, unusable

__all__ = ["Instance", "Lookup"]


def _without(paths: tuple[Path, ...], nlri: Nlri) -> tuple[Path, ...]:
    return tuple([path for path in paths if path.nlri != nlri])


class Instance:
    """The imported routes of one EVI or VRF."""

    def __init__(self, spec: VpnInstanceSpec) -> None:
        self.spec = spec
        self.macs: dict[str, tuple[Path, ...]] = {}
        self.ips: dict[str, tuple[Path, ...]] = {}
        self.prefixes: dict[str, tuple[Path, ...]] = {}
        self.imets: dict[Nlri, Path] = {}
        self._rules = RULES_OF[spec.kind]
        self._tables: dict[str, dict] = {
            "mac": self.macs, "ip": self.ips, "prefix": self.prefixes, "imet": self.imets
        }  # fmt: skip
        self.contested: dict[Lookup, None] = {}
        """Lookups whose candidates lead to several VTEPs."""
        self.unused: dict[Nlri, Path] = {}
        """Imported paths that belong to no table: no vrouter could use them."""
        self.misdirected: dict[Nlri, int] = {}
        """Imported paths whose label is the VNI of an instance here that does not import them."""
        self.overlay: dict[Lookup, dict[Lookup, None]] = {}
        """Lookup of a gateway address -> the prefixes behind it (RFC 9136 section 4.1)."""

    def rows(self, path: Path) -> list[tuple[dict, Lookup]]:
        """(table, lookup) of each table of this instance where a path belongs; none for a path that
        no vrouter can use (:func:`~ryu_apps.control.vpn.usable.unusable`)."""
        nlri = path.nlri
        rule = self._rules[type(nlri)]
        if nlri in self.misdirected or unreachable(path.attrs) or rule.unusable(path):
            return []
        tables = self._tables
        return [(tables[lookup[0]], lookup) for lookup in rule.lookups(self.spec.vni, path)]

    def label(self, path: Path) -> int:
        """The VNI that what goes along a path carries; 0 where another route says it, or where its
        label is none."""
        return self._rules[type(path.nlri)].vni(path)

    def add(self, path: Path, lookups: Worklist) -> None:
        rows = self.rows(path)
        if not rows:
            self.unused[path.nlri] = path
        elif path.gateway:
            self.overlay.setdefault(self._gateway(path), {})[rows[0][1]] = None
        for table, lookup in rows:
            if table is self.imets:
                table[path.nlri] = path
            else:
                paths = table.get(lookup[2])
                table[lookup[2]] = (*_without(paths, path.nlri), path) if paths else (path,)
                if paths:
                    self._contest(lookup, table[lookup[2]])
            lookups.mark(lookup)

    def remove(self, path: Path, lookups: Worklist) -> None:
        rows = self.rows(path)
        if not rows:
            self.unused.pop(path.nlri, None)
        for table, lookup in rows:
            if table is self.imets:
                table.pop(path.nlri, None)
            elif paths := table.get(lookup[2]):
                rest = _without(paths, path.nlri)
                if rest:
                    table[lookup[2]] = rest
                else:
                    del table[lookup[2]]
                if len(paths) > 1:
                    self._contest(lookup, rest)
                if path.gateway and all(one.gateway != path.gateway for one in rest):
                    self._leave_gateway(self._gateway(path), lookup)
            lookups.mark(lookup)

    def _gateway(self, path: Path) -> Lookup:
        return "prefix", self.spec.vni, ids.host_prefix(path.gateway)

    def _leave_gateway(self, gateway: Lookup, lookup: Lookup) -> None:
        behind = self.overlay[gateway]
        del behind[lookup]
        if not behind:
            del self.overlay[gateway]

    def _contest(self, lookup: Lookup, paths: tuple[Path, ...]) -> None:
        if any(path.attrs.next_hop != paths[0].attrs.next_hop for path in paths):
            self.contested[lookup] = None
        else:
            self.contested.pop(lookup, None)

    def candidates(self, lookup: Lookup) -> Iterable[Path]:
        """The paths of a lookup."""
        match lookup[0]:
            case "mac":
                return self.macs.get(lookup[2], ())
            case "ip":
                return self.ips.get(lookup[2], ())
            case "prefix":
                return self.prefixes.get(lookup[2], ())
        return self.imets.values()

    def behind(self, lookup: Lookup) -> Iterable[Lookup]:
        """The prefixes whose gateway address is that of a host's lookup."""
        return self.overlay.get(lookup, ())

    def host(self, address: str) -> tuple[Path, ...]:
        """The routes of a host in a VRF."""
        paths = self.prefixes.get(ids.host_prefix(address), ())
        return tuple(path for path in paths if type(path.nlri) is MacIp)

    def usable(self, prefix: str) -> tuple[Path, ...]:
        """The paths of a prefix that lead somewhere."""
        paths = self.prefixes.get(prefix, ())
        if not any(path.gateway for path in paths):
            return paths
        return tuple(path for path in paths if not self.why_unused(path))

    def why_unused(self, path: Path) -> str:
        """Why this instance does not use a path that it imports, or ""."""
        if path.nlri in self.misdirected:
            return f"with the VNI {self.misdirected[path.nlri]}, whose instance does not import it"
        why = unusable(path, self.spec.kind)
        if not why and path.gateway and not self.host(path.gateway):
            return f"by the gateway {path.gateway}, and no route says where that is"
        return why

    def unused_for(self, address: str) -> Iterable[Path]:
        """Imported paths that would lead to an address if they could be used."""
        parsed = ipaddress.ip_address(address)
        found = [path for paths in self._covering(parsed) for path in paths]
        for path in (*self.unused.values(), *found):
            nlri = path.nlri
            near = parsed in ipaddress.ip_network(nlri.prefix) if type(nlri) is IpPrefix else (
                type(nlri) is MacIp and nlri.ip == address
            )  # fmt: skip
            if near and self.why_unused(path):
                yield path

    def _covering(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterable:
        for length in range(address.max_prefixlen, -1, -1):
            prefix = str(ipaddress.ip_network((address, length), strict=False))
            if prefix in self.prefixes:
                yield self.prefixes[prefix]

    def lookups(self) -> Iterable[Lookup]:
        """Every lookup that holds something."""
        vni = self.spec.vni
        yield from (("mac", vni, mac) for mac in self.macs)
        yield from (("ip", vni, ip) for ip in self.ips)
        yield from (("prefix", vni, prefix) for prefix in self.prefixes)
        if self.imets:
            yield ("imet", vni, "")
