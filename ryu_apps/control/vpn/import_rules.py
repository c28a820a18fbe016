"""What EVIs and VRFs make of the routes that they import.

:data:`IMPORT_KEYS` has a row for each address family: by what its routes are imported.
:data:`IMPORT_RULES` has a row for each kind of instance and NLRI class that it has a use for; what
stands in no row is imported, shown to people and used for nothing.  Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ryu_apps.control import ids
from ryu_apps.control.families import EVPN, Family
from ryu_apps.control.routes import Imet, IpPrefix, MacIp, Path
from vrouter_ovs.encapsulation import has_mpls_labels

Lookup = tuple[str, int, str]
"""("mac"|"ip"|"imet"|"prefix", VNI, MAC | address | "" | prefix): one lookup of one instance."""


class ImportRule(NamedTuple):
    """``lookups(VNI, path)``: the lookups of the instance that a path answers.  ``unusable(path)``:
    why no vrouter can forward along it, or "".  ``vni(path)``: the VNI that its label names, 0
    where it names none."""

    lookups: Callable[[int, Path], list[Lookup]]
    unusable: Callable[[Path], str]
    vni: Callable[[Path], int]


# ---------------------------------------------------------------- EVIs


def _station(vni: int, path: Path) -> list[Lookup]:
    nlri = path.nlri
    found = [("mac", vni, nlri.mac)]
    if nlri.ip:
        found.append(("ip", vni, nlri.ip))
        if ":" in nlri.ip:
            # Who has an IPv6 address has this one as well (RFC 4291 section 2.1); no route tells
            # it.
            own = ids.link_local(nlri.mac)
            if own != nlri.ip:
                found.append(("ip", vni, own))
    return found


def _flooding(vni: int, path: Path) -> list[Lookup]:
    return [("imet", vni, "")]


def _no_lookup(vni: int, path: Path) -> list[Lookup]:
    return []


def _bridged(path: Path) -> str:
    return "" if path.labels[0] else "without a VNI"


def _l2_vni(path: Path) -> int:
    return path.labels[0]


# ---------------------------------------------------------------- VRFs


def _prefix(vni: int, path: Path) -> list[Lookup]:
    return [("prefix", vni, path.nlri.prefix)]


def _host(vni: int, path: Path) -> list[Lookup]:
    address = path.nlri.ip
    # A link-local address is of one link, so no router has a route to it.
    if not address or address.startswith("fe80:"):
        return []
    return [("prefix", vni, ids.host_prefix(address))]


def _routed(path: Path) -> str:
    if not path.labels[-1]:
        return "without a VNI"
    if path.attrs.router_mac or has_mpls_labels(path.attrs.encaps):
        return ""  # Behind an MPLS label is the packet alone (RFC 9136 section 4.4.1).
    return "without a Router's MAC (RFC 9135 section 6.1)"


def _routed_prefix(path: Path) -> str:
    """Whether its gateway address leads anywhere depends on other routes: see
    :meth:`~ryu_apps.control.vpn.instance.Instance.why_unused`."""
    if path.gateway:
        return ""
    if path.esi:
        return "with an Ethernet segment as overlay index (RFC 9136 section 4.3)"
    return _routed(path)


def _routed_host(path: Path) -> str:
    if len(path.labels) < 2:
        return "for bridging alone: the route has no VNI of a VRF"
    return _routed(path)


def _l3_vni(path: Path) -> int:
    return 0 if path.gateway else path.labels[-1]


IMPORT_RULES: Mapping[tuple[str, type], ImportRule] = {
    ("evi", MacIp): ImportRule(_station, _bridged, _l2_vni),
    ("evi", Imet): ImportRule(_flooding, _bridged, _l2_vni),
    ("evi", IpPrefix): ImportRule(
        _no_lookup, lambda path: "as a prefix, which an EVI cannot route", _l3_vni
    ),
    ("vrf", IpPrefix): ImportRule(_prefix, _routed_prefix, _l3_vni),
    ("vrf", MacIp): ImportRule(_host, _routed_host, _l3_vni),
}


class _Rules(dict):
    """NLRI class -> rule, of one kind of instance; ``name`` is for people."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__({cls: rule for (of, cls), rule in IMPORT_RULES.items() if of == kind})
        self._useless = ImportRule(
            _no_lookup,
            lambda path: f"as a {path.nlri.family} route of type {path.nlri.route_type}, "
            f"for which {name} has no use",
            lambda path: 0,
        )

    def __missing__(self, cls: type) -> ImportRule:
        return self._useless


RULES_OF: Mapping[str, Mapping[type, ImportRule]] = {
    "evi": _Rules("evi", "an EVI"), "vrf": _Rules("vrf", "a VRF")
}  # fmt: skip
"""Kind of instance -> NLRI class, any of them -> its rule."""


# ---------------------------------------------------------------- families


def _route_targets(path: Path) -> tuple[str, ...]:
    """RFC 4364 section 4.3.1, RFC 7432 section 7.10."""
    return path.attrs.rts


IMPORT_KEYS: Mapping[Family, Callable[[Path], tuple[str, ...]]] = {EVPN: _route_targets}
"""By which names instances import a route of a family; that of a family without a row by none."""


def import_keys(path: Path) -> tuple[str, ...]:
    """The names of a path; an instance that imports one of them imports the path."""
    keys = IMPORT_KEYS.get(path.nlri.family)
    return keys(path) if keys is not None else ()
