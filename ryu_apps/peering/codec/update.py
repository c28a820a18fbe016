"""UPDATE messages: many NLRI of the same attributes in one, and the way back (RFC 4271 section 4.3,
RFC 4760, RFC 7606)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from ryu_apps.peering.codec.attributes import (
    EXTENDED,
    MP_REACH,
    MP_UNREACH,
    OPTIONAL,
    Parsed,
    Session,
    parse_attributes,
)
from ryu_apps.peering.codec.messages import HEADER, MARKER, MAX_MESSAGE, UPDATE_ERROR, BgpError
from ryu_apps.peering.codec.nlri import Route, unpack_routes

_FAMILY = b"\x00\x19\x46"
END_OF_RIB = MARKER + struct.pack("!HBHHBBB", 29, 2, 0, 6, 0x80, MP_UNREACH, 3) + _FAMILY
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


def pack_reach(nlris: Iterable[bytes], next_hop: bytes, attributes: bytes) -> list[bytes]:
    """UPDATEs announcing ``nlris``, MP_REACH_NLRI first (RFC 7606 section 5.1).

    Raises ValueError where the attributes leave no room for a route.
    """
    head = _FAMILY + bytes((len(next_hop),)) + next_hop + b"\x00"
    room = MAX_MESSAGE - HEADER - 4 - 4 - len(head) - len(attributes)
    if room < 64:
        raise ValueError(f"{len(attributes)} bytes of attributes do not fit a message")
    return [_message(struct.pack("!BBH", OPTIONAL | EXTENDED, MP_REACH, len(head) + len(part))
                     + head + part + attributes) for part in _chunks(nlris, room)]


def pack_unreach(keys: Iterable[bytes]) -> list[bytes]:
    """UPDATEs withdrawing the routes with these keys."""
    room = MAX_MESSAGE - HEADER - 4 - 4 - 3
    return [_message(struct.pack("!BBH", OPTIONAL | EXTENDED, MP_UNREACH, 3 + len(part))
                     + _FAMILY + part) for part in _chunks(keys, room)]


@dataclass(slots=True)
class Update:
    """One UPDATE.  ``withdrawn`` also holds what was announced and is treated as withdrawn;
    ``looped`` what came back to where it had been, as from every route reflector."""

    announced: list[Route] = field(default_factory=list)
    withdrawn: list[Route] = field(default_factory=list)
    looped: list[Route] = field(default_factory=list)
    attrs: tuple | None = None
    pmsi: int | None = None
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

    def __init__(self, session: Session) -> None:
        self.session = session
        self._known: dict[tuple, Parsed] = {}

    def _attributes(self, others: list, next_hop: bytes) -> Parsed:
        key = (next_hop, *others)
        parsed = self._known.get(key)
        if parsed is None:
            parsed = parse_attributes(others, next_hop, self.session)
            if sum(len(value) for _, _, value in others) <= _CACHED_BYTES:
                if len(self._known) >= _CACHE:
                    self._known.clear()
                self._known[key] = parsed
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
                reach = self._reach(value)
            else:
                unreach = self._unreach(value)
            if flags & 0xC0 != OPTIONAL:
                flag_trouble = f"attribute {kind}: flags {flags:#x}"
        next_hop, nlris = reach or (b"", b"")
        parsed = self._attributes(others, next_hop)
        update.notes = parsed.notes
        for text in (trouble, flag_trouble):
            if text:
                update.notes += (("treated_as_withdraw", text),)
                parsed = parsed._replace(attrs=None)
        if unreach is not None:
            self._routes(unreach, False, update, update.withdrawn)
            update.end_of_rib = not (unreach or reach or others or trouble)
        if reach:
            if parsed.attrs is not None:
                into = update.announced
            else:
                into = update.looped if parsed.loop and not trouble else update.withdrawn
            self._routes(nlris, parsed.mpls, update, into)
            update.attrs, update.pmsi = parsed.attrs, parsed.pmsi
            self._require_pmsi(update)
        elif start + size == len(body) and (MP_REACH not in {k for _, k, _ in special}) and any(
                name == "treated_as_withdraw" for name, _ in update.notes):
            # RFC 7606 section 5.2: the error may hide which routes were meant.
            raise BgpError(UPDATE_ERROR, 1, reason=update.notes[-1][1])
        return update

    @staticmethod
    def _require_pmsi(update: Update) -> None:
        """A type 3 route names its tunnel (RFC 7432 section 11.2); without one that we can send to,
        it is treated as withdrawn."""
        if update.pmsi is None and any(route.route_type == 3 for route in update.announced):
            update.withdrawn += [route for route in update.announced if route.route_type == 3]
            update.announced = [route for route in update.announced if route.route_type != 3]
            update.notes += (("treated_as_withdraw", "no ingress replication tunnel in a type 3 "
                              "route"),)

    @staticmethod
    def _reach(value: bytes) -> tuple[bytes, bytes] | None:
        """(next hop, NLRI), or None for a family that is not ours."""
        if len(value) < 5 or 5 + value[3] > len(value):
            raise BgpError(UPDATE_ERROR, 9, reason="MP_REACH_NLRI too short")
        if value[:3] != _FAMILY:
            return None
        size = value[3]
        if size not in (4, 16):
            raise BgpError(UPDATE_ERROR, 9, reason=f"MP_REACH_NLRI: next hop of {size} bytes")
        return value[4 : 4 + size], value[5 + size :]

    @staticmethod
    def _unreach(value: bytes) -> bytes | None:
        if len(value) < 3:
            raise BgpError(UPDATE_ERROR, 9, reason="MP_UNREACH_NLRI too short")
        return value[3:] if value[:3] == _FAMILY else None

    @staticmethod
    def _routes(data: bytes, mpls: bool, update: Update, into: list[Route]) -> None:
        for route in unpack_routes(data, mpls):
            if route is None:
                update.skipped += 1
            else:
                into.append(route)
