"""Who is at the other end of a TLS connection, as its certificate says."""

from __future__ import annotations

import socket
import ssl
from typing import NamedTuple

from ryu_apps.pki.names import addresses, hypervisor_names


class Certified(NamedTuple):
    """What a certificate lets a hypervisor be: ``names``, its system-ids, and ``addresses``, its
    VTEPs; without any it says nothing of these."""

    names: frozenset[str]
    addresses: frozenset[str] = frozenset()


def certified(sock: socket.socket) -> Certified | None:
    """What the peer may be, by a certificate whose chain was verified; None where there is none: no
    TLS, or peers are not asked for one.  After the handshake."""
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    if not certificate:
        return None
    return Certified(hypervisor_names(certificate), addresses(certificate))


def certified_names(sock: socket.socket) -> frozenset[str] | None:
    """The names alone."""
    found = certified(sock)
    return None if found is None else found.names
