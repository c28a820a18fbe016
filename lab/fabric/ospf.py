"""OSPF as the racks and their chassis speak it (RFC 2328): texts of FRR's ospfd.conf.

Each rack is a stub area of its own.  It says what it owns; the chassis, border of all areas, gives
each a default route for all the rest and nothing else.
"""

from __future__ import annotations

from lab.fabric.plan import CHASSIS, PLANES, Racks, rack_name

HELLO = 1
DEAD = 3
"""Seconds: a neighbour that is not heard for so long is gone (RFC 2328 section 9.5)."""

_TIMERS = (
    f" ip ospf hello-interval {HELLO}", f" ip ospf dead-interval {DEAD}",
    " ip ospf retransmit-interval 1", " ip ospf network point-to-point",
)  # fmt: skip
_SPEED = (
    " timers throttle spf 0 50 1000", " timers throttle lsa all 0", " timers lsa min-arrival 0",
)  # fmt: skip


def rack_config(plan: Racks, rack: int, uplink: str, servers: str) -> str:
    """``uplink``, ``servers``: its devices to the chassis and of the subnets that it owns."""
    _, mine = plan.link(rack)
    lines = [
        f"hostname {rack_name(rack)}",
        f"interface {uplink}", *_TIMERS,
        "router ospf", f" ospf router-id {mine.partition('/')[0]}", *_SPEED,
        f" passive-interface {servers}",
        f" area 0.0.0.{rack} stub",
        f" network {mine} area 0.0.0.{rack}",
        *(f" network {plan.subnet(rack, path)}0/24 area 0.0.0.{rack}" for path in range(PLANES)),
    ]
    return "\n".join(lines) + "\n"


def chassis_config(plan: Racks, downlinks: dict[int, str], loopback: str) -> str:
    """``downlinks``: rack -> its device to it; ``loopback``: its own address, the backbone's."""
    lines = [f"hostname {CHASSIS}"]
    for device in downlinks.values():
        lines += [f"interface {device}", *_TIMERS]
    lines += [
        "router ospf", f" ospf router-id {loopback}", *_SPEED,
        f" network {loopback}/32 area 0.0.0.0",
    ]
    for rack in downlinks:
        area = f"0.0.0.{rack}"
        lines += [
            f" network {plan.link(rack)[0]} area {area}",
            f" area {area} stub no-summary",
        ]
    return "\n".join(lines) + "\n"
