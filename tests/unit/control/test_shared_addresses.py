"""Shared addresses on the wire: what is heard of a frame, what asks for one, who is told."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from os_ken.lib.packet import arp as osken_arp
from os_ken.lib.packet import ethernet, icmpv6, ipv6
from os_ken.lib.packet import packet as osken_packet

from ryu_apps.control.messages import AddressSeen, Evidence, Probe, SendGratuitousArp
from ryu_apps.southbound.services.addresses import AddressSender, question, seen
from ryu_apps.southbound.services.packet_in import PuntDispatcher
from tests.unit.southbound.packet_in_support import packet_in
from tests.unit.vrouter.proxy_support import (
    GATEWAY_MAC,
    MAC,
    PORT,
    answer_neighbor,
    solicit_neighbor,
)
from vrouter_ovs.addresses import address_bytes, link_local_bytes
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.proxies import arp, nd, packet
from vrouter_ovs.proxies.build import build_icmp6, build_udp4

VIP, VIP6 = "10.0.0.100", "fd00::100"
SERVICE = PORT.service_mac


def layers(frame: bytes, *kinds):
    read = osken_packet.Packet(frame)
    return [read.get_protocol(kind) for kind in kinds]


def reply(to: bytes, target: str) -> bytes:
    head = to + MAC + b"\x08\x06" + bytes((0, 1, 8, 0, 6, 4, 0, 2)) + MAC
    return head + address_bytes(VIP) + to + address_bytes(target)


def advertised(flags: int, mac: bytes = MAC) -> bytes:
    target = address_bytes(VIP6)
    body = bytes((136, 0, 0, 0, flags, 0, 0, 0)) + target + b"\x02\x01" + mac
    return build_icmp6(b"\x33\x33\0\0\0\1", MAC, target, packet.ALL_NODES, body)


@pytest.mark.parametrize(("frame", "address", "how"), [
    (arp.gratuitous(VIP, PORT.mac), VIP, Evidence.ANNOUNCED),
    (reply(b"\xff" * 6, "0.0.0.0"), VIP, Evidence.ANNOUNCED),
    (reply(b"\xff" * 6, VIP), VIP, Evidence.ANNOUNCED),
    # A host that lost the address without noticing answers the announcement of its successor, whose
    # MAC is the virtual router's as its own is.
    (reply(MAC, VIP), VIP, Evidence.ANSWERED),
    (MAC + arp.gratuitous(VIP, PORT.mac)[6:], VIP, Evidence.USED),
    (reply(GATEWAY_MAC, "10.0.0.1"), VIP, Evidence.ANSWERED),
    (arp.request("10.0.0.9", PORT.mac, VIP), VIP, Evidence.USED),
    (nd.unsolicited(VIP6, PORT.mac), VIP6, Evidence.ANNOUNCED),
    (advertised(0x60), VIP6, Evidence.ANSWERED),
    (advertised(0x20), VIP6, Evidence.ANNOUNCED),
])  # fmt: skip
def test_what_is_heard(frame: bytes, address: str, how: Evidence) -> None:
    posted: list = []
    protocol, answer = seen(posted.append)(frame, PORT, ("hv1", 5))
    assert posted == [AddressSeen("hv1", "port-5", PORT.mac, address, how)]
    assert not answer.frames and answer.kind == how.name.lower()
    assert protocol == ("nd" if ":" in address else "arp")


@pytest.mark.parametrize("frame", [
    arp.gratuitous(VIP, PORT.mac)[:41],
    arp.request("10.0.0.9", PORT.mac, "0.0.0.0"),
    arp.gratuitous(VIP, PORT.mac)[:6] + GATEWAY_MAC + arp.gratuitous(VIP, PORT.mac)[12:],
    advertised(0x20, GATEWAY_MAC),
    advertised(0x20)[:-1],
    solicit_neighbor("fd00::1"),
    build_udp4(GATEWAY_MAC, MAC, bytes(4), bytes(4), 1, 2, b""),
    b"",
])  # fmt: skip
def test_what_is_refused(frame: bytes) -> None:
    posted: list = []
    with pytest.raises(packet.Malformed):
        seen(posted.append)(frame, PORT, ("hv1", 5))
    assert not posted


def test_an_arp_question_comes_from_who_answers_in_the_subnet() -> None:
    layer2, message = layers(question(PORT, VIP), ethernet.ethernet, osken_arp.arp)
    assert (layer2.dst, layer2.src) == ("ff:ff:ff:ff:ff:ff", PORT.gateway_mac)
    assert (message.opcode, message.src_mac, message.src_ip) == (1, PORT.gateway_mac, "10.0.0.1")
    assert message.dst_ip == VIP
    (lease,) = PORT.v4
    # Another of the port's subnets may have a router.
    alone = replace(PORT, v4=(replace(lease, server="10.0.0.254", router_mac=""),))
    (message,) = layers(question(alone, VIP), osken_arp.arp)
    assert (message.src_mac, message.src_ip) == (SERVICE, "10.0.0.254")
    (message,) = layers(question(PORT, "10.9.0.1"), osken_arp.arp)
    assert message.src_ip == "0.0.0.0"


def test_a_solicitation_can_be_answered() -> None:
    frame = question(PORT, VIP6)
    layer2, layer3, message = layers(frame, ethernet.ethernet, ipv6.ipv6, icmpv6.icmpv6)
    assert (layer2.dst, layer3.dst) == ("33:33:ff:00:01:00", "ff02::1:ff00:100")
    assert layer3.hop_limit == 255 and message.type_ == 135 and message.data.dst == VIP6
    assert message.data.option.hw_src == PORT.gateway_mac
    reply = answer_neighbor(frame, VIP6, PORT.mac).frames[0]
    assert nd.target(reply) == (PORT.mac, VIP6, "answered")
    assert reply[:6] == GATEWAY_MAC and packet.icmp6(reply).dst == link_local_bytes(GATEWAY_MAC)


class Bed:
    """A worker with ports 5, 6 and 7 in EVI 100 of hv1, 8 in EVI 200, 5 in EVI 100 of hv2."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, bytes]] = []
        self.seen: list = []
        self.punt = PuntDispatcher(self.send, services={PuntReason.SEEN: seen(self.seen.append)})
        self.sender = AddressSender(self.punt, self.send)
        for element, ofport, evi in (
            ("hv1", 5, 100), ("hv1", 6, 100), ("hv1", 7, 100), ("hv1", 8, 200), ("hv2", 5, 100),
        ):  # fmt: skip
            self.punt.changed(element, ofport, replace(PORT, ofport=ofport, evi=evi, v6=()))
        self.punt.start()

    def send(self, element: str, ofport: int, frame: bytes) -> bool:
        self.sent.append((element, ofport, frame))
        return True

    def settle(self) -> list[tuple[str, int]]:
        done = threading.Event()
        self.punt.later(done.set)
        assert done.wait(20)
        found = [(element, ofport) for element, ofport, _ in self.sent]
        return found


