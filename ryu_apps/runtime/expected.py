"""Where switches are expected from: the addresses of hypervisors that have joined."""

from __future__ import annotations

_addresses: frozenset[str] = frozenset()


def expect(addresses: frozenset[str]) -> None:
    """Keep half of the places for connections from these addresses, and be patient with what comes
    from there; any thread."""
    global _addresses
    _addresses = addresses


def is_expected(address: str) -> bool:
    """Whether a hypervisor that has joined is at this address."""
    return address in _addresses
