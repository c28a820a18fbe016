"""One EVI or VRF: the routes that it imports, indexed by what lookups ask for.

Each entry holds the candidate paths as a tuple; nearly always there is one.  Which of them is used
is decided in :mod:`~ryu_apps.control.vpn.selection`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ryu_apps.control import ids
from ryu_apps.control.graph import Worklist
from ryu_apps.control.routes import IpPrefix, MacIp, Nlri, Path
from ryu_apps.control.vpn.import_rules import RULES_OF, Entry
from ryu_apps.control.vpn.translate import Spec
from ryu_apps.control.vpn.usable import unreachable, unusable

__all__ = ["Entry", "Instance"]


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
        self._rules = RULES_OF[spec.kind]
        self._tables: dict[str, dict] = {
            "mac": self.macs, "ip": self.ips, "prefix": self.prefixes, "imet": self.imets
        }  # fmt: skip
        self.contested: dict[Entry, None] = {}
        """Entries whose candidates lead to several VTEPs."""
        self.unused: dict[Nlri, Path] = {}
        """Imported paths that belong to no table: no vrouter could use them."""
        self.misdirected: dict[Nlri, int] = {}
        """Imported paths whose label is the VNI of an instance here that does not import them."""
        self.overlay: dict[Entry, dict[Entry, None]] = {}
        """Entry of a gateway address -> the prefixes behind it (RFC 9136 section 4.1)."""

    def places(self, path: Path) -> list[tuple[dict, Entry]]:
        """The tables of this instance where a path belongs, with its entry in each; none for a path
        that no vrouter can use (:func:`~ryu_apps.control.vpn.usable.unusable`)."""
        nlri = path.nlri
        rule = self._rules[type(nlri)]
        if nlri in self.misdirected or unreachable(path.attrs) or rule.unusable(path):
            return []
        tables = self._tables
        return [(tables[entry[0]], entry) for entry in rule.entries(self.spec.vni, path)]

    def label(self, path: Path) -> int:
        """The VNI that what goes along a path carries; 0 where another route says it, or where its
        label is none."""
        return self._rules[type(path.nlri)].vni(path)

    def add(self, path: Path, entries: Worklist) -> None:
        places = self.places(path)
        if not places:
            self.unused[path.nlri] = path
        elif path.gateway:
            self.overlay.setdefault(self._gateway(path), {})[places[0][1]] = None
        for table, entry in places:
            if table is self.imets:
                table[path.nlri] = path
            else:
                held = table.get(entry[2])
                table[entry[2]] = (*_without(held, path.nlri), path) if held else (path,)
                if held:
                    self._contest(entry, table[entry[2]])
            entries.mark(entry)

    def remove(self, path: Path, entries: Worklist) -> None:
        places = self.places(path)
        if not places:
            self.unused.pop(path.nlri, None)
        for table, entry in places:
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
                if path.gateway and all(one.gateway != path.gateway for one in rest):
                    self._forsake(self._gateway(path), entry)
            entries.mark(entry)

    def _gateway(self, path: Path) -> Entry:
        return "prefix", self.spec.vni, ids.host_prefix(path.gateway)

    def _forsake(self, gateway: Entry, entry: Entry) -> None:
        behind = self.overlay[gateway]
        del behind[entry]
        if not behind:
            del self.overlay[gateway]

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

    def behind(self, entry: Entry) -> Iterable[Entry]:
        """The prefixes whose gateway address is that of a host's entry."""
        return self.overlay.get(entry, ())

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

    def entries(self) -> Iterable[Entry]:
        """Every entry that holds something."""
        vni = self.spec.vni
        yield from (("mac", vni, mac) for mac in self.macs)
        yield from (("ip", vni, ip) for ip in self.ips)
        yield from (("prefix", vni, prefix) for prefix in self.prefixes)
        if self.imets:
            yield ("imet", vni, "")
