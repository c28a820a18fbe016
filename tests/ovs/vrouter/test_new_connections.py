"""How many connections one port can have the switch remember: as many as its rate allows, so that
others find room; with real packets, through the userspace datapath's table."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.ovs.vrouter.policy_bed import Bed
from tests.ovs.vrouter.policy_probes import ALL_OUT, CLIENT, SERVER, address, reaches, running_bed
from vrouter_ovs.state import INGRESS, Policy, Punt, Rule
from vrouter_ovs.state.meters import connect_meter, meter_pools, meters
from vrouter_ovs.wire import encode

RATE, FLOOD = 20, 3000
FEW = 300
"""Datagrams in fragments: the switch has room for a thousand fragments."""
WHOLE, IN_FRAGMENTS = 10, 2000


@pytest.fixture(scope="module")
def running() -> Iterator[Bed]:
    yield from running_bed()


@pytest.fixture
def bed(running: Bed) -> Iterator[Bed]:
    """VM 1 may send anything to VM 2 and VM 4; VM 3 too."""
    running.program([])
    running.forget()
    set_rate(running, RATE)
    running.program([
        *running.base({1: CLIENT, 2: SERVER, 3: CLIENT, 4: SERVER}), *ALL_OUT, Policy(SERVER),
        Rule(SERVER, INGRESS, 4), Rule(SERVER, INGRESS, 6),
        *(Punt(f"p{number}", number, True) for number in running.vms),
    ])  # fmt: skip
    yield running
    assert running.alive(), "ovs-vswitchd died"


def set_rate(bed: Bed, rate: int) -> None:
    bed.openflow.send(b"".join(
        encode.meter_mod(command, meter, *wanted, bed.openflow.next_xid())
        for meter, wanted in meters(meter_pools(rate)).items()
        if meter in map(connect_meter, bed.vms) or meter < 6
        for command in (encode.METER_ADD, encode.METER_MODIFY)
    ))  # fmt: skip
    xid = bed.openflow.next_xid()
    bed.openflow.send(encode.barrier(xid))
    bed.openflow.until(21, xid)


def entries(bed: Bed, zone: int) -> int:
    return bed.appctl("dpctl/dump-conntrack", f"zone={zone}").count("zone=")


def flood(
    bed: Bed, source: int, target: int, size: int, version: int = 4, count: int = FLOOD
) -> float:
    """A datagram to each of many ports; returns how long it took, in seconds."""
    begun = time.monotonic()
    with closing(bed.socket(source, socket.SOCK_DGRAM, version)) as out:
        for number in range(count):
            out.sendto(bytes(size), (address(target, version), 1024 + number))
            if number % 50 == 49:
                time.sleep(0.005)
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("size", "count"), [(WHOLE, FLOOD), (IN_FRAGMENTS, FEW)], ids=["whole", "in fragments"]
)
@pytest.mark.parametrize("version", [4, 6])
def test_a_flood_is_bounded_at_both_ports(bed: Bed, version: int, size: int, count: int) -> None:
    took = flood(bed, 1, 2, size, version, count)
    # A bucket of the switch holds what may come at once and what comes in a second.
    most = meters(meter_pools(RATE))[connect_meter(1)][1] + RATE * (took + 2)
    for zone in (1, 2):
        assert 0 < entries(bed, zone) <= most < count, zone
    # Nobody else feels it.
    assert reaches(bed, 3, 4, 22, version)


def test_without_a_limit(bed: Bed) -> None:
    """What would be remembered."""
    set_rate(bed, 0)
    flood(bed, 1, 2, WHOLE)
    assert entries(bed, 1) > FLOOD / 2
