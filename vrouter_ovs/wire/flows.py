"""Flows to OpenFlow 1.4 bytes, exactly as Open vSwitch 3.1 writes them in a flow-stats reply.

So a flow that was read back equals the flow that was sent, byte for byte, and comparing two whole
tables is comparing two dicts.  What that asks of the encoding, and where it is tested against a
running ovs-vswitchd (tests/ovs/vrouter/test_readback.py): OXM fields in the order of the reply
(:mod:`vrouter_ovs.schema.fields`), no mask of all ones, no field with a mask of zeros, whole fields
by set_field, slices of registers by Nicira's load, Nicira's headers within Nicira's actions.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

from vrouter_ovs.addresses import ipv4_bytes
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import ETH_VLAN
from vrouter_ovs.schema.checks import check
from vrouter_ovs.schema.fields import PACKET_FIELDS, Field, pack_value
from vrouter_ovs.schema.flow import CONTROLLER, Flow
from vrouter_ovs.schema.registers import REGISTERS
from vrouter_ovs.schema.tables import BY_NAME, TABLE_IDS
from vrouter_ovs.wire.groups import group_id

NICIRA = 0x00002320
RESUBMIT_TABLE, REG_LOAD, REG_MOVE, MULTIPATH, OUTPUT_REG = 14, 7, 6, 10, 15
BUNDLE_LOAD = 13
STACK_PUSH, STACK_POP = 27, 28
CHECK_LARGER = 49
REG_LOAD2 = 33
CONNTRACK, CT_COMMIT, CT_NO_TABLE = 35, 1, 0xFF
NAT, NAT_SOURCE, NAT_IPV4_MIN = 36, 1, 1
ZONE_BITS = 16
OFPAT_OUTPUT, OFPAT_PUSH_VLAN = 0, 17
OFPAT_POP_VLAN, OFPAT_POP_MPLS, OFPAT_GROUP, OFPAT_DEC_NW_TTL, OFPAT_SET_FIELD = 18, 20, 22, 24, 25
OFPAT_EXPERIMENTER = 0xFFFF
OFPIT_GOTO_TABLE, OFPIT_APPLY_ACTIONS, OFPIT_METER = 1, 4, 6
WHOLE_PACKET = 0xFFFF
"""OFPCML_NO_BUFFER: the packet-in holds all of the packet."""
HASH_SYMMETRIC_L3L4_UDP = 3
MULTIPATH_HRW = 2
BUNDLE_ACTIVE_BACKUP, BUNDLE_HRW = 0, 1
BUNDLE_OF_PORTS = 0x00000002
"""NXM_OF_IN_PORT: the members of a bundle are ports."""
CLONE, ENCAP, DECAP = 42, 46, 47
PACKET_ETHERNET, PACKET_MPLS, PACKET_NSH, PACKET_NEXT = 0, 0x18847, 0x1894F, 0xFFFE
NX_IN_PORT = 0xFFF8
"""OFPP_IN_PORT in 16 bits, as resubmit takes it: keep the in-port."""
MAX_BODY = 65535 - 16 - 48 - 512
"""What instructions may take of a flow_mod in a bundle message, with room for any match."""

_KEY = struct.Struct("!BH")


class Encoded(NamedTuple):
    """``key``: table id, priority (2 bytes), OXM fields without header and padding.
    ``body``: the instructions.  Two flows are the same flow where their keys are equal."""

    key: bytes
    cookie: int
    body: bytes


def field(name: str) -> Field:
    """A packet field or register.  Raises PipelineError for an unknown name."""
    found = PACKET_FIELDS.get(name) or REGISTERS.get(name)
    if found is None:
        raise PipelineError(f"no field is named {name!r}")
    return found


@lru_cache(maxsize=8192)
def _match_term(term: tuple) -> tuple[int, bytes]:
    """(order, OXM bytes) of one match term."""
    where = field(term[0])
    value = pack_value(where, term[1])
    if len(term) == 2 and where.whole:
        return where.order, struct.pack("!I", where.header) + value
    mask = pack_value(where, term[2] if len(term) == 3 else (1 << where.nbits) - 1)
    if not any(mask) or mask == b"\xff" * where.width:
        raise PipelineError(f"{term}: write a mask of zeros or ones by its absence")
    if any(v & ~m & 0xFF for v, m in zip(value, mask, strict=True)):
        raise PipelineError(f"{term}: bits outside of the mask")
    header = where.header + where.width | 0x100
    return where.order, struct.pack("!I", header) + value + mask


def _nicira(subtype: int, layout: str, *values: int | bytes) -> bytes:
    body = struct.pack("!" + layout, *values)
    return struct.pack("!HHIH", OFPAT_EXPERIMENTER, 10 + len(body), NICIRA, subtype) + body


def _slice(where: Field) -> int:
    return where.offset << 6 | where.nbits - 1


def _set_field(action: tuple) -> bytes:
    where = field(action[1])
    if not where.whole:
        raise PipelineError(f"{action}: load sets a slice")
    oxm = struct.pack("!I", where.header) + pack_value(where, action[2])
    size = 4 + len(oxm)
    padding = -size % 8
    return struct.pack("!HH", OFPAT_SET_FIELD, size + padding) + oxm + bytes(padding)


def _set_bits(action: tuple) -> bytes:
    """Nicira's set_field with a mask, which OpenFlow has from 1.5 on."""
    where = field(action[1])
    bits = pack_value(where, action[2])
    if not any(bits):
        raise PipelineError(f"{action}: sets no bit")
    if bits == b"\xff" * where.width:
        return _set_field(("set_field", *action[1:]))
    oxm = struct.pack("!I", where.header + where.width | 0x100) + bits + bits
    return _nicira(REG_LOAD2, f"{len(oxm)}s{-(10 + len(oxm)) % 8}x", oxm)


