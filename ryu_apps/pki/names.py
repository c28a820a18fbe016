"""Who a certificate says that its holder is: the subject, and names in subjectAltName (RFC 5280
section 4.2.1.6).  Pure.

A certificate of a site names its holder by a URI, ``urn:vnc:ROLE:NAME``, so that a node is never
taken for a hypervisor of the same name.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

HYPERVISOR = "hypervisor"
_PREFIX = "urn:vnc:"


def urn(role: str, name: str) -> str:
    """The URI of a holder; ``name`` is quoted where it has what a URI cannot (RFC 3986)."""
    return f"{_PREFIX}{role}:{quote(name, safe='')}"


def holder(uri: str) -> tuple[str, str] | None:
    """(role, name) of a :func:`urn`; None for any other URI."""
    if not uri.startswith(_PREFIX):
        return None
    role, _, name = uri.removeprefix(_PREFIX).partition(":")
    return (role, unquote(name)) if role and name else None


def hypervisor_names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The system-ids that the holder of a certificate may have: those of its URIs, its DNS names
    and its common names.  ``certificate``: of a peer whose chain was verified, as
    ``ssl.SSLSocket.getpeercert`` gives it.  One that names another role, and no hypervisor, is no
    hypervisor's."""
    alternative = [
        (kind, value) for kind, value in certificate.get("subjectAltName", ())
        if isinstance(value, str)
    ]
    holders = [found for kind, value in alternative if kind == "URI" and (found := holder(value))]
    if holders and not any(role == HYPERVISOR for role, _ in holders):
        return frozenset()
    names = {name for role, name in holders if role == HYPERVISOR}
    names |= {value for kind, value in alternative if kind == "DNS"}
    names |= {
        value for parts in certificate.get("subject", ()) for kind, value in parts
        if kind == "commonName"
    }
    return frozenset(names)


def addresses(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The IP addresses that a certificate has in its subjectAltName, in canonical form; of a
    hypervisor these are its VTEPs.  ``certificate``: as for :func:`hypervisor_names`."""
    found = set()
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "IP Address" and isinstance(value, str):
            # OpenSSL writes what has neither 4 nor 16 bytes as "<invalid>".
            with contextlib.suppress(ValueError):
                found.add(str(ipaddress.ip_address(value.strip())))
    return frozenset(found)
