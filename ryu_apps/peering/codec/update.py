"""UPDATE messages: many NLRI of the same attributes in one, and the way back (RFC 4271 section 4.3,
RFC 4760, RFC 7606)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from ryu_apps.control.families import Family
from ryu_apps.peering.codec.attributes import (
    EXTENDED,
    MP_REACH,
    MP_UNREACH,
    OPTIONAL,
    Parsed,
    SessionParameters,
    parse_attributes,
)
from ryu_apps.peering.codec.families import FAMILIES, FamilyCodec
from ryu_apps.peering.codec.messages import HEADER, MARKER, MAX_MESSAGE, UPDATE_ERROR, BgpError
from ryu_apps.peering.codec.nlri import DecodedRoute

_CACHE = 4096
_CACHED_BYTES = 600
"""Larger sets of attributes are parsed each time: they cost many times their size to keep."""


def _chunks(nlris: Iterable[bytes], room: int) -> Iterable[bytes]:
    part: list[bytes] = []
    size = 0
    for nlri in nlris:
        if size + len(nlri) > room:
            yield b"".join(part)
            part, size = [], 0
        part.append(nlri)
        size += len(nlri)
    if part:
        yield b"".join(part)


def _message(attributes: bytes) -> bytes:
    return MARKER + struct.pack("!HBHH", HEADER + 4 + len(attributes), 2, 0, len(attributes)) \
        + attributes


def pack_reach(codec: FamilyCodec, nlris: Iterable[bytes], next_hop: bytes, attributes: bytes
               ) -> list[bytes]:
    """UPDATEs announcing ``nlris`` of one family, MP_REACH_NLRI first (RFC 7606 section 5.1).
    ``next_hop``: the address's bytes.

    Raises ValueError where the attributes leave no room for a route.
    """
    next_hop = codec.pack_next_hop(next_hop)
    head = codec.wire + bytes((len(next_hop),)) + next_hop + b"\x00"
    room = MAX_MESSAGE - HEADER - 4 - 4 - len(head) - len(attributes)
    if room < 64:
        raise ValueError(f"{len(attributes)} bytes of attributes do not fit a message")
    return [_message(struct.pack("!BBH", OPTIONAL | EXTENDED, MP_REACH, len(head) + len(part))
                     + head + part + attributes) for part in _chunks(nlris, room)]


def pack_unreach(codec: FamilyCodec, keys: Iterable[bytes]) -> list[bytes]:
    """UPDATEs withdrawing the routes of one family with these keys."""
    room = MAX_MESSAGE - HEADER - 4 - 4 - 3
    return [_message(struct.pack("!BBH", OPTIONAL | EXTENDED, MP_UNREACH, 3 + len(part))
                     + codec.wire + part) for part in _chunks(keys, room)]


@dataclass(slots=True)
class Update:
    """One UPDATE.

    ``reach``: the family of MP_REACH_NLRI, None where there is none that was negotiated; of it are
    ``announced``, with ``attrs`` and ``pmsi``, ``treated_as_withdrawn`` (RFC 7606 section 2) and
    ``looped``: what came back to where it had been, as from every route reflector.
    ``unreach``: likewise of MP_UNREACH_NLRI, with ``withdrawn`` and ``end_of_rib``.  ``skipped``:
    how many routes were of no use.  ``notes``: what was wrong, as (counter, text).
    """

    reach: Family | None = None
    announced: list[DecodedRoute] = field(default_factory=list)
    treated_as_withdrawn: list[DecodedRoute] = field(default_factory=list)
    looped: list[DecodedRoute] = field(default_factory=list)
    attrs: tuple | None = None
    pmsi: int | None = None
    unreach: Family | None = None
    withdrawn: list[DecodedRoute] = field(default_factory=list)
    end_of_rib: bool = False
    skipped: int = 0
    notes: tuple[tuple[str, str], ...] = ()


def _split(data: bytes) -> tuple[list, list, str]:
    """(MP attributes, the others, what ended it early); each (flags, type, value)."""
    special, others = [], []
    at, end = 0, len(data)
    while at < end:
        if at + 3 > end:
            return special, others, f"{end - at} bytes after the last attribute"
        flags, kind = data[at], data[at + 1]
        if flags & EXTENDED:
            if at + 4 > end:
                return special, others, f"attribute {kind} has no length"
            start = at + 4
            stop = start + ((data[at + 2] << 8) | data[at + 3])
        else:
            start = at + 3
            stop = start + data[at + 2]
        if stop > end:
            return special, others, f"attribute {kind} overruns the attributes"
        (special if kind in (MP_REACH, MP_UNREACH) else others).append(
            (flags, kind, data[start:stop]))
        at = stop
    return special, others, ""


class Decoder:
    """Parses the UPDATEs of one session.  Remembers decoded attributes, because a table comes with
    few different ones; the memory is bounded."""

    def __init__(self, session: SessionParameters) -> None:
        self.session = session
        self._codecs = {FAMILIES[family].wire: FAMILIES[family] for family in session.families}
        self._parsed: dict[tuple, Parsed] = {}

    def _attributes(self, others: list, next_hop: bytes, encaps: tuple[str, ...]) -> Parsed:
        key = (encaps, next_hop, *others)
        parsed = self._parsed.get(key)
        if parsed is None:
            parsed = parse_attributes(others, next_hop, self.session, encaps)
            if sum(len(value) for _, _, value in others) <= _CACHED_BYTES:
                if len(self._parsed) >= _CACHE:
                    self._parsed.clear()
                self._parsed[key] = parsed
        return parsed

    def decode(self, body: bytes) -> Update:
        """Parse an UPDATE without its header; raises BgpError where the session must end."""
        withdrawn_length = (body[0] << 8) | body[1]
        at = 2 + withdrawn_length
        if at + 2 > len(body):
            raise BgpError(UPDATE_ERROR, 1, reason="withdrawn routes overrun the message")
        size = (body[at] << 8) | body[at + 1]
        start = at + 2
        if start + size > len(body):
            raise BgpError(UPDATE_ERROR, 1, reason="attributes overrun the message")
        special, others, trouble = _split(body[start : start + size])
        update = Update()
        # Unicast IPv4 is not negotiated: routes in the fields of RFC 4271 are of no use here.
        if withdrawn_length or start + size < len(body):
            update.skipped += 1
        if len({kind for _, kind, _ in special}) < len(special):
            raise BgpError(UPDATE_ERROR, 1, reason="two MP_REACH_NLRI or two MP_UNREACH_NLRI")
        reach = unreach = None
        flag_trouble = ""
        for flags, kind, value in special:
            if kind == MP_REACH:
                reach = self._reach(value, update)
            else:
                unreach = self._unreach(value, update)
            if flags & 0xC0 != OPTIONAL:
                flag_trouble = f"attribute {kind}: flags {flags:#x}"
        codec, next_hop, nlris = reach or (None, b"", b"")
        encaps = codec.default_encaps if codec is not None else ()
        parsed = self._attributes(others, next_hop, encaps)
        update.notes += parsed.notes
        for text in (trouble, flag_trouble):
            if text:
                update.notes += (("treated_as_withdraw", text),)
                parsed = parsed._replace(attrs=None)
        if unreach is not None:
            of, keys = unreach
            update.unreach = of.family
            self._routes(of, keys, False, update, update.withdrawn)
            update.end_of_rib = not (keys or reach or others or trouble)
        if codec is not None:
            update.reach = codec.family
            if parsed.attrs is not None:
                into = update.announced
            elif parsed.loop and not trouble:
                into = update.looped
            else:
                into = update.treated_as_withdrawn
            self._routes(codec, nlris, parsed.mpls, update, into)
            update.attrs, update.pmsi = parsed.attrs, parsed.pmsi
            if codec.p_tunnel_types:
                self._require_pmsi(codec, update)
        elif start + size == len(body) and (MP_REACH not in {k for _, k, _ in special}) and any(
                name == "treated_as_withdraw" for name, _ in update.notes):
            # RFC 7606 section 5.2: the error may hide which routes were meant.
            raise BgpError(UPDATE_ERROR, 1, reason=update.notes[-1][1])
        return update

    @staticmethod
    def _require_pmsi(codec: FamilyCodec, update: Update) -> None:
        """A route that replicates names its tunnel (RFC 7432 section 11.2); without one that we can
        send to, it is treated as withdrawn."""
        kinds = codec.p_tunnel_types
        if update.pmsi is None and any(route.route_type in kinds for route in update.announced):
            update.treated_as_withdrawn += [
                route for route in update.announced if route.route_type in kinds]
            update.announced = [
                route for route in update.announced if route.route_type not in kinds]
            update.notes += (("treated_as_withdraw", "no ingress replication tunnel in a type "
                              f"{min(kinds)} route"),)

    def _reach(self, value: bytes, update: Update) -> tuple[FamilyCodec, bytes, bytes] | None:
        """(codec, next hop, NLRI), or None for a family that was not negotiated."""
        if len(value) < 5 or 5 + value[3] > len(value):
            raise BgpError(UPDATE_ERROR, 9, reason="MP_REACH_NLRI too short")
        codec = self._codec(value, update)
        if codec is None:
            return None
        size = value[3]
        try:
            next_hop = codec.unpack_next_hop(value[4 : 4 + size])
        except ValueError as error:
            raise BgpError(UPDATE_ERROR, 9, reason=f"MP_REACH_NLRI: {error}") from error
        return codec, next_hop, value[5 + size :]

    def _unreach(self, value: bytes, update: Update) -> tuple[FamilyCodec, bytes] | None:
        if len(value) < 3:
            raise BgpError(UPDATE_ERROR, 9, reason="MP_UNREACH_NLRI too short")
        codec = self._codec(value, update)
        return (codec, value[3:]) if codec is not None else None

    def _codec(self, value: bytes, update: Update) -> FamilyCodec | None:
        """Routes of a family that was not negotiated are ignored, and the session lives (RFC 4760
        section 7 allows both)."""
        codec = self._codecs.get(value[:3])
        if codec is None:
            family = Family(int.from_bytes(value[:2], "big"), value[2])
            update.notes += (("family_not_negotiated", str(family)),)
        return codec

    @staticmethod
    def _routes(codec: FamilyCodec, data: bytes, mpls: bool, update: Update,
                into: list[DecodedRoute]) -> None:
        for route in codec.unpack(data, mpls):
            if route is None:
                update.skipped += 1
            else:
                into.append(route)
