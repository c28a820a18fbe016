"""Neutral flows: what a flow is, without a byte of OpenFlow.

``match``: a tuple of ``(field, value)`` or ``(field, value, mask)``; field names are those of
:mod:`vrouter_ovs.schema.fields` and :mod:`vrouter_ovs.schema.registers`, values integers or
canonical text.

``priority``: the name of one that the table declares, or (name, distance from its lowest number) of
one that is a range (:class:`vrouter_ovs.schema.declaration.Priority`).

``actions``, in the order they are done:

=============================  ==================================================================
``("output", port)``           to an OpenFlow port; ``IN_PORT`` sends it back where it came from
``("output_reg", register)``   to the port a register names; never back to the in-port
``("group", number)``          to the port that a group of :class:`~vrouter_ovs.state.Group` chooses
``("set_field", field, v)``    the whole field becomes v
``("load", field, v)``         a slice of a register becomes v
``("set_bits", field, bits)``  these bits of the whole field become 1, the others stay
``("move", source, target)``   copy a field or slice to another of the same width
``("push", f)``, ``("pop", f)``  through the switch's stack
``("recirculate",)``           have the switch begin anew, with registers kept, what it may do with
                               a packet: 4,096 tables (ovs-vswitchd's limit) in one pass
``("pop_vlan",)``              take the outer VLAN tag off
``("push_vlan",)``             put a VLAN tag on, whose VID is to be set
``("push_mpls",)``             put a label in front of the frame or packet, which becomes MPLS
``("pop_ethernet",)``          take the Ethernet header off
``("pop_mpls", eth_type)``     take the label off; a packet of this type is behind it
``("pop_mpls_of_frame",)``     take the label off, where no Ethernet header is before it; a frame is
                               behind it
``("clone", actions)``         do these to a copy
``("dec_ttl",)``               IPv4 TTL or IPv6 hop limit
``("multipath", n, register)`` a stable hash of the packet's flow, 0 to n-1, into a register
``("bundle", ports, register)``  the one of these OpenFlow ports that the switch chooses by a stable
                               hash of the packet's flow among those that are live, into a
                               register; :data:`NO_PORT` where none is
``("first_live", ports, register)``  the first of these OpenFlow ports that is live, likewise
``("check_larger", n, slice)``  whether the frame has more than n bytes, 1 or 0, into one bit of a
                               register: the switch goes on both ways, and what follows here is
                               undone where this flow was run by resubmit
``("resubmit", table)``        run a later table, or a smaller part of this one, then go on
``("ct", zone, table)``        look the connection up in the zone that a field's low 16 bits name,
                               then go on in a later table; what follows sees no connection
``("ct_commit", zone)``        enter the connection into that zone; what follows sees none; with
                               a table as third, then go on there as ``ct`` does
``("ct_nat", zone, table)``     look the connection up in the zone of this number, have the packet's
                               addresses be what the connection says, then go on in a later table
``("ct_snat", zone, address, table)``  likewise, and what begins a connection enters it with
                               ``address`` as source
``("meter", id)``              count the packet against a meter; the first action, if at all
``("controller",)``            a copy of the whole packet to the node
``("goto", table)``            go on in a later table; the last action
``("drop",)``                  nothing: the packet ends here, for the reason that its priority
                               declares; the only action
``("return",)``                nothing: go on where this table was run by resubmit; the only action
=============================  ==================================================================

A flow without any is refused: a drop is said, and has a reason.
"""

from __future__ import annotations

from typing import NamedTuple

IN_PORT = 0xFFFFFFF8
"""OFPP_IN_PORT of OpenFlow 1.1 and later."""
CONTROLLER = 0xFFFFFFFD
"""OFPP_CONTROLLER."""
NO_PORT = 0xFFFF
"""What a bundle chooses where no port is live: OFPP_NONE of OpenFlow 1.0, in 16 bits."""


DROP: tuple[tuple, ...] = (("drop",),)
RETURN: tuple[tuple, ...] = (("return",),)
"""The actions of a flow that does nothing, whose packets are dropped or are not."""


class Flow(NamedTuple):
    table: str
    priority: str | tuple[str, int]
    match: tuple[tuple, ...]
    actions: tuple[tuple, ...]
    cookie: int
