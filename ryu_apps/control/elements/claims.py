"""Why a claim does not have the port that its interface names."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class RefusalKind(StrEnum):
    """The values are recorded in the store, beside the text."""

    NO_PORT = "no_port"
    """The configuration has no such port."""
    ROUTER_INTERFACE = "router_interface"
    SYSTEM_PORT = "system_port"
    """The port is on every vrouter where its network is."""
    PORT_DOWN = "port_down"
    NETWORK_DOWN = "network_down"
    INTERFACE_ERROR = "interface_error"
    """Open vSwitch could not make the interface."""
    NO_OFPORT = "no_ofport"
    """Open vSwitch has given the interface no OpenFlow port yet."""
    NOT_ATTACHED = "not_attached"
    """The hypervisor is not attached to the physical network of the port's network."""
    OTHER_HOST = "other_host"
    """The port is requested on another host."""
    BOUND_ELSEWHERE = "bound_elsewhere"
    """Another interface has the port; this one waits for it."""
    CARRIED = "carried"
    """The port is a trunk's subport, which is where the trunk's parent is."""


class ClaimRefusal(NamedTuple):
    """``text``: for people; nothing is decided by it."""

    kind: RefusalKind
    text: str

    @property
    def waits(self) -> bool:
        """Whether the claim gets the port when the one goes that has it."""
        return self.kind == RefusalKind.BOUND_ELSEWHERE
