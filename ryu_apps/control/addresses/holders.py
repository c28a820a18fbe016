"""Shared addresses that ports of this node hold, found by address, by port and by MAC."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

Key = tuple[int, str]
"""(L2 VNI, address)."""


class AddressHolder(NamedTuple):
    """An address that a port of ours holds, and how it is announced."""

    port_id: str
    mac: str
    vtep: str
    sequence: int


class AddressHolders:
    """Who holds what.  An address has one holder."""

    def __init__(self) -> None:
        self.by_key: dict[Key, AddressHolder] = {}
        self._by_port: dict[str, dict[Key, None]] = {}
        self._by_mac: dict[tuple[int, str], dict[Key, None]] = {}

    def of_port(self, port_id: str) -> Collection[Key]:
        """The addresses that a port holds."""
        return self._by_port.get(port_id, ())

    def with_mac(self, vni: int, mac: str) -> Collection[Key]:
        """The addresses whose holders use a MAC."""
        return self._by_mac.get((vni, mac), ())

    def add(self, key: Key, holder: AddressHolder) -> None:
        """An address that nobody had has a holder."""
        self.by_key[key] = holder
        self._by_port.setdefault(holder.port_id, {})[key] = None
        self._by_mac.setdefault((key[0], holder.mac), {})[key] = None

    def announce(self, key: Key, vtep: str, sequence: int) -> None:
        """Who holds an address announces it in another way."""
        self.by_key[key] = self.by_key[key]._replace(vtep=vtep, sequence=sequence)

    def remove(self, key: Key) -> AddressHolder:
        """Nobody holds an address any more; returns who did."""
        holder = self.by_key.pop(key)
        for index, entry in (
            (self._by_port, holder.port_id), (self._by_mac, (key[0], holder.mac)),
        ):  # fmt: skip
            index[entry].pop(key)
            if not index[entry]:
                del index[entry]
        return holder