def _bundle(action: tuple) -> bytes:
    kind, ports, register = action
    where = field(register)
    how = BUNDLE_HRW if kind == "bundle" else BUNDLE_ACTIVE_BACKUP
    if any(not 0 < port < 0xFF00 for port in ports):
        raise PipelineError(f"{action}: a port has no number of 16 bits")
    return _nicira(
        BUNDLE_LOAD, f"HHHIHHI4x{len(ports)}H{-len(ports) % 4 * 2}x",
        how, HASH_SYMMETRIC_L3L4_UDP, 0, BUNDLE_OF_PORTS, len(ports),
        _slice(where), where.header, *ports,
    )  # fmt: skip


def _ct_nat(action: tuple) -> bytes:
    """ct with a zone of its own and nat within (ovs-actions(7)); no ALG."""
    kind, zone, *_, table = action
    if not 0 < zone < 1 << ZONE_BITS:
        raise PipelineError(f"{action}: not a zone of connections")
    if kind == "ct_snat":
        nat = _nicira(NAT, "2xHH4s4x", NAT_SOURCE, NAT_IPV4_MIN, ipv4_bytes(action[2]))
    else:
        nat = _nicira(NAT, "2xHH", 0, 0)
    commit = CT_COMMIT if kind == "ct_snat" else 0
    head = struct.pack("!HIHB3xH", commit, 0, zone, TABLE_IDS[table], 0)
    size = 10 + len(head) + len(nat)
    return struct.pack("!HHIH", OFPAT_EXPERIMENTER, size, NICIRA, CONNTRACK) + head + nat


RECIRCULATE = _nicira(ENCAP, "HI", 0, PACKET_NSH) + _nicira(DECAP, "HI", 0, PACKET_NEXT)
"""A header put on and taken off again (RFC 8300): after it the switch begins anew to count what it
may do with a packet, and nothing has changed."""


PUSH_MPLS = _nicira(ENCAP, "HI", 0, PACKET_MPLS)
"""In front of a frame it leaves the frame as it is, which push_mpls of OpenFlow does not."""
POP_ETHERNET = _nicira(DECAP, "HI", 0, PACKET_NEXT)
POP_MPLS_OF_FRAME = _nicira(DECAP, "HI", 0, PACKET_ETHERNET)


