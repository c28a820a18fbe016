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
from vrouter_ovs.pipeline.edge.punt import punt_flow
from vrouter_ovs.pipeline.ports.storm import storm_flow
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import Punt
from vrouter_ovs.state.meters import connect_meter

COUNTED = ("resubmit", "connect")
"""The action that counts it; beyond the port's rate the packet ends there."""


def counting_flow(ofport: int, tag: int) -> Flow:
    """A port's part.  Both where it sends and where it receives, the register is its number."""
    counting = (("meter", connect_meter(ofport)),)
    return Flow("connect", "port", (("out_port", ofport),), counting, tag)


def render_punt(punt: Punt) -> tuple[Flow, ...]:
    """One flow, another where connections are counted, and where storms are."""
    tag = cookie(punt.key)
    flows = [punt_flow(punt.ofport, tag)]
    if punt.counted:
        flows.append(counting_flow(punt.ofport, tag))
    if punt.storm:
        flows.append(storm_flow(punt.ofport, tag))
    return tuple(flows)
