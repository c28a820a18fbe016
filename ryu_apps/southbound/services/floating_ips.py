"""The service of ICMP errors from and to floating IPs.

A switch cannot write what such an error quotes.  It is punted through the meter of the port that
has the floating IP, translated here (:mod:`vrouter_ovs.proxies.floating`), and put back where it
was, so that the security groups decide of it as of all else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ryu_apps.southbound.services.base import Service, SwitchPort
from vrouter_ovs.edge import EdgePort, PuntReason
from vrouter_ovs.proxies import floating
from vrouter_ovs.proxies.packet import Answer, Malformed, ignored

Inject = Callable[[str, int, str, Mapping[str, int], bytes], bool]
"""``inject(element, in_port, table, registers, frame) -> sent``: have the switch go on with a frame
from this table on; must not block."""
FROM_NODE = 0
"""The in-port of what comes from no port."""


def services(inject: Inject, count: Callable[[str, str, str], None]) -> Mapping[int, Service]:
    """By reason.  ``count(element, "answered" | "ignored", name)``."""

    def service(frame: bytes, port: EdgePort, switch_port: SwitchPort) -> tuple[str, Answer]:
        try:
            found = floating.translate(frame, port.floating)
        except Malformed as fault:
            raise Malformed(f"icmp: {fault.reason}") from None
        if type(found) is str:
            return "icmp", ignored(found)
        element, ofport = switch_port
        if found.inward:
            sent = inject(element, FROM_NODE, "deliver", {"out_port": ofport}, found.frame)
        else:
            registers = {"vrf": found.vrf, "evi": port.evi, "translated": 1}
            sent = inject(element, ofport, "route", registers, found.frame)
        count(element, "answered" if sent else "ignored",
              "icmp translated" if sent else "icmp: no connection to the switch")
        return "icmp", Answer((), "later", "translated")

    return {PuntReason.TRANSLATED_ERROR: service}
