"""What the switch answers for: known addresses, and the node's own services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase

OWNER_KNOWN, OWNER_PORT, OWNER_NETWORK, OWNER_ROUTER = 1, 3, 7, 15
"""Whose a known address is.  OWNER_KNOWN: it is where it was announced last, and who may have it
can take it over.  OWNER_PORT: a port's fixed one, that no allowed address pair takes.
OWNER_NETWORK: the network's own (DHCP, DNS); OWNER_ROUTER: a gateway's; these no port announces."""


@dataclass(frozen=True, slots=True)
class Neighbor(StateBase):
    """ARP (or ND) for ``address`` in ``evi`` is answered with ``mac`` by the switch.

    ``ofport``: the port of this bridge that has the address, or 0.  What that port asks about it
    is not answered: a host that checks whether its own address is free would give it up (RFC 5227
    section 2.1.1).  ``owner``: OWNER_KNOWN, OWNER_PORT or OWNER_NETWORK: who else may announce it.
    """

    kind: ClassVar[str] = "neighbor"
    evi: int
    address: str
    mac: str
    remote: bool = True
    ofport: int = 0
    owner: int = OWNER_KNOWN

    @property
    def key(self) -> Key:
        return ("neighbor", self.evi, self.address)

    @property
    def depends_on_peers(self) -> bool:
        return self.remote


@dataclass(frozen=True, slots=True)
class DnsServer(StateBase):
    """DNS queries of local ports of ``evi`` to ``address`` are for the node."""

    kind: ClassVar[str] = "dns"
    evi: int
    address: str

    @property
    def key(self) -> Key:
        return ("dns", self.evi, self.address)


METADATA_ADDRESSES = ("169.254.169.254", "fe80::a9fe:a9fe")
"""Where instances ask for their metadata, in every network."""
METADATA_MAC = "02:56:4d:a9:fe:a9"
"""The MAC that answers there: locally administered, the same in every network, as no frame to it
leaves the hypervisor."""


@dataclass(frozen=True, slots=True)
class Metadata(StateBase):
    """HTTP requests of local ports of every EVI to :data:`METADATA_ADDRESSES` are for the node; at
    most one."""

    kind: ClassVar[str] = "metadata"

    @property
    def key(self) -> Key:
        return ("metadata",)
