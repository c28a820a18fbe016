"""Where a tunnel leads."""

from __future__ import annotations

from typing import NamedTuple

from vrouter_ovs.encapsulation import VXLAN


class Endpoint(NamedTuple):
    """The far end of a tunnel: a tunnel port leads to one, and a hop names one.

    ``vtep``: its IP address, of either family.  ``encap``: the encapsulation's name,
    of :mod:`vrouter_ovs.encapsulation`.  ``path``: the number of the underlay path that leads
    there.  Two endpoints of one VTEP are two tunnels.

    Endpoints are keys of hot dictionaries: a tuple hashes and compares four times faster than a
    frozen dataclass.
    """

    vtep: str
    encap: str = VXLAN
    path: int = 0

    def __str__(self) -> str:
        more = [self.encap] if self.encap != VXLAN else []
        more += [f"path {self.path}"] if self.path else []
        return f"{self.vtep} ({', '.join(more)})" if more else self.vtep
