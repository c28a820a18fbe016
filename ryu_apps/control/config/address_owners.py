"""Whose the addresses of a network are.  Pure functions of the configuration."""

from __future__ import annotations

from ryu_apps.control import ids
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port
from vrouter_ovs.state import OWNER_KNOWN, OWNER_PORT


def owner_of(config: Config, vni: int, address: str, mac: str) -> int:
    """Whose ``address`` is where it is at ``mac`` in the EVI ``vni``.

    OWNER_PORT where the configuration gives it to the port with this MAC: as a fixed address, or as
    the link-local one that is made from the MAC.  OWNER_KNOWN for all else: an allowed address pair
    that somebody uses, or a host behind another system's VTEP.
    """
    for kind, network_id in config.by_vni.get(vni, ()):
        if kind == "network":
            for port_id in config.ports_by_mac.get((network_id, mac), ()):
                if address in own_addresses(config.ports[port_id]):
                    return OWNER_PORT
    return OWNER_KNOWN


def own_addresses(port: Port) -> list[str]:
    """The addresses whose owner a port may be."""
    fixed = [fixed.ip_address for fixed in port.fixed_ips]
    return [*fixed, ids.link_local(port.mac_address)] if port.mac_address else fixed
