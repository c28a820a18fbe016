"""Devices by which a test sends frames into a switch."""

from __future__ import annotations

import socket

from tests.ovs.vrouter.policy_bed import Bed

ALL = 3


def link(bed: Bed, number: int) -> socket.socket:
    with bed.inside(number):
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    made.bind(("eth0", ALL))
    made.settimeout(5)
    return made
