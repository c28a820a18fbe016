"""Mirrors: copies of what a port sends and receives, and where they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.endpoint import Endpoint

GRE, ERSPAN = MIRROR_TYPES = ("gre", "erspanv1")
"""How a collector outside gets copies: frames in GRE with a key (RFC 2890), or in ERSPAN type II,
which its version field calls 1 (draft-foschiano-erspan-03 section 4.2)."""
MOST_SESSION = {GRE: (1 << 32) - 1, ERSPAN: (1 << 10) - 1}
"""The highest number of a session: of a GRE key 32 bits, of an ERSPAN session id 10."""


def collector(address: str, mirror_type: str, session: int) -> Endpoint:
    """The far end of the tunnel of a session to the collector at ``address``."""
    return Endpoint(address, f"{mirror_type}:{session}")


def session_of(endpoint: Endpoint) -> tuple[str, int] | None:
    """(mirror type, number of the session) of a :func:`collector`; None for all else."""
    kind, _, number = endpoint.encap.partition(":")
    if kind not in MIRROR_TYPES or not (number.isascii() and number.isdecimal()):
        return None
    return (kind, int(number)) if 0 < int(number) <= MOST_SESSION[kind] else None


class Copy(NamedTuple):
    """Where a copy goes: the OpenFlow port ``ofport``, with this tunnel key where that leads to
    another hypervisor, else 0."""

    ofport: int
    key: int = 0


@dataclass(frozen=True, slots=True)
class PortMirror(StateBase):
    """What the local port at ``ofport`` sends, before it is looked at, is copied to ``sends``; what
    reaches it, after all rules, to ``receives``.  ``endpoints``: the tunnels that copies take to
    other hypervisors, which have to be there for that."""

    kind: ClassVar[str] = "mirror"
    depends_on_peers: ClassVar[bool] = True
    port_id: str
    ofport: int
    sends: tuple[Copy, ...] = ()
    receives: tuple[Copy, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def key(self) -> Key:
        return ("mirror", self.port_id)


@dataclass(frozen=True, slots=True)
class Mirroring(StateBase):
    """What reaches some port of this bridge is mirrored; at most one."""

    kind: ClassVar[str] = "mirroring"

    @property
    def key(self) -> Key:
        return ("mirroring",)


@dataclass(frozen=True, slots=True)
class TapPort(StateBase):
    """Copies from other hypervisors with the VNI ``vni`` go to the local port at ``ofport``."""

    kind: ClassVar[str] = "tap"
    vni: int
    ofport: int

    @property
    def key(self) -> Key:
        return ("tap", self.vni)
