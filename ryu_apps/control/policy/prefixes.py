"""Prefixes with bits, and what those of a prefix and of all that cover it add up to.

A switch finds the longest prefix of an address alone.  So its flow must say what the shorter ones
say as well, and follows when one of them changes.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from vrouter_ovs.addresses import Network, ip_network


class Prefixes:
    """Prefixes that may lie in one another.  What a change costs depends on what is inside the
    prefix that changes, not on how many there are."""

    def __init__(self) -> None:
        self._bits: dict[tuple[int, int, int], int] = {}
        """(IP version, length, number of the network) -> its own bits."""
        self._lengths: dict[int, dict[int, int]] = {4: {}, 6: {}}
        """IP version -> length -> how many prefixes have it."""
        self._order: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
        """IP version -> (number of the network, length, text), in order: what is in a prefix stands
        behind it."""

    def __bool__(self) -> bool:
        return bool(self._bits)

    def put(self, prefix: str, bits: int) -> None:
        """Give a prefix these bits; 0 takes it away."""
        net = ip_network(prefix)
        version, length, number = key = _key(net)
        known = key in self._bits
        if bits:
            self._bits[key] = bits
        else:
            self._bits.pop(key, None)
        if known == bool(bits):
            return
        entry, order, lengths = (number, length, prefix), self._order[version], self._lengths
        count = lengths[version].get(length, 0) + (1 if bits else -1)
        if count:
            lengths[version][length] = count
        else:
            del lengths[version][length]
        if bits:
            insort(order, entry)
        else:
            del order[bisect_left(order, entry)]

    def covering(self, prefix: str) -> int:
        """The bits of a prefix and of all that cover it."""
        version, longest, number = _key(ip_network(prefix))
        size = 32 if version == 4 else 128
        found = 0
        for length in self._lengths[version]:
            if length <= longest:
                network = number >> size - length << size - length
                found |= self._bits.get((version, length, network), 0)
        return found

    def inside(self, prefix: str) -> list[str]:
        """A prefix, where it is known, and the known ones that lie in it."""
        net = ip_network(prefix)
        version, length, number = _key(net)
        order = self._order[version]
        first = bisect_left(order, (number, length))
        last = bisect_left(order, (int(net.broadcast_address) + 1,))
        return [text for _, its_length, text in order[first:last] if its_length >= length]


def _key(net: Network) -> tuple[int, int, int]:
    return net.version, net.prefixlen, int(net.network_address)
