"""What a packet needs on its way to a hop: the one place that knows how encapsulations differ.

A packet for a tunnel carries its label in the field ``tun_id``, where its encapsulation has it, and
its :class:`Endpoint` in the registers ``vtep`` (with the field ``tun_ipv6_dst``) and
``tunnel_type``.  The latter is zero for VXLAN, as registers are at first, so flows of VXLAN alone
do not name it.  Which underlay path it takes is decided behind them, by the flows of its
:class:`~vrouter_ovs.state.Tunnel`: a hop names a VTEP by its first path.
"""

from __future__ import annotations

from collections.abc import Sequence

from vrouter_ovs.encapsulation import ENCAPSULATIONS, MPLS_GRE, VXLAN
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import ETH_MPLS
from vrouter_ovs.pipeline.terms import vtep_terms
from vrouter_ovs.schema.flow import NO_PORT
from vrouter_ovs.state import BridgedHop, Endpoint, LocalHop, OutsideHop, RemoteHop

Hop = LocalHop | RemoteHop | BridgedHop | OutsideHop
FIRST_LABEL = 16
"""Those below are reserved (RFC 3032 section 2.1)."""


def hop_actions(hop: Hop) -> tuple[tuple, ...]:
    """Deliver to ``hop``.  The TTL and what else is the same for all hops is left to the tables
    that follow.  Raises PipelineError where no tunnel leads there."""
    if type(hop) is LocalHop:
        return (
            ("set_field", "eth_src", hop.gateway_mac),
            ("set_field", "eth_dst", hop.mac),
            ("set_field", "out_port", hop.ofport),
            ("goto", "arrive"),
        )
    if type(hop) is OutsideHop:
        return _outside_actions(hop)
    return (*_inner(hop), *tunnel_actions(hop.endpoint, hop.label), ("goto", "encap"))


def _outside_actions(hop: OutsideHop) -> tuple[tuple, ...]:
    """What is marked here is sent by the table ``outside``, when the packet has been translated."""
    onward = tunnel_actions(hop.endpoint, hop.label) if hop.endpoint is not None else ()
    return (
        ("set_field", "eth_src", hop.gateway_mac),
        ("set_field", "eth_dst", hop.mac),
        ("set_field", "out_port", hop.ofport),
        *onward,
        ("goto", "snat"),
    )


def first_live(
    hops: Sequence[Hop], watch: Sequence[tuple[int, ...]]
) -> tuple[tuple[tuple, ...], list[tuple[int, Hop]]]:
    """Have the switch choose the first hop of which a tunnel port is live: (the action, which
    writes the number of the port into the register ``bucket``; for each number the hop, and for
    NO_PORT the first).  Raises PipelineError where a hop has no tunnel port."""
    ports = [(port, hop) for hop, of_hop in zip(hops, watch, strict=False) for port in of_hop]
    if not ports or not all(watch[: len(hops)]) or len(watch) < len(hops):
        raise PipelineError(f"a hop to watch has no tunnel port: {watch}")
    if len({port for port, _ in ports}) < len(ports):
        raise PipelineError(f"a tunnel port leads to two hops: {watch}")
    choose = ("first_live", tuple(port for port, _ in ports), "bucket")
    return (choose,), [*ports, (NO_PORT, hops[0])]


def relay_actions(hop: RemoteHop | BridgedHop) -> tuple[tuple, ...]:
    """What came from a tunnel for somebody who was here goes on to ``hop``, as it is: the vrouter
    that sent it has measured it, and counted a hop where it was routed.  Of the vrouters where
    somebody has been, each relays to one where it was later, so that no frame comes back."""
    return (
        *_inner(hop), ("load", "from_tunnel", 0), *tunnel_actions(hop.endpoint, hop.label),
        ("goto", "send"),
    )  # fmt: skip


def _inner(hop: RemoteHop | BridgedHop) -> tuple[tuple, ...]:
    """What a routed packet's frame gets for where it goes; in MPLS it has none."""
    if type(hop) is RemoteHop and hop.endpoint.encap != MPLS_GRE:
        return (("set_field", "eth_dst", hop.router_mac),)
    return ()


def labelled(label: int) -> tuple[tuple, ...]:
    """The terms for what came from a tunnel with an MPLS label.  Raises PipelineError for one that
    is reserved, or has more than 20 bits (RFC 3032 section 2.1)."""
    if not FIRST_LABEL <= label < 1 << 20:
        raise PipelineError(f"no MPLS label: {label}")
    return (
        ("tunnel_type", tunnel_type(MPLS_GRE)), ("eth_type", ETH_MPLS), ("mpls_label", label),
    )  # fmt: skip


ARRIVED = ("load", "tunnel_type", 0)
"""What :func:`labelled` has found need not be known any longer: the packet may be sent on."""


def tunnel_actions(endpoint: Endpoint, label: int, always: bool = False) -> tuple[tuple, ...]:
    """Mark a packet for the tunnel to ``endpoint``.  ``always``: the register ``tunnel_type`` is
    set for VXLAN too, as it may hold another copy's."""
    number = tunnel_type(endpoint.encap)
    key = label << ENCAPSULATIONS[endpoint.encap].ovs.key_shift
    to = (("set_field", *term) for term in tunnel_vtep(endpoint))
    marked = (("set_field", "tun_id", key), *to)
    return (*marked, ("load", "tunnel_type", number)) if number or always else marked


def tunnel_match(endpoint: Endpoint) -> tuple[tuple, ...]:
    """The terms for packets that :func:`tunnel_actions` marked for ``endpoint``."""
    return (*tunnel_vtep(endpoint), *type_match(endpoint.encap))


def type_match(encap: str) -> tuple[tuple, ...]:
    """The terms for packets of an encapsulation; none for VXLAN: its flows stand below those of
    the others."""
    number = tunnel_type(encap)
    return (("tunnel_type", number),) if number else ()


def tunnel_type(encap: str) -> int:
    """The register ``tunnel_type`` for packets of an encapsulation.  Raises PipelineError for one
    that the switch does not send."""
    row = ENCAPSULATIONS.get(encap)
    if row is None or row.ovs is None:
        raise PipelineError(f"no encapsulation {encap!r}")
    return 0 if encap == VXLAN else row.tunnel_type


def tunnel_vtep(endpoint: Endpoint) -> tuple[tuple, ...]:
    """As :func:`vtep_terms`.  Raises PipelineError also for a hop that names an underlay path."""
    if endpoint.path:
        raise PipelineError(f"a hop names no underlay path, and not {endpoint.path}")
    return vtep_terms(endpoint.vtep)
