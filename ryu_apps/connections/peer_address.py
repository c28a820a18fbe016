"""Addresses of peers, in the one form in which they are compared."""

from __future__ import annotations


def plain_address(address: str) -> str:
    """An address without scope, and IPv4 where it is mapped into IPv6 (RFC 4291 section
    2.5.5.2)."""
    address = address.partition("%")[0]
    return address[7:] if address.lower().startswith("::ffff:") and "." in address else address
