"""Names that are never asked of a resolver: private reverse zones and special-use names.

What is asked below them would tell a stranger of the network's addresses and names, and the
stranger could not answer.  Such a zone is served here, empty but for the network's own names.

Sources: RFC 6303 (reverse zones served locally), 6761 (special-use names), 6762 section 22
(.local), 7686 (.onion), 7793 (100.64/10), 8375 (home.arpa), 9462 (resolver.arpa), 9476 (.alt).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

TOP = frozenset((b"alt", b"invalid", b"local", b"localhost", b"onion", b"test"))
_DOCUMENTATION6 = "8.b.d.0.1.0.0.2"
_REVERSE = (
    "0", "10", "127", "254.169", "168.192", "2.0.192", "100.51.198", "113.0.203",
    "255.255.255.255",
    *(f"{second}.172" for second in range(16, 32)),
    *(f"{second}.100" for second in range(64, 128)),
)  # fmt: skip
_REVERSE6 = ("d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", _DOCUMENTATION6,
             ".".join("0" * 32), "1." + ".".join("0" * 31))  # fmt: skip


def _labels(text: str) -> tuple[bytes, ...]:
    return tuple(text.encode().split(b"."))


ZONES = frozenset((
    *(_labels(f"{zone}.in-addr.arpa") for zone in _REVERSE),
    *(_labels(f"{zone}.ip6.arpa") for zone in _REVERSE6),
    _labels("home.arpa"), _labels("resolver.arpa"),
))  # fmt: skip
_LONGEST = max(len(zone) for zone in ZONES)


def zone_of(labels: Sequence[bytes]) -> int:
    """How many of the last of ``labels`` (lower case, without the root) are the name of a zone
    that is served here; 0: none."""
    if not labels:
        return 0
    if labels[-1] in TOP:
        return 1
    if labels[-1] != b"arpa":
        return 0
    for count in range(2, min(len(labels), _LONGEST) + 1):
        if tuple(labels[-count:]) in ZONES:
            return count
    return 0


Zones = frozenset[tuple[bytes, ...]]


def switched_off(labels: Sequence[bytes], zones: Zones) -> bool:
    """Whether a name (as in :func:`zone_of`) is in one of ``zones``."""
    return bool(zones) and any(tuple(labels[at:]) in zones for at in range(len(labels)))


def parse_zones(texts: Iterable[str]) -> Zones:
    """Zones that an operator has resolvers for (RFC 6303 section 3): names at, below or above
    those that are served here.  Raises ValueError for any other, which is never served."""
    found = set()
    for text in texts:
        labels = _labels(text.strip().lower().strip("."))
        above = any(zone[-len(labels) :] == labels for zone in ZONES)
        if not all(labels) or not (zone_of(labels) or above):
            raise ValueError(f"{text!r}: no such zone is kept from the resolvers")
        found.add(labels)
    return frozenset(found)


def block_of(labels: Sequence[bytes]) -> tuple[int, int, int] | None:
    """The addresses below a reverse name: (IP version, first address, prefix length), or None.

    ``labels`` as in :func:`zone_of`.  "0.0.10.in-addr.arpa" is 10.0.0.0/24.
    """
    if tuple(labels[-2:]) == (b"in-addr", b"arpa"):
        version, bits, base, most = 4, 8, 10, 4
    elif tuple(labels[-2:]) == (b"ip6", b"arpa"):
        version, bits, base, most = 6, 4, 16, 32
    else:
        return None
    parts = labels[-3::-1]
    if len(parts) > most:
        return None
    address = 0
    for part in parts:
        if not part.isalnum() or len(part) > 3 or (len(part) > 1 and part[:1] == b"0"):
            return None
        try:
            value = int(part, base)
        except ValueError:
            return None
        if value >> bits:
            return None
        address = address << bits | value
    length = len(parts) * bits
    return version, address << (most * bits - length), length
