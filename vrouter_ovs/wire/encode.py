"""The byte interface of the virtual router, in one place for those who send and read flows.

:mod:`vrouter_ovs.wire.flows` turns one flow into bytes, :mod:`vrouter_ovs.wire.templates.objects`
turns whole objects into bytes fast, the other files wrap messages around them.
"""

from __future__ import annotations

from vrouter_ovs.cookies import COOKIE_BASE, COOKIE_MASK, cookie, is_ours
from vrouter_ovs.wire.errors import decode_error
from vrouter_ovs.wire.flows import Encoded, encode
from vrouter_ovs.wire.meters import (
    METER_ADD,
    METER_DELETE,
    METER_MODIFY,
    decode_meter_configs,
    decode_meter_stats,
    failed_meter,
    meter_config_request,
    meter_mod,
    meter_stats_request,
)
from vrouter_ovs.wire.openflow import (
    ADD,
    DELETE_STRICT,
    MODIFY_STRICT,
    barrier,
    bundle_add,
    bundle_close,
    bundle_commit,
    bundle_discard,
    bundle_flow_mod,
    bundle_open,
    decode_flow_stats,
    flow_mod,
    flow_stats_request,
    flush_zone,
    set_config,
)
from vrouter_ovs.wire.packets import (
    decode_packet_in,
    packet_in_cookie,
    packet_into,
    packet_out,
)
from vrouter_ovs.wire.renumber import renumbered
from vrouter_ovs.wire.templates.objects import encode_object
from vrouter_ovs.wire.templates.port import port_given

__all__ = [
    "ADD",
    "COOKIE_BASE",
    "COOKIE_MASK",
    "DELETE_STRICT",
    "METER_ADD",
    "METER_DELETE",
    "METER_MODIFY",
    "MODIFY_STRICT",
    "Encoded",
    "barrier",
    "bundle_add",
    "bundle_close",
    "bundle_commit",
    "bundle_discard",
    "bundle_flow_mod",
    "bundle_open",
    "cookie",
    "decode_error",
    "decode_flow_stats",
    "decode_meter_configs",
    "decode_meter_stats",
    "decode_packet_in",
    "encode",
    "encode_object",
    "failed_meter",
    "flow_mod",
    "flow_stats_request",
    "flush_zone",
    "is_ours",
    "meter_config_request",
    "meter_mod",
    "meter_stats_request",
    "packet_in_cookie",
    "packet_into",
    "packet_out",
    "port_given",
    "renumbered",
    "set_config",
]
