"""Domain names on the wire, as DHCPv6, router advertisements and DNS have them (RFC 1035 3.1)."""

from __future__ import annotations


def encode_name(name: str) -> bytes:
    """Text such as "a.example." -> labels with their lengths, closed by the root; no compression.

    Raises ValueError for an empty or too long name or label (63 and 255 bytes).
    """
    labels = name.rstrip(".").split(".")
    parts = []
    for label in labels:
        data = label.encode("ascii") if label.isascii() else label.encode("idna")
        if not 0 < len(data) <= 63:
            raise ValueError(f"bad label in the name {name!r}")
        parts.append(bytes((len(data),)) + data)
    wire = b"".join(parts) + b"\0"
    if len(wire) > 255:
        raise ValueError(f"name too long: {name!r}")
    return wire


def encode_or_nothing(name: str) -> bytes:
    """As :func:`encode_name`; empty bytes for an empty or impossible name."""
    try:
        return encode_name(name)
    except ValueError:
        return b""
