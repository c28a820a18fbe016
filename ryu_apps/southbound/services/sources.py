"""MACs that the node does not know yet, of ports without port security."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryu_apps.control.messages import MacSeen
from ryu_apps.southbound.services.base import Service, SwitchPort
from vrouter_ovs.edge import EdgePort, PuntReason
from vrouter_ovs.proxies.packet import Answer


def services(post: Callable[[Any], None]) -> Mapping[int, Service]:
    """By reason; ``post`` takes a MacSeen."""

    def heard(frame: bytes, port: EdgePort, switch_port: SwitchPort) -> tuple[str, Answer]:
        mac = frame[6:12].hex(":")
        post(MacSeen(switch_port[0], port.port_id, mac))
        return "mac", Answer((), "seen", mac)

    return {PuntReason.SOURCE: heard}
