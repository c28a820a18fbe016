"""BGP between the switches of a fabric and the nodes: texts of bgpd.conf, and the nodes' lines.

Within one AS, so that a switch announces its routes with the next hop that it has itself.
"""

from __future__ import annotations

from lab.fabric.flat import MGMT
from lab.fabric.plan import CHASSIS, Racks, rack_name


def config(address: str, asn: int) -> str:
    """Any node of the management network may connect; it is told what is connected, and what OSPF
    found."""
    return "\n".join([
        f"router bgp {asn}", f" bgp router-id {address}", " no bgp default ipv4-unicast",
        " neighbor NODES peer-group", f" neighbor NODES remote-as {asn}",
        " neighbor NODES timers 1 3", f" bgp listen range {MGMT}0/24 peer-group NODES",
        " address-family ipv4 unicast", "  neighbor NODES activate", "  redistribute connected",
        "  redistribute ospf", " exit-address-family",
    ]) + "\n"  # fmt: skip


def peer_lines(plan: Racks, asn: int) -> tuple[str, ...]:
    """Lines of a node's section [bgp]: every switch is a peer."""
    names = [CHASSIS, *map(rack_name, plan.racks)]
    return tuple(
        f"peer = {MGMT}{plan.management(number)} remote-as {asn} name {name} kind router "
        "hold-time 3 families ipv4-unicast"
        for number, name in enumerate(names)
    )
