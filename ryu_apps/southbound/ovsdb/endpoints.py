"""How the endpoint of a tunnel is written in a hypervisor's database.  Pure.

A tunnel port is named after its endpoint and marked with it, so that a node which was just started,
or of another version, knows the port again.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress

from vrouter_ovs.encapsulation import ENCAPSULATIONS
from vrouter_ovs.state import VXLAN, Endpoint, session_of

TUNNEL_MARK = "vnc-vtep"
"""The key of ``external_ids`` whose value is the endpoint: the VTEP alone where it is VXLAN on the
first path, else VTEP/ENCAPSULATION/PATH."""
PATHS = 16
"""Underlay paths to one VTEP: the number of one is a hexadecimal digit of the port's name."""


@functools.lru_cache(maxsize=16384)
def is_reachable(endpoint: Endpoint) -> bool:
    """Whether a tunnel port can lead to ``endpoint``."""
    try:
        return str(ipaddress.ip_address(endpoint.vtep)) == endpoint.vtep and bool(
            tunnel_name(endpoint)
        )
    except ValueError:
        return False


@functools.lru_cache(maxsize=16384)
def tunnel_name(endpoint: Endpoint) -> str:
    """The tunnel port's name, at most 15 characters (IFNAMSIZ), the same on every hypervisor and
    node.  Its length says what it is made of: two letters of the encapsulation, the address (IPv4
    as it is, of IPv6 48 bits of a hash) and the number of the path where that is not 0.

    That of the tunnel to a collector begins with "mr", with 48 bits of a hash of all that it is.

    Raises ValueError where no switch here sends the encapsulation, and for a bad address or path.
    """
    if session_of(endpoint) is not None:
        ipaddress.ip_address(endpoint.vtep)
        return "mr" + hashlib.blake2b(tunnel_mark(endpoint).encode(), digest_size=6).hexdigest()
    row = ENCAPSULATIONS.get(endpoint.encap)
    if row is None or row.ovs is None:
        raise ValueError(f"no tunnel port sends {endpoint.encap!r}")
    if not 0 <= endpoint.path < PATHS:
        raise ValueError(f"no path {endpoint.path}, only 0 to {PATHS - 1}")
    address = ipaddress.ip_address(endpoint.vtep)
    if address.version == 4:
        host = f"{int(address):08x}"
    else:
        host = hashlib.blake2b(address.packed, digest_size=6).hexdigest()
    return row.ovs.name_prefix + host + (f"{endpoint.path:x}" if endpoint.path else "")


def tunnel_mark(endpoint: Endpoint) -> str:
    """The value of :data:`TUNNEL_MARK`."""
    vtep, encap, path = endpoint
    return vtep if encap == VXLAN and not path else f"{vtep}/{encap}/{path}"


def marked_endpoint(mark: str) -> Endpoint:
    """The endpoint of a :func:`tunnel_mark`.  What is none is taken for a VTEP as it is: nothing
    leads there, and the port is taken away."""
    vtep, *more = mark.split("/")
    if len(more) == 2 and more[1].isascii() and more[1].isdecimal() and len(more[1]) < 4:
        return Endpoint(vtep, more[0], int(more[1]))
    return Endpoint(mark)
