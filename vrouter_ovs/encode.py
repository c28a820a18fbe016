"""The byte interface of the virtual router, in one place for those who send and read flows.

:mod:`vrouter_ovs.wire` turns one flow into bytes, :mod:`vrouter_ovs.templates` turns whole objects
into bytes fast, :mod:`vrouter_ovs.openflow` wraps the messages around them.
"""

from __future__ import annotations

from vrouter_ovs.cookies import COOKIE_BASE, COOKIE_MASK, cookie, is_ours
from vrouter_ovs.openflow import (
    ADD,
    DELETE_STRICT,
    MODIFY_STRICT,
    barrier,
    bundle_add,
    bundle_commit,
    bundle_discard,
    bundle_flow_mod,
    bundle_open,
    decode_error,
    decode_flow_stats,
    flow_mod,
    flow_stats_request,
    flush_zone,
)
from vrouter_ovs.templates import encode_object
from vrouter_ovs.wire import Encoded, encode

__all__ = [
    "ADD",
    "COOKIE_BASE",
    "COOKIE_MASK",
    "DELETE_STRICT",
    "MODIFY_STRICT",
    "Encoded",
    "barrier",
    "bundle_add",
    "bundle_commit",
    "bundle_discard",
    "bundle_flow_mod",
    "bundle_open",
    "cookie",
    "decode_error",
    "decode_flow_stats",
    "encode",
    "encode_object",
    "flow_mod",
    "flow_stats_request",
    "flush_zone",
    "is_ours",
]
