"""Who is at the other end of a TLS connection, as its certificate says."""

from __future__ import annotations

import socket
import ssl

from ryu_apps.pki.names import hypervisor_names


def certified_names(sock: socket.socket) -> frozenset[str] | None:
    """The system-ids that the peer may have, by a certificate whose chain was verified; None where
    there is none: no TLS, or peers are not asked for one.  After the handshake."""
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    return hypervisor_names(certificate) if certificate else None