@pytest.fixture
def bed():
    made = Bed()
    yield made
    made.punt.stop()


def test_the_ports_of_a_network_are_told(bed: Bed) -> None:
    bed.sender.send_gratuitous_arp(SendGratuitousArp("hv1", 100, VIP, PORT.mac, 6))
    assert bed.settle() == [("hv1", 5), ("hv1", 7)]
    assert {frame for _, _, frame in bed.sent} == {arp.gratuitous(VIP, PORT.mac)}
    bed.sent.clear()
    bed.punt.changed("hv1", 7, None)
    bed.punt.changed("hv1", 6, replace(PORT, ofport=6, evi=200, v6=()))
    bed.sender.send_gratuitous_arp(SendGratuitousArp("hv1", 100, VIP6, PORT.mac, router=True))
    assert bed.settle() == [("hv1", 5)]
    assert bed.sent[0][2] == nd.unsolicited(VIP6, PORT.mac, True)
    assert bed.punt.ports_of("hv1", 200) == [8, 6] and bed.punt.ports_of("hv9", 1) == []


def test_a_port_is_asked_if_it_is_there(bed: Bed) -> None:
    bed.sender.probe(Probe("hv1", 5, VIP))
    bed.sender.probe(Probe("hv1", 99, VIP))
    assert bed.settle() == [("hv1", 5)]
    assert bed.sent[0][2] == question(PORT, VIP)


def test_a_copy_from_the_switch_reaches_the_core(bed: Bed) -> None:
    why = b"\x00\x01\x12\x04" + int(PuntReason.SEEN).to_bytes(4, "big")
    bed.punt.punted("hv2", packet_in(5, arp.gratuitous(VIP, PORT.mac), after=why))
    deadline = time.monotonic() + 20
    while not bed.seen and time.monotonic() < deadline:
        time.sleep(0.005)
    assert bed.seen == [AddressSeen("hv2", "port-5", PORT.mac, VIP, Evidence.ANNOUNCED)]
    assert bed.punt.status("hv2")["answered"] == {"arp announced": 1}
    assert not bed.sent
