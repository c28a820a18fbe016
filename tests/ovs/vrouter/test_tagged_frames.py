"""VLAN tags: one that is but a priority is taken off, everything of a VLAN ends; with real frames,
from ports with and without port security."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from lab.traffic import packets as p
from tests.ovs.vrouter.links import link
from tests.ovs.vrouter.policy_bed import EVI, Bed, ip4, ip6, mac
from tests.ovs.vrouter.policy_probes import running_bed
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.state import Endpoint, Evi, Flood, LocalPort, Tunnel, Vrouter

PRIORITY, OF_A_VLAN, OTHER_TPID = (p.DOT1Q, 0xA000), (p.DOT1Q, 0xA005), (p.DOT1AD, 0x6000)


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """VM 1 has port security, VM 2 has none, VM 3 hears."""
    for running in running_bed():
        running.program([
            Vrouter("02:00:00:00:00:01"), Evi(EVI), Flood(EVI, (1, 2, 3)),
            *(LocalPort(f"p{n}", n, EVI, mac(n), ((mac(n), ip4(n)), (mac(n), ip6(n))), n != 2)
              for n in (1, 2, 3)),
        ])  # fmt: skip
        yield running


def heard(bed: Bed, number: int, frames: list[bytes]) -> list[int]:
    """Which of these frames reach VM 3, as they are without their tags; the last must."""
    with closing(link(bed, number)) as out, closing(link(bed, 3)) as ear:
        for frame in frames:
            out.send(frame)
        found: list[int] = []
        untagged = [frame[:12] + frame[12 + 4 * tags(frame) :] for frame in frames]
        until = time.monotonic() + 10
        while len(frames) - 1 not in found and time.monotonic() < until:
            got = ear.recv(65535)
            found += [at for at, frame in enumerate(untagged) if got == frame]
        return found


def tags(frame: bytes) -> int:
    count = 0
    while frame[12 + 4 * count : 14 + 4 * count] in (b"\x81\x00", b"\x88\xa8"):
        count += 1
    return count


def datagram(number: int, last: int) -> bytes:
    payload = p.udp(ip4(number), ip4(3), 4000, 5000, b"mark%d" % last)
    return p.ethernet(mac(number), mac(3), p.IPV4, p.ipv4(ip4(number), ip4(3), p.UDP, payload))


def datagram6(number: int, last: int) -> bytes:
    payload = p.udp(ip6(number), ip6(3), 4000, 5000, b"mark%d" % last)
    return p.ethernet(mac(number), mac(3), p.IPV6, p.ipv6(ip6(number), ip6(3), p.UDP, payload))


@pytest.mark.parametrize("number", [1, 2], ids=["secure", "open"])
def test_a_priority_is_taken_off_and_a_vlan_ends(bed: Bed, number: int) -> None:
    arp = p.ethernet(mac(number), mac(3), p.ARP, p.arp(2, mac(number), ip4(number), mac(3), ip4(3)))
    frames = [
        p.tagged(datagram(number, 0), PRIORITY),
        p.tagged(datagram6(number, 1), PRIORITY),
        p.tagged(arp, PRIORITY),
        p.tagged(datagram(number, 3), OTHER_TPID),
        p.tagged(datagram(number, 4), OF_A_VLAN),
        p.tagged(datagram(number, 5), PRIORITY, OF_A_VLAN),
        p.tagged(datagram(number, 6), OF_A_VLAN, PRIORITY),
        p.tagged(datagram(number, 7), OTHER_TPID, OF_A_VLAN),
        p.tagged(datagram(number, 8), PRIORITY, (p.DOT1AD, 5)),
        datagram(number, 9),
    ]
    assert heard(bed, number, frames) == [0, 1, 2, 3, 9]


def test_a_tag_hides_nothing_from_the_guard(bed: Bed) -> None:
    nobody = "00:00:00:00:00:00"
    forged = p.arp(2, mac(3), ip4(3), nobody, ip4(3))
    frames = [
        p.tagged(p.ethernet(mac(1), p.BROADCAST, p.ARP, forged), PRIORITY),
        p.tagged(datagram(2, 1), PRIORITY),
        p.tagged(p.ethernet(mac(1), "01:80:c2:00:00:0e", 0x88CC, bytes(50)), PRIORITY),
        datagram(1, 3),
    ]
    assert heard(bed, 1, frames) == [3]


def test_out_of_a_tunnel(sandbox, openflow) -> None:
    sandbox.add_ports(1, 2)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, "192.0.2.2")
    openflow.install([
        Vrouter("02:00:00:00:00:01"), Tunnel(Endpoint("192.0.2.2"), 22), Evi(EVI),
        Flood(EVI, (1, 2)),
        *(LocalPort(f"p{n}", n, EVI, mac(n), ((mac(n), ip4(n)),)) for n in (1, 2)),
    ])  # fmt: skip
    tunnel = f"in_port=t22,tun_id={EVI},tun_src=192.0.2.2"
    frame = f"{tunnel},dl_src={mac(9)},dl_dst={mac(1)},dl_type=0x800"
    assert trace(sandbox, f"{frame},vlan_tci=0xf000").sent == ["p1"]
    assert trace(sandbox, f"{frame},vlan_tci=0xf005").sent == []
