"""The text form of a peer in the options."""

from __future__ import annotations

import ipaddress
import shlex

from ryu_apps.control.peers import KINDS
from ryu_apps.peering.base import Peer

_NUMBERS = {  # word: (field, smallest, largest)
    "remote-as": ("remote_as", 1, 4294967295),
    "port": ("port", 1, 65535),
    "hold-time": ("hold_time", 0, 65535),
    "max-prefixes": ("max_prefixes", 1, 100_000_000),
}
_TEXTS = {"name": "name", "password": "password", "kind": "kind"}


def parse_peer(text: str) -> Peer:
    """``ADDRESS remote-as N [port N] [name TEXT] [passive] [password TEXT] [hold-time N]
    [max-prefixes N] [kind auto|node|router|reflector]`` to a Peer; TEXT may be quoted.

    Raises ValueError that says what is wrong and where.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"peer {text!r}: {error}") from error
    if not words:
        raise ValueError("peer: empty; expected ADDRESS remote-as N ...")
    try:
        address = str(ipaddress.ip_address(words[0]))
    except ValueError as error:
        raise ValueError(f"peer {text!r}: {words[0]!r} is no IP address") from error
    found: dict = {}
    rest = iter(words[1:])
    for word in rest:
        if word == "passive":
            name, value = "passive", True
        elif word in _NUMBERS or word in _TEXTS:
            value = next(rest, None)
            if value is None:
                raise ValueError(f"peer {text!r}: {word} needs a value")
            if word in _TEXTS:
                name = _TEXTS[word]
                if not value:
                    raise ValueError(f"peer {text!r}: {word} is empty")
                if word == "kind" and value not in KINDS:
                    raise ValueError(f"peer {text!r}: kind {value!r} is none of {', '.join(KINDS)}")
            else:
                name, low, high = _NUMBERS[word]
                if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
                    raise ValueError(f"peer {text!r}: {word} {value!r} is no number from {low} to "
                                     f"{high}")
                value = int(value)
        else:
            raise ValueError(f"peer {text!r}: unknown word {word!r}")
        if name in found:
            raise ValueError(f"peer {text!r}: {word} stands twice")
        found[name] = value
    if "remote_as" not in found:
        raise ValueError(f"peer {text!r}: remote-as is missing")
    if found.get("hold_time") in (1, 2):
        raise ValueError(f"peer {text!r}: hold-time is 0 or at least 3 seconds (RFC 4271)")
    if len(found.get("password", "").encode()) > 80:
        raise ValueError(f"peer {text!r}: a TCP MD5 password has at most 80 bytes")
    return Peer(address=address, **found)
