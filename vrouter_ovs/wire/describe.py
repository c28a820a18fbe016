"""Encoded flows as text, for people: the reverse of :mod:`vrouter_ovs.wire.flows`.

Everything that we can emit is named; whatever else a switch holds is shown in hex, so this never
raises for bytes that came from one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from vrouter_ovs.numbers import ETH_ARP, ETH_IPV4, ETH_IPV6, ETH_VLAN
from vrouter_ovs.schema.fields import CT_STATES, PACKET_FIELDS, Field, format_value
from vrouter_ovs.schema.flow import CONTROLLER, IN_PORT
from vrouter_ovs.schema.registers import INBOUND, REGISTERS
from vrouter_ovs.schema.tables import TABLE_NAMES
from vrouter_ovs.wire import flows as wire
from vrouter_ovs.wire.groups import GROUP_BASE, is_our_group

_WHOLE: dict[tuple[int, int], Field] = {}
_HEADERS: dict[int, Field] = {}
_SLICES: dict[tuple[int, int, int], str] = {}
for _field in (*PACKET_FIELDS.values(), *REGISTERS.values()):
    # Of several names for parts of one register the first stands for the whole.
    _WHOLE.setdefault((_field.oxm_class, _field.number), _field)
    for _header in (_field.header, _field.nicira_header):
        _HEADERS.setdefault(_header, _field)
        _SLICES[_header, _field.offset, _field.nbits] = _field.name
_MEMBER_OF = {
    (one.oxm_class, one.number): 96 - 32 * part
    for part in range(4) for one in (REGISTERS[f"member_of{part}"],)
}
"""OXM class and number of a register -> the first bit of ``member_of`` in it."""
_MORE_GROUPS = (REGISTERS["member_of"].header + 16 | 0x100).to_bytes(4, "big")
_IN_POLICY = frozenset(("membership", "peer_prefix", "peer_address", "peer_mac", "policy"))
"""Where these registers hold groups and not a claimed address."""
_PORTS = frozenset((
    "tcp_src", "tcp_dst", "udp_src", "udp_dst", "sctp_src", "sctp_dst", "ct_tp_dst",
))
_ETH_TYPES = {hex(ETH_IPV4): "ip", hex(ETH_ARP): "arp", hex(ETH_IPV6): "ipv6"}


_ENCAPS = {
    wire.PUSH_MPLS: "encap mpls", wire.RECIRCULATE[:16]: "encap nsh", wire.POP_ETHERNET: "decap",
    wire.POP_MPLS_OF_FRAME: "decap, a frame behind it",
}


def describe(encoded: wire.Encoded) -> dict[str, Any]:
    """{"table", "table_id", "priority", "cookie", "match": {field: text}, "actions": [text]}.

    ``match`` values read "value" or "value/mask"; no actions means drop.
    """
    key = encoded.key
    return {
        "table": TABLE_NAMES.get(key[0], str(key[0])),
        "table_id": key[0],
        "priority": int.from_bytes(key[1:3], "big"),
        "cookie": f"{encoded.cookie:#x}",
        "match": _match(key[3:], TABLE_NAMES.get(key[0], "") in _IN_POLICY),
        "actions": list(_instructions(encoded.body)) or ["drop"],
    }


def _match(raw: bytes, in_policy: bool) -> dict[str, str]:
    terms: dict[str, str] = {}
    while len(raw) >= 4:
        header = int.from_bytes(raw[:4], "big")
        size = 4 + (header & 0xFF)
        where = _WHOLE.get((header >> 16, header >> 9 & 0x7F))
        if in_policy and where is not None and (where.oxm_class, where.number) in _MEMBER_OF:
            mask = raw[4 + where.width : size] if header & 0x100 else raw[4:size]
            first = _MEMBER_OF[where.oxm_class, where.number]
            terms["member_of"] = _bits(int.from_bytes(mask, "big") << first)
        elif where is None or size > len(raw):
            terms[f"oxm {raw[:4].hex()}"] = raw[4:size].hex()
        elif not header & 0x100 and header & 0xFF == where.width:
            terms[where.name] = _value(where, raw[4:size])
        elif header & 0xFF == 2 * where.width:
            value, mask = raw[4 : 4 + where.width], raw[4 + where.width : size]
            where = _part_of(where, int.from_bytes(mask, "big")) or where
            terms[where.name] = _masked(where, value, mask)
        else:
            terms[where.name] = raw[4:size].hex()
        raw = raw[size:]
    if raw:
        terms["trailing"] = raw.hex()
    return terms


def _bits(value: int) -> str:
    """The numbers of the bits that are set."""
    return "+".join(str(bit) for bit in range(value.bit_length()) if value >> bit & 1)


def _page(value: int) -> str:
    text = f"{value >> 2:#x}{' ingress' if value & 2 else ''}{' untracked' if value & 1 else ''}"
    return text if value else "0"


def _part_of(where: Field, mask: int) -> Field | None:
    """The register that is just the bits of ``mask`` in the one of ``where``."""
    offset = (mask & -mask).bit_length() - 1
    return REGISTERS.get(_SLICES.get((where.header, offset, mask.bit_count()), ""))


def _value(where: Field, raw: bytes) -> str:
    if where.name == "eth_type":
        text = format_value(where, raw)
        return _ETH_TYPES.get(text, text)
    if where.name == "vtep":
        return ".".join(map(str, raw))
    if where.name == "claimed_mac":
        return raw[:6].hex(":")
    if where.name == "page":
        return _page(int.from_bytes(raw, "big"))
    if where.name == "policy":
        number = int.from_bytes(raw, "big")
        return f"{number & INBOUND - 1:#x}{' ingress' if number & INBOUND else ''}"
    return format_value(where, raw)


def _masked(where: Field, value: bytes, mask: bytes) -> str:
    bits = int.from_bytes(mask, "big")
    if where.name == "ct_state":
        return _ct_state(int.from_bytes(value, "big"), bits)
    if not where.whole and bits == (1 << where.nbits) - 1 << where.offset:
        if where.name == "claimed_mac":
            return value[:6].hex(":")
        return str(int.from_bytes(value, "big") >> where.offset)
    size = where.width * 8
    length = bits.bit_count()
    if where.name in _PORTS and bits == ((1 << length) - 1) << (16 - length):
        first = int.from_bytes(value, "big")
        return f"{first}-{first + 0xFFFF - bits}"
    if where.kind in ("ipv4", "ipv6") and bits == ((1 << length) - 1) << (size - length):
        return f"{_value(where, value)}/{length}"
    return f"{_value(where, value)}/{_value(where, mask)}"


def _ct_state(value: int, mask: int) -> str:
    named = [
        ("+" if value & bit else "-") + name for name, bit in CT_STATES.items() if mask & bit
    ]
    rest = mask & ~sum(CT_STATES.values())
    return "".join(named) + (f" and {value & rest:#x}/{rest:#x}" if rest else "")


def _instructions(body: bytes) -> Iterator[str]:
    while len(body) >= 4:
        kind, size = struct.unpack_from("!HH", body)
        if size < 8 or size > len(body):
            break
        if kind == wire.OFPIT_APPLY_ACTIONS:
            yield from _actions(body[8:size])
        elif kind == wire.OFPIT_GOTO_TABLE and size == 8:
            yield f"goto {_table(body[4])}"
        elif kind == wire.OFPIT_METER and size == 8:
            yield f"meter {int.from_bytes(body[4:8], 'big')}"
        else:
            yield f"instruction {body[:size].hex()}"
        body = body[size:]
    if body:
        yield f"instruction {body.hex()}"


def _table(number: int) -> str:
    return TABLE_NAMES.get(number, str(number))


def _actions(raw: bytes) -> Iterator[str]:
    while len(raw) >= 4:
        size = int.from_bytes(raw[2:4], "big")
        if size < 8 or size > len(raw):
            break
        yield _action(raw[:size]) or f"action {raw[:size].hex()}"
        raw = raw[size:]
    if raw:
        yield f"action {raw.hex()}"


def _action(raw: bytes) -> str | None:
    kind = int.from_bytes(raw[:2], "big")
    if kind == wire.OFPAT_OUTPUT and len(raw) == 16:
        port = int.from_bytes(raw[4:8], "big")
        if port == CONTROLLER:
            return "punt to the node"
        return "output in_port" if port == IN_PORT else f"output {port}"
    if kind == wire.OFPAT_GROUP and len(raw) == 8:
        wire_id = int.from_bytes(raw[4:8], "big")
        return f"group {wire_id - GROUP_BASE if is_our_group(wire_id) else wire_id:d}"
    if kind == wire.OFPAT_POP_VLAN and len(raw) == 8:
        return "pop_vlan"
    if kind == wire.OFPAT_PUSH_VLAN and raw[4:] == ETH_VLAN.to_bytes(2, "big") + bytes(2):
        return "push_vlan"
    if kind == wire.OFPAT_POP_MPLS and len(raw) == 8:
        eth_type = hex(int.from_bytes(raw[4:6], "big"))
        return f"pop_mpls, {_ETH_TYPES.get(eth_type, eth_type)} behind it"
    if kind == wire.OFPAT_DEC_NW_TTL and len(raw) == 8:
        return "dec_ttl"
    if kind == wire.OFPAT_SET_FIELD:
        where = _HEADERS.get(int.from_bytes(raw[4:8], "big"))
        if where is None or not where.whole or len(raw) < 8 + where.width:
            return None
        if where.name == "claimed_ip":
            # A whole one is moved there, never set.
            return f"set member_of={_bits(int.from_bytes(raw[8:24], 'big')) or 0}"
        return f"set {where.name}={_value(where, raw[8 : 8 + where.width])}"
    if kind == wire.OFPAT_EXPERIMENTER and raw[4:8] == wire.NICIRA.to_bytes(4, "big"):
        return _nicira(raw)
    return None


def _part(header: int, offset: int, bits: int) -> str | None:
    where = _HEADERS.get(header)
    if where is None:
        return None
    if (offset, bits) == (0, where.width * 8):
        return where.name
    return _SLICES.get((header, offset, bits)) or f"{where.name}[{offset}..{offset + bits - 1}]"


def _nicira(raw: bytes) -> str | None:
    subtype = int.from_bytes(raw[8:10], "big")
    if raw in _ENCAPS:
        return _ENCAPS[raw]
    if subtype == wire.CLONE and len(raw) >= 16:
        return f"to a copy: {', '.join(_actions(raw[16:]))}"
    if subtype == wire.REG_LOAD2 and raw[10:14] == _MORE_GROUPS:
        return f"add {_bits(int.from_bytes(raw[30:46], 'big'))} to member_of"
    if subtype == wire.RESUBMIT_TABLE and len(raw) == 16:
        return f"resubmit {_table(raw[12])}"
    if subtype == wire.REG_LOAD and len(raw) == 24:
        where, header, value = struct.unpack("!HIQ", raw[10:])
        name = _part(header, where >> 6, (where & 0x3F) + 1)
        if name == "router_mac" and value < 1 << 48:
            return f"set {name}={value.to_bytes(6, 'big').hex(':')}"
        return name and f"set {name}={value}"
    if subtype == wire.REG_MOVE and len(raw) == 24:
        bits, source_offset, target_offset, source, target = struct.unpack("!HHHII", raw[10:])
        one, other = _part(source, source_offset, bits), _part(target, target_offset, bits)
        return one and other and f"move {one} to {other}"
    if subtype in (wire.STACK_PUSH, wire.STACK_POP) and len(raw) == 24:
        offset, header, bits = struct.unpack("!HIH6x", raw[10:])
        name = _part(header, offset, bits)
        return name and f"{'push' if subtype == wire.STACK_PUSH else 'pop'} {name}"
    if subtype == wire.OUTPUT_REG and len(raw) == 24:
        where, header = struct.unpack("!HIH6x", raw[10:])[:2]
        name = _part(header, where >> 6, (where & 0x3F) + 1)
        return name and f"output to {name}"
    if subtype == wire.CHECK_LARGER and len(raw) == 24:
        limit, offset, header = struct.unpack("!HHI6x", raw[10:])
        name = _part(header, offset, 1)
        return name and f"set {name}=frame is larger than {limit} bytes"
    if subtype == wire.CONNTRACK and len(raw) > 24:
        return _translation(raw)
    if subtype == wire.CONNTRACK and len(raw) == 24:
        flags, header, where, table, alg = struct.unpack("!HIHB3xH", raw[10:])
        zone = _HEADERS.get(header)
        if zone is None or where != wire.ZONE_BITS - 1 or alg:
            return None
        if flags not in (0, wire.CT_COMMIT):
            return None
        onward = "" if table == wire.CT_NO_TABLE else f", then {_table(table)}"
        return f"{'commit to' if flags else 'track in'} zone {zone.name}{onward}"
    if subtype == wire.MULTIPATH and len(raw) == 32:
        hashed, _, _, algorithm, last, _, _, where, header = struct.unpack("!HHHHHIHHI", raw[10:])
        name = _part(header, where >> 6, (where & 0x3F) + 1)
        if hashed != wire.HASH_SYMMETRIC_L3L4_UDP or algorithm != wire.MULTIPATH_HRW:
            return None
        return name and f"set {name}=hash of the flow over {last + 1}"
    if subtype == wire.BUNDLE_LOAD and len(raw) >= 32:
        return _bundle(raw)
    return None


def _translation(raw: bytes) -> str | None:
    """ct with nat within, as :mod:`vrouter_ovs.wire.flows` makes it."""
    flags, source, zone, table, alg = struct.unpack_from("!HIHB3xH", raw, 10)
    if source or alg or flags not in (0, wire.CT_COMMIT):
        return None
    kind, size, vendor, subtype = struct.unpack_from("!HHIH", raw, 24)
    if (kind, vendor, subtype) != (wire.OFPAT_EXPERIMENTER, wire.NICIRA, wire.NAT):
        return None
    if size != len(raw) - 24 or size < 16:
        return None
    how, given = struct.unpack_from("!2xHH", raw, 34)
    if not flags and (how, given) == (0, 0):
        return f"translate as in zone {zone}, then {_table(table)}"
    if flags and (how, given, size) == (wire.NAT_SOURCE, wire.NAT_IPV4_MIN, 24):
        source = ".".join(map(str, raw[40:44]))
        return f"translate as in zone {zone}, new ones from {source}, then {_table(table)}"
    return None


def _bundle(raw: bytes) -> str | None:
    how, _, _, _, count, where, header = struct.unpack_from("!HHHIHHI", raw, 10)
    name = _part(header, where >> 6, (where & 0x3F) + 1)
    if not name or len(raw) < 32 + 2 * count:
        return None
    ports = ", ".join(map(str, struct.unpack_from(f"!{count}H", raw, 32)))
    if how == wire.BUNDLE_ACTIVE_BACKUP:
        return f"set {name}=the first of the ports {ports} that is live"
    if how != wire.BUNDLE_HRW:
        return None
    return f"set {name}=hash of the flow over those of the ports {ports} that are live"
