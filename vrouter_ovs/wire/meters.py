"""Meters: made, changed, deleted and read back, and what they dropped (OpenFlow 1.4.0, sections
7.3.4.4, 7.3.5.13 and 7.3.5.14)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vrouter_ovs.state.meters import KILOBITS, PACKETS, MeterConfig
from vrouter_ovs.wire.openflow import ANY, OFPT_MULTIPART_REQUEST, VERSION

OFPT_METER_MOD, OFPMP_METER, OFPMP_METER_CONFIG = 29, 9, 10
_METER_MOD = struct.Struct("!BBHIHHIHHII4x")
_METER_CONFIG = struct.Struct("!HHI")
_BURST = 4  # OFPMF_BURST
_FLAGS = {PACKETS: 2 | _BURST, KILOBITS: 1 | _BURST}  # OFPMF_PKTPS, OFPMF_KBPS
_UNITS = {flags: unit for unit, flags in _FLAGS.items()}
METER_ADD, METER_MODIFY, METER_DELETE = 0, 1, 2
_METER_DROP = 1
_METER_STATS = struct.Struct("!IH6xIQQII")
"""Meter, length, flows, packets, bytes, and how long it is there."""
_BAND_STATS = struct.Struct("!QQ")
UNKNOWN = (1 << 64) - 1


def meter_mod(
    command: int, meter: int, rate: int, burst: int, unit: str, xid: int
) -> bytes:
    """METER_ADD or METER_MODIFY: beyond ``rate`` of ``unit`` a second, and ``burst`` at once, drop.
    METER_DELETE takes the flows along that name the meter."""
    if command == METER_DELETE:
        return struct.pack(
            "!BBHIHHI", VERSION, OFPT_METER_MOD, 16, xid, command, _FLAGS[unit], meter
        )
    return _METER_MOD.pack(
        VERSION, OFPT_METER_MOD, 32, xid, command, _FLAGS[unit], meter,
        _METER_DROP, 16, rate, burst,
    )  # fmt: skip


def failed_meter(message: bytes) -> int:
    """The meter that a whole OFPT_ERROR to a meter_mod is about; 0 where it does not say."""
    return int.from_bytes(message[24:28], "big") if len(message) >= 28 else 0


def meter_config_request(xid: int) -> bytes:
    """The configuration of all meters."""
    return struct.pack(
        "!BBHIHH4xI4x", VERSION, OFPT_MULTIPART_REQUEST, 24, xid, OFPMP_METER_CONFIG, 0, ANY
    )


def decode_meter_configs(payload: bytes) -> Iterator[tuple[int, MeterConfig | None]]:
    """Each meter of a multipart reply with its id, from the bytes after its 16 bytes of headers;
    None for one that meter_mod() would not make.

    Raises ValueError where the lengths do not add up.
    """
    start, end = 0, len(payload)
    while start < end:
        if end - start < 8:
            raise ValueError("meter configurations end in the middle of one")
        size, flags, meter = _METER_CONFIG.unpack_from(payload, start)
        if size < 8 or start + size > end:
            raise ValueError("a meter configuration with a malformed length")
        found = None
        if size == 24 and flags in _UNITS:
            kind, length, rate, burst = struct.unpack_from("!HHII", payload, start + 8)
            if (kind, length) == (_METER_DROP, 16):
                found = MeterConfig(rate, burst, _UNITS[flags])
        yield meter, found
        start += size


def meter_stats_request(xid: int) -> bytes:
    """What all meters have counted."""
    return struct.pack(
        "!BBHIHH4xI4x", VERSION, OFPT_MULTIPART_REQUEST, 24, xid, OFPMP_METER, 0, ANY
    )


def decode_meter_stats(payload: bytes) -> Iterator[tuple[int, int]]:
    """(meter id, packets that it dropped) of each meter of a multipart reply, from the bytes after
    its 16 bytes of headers.  A count that the switch does not keep is 0.

    Raises ValueError where the lengths do not add up.
    """
    start, end = 0, len(payload)
    while start < end:
        if end - start < _METER_STATS.size:
            raise ValueError("meter statistics end in the middle of a meter")
        meter, size, *_ = _METER_STATS.unpack_from(payload, start)
        bands = size - _METER_STATS.size
        if bands < 0 or bands % _BAND_STATS.size or start + size > end:
            raise ValueError("meter statistics with a malformed length")
        counts = (
            _BAND_STATS.unpack_from(payload, at)[0]
            for at in range(start + _METER_STATS.size, start + size, _BAND_STATS.size)
        )
        yield meter, sum(count for count in counts if count != UNKNOWN)
        start += size
