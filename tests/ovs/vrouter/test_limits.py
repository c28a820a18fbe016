"""Limits and marks of ports with real packets, through meters of the userspace datapath."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests.ovs.vrouter.policy_bed import Bed, command, ip4, ip6
from tests.ovs.vrouter.policy_probes import ALL_OUT, CLIENT, SERVER, running_bed
from vrouter_ovs.state import EGRESS, INGRESS, Limits, MeterPool, Policy, Rule, StateObject
from vrouter_ovs.state.limits import RECEIVED, SENT, limit_pool
from vrouter_ovs.state.meters import KILOBITS, PACKETS
from vrouter_ovs.wire import encode

COUNT, SIZE = 300, 972
"""Datagrams of a test, and their bytes: a frame of 8,112 bits with IPv4, of 8,272 with IPv6."""
FEW = 20
SLOW = 5
"""What passes at once, and in a second; in packets, of which a kilobit meter lets as many pass."""
STATELESS = 9
SETS = {"no set": {}, "stateful": {1: CLIENT, 2: SERVER}, "stateless": {1: STATELESS, 2: STATELESS}}


@pytest.fixture(scope="module")
def running() -> Iterator[Bed]:
    yield from running_bed()


@pytest.fixture
def bed(running: Bed) -> Iterator[Bed]:
    running.program([])
    running.forget()
    yield running
    assert running.alive(), "ovs-vswitchd died"


def slow(port: int, direction: str, unit: str) -> MeterPool:
    factor = 8 if unit == KILOBITS else 1
    return limit_pool(f"p{port}", port, direction, unit, SLOW * factor, FEW * factor)


def program(bed: Bed, policies: dict[int, int], *objects: StateObject) -> None:
    """``objects``: with meters, which are made first and are full again."""
    pools = [one for one in objects if isinstance(one, MeterPool)]
    messages = [
        encode.meter_mod(change, one.first, *one.config, bed.openflow.next_xid())
        for one in pools for change in (encode.METER_ADD, encode.METER_MODIFY)
    ]
    xid = bed.openflow.next_xid()
    bed.openflow.send(b"".join(messages) + encode.barrier(xid))
    bed.openflow.until(21, xid)
    found = bed.openflow.read_meters()
    assert all(found[one.first] == one.config for one in pools)
    bed.program([
        *bed.base(policies), *ALL_OUT, Policy(SERVER), Rule(SERVER, INGRESS, 4),
        Rule(SERVER, INGRESS, 6), Policy(STATELESS, stateful=False),
        *(
            Rule(STATELESS, direction, version, stateful=False)
            for direction in (EGRESS, INGRESS) for version in (4, 6)
        ),
        *(one for one in objects if not isinstance(one, MeterPool)),
    ])  # fmt: skip


def listening(bed: Bed, number: int, version: int) -> socket.socket:
    found = bed.socket(number, socket.SOCK_DGRAM, version)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    found.bind(("", 5000))
    found.settimeout(1)
    return found


def counted(receiver: socket.socket) -> int:
    count = 0
    with suppress(TimeoutError):
        while True:
            receiver.recv(2000)
            count += 1
    return count


def send(bed: Bed, source: int, target: str, version: int = 4) -> float:
    """Returns how long it took, in seconds."""
    begun = time.monotonic()
    with closing(bed.socket(source, socket.SOCK_DGRAM, version)) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for number in range(COUNT):
            out.sendto(bytes(SIZE), (target, 5000))
            if number % 20 == 19:
                time.sleep(0.005)
    return time.monotonic() - begun


def most(took: float) -> float:
    return FEW + SLOW * (took + 2)


def address(number: int, version: int) -> str:
    return ip4(number) if version == 4 else ip6(number)


@pytest.mark.parametrize("sets", SETS)
@pytest.mark.parametrize("unit", [KILOBITS, PACKETS])
@pytest.mark.parametrize(("direction", "port"), [(SENT, 1), (RECEIVED, 2)])
def test_a_limit_holds(bed: Bed, direction: str, port: int, unit: str, sets: str) -> None:
    version = 6 if unit == PACKETS else 4
    limits = (
        Limits("p1", 1, sent=(unit,)) if direction == SENT else Limits("p2", 2, received=(unit,))
    )
    program(bed, SETS[sets], slow(port, direction, unit), limits)
    with closing(listening(bed, 2, version)) as receiver:
        took = send(bed, 1, address(2, version), version)
        assert FEW * 0.8 < counted(receiver) <= most(took)


def test_without_a_limit(bed: Bed) -> None:
    """What would arrive."""
    program(bed, {})
    with closing(listening(bed, 2, 4)) as receiver:
        send(bed, 1, ip4(2))
        assert counted(receiver) > COUNT * 0.9


def test_both_units_hold(bed: Bed) -> None:
    wide = limit_pool("p1", 1, SENT, KILOBITS, 8000, 8 * 2 * FEW)
    narrow = slow(1, SENT, PACKETS)
    program(bed, {}, wide, narrow, Limits("p1", 1, sent=(KILOBITS, PACKETS)))
    with closing(listening(bed, 2, 4)) as receiver:
        took = send(bed, 1, ip4(2))
        assert FEW * 0.8 < counted(receiver) <= most(took)


@pytest.mark.parametrize("sets", SETS)
@pytest.mark.parametrize("limited", [1, 2])
def test_a_limit_takes_a_broadcast_from_nobody_else(bed: Bed, limited: int, sets: str) -> None:
    """A copy that a meter drops leaves those of the other receivers alone, also of those behind it;
    what the sender may not send reaches nobody."""
    policies = dict.fromkeys(bed.vms, STATELESS) if sets == "stateless" else (
        dict.fromkeys(bed.vms, SERVER) | {1: CLIENT} if sets == "stateful" else {}
    )
    direction = SENT if limited == 1 else RECEIVED
    units = {"sent" if limited == 1 else "received": (PACKETS,)}
    program(
        bed, policies, slow(limited, direction, PACKETS), Limits(f"p{limited}", limited, **units)
    )
    receivers = {number: listening(bed, number, 4) for number in (2, 3, 4)}
    took = send(bed, 1, "10.1.0.255")
    for number, receiver in receivers.items():
        count = counted(receiver)
        receiver.close()
        if limited in (1, number):
            assert FEW * 0.8 < count <= most(took), number
        else:
            assert count > COUNT * 0.9, number


def test_a_port_at_its_limit_is_found(bed: Bed) -> None:
    """ARP is answered by the switch and passes the limits by."""
    program(bed, {}, slow(2, RECEIVED, PACKETS), slow(1, SENT, PACKETS),
            Limits("p1", 1, sent=(PACKETS,)), Limits("p2", 2, received=(PACKETS,)))
    send(bed, 1, ip4(2))
    command("ip", "-n", bed.vm(1), "neighbor", "flush", "all")
    send(bed, 1, ip4(2))
    assert "lladdr" in command("ip", "-n", bed.vm(1), "neighbor", "show", ip4(2))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("sets", SETS)
def test_what_a_port_sends_is_marked_and_keeps_its_congestion_bits(
    bed: Bed, version: int, sets: str
) -> None:
    level, option, received = (
        (socket.IPPROTO_IP, socket.IP_TOS, socket.IP_RECVTOS) if version == 4 else
        (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, socket.IPV6_RECVTCLASS)
    )
    for mark, wanted in ((46, 46 << 2 | 1), (0, 1), (-1, 10 << 2 | 1)):
        program(bed, SETS[sets], Limits("p1", 1, mark=mark))
        with closing(listening(bed, 2, version)) as receiver, closing(
            bed.socket(1, socket.SOCK_DGRAM, version)
        ) as out:
            receiver.setsockopt(level, received, 1)
            out.setsockopt(level, option, 10 << 2 | 1)
            out.sendto(b"x", (address(2, version), 5000))
            _, said, _, _ = receiver.recvmsg(100, 100)
            (found,) = (data for where, _, data in said if where == level)
            assert (found[0] if len(found) == 1 else struct.unpack("i", found)[0]) == wanted
