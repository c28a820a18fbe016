"""TLS between two ends in memory, with files of a site."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple


class End(NamedTuple):
    """``trusted``: PEM of whom it trusts."""

    certificate: Path
    key: Path
    trusted: str


def end_of(site, role: str, name: str, trusted: str | None = None) -> End:
    """With the files of the holder; a node trusts hypervisors as its OVSDB listener does."""
    mine = site.files(role, name)
    bundle = trusted or ("hypervisors.pem" if role == "node" else "ca.pem")
    return End(mine.certificate, mine.key, (site.directory / bundle).read_text())


def context(end: End, side: int) -> ssl.SSLContext:
    made = ssl.SSLContext(side)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(end.certificate, end.key)
    made.load_verify_locations(cadata=end.trusted)
    return made


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """The server's end.  Raises ssl.SSLError where either refuses the other."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [server.wrap_bio(to_server, to_client, server_side=True),
            client.wrap_bio(to_client, to_server)]
    left = list(ends)
    for _ in range(10):
        for end in list(left):
            try:
                end.do_handshake()
                left.remove(end)
            except ssl.SSLWantReadError:
                continue
        if not left:
            return ends[0]
    raise AssertionError("the handshake does not end")


def accepted(server: End, client: End) -> bool:
    """Whether both trust each other."""
    try:
        handshake(context(server, ssl.PROTOCOL_TLS_SERVER),
                  context(client, ssl.PROTOCOL_TLS_CLIENT))
    except ssl.SSLError:
        return False
    return True
