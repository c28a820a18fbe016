"""BGP routes as the control core sees them: NLRI, attributes, paths.  Pure values, no wire format.

Families in this version: L2VPN EVPN types 2, 3 and 5 (RFC 7432 section 7, RFC 9136 section 3); IPv4
and IPv6 unicast, for the underlay alone.  A path's labels are VNIs (RFC 8365 section 5.1.3), one of
the underlay has none.  Route targets are strings "ASN:NUMBER" or
"A.B.C.D:NUMBER"; route distinguishers "A.B.C.D:NUMBER" or "ASN:NUMBER".

An NLRI is the key of its route everywhere: in the RIB, in what was announced, in the instances.
Python finds two tuples equal that have the same items, whatever their classes, so the last field of
each NLRI class, ``nlri_type``, tells AFI, SAFI and route type: routes of two families or types are
never equal.  It has a default and is never given.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ryu_apps.control.families import EVPN, IPV4_UNICAST, IPV6_UNICAST, Family
from vrouter_ovs.encapsulation import VXLAN

LLGR_STALE, NO_LLGR = "llgr-stale", "no-llgr"
"""Well-known communities (RFC 9494 section 3.3): the least preferred of all routes, kept for one
who is away for long; not to be kept so."""

LAST_SEQUENCE = 2**32 - 1
"""The MAC mobility sequence number has 32 bits (RFC 7432 section 7.7)."""


def next_sequence(sequence: int) -> int:
    """The sequence number of who takes over from ``sequence``.  It stays at the last one: beyond it
    nothing can be said, and 0 would lose to every copy of the old route."""
    return min(sequence + 1, LAST_SEQUENCE)


def _nlri_type(family: Family, route_type: int) -> str:
    """"AFI/SAFI/TYPE"."""
    return f"{family.afi}/{family.safi}/{route_type}"


class MacIp(NamedTuple):
    """Type 2, MAC/IP Advertisement.  ``ip`` is "" where the route carries none."""

    rd: str
    etag: int
    mac: str
    ip: str
    nlri_type: str = _nlri_type(EVPN, 2)

    family = EVPN
    route_type = 2


class Imet(NamedTuple):
    """Type 3, Inclusive Multicast Ethernet Tag.  ``ip``: the originating router's address."""

    rd: str
    etag: int
    ip: str
    nlri_type: str = _nlri_type(EVPN, 3)

    family = EVPN
    route_type = 3


class IpPrefix(NamedTuple):
    """Type 5, IP Prefix (RFC 9136)."""

    rd: str
    etag: int
    prefix: str
    nlri_type: str = _nlri_type(EVPN, 5)

    family = EVPN
    route_type = 5


class Ipv4Prefix(NamedTuple):
    """IPv4 unicast (RFC 4271)."""

    prefix: str
    nlri_type: str = _nlri_type(IPV4_UNICAST, 0)

    family = IPV4_UNICAST
    route_type = 0


class Ipv6Prefix(NamedTuple):
    """IPv6 unicast (RFC 2545)."""

    prefix: str
    nlri_type: str = _nlri_type(IPV6_UNICAST, 0)

    family = IPV6_UNICAST
    route_type = 0


Nlri = MacIp | Imet | IpPrefix | Ipv4Prefix | Ipv6Prefix


def _by_type(*classes: type[Nlri]) -> dict[tuple[Family, int], type[Nlri]]:
    """(family, route type) -> class; raises ValueError where the keys of two would be the same."""
    found = {(cls.family, cls.route_type): cls for cls in classes}
    names = {cls._field_defaults["nlri_type"] for cls in classes}
    if names != {_nlri_type(*key) for key in found} or len(names) < len(classes):
        raise ValueError("two NLRI classes have one nlri_type, or one has another's")
    return found


NLRI_CLASSES = _by_type(MacIp, Imet, IpPrefix, Ipv4Prefix, Ipv6Prefix)


def fields_of(nlri: Nlri) -> dict[str, Any]:
    """An NLRI's fields by name, without ``nlri_type``."""
    fields = nlri._asdict()
    del fields["nlri_type"]
    return fields


class Attributes(NamedTuple):
    """Path attributes, shared by many paths: intern them.

    ``next_hop``: the VTEP, or for a route of the underlay the next router; ``link_local``: that
    router's address on the link where it told one beside (RFC 2545 section 3).  ``rts``: sorted
    route targets.  ``encaps``: what the VTEP takes, from the Tunnel Encapsulation attribute and the
    Encapsulation communities (RFC 9012), by the names of :mod:`vrouter_ovs.encapsulation` and in
    its order; VXLAN where there are none, and nothing for a route of the underlay.  ``router_mac``:
    RFC 9135 section 6.1, or "".  ``mobility``: sequence number of the MAC mobility community (RFC
    7432 section 7.7), 0 where absent; ``sticky`` its static flag.  ``med`` -1 where absent.
    ``communities``: LLGR_STALE and NO_LLGR, sorted; others are not kept.
    """

    next_hop: str
    rts: tuple[str, ...]
    encaps: tuple[str, ...] = (VXLAN,)
    router_mac: str = ""
    mobility: int = 0
    sticky: bool = False
    local_pref: int = 100
    as_path: tuple[int, ...] = ()
    med: int = -1
    origin: int = 0
    originator_id: str = ""
    cluster_list: tuple[str, ...] = ()
    link_local: str = ""
    communities: tuple[str, ...] = ()


class Path(NamedTuple):
    """One route with its attributes.

    ``labels``: (L2 VNI,) or (L2 VNI, L3 VNI) for type 2, (L3 VNI,) for type 5, (L2 VNI,) for type
    3, where it is the PMSI tunnel label (ingress replication, RFC 7432 section 11.2).
    No label for a route of the underlay.
    ``esi``: ten bytes as 20 hex digits, or "" for all zero.  ``gateway``: type 5 only, or "".
    """

    nlri: Nlri
    attrs: Attributes
    labels: tuple[int, ...]
    esi: str = ""
    gateway: str = ""


def by_next_hop(path: Path, vtep: str) -> Path:
    """The path with this next hop."""
    if path.attrs.next_hop == vtep:
        return path
    return path._replace(attrs=path.attrs._replace(next_hop=vtep))
