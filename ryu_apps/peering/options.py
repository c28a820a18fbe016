"""The text form of a peer in the options."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable, Iterable

from ryu_apps.control.families import Family
from ryu_apps.control.peers import KINDS
from ryu_apps.peering.admission import Targets
from ryu_apps.peering.base import Peer
from ryu_apps.peering.codec.families import family_named
from ryu_apps.peering.sockets import canonical


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise ValueError(f"{value!r} is no number from {low} to {high}")
        return int(value)

    return read


def _text(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


def _kind(value: str) -> str:
    if value not in KINDS:
        raise ValueError(f"{value!r} is none of {', '.join(KINDS)}")
    return value


def _targets(value: str) -> tuple[str, ...]:
    texts = tuple(value.split(","))
    Targets(texts)
    return texts


def _prefixes(value: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(text)) for text in value.split(","))


def _families(value: str) -> tuple[Family, ...]:
    families = tuple(family_named(name) for name in value.split(","))
    if len(set(families)) < len(families):
        raise ValueError(f"{value!r} names a family twice")
    return families


_WORDS = {  # word: (field, what reads its value)
    "remote-as": ("remote_as", _number(1, 4294967295)),
    "port": ("port", _number(1, 65535)),
    "hold-time": ("hold_time", _number(0, 65535)),
    "max-prefixes": ("max_prefixes", _number(1, 100_000_000)),
    "max-next-hops": ("max_next_hops", _number(1, 1_000_000)),
    "max-unicast": ("max_unicast", _number(1, 1_000_000)),
    "name": ("name", _text),
    "password": ("password", _text),
    "kind": ("kind", _kind),
    "families": ("families", _families),
    "route-targets": ("route_targets", _targets),
    "next-hops": ("next_hops", _prefixes),
}


def parse_peer(text: str) -> Peer:
    """A ``peer`` line to a Peer: ``ADDRESS remote-as N``, and then in any order ``port N``,
    ``name TEXT``, ``passive``, ``password TEXT``, ``hold-time N``, ``max-prefixes N``,
    ``kind auto|node|router|reflector``, ``families LIST``, ``route-targets LIST``,
    ``next-hops LIST``, ``max-next-hops N``, ``max-unicast N``, ``no-enforce-first-as``.  TEXT may
    be quoted, a LIST has commas between.

    Raises ValueError that says what is wrong and where.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"peer {text!r}: {error}") from error
    if not words:
        raise ValueError("peer: empty; expected ADDRESS remote-as N ...")
    try:
        address = canonical(words[0])
    except ValueError as error:
        raise ValueError(f"peer {text!r}: {words[0]!r} is no IP address") from error
    if address.startswith("fe80:") and "%" not in address:
        raise ValueError(f"peer {text!r}: a link-local address needs its interface, as in "
                         f"{address}%eth0")
    values: dict = {}
    rest = iter(words[1:])
    for word in rest:
        if word == "passive":
            name, value = "passive", True
        elif word == "no-enforce-first-as":
            name, value = "enforce_first_as", False
        elif word in _WORDS:
            name, read = _WORDS[word]
            given = next(rest, None)
            if given is None:
                raise ValueError(f"peer {text!r}: {word} needs a value")
            try:
                value = read(given)
            except ValueError as error:
                raise ValueError(f"peer {text!r}: {word} {error}") from error
        else:
            raise ValueError(f"peer {text!r}: unknown word {word!r}")
        if name in values:
            raise ValueError(f"peer {text!r}: {word} stands twice")
        values[name] = value
    if "remote_as" not in values:
        raise ValueError(f"peer {text!r}: remote-as is missing")
    if values.get("hold_time") in (1, 2):
        raise ValueError(f"peer {text!r}: hold-time is 0 or at least 3 seconds (RFC 4271)")
    if len(values.get("password", "").encode()) > 80:
        raise ValueError(f"peer {text!r}: a TCP MD5 password has at most 80 bytes")
    return Peer(address=address, **values)


def parse_peers(texts: Iterable[str]) -> tuple[Peer, ...]:
    """The ``peer`` lines.  Raises ValueError, also for two peers with one address or one name."""
    peers: dict[str, Peer] = {}
    by_address: dict[str, Peer] = {}
    for text in texts:
        peer = parse_peer(text)
        if peer.address in by_address:
            raise ValueError(f"two peers have the address {peer.address}")
        if peer.id in peers or peer.id in by_address or peer.address in peers:
            raise ValueError(f"two peers have the name {peer.id}")
        peers[peer.id] = by_address[peer.address] = peer
    return tuple(peers.values())


def is_router_id(text: str) -> bool:
    """Whether a text can be a BGP identifier: four bytes, not zero (RFC 6286 section 2.1)."""
    try:
        return int(ipaddress.IPv4Address(text)) != 0
    except ValueError:
        return False
