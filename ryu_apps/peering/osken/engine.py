"""os-ken's own BGPSpeaker as an engine, for comparison and for sites that want it."""

from __future__ import annotations

from ryu_apps.peering.engine.client import SubprocessEngine


class OskenEngine(SubprocessEngine):
    """os-ken 4.2.2's BGPSpeaker in its own process, under eventlet (under native threads it loses
    routes).  What it cannot do, and :class:`ryu_apps.peering.native.engine.NativeEngine` can:

    - a second label and the Router's MAC on type 2 and the Router's MAC on type 5: announced
      without, so there is no routing between networks through such peers;
    - route targets per route: a route distinguisher has those of its first route;
    - ESIs, MED, static MACs, another encapsulation than VXLAN, AS numbers over 65535 of our own;
    - other address families than L2VPN EVPN;
    - graceful restart and End-of-RIB: a peer withdraws our routes when the session ends, and
      ``end_of_rib`` does nothing;
    - holding its table: a session has it at once, and ``send_table`` does nothing; so what a node
      that was paused tells peers first is what it knew before;
    - RFC 7606; limits on prefixes; more than one listening address; hold times per peer (40 s);
      peers on IPv6;
    - the deletion of a route whose addition it has not processed is lost (its own defect), so a
      withdrawal is given to it only after a pause;
    - about 400 routes a second.
    """

    MODULE = "ryu_apps.peering.osken.process"
    ENVIRONMENT = {"OSKEN_HUB_TYPE": "eventlet"}
