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
    NEXT_HOP,
    OPTIONAL,
    TRANSITIVE,
    Parsed,
    SessionParameters,
    parse_attributes,
)
from ryu_apps.peering.codec.families import FAMILIES, FamilyCodec
from ryu_apps.peering.codec.messages import (
    HEADER,
    MARKER,
    MAX_MESSAGE,
    UPDATE,
    UPDATE_ERROR,
    BgpError,
)
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


def _message(attributes: bytes, withdrawn: bytes = b"", nlri: bytes = b"") -> bytes:
    size = HEADER + 4 + len(withdrawn) + len(attributes) + len(nlri)
    return b"".join((
        MARKER, struct.pack("!HBH", size, UPDATE, len(withdrawn)), withdrawn,
        struct.pack("!H", len(attributes)), attributes, nlri))


def pack_reach(codec: FamilyCodec, nlris: Iterable[bytes], next_hop: bytes, attributes: bytes
               ) -> list[bytes]:
    """UPDATEs announcing ``nlris`` of one family, MP_REACH_NLRI first (RFC 7606 section 5.1).
    ``next_hop``: the address's bytes.

    Raises ValueError where the attributes leave no room for a route.
    """
    next_hop = codec.pack_next_hop(next_hop)
    if codec.own_fields:
        attributes = bytes((TRANSITIVE, NEXT_HOP, len(next_hop))) + next_hop + attributes
        return [_message(attributes, nlri=part)
                for part in _chunks(nlris, _room(HEADER + 4, attributes))]
    head = codec.wire + bytes((len(next_hop),)) + next_hop + b"\x00"
    room = _room(HEADER + 4 + 4 + len(head), attributes)
    return [_message(struct.pack("!BBH", OPTIONAL | EXTENDED, MP_REACH, len(head) + len(part))
                     + head + part + attributes) for part in _chunks(nlris, room)]


def _room(fixed: int, attributes: bytes) -> int:
    """Bytes that a message has for routes; ValueError where they are too few."""
    room = MAX_MESSAGE - fixed - len(attributes)
    if room < 64:
        raise ValueError(f"{len(attributes)} bytes of attributes do not fit a message")
    return room


def pack_unreach(codec: FamilyCodec, keys: Iterable[bytes]) -> list[bytes]:
    """UPDATEs withdrawing the routes of one family with these keys."""
    if codec.own_fields:
        return [_message(b"", part) for part in _chunks(keys, MAX_MESSAGE - HEADER - 4)]
    room = MAX_MESSAGE - HEADER - 4 - 4 - 3
    return [_message(struct.pack("!BBH", OPTIONAL | EXTENDED, MP_UNREACH, 3 + len(part))
                     + codec.wire + part) for part in _chunks(keys, room)]


@dataclass(slots=True)
class Update:
    """One UPDATE.

    ``reach``: the family of what is announced, None where nothing is of a family that was
    negotiated; of it are ``announced``, with ``attrs`` and ``pmsi``, ``treated_as_withdrawn``
    (RFC 7606 section 2) and ``looped``: what came back to where it had been, as from every route
    reflector.
    ``unreach``: likewise of what is withdrawn, with ``withdrawn`` and ``end_of_rib``.  ``skipped``:
    how many routes were of no use.  ``notes``: what was wrong, as (counter, text).

    Routes stand in MP_REACH_NLRI and MP_UNREACH_NLRI, or in the UPDATE's own fields.  ``also``:
    what the other place says where both say something (RFC 7606 section 5.1 wants that to be
    understood; nobody sends it).
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
    also: Update | None = None


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


def _own_next_hop(others: list) -> bytes:
    """Attribute NEXT_HOP, b"" where it is missing or none; which of them, the parser says."""
    for _, kind, value in others:
        if kind == NEXT_HOP:
            return value if len(value) == 4 else b""
    return b""


class Decoder:
    """Parses the UPDATEs of one session.  Remembers decoded attributes, because a table comes with
    few different ones; the memory is bounded."""

    def __init__(self, session: SessionParameters) -> None:
        self.session = session
        codecs = [FAMILIES[family] for family in session.families]
        self._codecs = {codec.wire: codec for codec in codecs}
        self._own = next((codec for codec in codecs if codec.own_fields), None)
        """The family of the routes in an UPDATE's own fields; None where it was not negotiated."""
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
        gone, nlri = body[2:at], body[start + size :]
        update = Update()
        if self._own is None and (gone or nlri):
            update.skipped += 1
            gone = b""
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
        troubles = [text for text in (trouble, flag_trouble) if text]
        own_reach = (self._own, _own_next_hop(others), nlri) if self._own and nlri else None
        own_unreach = (self._own, gone) if self._own and (gone or len(body) == 4) else None
        if (reach and own_reach) or (unreach and own_unreach):
            update.also = Update()
            self._take(update.also, own_reach, own_unreach, others, troubles)
        else:
            reach, unreach = reach or own_reach, unreach or own_unreach
        self._take(update, reach, unreach, others, troubles)
        if unreach is not None:
            # Of a family with own fields it is an UPDATE with nothing in it (RFC 4724 section 2).
            update.end_of_rib = len(special) == (1 if size else 0) and not (
                unreach[1] or others or trouble or gone or nlri)
        if reach is None and not nlri and (MP_REACH not in {k for _, k, _ in special}) and any(
                name == "treated_as_withdraw" for name, _ in update.notes):
            # RFC 7606 section 5.2: the error may hide which routes were meant.
            raise BgpError(UPDATE_ERROR, 1, reason=update.notes[-1][1])
        return update

    def _take(self, update: Update, reach: tuple[FamilyCodec, bytes, bytes] | None,
              unreach: tuple[FamilyCodec, bytes] | None, others: list, troubles: list[str]
              ) -> None:
        """Judge what an UPDATE announces in one place and withdraws in one place."""
        codec, next_hop, nlris = reach or (None, b"", b"")
        encaps = codec.default_encaps if codec is not None else ()
        parsed = self._attributes(others, next_hop, encaps)
        update.notes += parsed.notes
        if codec is not None and not next_hop and all(kind != NEXT_HOP for _, kind, _ in others):
            troubles = [*troubles, "attribute 3 is missing"]
        for text in troubles:
            update.notes += (("treated_as_withdraw", text),)
            parsed = parsed._replace(attrs=None, loop=False)
        if unreach is not None:
            of, keys = unreach
            update.unreach = of.family
            self._routes(of, keys, False, update, update.withdrawn)
        if codec is not None:
            update.reach = codec.family
            if parsed.attrs is not None:
                into = update.announced
            elif parsed.loop:
                into = update.looped
            else:
                into = update.treated_as_withdrawn
            self._routes(codec, nlris, parsed.mpls, update, into)
            update.attrs, update.pmsi = parsed.attrs, parsed.pmsi
            if codec.p_tunnel_types:
                self._require_pmsi(codec, update)

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
