"""The pool of meters on one connection: what is there, and what must be changed; no I/O.

Meters are no part of bundles, so the pool is made before the first flow that names one, and a meter
that is right is not touched: changing one would begin its bucket anew under a running node.
"""

from __future__ import annotations

import logging

from ryu_apps.southbound.openflow.connection import ERROR, MULTIPART_REPLY
from vrouter_ovs.pipeline.connect import NEW_CONNECTIONS, meters
from vrouter_ovs.wire import encode as wire

LOG = logging.getLogger("vnc.openflow")

class Meters:
    """``xid``: of the last changes, so that their refusals are known; 0 before.
    ``new_connections``: see :func:`meters`."""

    def __init__(self, element: str, new_connections: int = NEW_CONNECTIONS) -> None:
        self._wanted = meters(new_connections)
        self.xid = 0
        self.refused = ""
        self._element = element
        self._found: dict[int, tuple[int, int] | None] = {}

    def reply(self, kind: int, message: bytes) -> bool:
        """Take one reply to a meter_config_request.  Returns whether it was the last.

        Raises ValueError for a malformed one.
        """
        if kind == ERROR:
            self.refuse(message)
            return True
        if kind != MULTIPART_REPLY or len(message) < 16:
            return False
        self._found.update(wire.decode_meter_configs(message[16:]))
        return not message[11] & 1  # OFPMPF_REPLY_MORE

    def changes(self, xid: int) -> list[bytes]:
        """The messages that make the pool what it should be; [] where it is, or cannot be."""
        found, self._found = self._found, {}
        self.xid = xid
        if self.refused:
            return []
        return [
            wire.meter_mod(wire.METER_MODIFY if meter in found else wire.METER_ADD, meter,
                           *wanted, xid)
            for meter, wanted in self._wanted.items() if found.get(meter) != wanted
        ]

    def refuse(self, message: bytes) -> None:
        """The switch answered with this OFPT_ERROR: it has no meters, or not enough."""
        if not self.refused:
            self.refused = wire.decode_error(message)[3]
            LOG.error("vrouter %s has no use for meters (%s): DHCP and router advertisements will "
                      "not work there, and ports begin connections without a limit",
                      self._element, self.refused)
