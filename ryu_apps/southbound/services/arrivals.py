"""Guests that have come to a hypervisor where their port stood by: the node is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryu_apps.control.messages import GuestSeen
from ryu_apps.southbound.services.base import SwitchPort, Witness
from vrouter_ovs.edge import PuntReason


def services(post: Callable[[Any], None]) -> Mapping[int, Witness]:
    """By reason; the answer of each is what it is counted as.  ``post`` takes a GuestSeen.  The
    frame itself says no more: the switch has seen that it comes from the port's own MAC."""

    def seen(switch_port: SwitchPort) -> str:
        post(GuestSeen(*switch_port))
        return "guest arrived"

    return {PuntReason.ACTIVATION: seen}
