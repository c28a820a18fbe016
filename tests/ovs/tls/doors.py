"""A node whose listeners speak TLS alone, and what a client of each hears first."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from lab.beds.node_bed import ADDRESS, LoopbackNode
from ryu_apps.pki.site import Site

PATIENCE = 20.0


@dataclass(frozen=True)
class Door:
    """``port``: its name among :attr:`LoopbackNode.ports`.  ``role``: of who may come.  ``bundle``:
    the file of the node that says whom to trust.  ``first``: what a client has to say before it is
    answered."""

    port: str
    role: str
    bundle: str
    first: bytes = b""

    def raw(self, node: LoopbackNode) -> socket.socket:
        return socket.create_connection((ADDRESS, node.ports[self.port]), PATIENCE)

    def enter(self, node: LoopbackNode, context: ssl.SSLContext) -> ssl.SSLSocket:
        """A connection that was answered.  Raises OSError where it is not."""
        sock = context.wrap_socket(self.raw(node), server_hostname=ADDRESS)
        try:
            sock.sendall(self.first)
            # With TLS 1.3 a client hears only after its handshake that it was refused.
            if not sock.recv(1):
                raise ConnectionResetError("closed without an answer")
        except BaseException:
            sock.close()
            raise
        return sock


DOORS = {
    "ovsdb": Door("ovsdb", "hypervisor", "hypervisors.pem"),
    "openflow": Door("openflow", "hypervisor", "hypervisors.pem"),
    "rest": Door("api", "client", "ca.pem", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
}


def copies(site: Site, role: str, name: str) -> Path:
    """A directory with a holder's files."""
    return site.export(role, name, site.directory / "copies" / f"{role}-{name}").key.parent


def client(site: Site, role: str, name: str, trusting: Path | None = None) -> ssl.SSLContext:
    """One with the holder's certificate, which trusts what the site's nodes are signed by, or the
    certificates in ``trusting``."""
    mine = copies(site, role, name)
    context = ssl.create_default_context(cafile=str(trusting or mine / "ca.pem"))
    context.load_cert_chain(mine / f"{role}.pem", mine / f"{role}.key")
    return context
