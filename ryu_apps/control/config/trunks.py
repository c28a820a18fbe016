"""Which port carries which, by the trunks.  Pure functions of the configuration."""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import SubPort, Trunk


def trunk_of(config: Config, port_id: str) -> Trunk | None:
    """The trunk that a port is a subport of."""
    return next((config.trunks[id] for id in config.trunks_by_subport.get(port_id, ())), None)


def parent_of(config: Config, port_id: str) -> str:
    """The port that carries a subport; "" for any other port."""
    trunk = trunk_of(config, port_id)
    return trunk.port_id if trunk is not None else ""


def vlan_of(config: Config, port_id: str) -> int:
    """The VLAN of a subport; 0 for any other port."""
    trunk = trunk_of(config, port_id)
    return next(one.segmentation_id for one in trunk.sub_ports if one.port_id == port_id) if (
        trunk is not None
    ) else 0


def subports_of(config: Config, port_id: str) -> tuple[SubPort, ...]:
    """What a port carries."""
    return next((
        config.trunks[id].sub_ports for id in config.trunks_by_port.get(port_id, ())
    ), ())
