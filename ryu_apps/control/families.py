"""Address families of BGP (RFC 4760): AFI and SAFI as one value, with the names of both.

Numbers and names are those of IANA's registries "Address Family Numbers" and "Subsequent Address
Family Identifiers (SAFI) Parameters".  Naming a family here does not mean that it is spoken: those
that are stand in :data:`ryu_apps.peering.codec.families.FAMILIES`.
"""

from __future__ import annotations

from typing import NamedTuple

_AFI = {1: "ipv4", 2: "ipv6", 25: "l2vpn"}
_SAFI = {
    1: "unicast", 2: "multicast", 4: "labeled-unicast", 65: "vpls", 70: "evpn", 128: "vpn",
    132: "route-target", 133: "flowspec", 134: "flowspec-vpn",
}  # fmt: skip


class Family(NamedTuple):
    """``str()`` is its name, as options and the API have it: "l2vpn-evpn"."""

    afi: int
    safi: int

    def __str__(self) -> str:
        afi = _AFI.get(self.afi) or f"afi{self.afi}"
        safi = _SAFI.get(self.safi) or f"safi{self.safi}"
        return f"{afi}-{safi}"


EVPN = Family(25, 70)
"""RFC 7432."""
IPV4_UNICAST, IPV6_UNICAST = Family(1, 1), Family(2, 1)
"""RFC 4271; RFC 4760 and RFC 2545."""
UNDERLAY_FAMILIES = (IPV4_UNICAST, IPV6_UNICAST)
"""What tells how the underlay is made; no vrouter forwards by it."""
DEFAULT_FAMILIES = (EVPN,)
"""What is spoken with a peer whose line names no families."""
