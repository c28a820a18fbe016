"""What floating IPs do to a packet: its source on the way out, its destination on the way in."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import FLOATING_IP, Port
from ryu_apps.control.explain.path import DROP, PASS, Stage, leaves_by, port_name
from ryu_apps.control.explain.rules import Packet

STAGE = "floating IP"


class Arrived(NamedTuple):
    """``stages``: what was done; ``packet``: as it reaches ``target``, None for what is no port."""

    stages: list[Stage]
    packet: Packet
    target: Port | None


def translated(
    config: Config, port: Port, packet: Packet, path: Stage, target: Port | None
) -> Arrived:
    """``path``, ``target``: where the packet goes by its addresses as they are."""
    stages, arrived = [], packet
    item = leaves_by(config, port, packet, target) if path.verdict == PASS else None
    if item is not None and (target is not None or path.port == item.floating_port_id):
        stages.append(Stage(
            STAGE, PASS, f"{packet.source} goes out as {item.floating_ip_address}, from the "
            "hypervisor of the port", port.id,
        ))
        arrived = dataclasses.replace(arrived, source=item.floating_ip_address)
    if target is not None and target.device_owner == FLOATING_IP:
        held = config.floatingips.get(target.device_id)
        inner = config.ports.get(held.port_id) if held is not None else None
        if held is None or inner is None:
            why = f"{packet.destination} is a floating IP that stands for no port"
            return Arrived([*stages, Stage(STAGE, DROP, why, port.id)], arrived, None)
        stages.append(Stage(
            STAGE, PASS, f"{packet.destination} stands for {held.fixed_ip_address} of port "
            f"{port_name(inner)}", inner.id,
        ))
        arrived = dataclasses.replace(arrived, destination=held.fixed_ip_address)
        return Arrived(stages, arrived, inner)
    return Arrived(stages, arrived, target)