@lru_cache(maxsize=65536)
def encode_action(action: tuple) -> bytes:
    """One action other than goto.  Raises PipelineError."""
    kind = action[0]
    if kind == "output":
        return struct.pack("!HHIH6x", OFPAT_OUTPUT, 16, action[1], 0)
    if kind == "controller":
        return struct.pack("!HHIH6x", OFPAT_OUTPUT, 16, CONTROLLER, WHOLE_PACKET)
    if kind == "group":
        return struct.pack("!HHI", OFPAT_GROUP, 8, group_id(action[1]))
    if kind == "set_field":
        return _set_field(action)
    if kind == "set_bits":
        return _set_bits(action)
    if kind == "load":
        where, value = field(action[1]), action[2]
        pack_value(where, value)
        return _nicira(REG_LOAD, "HIQ", _slice(where), where.nicira_header, value)
    if kind == "move":
        source, target = field(action[1]), field(action[2])
        if source.nbits != target.nbits:
            raise PipelineError(f"{action}: widths differ")
        return _nicira(
            REG_MOVE, "HHHII", source.nbits, source.offset, target.offset,
            source.nicira_header, target.nicira_header,
        )  # fmt: skip
    if kind in ("push", "pop"):
        where = field(action[1])
        subtype = STACK_PUSH if kind == "push" else STACK_POP
        return _nicira(subtype, "HIH6x", where.offset, where.nicira_header, where.nbits)
    if kind == "resubmit":
        return _nicira(RESUBMIT_TABLE, "HB3x", NX_IN_PORT, TABLE_IDS[action[1]])
    if kind == "recirculate":
        return RECIRCULATE
    if kind == "clone":
        nested = b"".join(map(encode_action, action[1]))
        head = struct.pack(
            "!HHIH6x", OFPAT_EXPERIMENTER, 16 + len(nested), NICIRA, CLONE
        )
        return head + nested
    if kind == "push_mpls":
        return PUSH_MPLS
    if kind == "pop_ethernet":
        return POP_ETHERNET
    if kind == "pop_mpls":
        return struct.pack("!HHH2x", OFPAT_POP_MPLS, 8, action[1])
    if kind == "pop_mpls_of_frame":
        return POP_MPLS_OF_FRAME
    if kind == "pop_vlan":
        return struct.pack("!HH4x", OFPAT_POP_VLAN, 8)
    if kind == "push_vlan":
        return struct.pack("!HHH2x", OFPAT_PUSH_VLAN, 8, ETH_VLAN)
    if kind == "dec_ttl":
        return struct.pack("!HH4x", OFPAT_DEC_NW_TTL, 8)
    if kind == "output_reg":
        where = field(action[1])
        return _nicira(OUTPUT_REG, "HIH6x", _slice(where), where.header, 0)
    if kind == "multipath":
        where = field(action[2])
        return _nicira(
            MULTIPATH, "HHHHHIHHI", HASH_SYMMETRIC_L3L4_UDP, 0, 0, MULTIPATH_HRW,
            action[1] - 1, 0, 0, _slice(where), where.header,
        )  # fmt: skip
    if kind in ("bundle", "first_live"):
        return _bundle(action)
    if kind == "check_larger":
        where = field(action[2])
        if where.nbits != 1:
            raise PipelineError(f"{action}: the answer is one bit")
        if not 0 <= action[1] < 1 << 16:
            raise PipelineError(f"{action}: not a length of 16 bits")
        return _nicira(CHECK_LARGER, "HHI6x", action[1], where.offset, where.header)
    if kind in ("ct", "ct_commit"):
        # The low 16 bits of the field; no ALG; Nicira's header, as the reply has it.
        return _nicira(
            CONNTRACK, "HIHB3xH", 0 if kind == "ct" else CT_COMMIT, field(action[1]).header,
            ZONE_BITS - 1, TABLE_IDS[action[2]] if len(action) > 2 else CT_NO_TABLE, 0,
        )  # fmt: skip
    if kind in ("ct_nat", "ct_snat"):
        return _ct_nat(action)
    raise PipelineError(f"unknown action {kind!r}")


def encode(flow: Flow) -> Encoded:
    """One flow, checked against its table's declaration.  Raises PipelineError."""
    check(flow)
    fields = b"".join([oxm for _, oxm in sorted(map(_match_term, flow.match))])
    table = BY_NAME[flow.table]
    key = _KEY.pack(table.id, table.number_of(flow.priority)) + fields
    actions, goto, meter = flow.actions, b"", b""
    first = actions[0][0]
    if first == "drop" or first == "return":
        return Encoded(key, flow.cookie, b"")
    if first == "meter":
        # An instruction, and in a reply the first one.
        meter = struct.pack("!HHI", OFPIT_METER, 8, actions[0][1])
        actions = actions[1:]
    if actions and actions[-1][0] == "goto":
        goto = struct.pack("!HHB3x", OFPIT_GOTO_TABLE, 8, TABLE_IDS[actions[-1][1]])
        actions = actions[:-1]
    body = b"".join(map(encode_action, actions))
    if len(body) > MAX_BODY:
        raise PipelineError(f"a flow of table {flow.table} is too long: {len(body)} bytes")
    if body:
        body = struct.pack("!HH4x", OFPIT_APPLY_ACTIONS, 8 + len(body)) + body
    return Encoded(key, flow.cookie, meter + body + goto)
