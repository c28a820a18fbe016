"""How fast a port may enter connections into its zone.

All zones of a hypervisor share one table of connections, and Open vSwitch before 3.4 has no limit
for a zone that OpenFlow or OVSDB could set.  So what begins a connection, at the port that sends it
and at the one that it reaches, passes a meter of that port: as an entry is forgotten after a time
without packets, a rate bounds how many a port can have.  Packets of connections that are known pass
no meter.

A stream in one direction is new until it is answered, so that every packet of it is counted.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.pipeline.punt import METERS, PUNT_BURST, PUNT_RATE, meter_id, punted
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import Punt

COUNTED = ("resubmit", "connect")
"""The action that counts it; beyond the port's rate the packet ends there."""


NEW_CONNECTIONS = 0
"""Connections a second that a port may begin, if nobody says otherwise: no limit, since a stream
that nobody answers would be cut to it.  With 1,000, and 60 s for UDP without a reply, the longest
that Open vSwitch gives what is not established, a port that does its worst has 64,000 entries of
the userspace datapath's three million."""
BURST_SECONDS = 4
UNLIMITED = 10_000_000
"""A rate that no switch reaches: the meters stay, so that nothing else changes."""


def meters(new_connections: int = NEW_CONNECTIONS) -> dict[int, tuple[int, int]]:
    """All meters of a switch: id -> (packets a second, at once); for punts, and for what begins a
    connection, ``new_connections`` a second; 0 is no limit."""
    rate = new_connections or UNLIMITED
    found = {meter_id(number): (PUNT_RATE, PUNT_BURST) for number in range(METERS)}
    beginning = (rate, min(BURST_SECONDS * rate, UNLIMITED))
    found.update((connect_meter(number), beginning) for number in range(METERS))
    return found


def connect_meter(ofport: int) -> int:
    """The meter of a port: the same on every node and after every restart, and none of those of
    punts."""
    return METERS + 1 + ofport % METERS


def counted(ofport: int, tag: int) -> Flow:
    """A port's part.  Both where it sends and where it receives, the register is its number."""
    counting = (("meter", connect_meter(ofport)),)
    return Flow("connect", "port", (("out_port", ofport),), counting, tag)


def render_punt(punt: Punt) -> tuple[Flow, ...]:
    """One flow, two where connections are counted."""
    tag = cookie(punt.key)
    flows = (punted(punt.ofport, tag),)
    return (*flows, counted(punt.ofport, tag)) if punt.counted else flows
