"""The packets that the switch itself makes, byte by byte: ARP, echo and neighbor replies."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from os_ken.lib.packet import arp, ethernet, icmp, icmpv6, ipv4, ipv6, packet

from lab.beds.sandbox import Sandbox
from vrouter_ovs.state import Gateway, LocalPort, Neighbor, Vrouter

OWN, GATEWAY = "02:00:00:00:00:01", "02:aa:00:00:00:01"
ASKER, FAR = "52:54:00:00:00:01", "52:54:00:00:00:07"
OBJECTS = [
    Vrouter(OWN),
    Gateway(100, 900, GATEWAY, ("10.1.0.1", "fd01::1")),
    LocalPort("one", 1, 100, ASKER, ((ASKER, "10.1.0.5"), (ASKER, "fd01::5"))),
    Neighbor(100, "10.1.0.7", FAR),
    Neighbor(100, "fd01::7", FAR),
]


class Port:
    """The guest's end of p1: send a frame, take what comes back."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.path = sandbox.dir / "p1.pcap"
        self.seen = 0

    def ask(self, *headers: object) -> packet.Packet:
        frame = packet.Packet()
        for header in headers:
            frame.add_protocol(header)
        frame.serialize()
        self.sandbox.appctl("netdev-dummy/receive", "p1", bytes(frame.data).hex())
        deadline = time.monotonic() + 10
        while True:
            # Only whole records: the switch may be in the middle of writing one.
            raw = self.path.read_bytes()
            frames, place = [], 24
            while place + 16 <= len(raw):
                size = struct.unpack_from("=I", raw, place + 8)[0]
                frames.append(raw[place + 16 : place + 16 + size])
                place += 16 + size
            if len(frames) > self.seen and place <= len(raw):
                self.seen += 1
                return packet.Packet(frames[self.seen - 1])
            if time.monotonic() > deadline:
                raise TimeoutError("the switch did not answer")
            time.sleep(0.01)


@pytest.fixture(scope="module")
def port(sandbox: Sandbox) -> Iterator[Port]:
    sandbox.add_ports(1)
    sandbox.vsctl("set", "interface", "p1", f"options:tx_pcap={sandbox.dir}/p1.pcap")
    client = sandbox.connect()
    client.install(OBJECTS)
    client.close()
    yield Port(sandbox)


def checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return total


@pytest.mark.parametrize(("address", "mac"), [("10.1.0.1", GATEWAY), ("10.1.0.7", FAR)])
def test_arp_reply(port: Port, address: str, mac: str) -> None:
    reply = port.ask(
        ethernet.ethernet("ff:ff:ff:ff:ff:ff", ASKER, 0x0806),
        arp.arp(1, 0x0800, 6, 4, 1, ASKER, "10.1.0.5", "00:00:00:00:00:00", address),
    )
    frame, answer = reply.get_protocol(ethernet.ethernet), reply.get_protocol(arp.arp)
    assert (frame.src, frame.dst) == (mac, ASKER)
    assert (answer.opcode, answer.src_mac, answer.src_ip) == (2, mac, address)
    assert (answer.dst_mac, answer.dst_ip) == (ASKER, "10.1.0.5")


def test_echo_reply(port: Port) -> None:
    data = bytes(range(56))
    reply = port.ask(
        ethernet.ethernet(GATEWAY, ASKER, 0x0800),
        ipv4.ipv4(src="10.1.0.5", dst="10.1.0.1", proto=1, ttl=1),
        icmp.icmp(8, 0, 0, icmp.echo(77, 3, data)),
    )
    frame, header = reply.get_protocol(ethernet.ethernet), reply.get_protocol(ipv4.ipv4)
    answer = reply.get_protocol(icmp.icmp)
    assert (frame.src, frame.dst) == (GATEWAY, ASKER)
    assert (header.src, header.dst, header.ttl) == ("10.1.0.1", "10.1.0.5", 64)
    assert (answer.type, answer.code) == (0, 0)
    assert (answer.data.id, answer.data.seq, bytes(answer.data.data)) == (77, 3, data)
    assert checksum(bytes(reply.data[14:34])) == 0xFFFF
    assert checksum(bytes(reply.data[34 : 14 + header.total_length])) == 0xFFFF


def check_icmpv6(reply: packet.Packet) -> None:
    header = reply.get_protocol(ipv6.ipv6)
    pseudo = ip_address(header.src).packed + ip_address(header.dst).packed
    pseudo += struct.pack("!II", header.payload_length, 58)
    assert checksum(pseudo + bytes(reply.data[54 : 54 + header.payload_length])) == 0xFFFF


def test_echo_reply_ipv6(port: Port) -> None:
    reply = port.ask(
        ethernet.ethernet(GATEWAY, ASKER, 0x86DD),
        ipv6.ipv6(src="fd01::5", dst="fd01::1", nxt=58, hop_limit=64),
        icmpv6.icmpv6(128, 0, 0, icmpv6.echo(77, 3, b"payload")),
    )
    header, answer = reply.get_protocol(ipv6.ipv6), reply.get_protocol(icmpv6.icmpv6)
    assert (header.src, header.dst) == ("fd01::1", "fd01::5")
    assert (answer.type_, answer.data.id, answer.data.seq) == (129, 77, 3)
    check_icmpv6(reply)


@pytest.mark.parametrize(
    ("address", "mac", "flags"), [("fd01::1", GATEWAY, 7), ("fd01::7", FAR, 3)]
)
def test_neighbor_advertisement(port: Port, address: str, mac: str, flags: int) -> None:
    reply = port.ask(
        ethernet.ethernet("33:33:ff:00:00:01", ASKER, 0x86DD),
        ipv6.ipv6(src="fd01::5", dst="ff02::1:ff00:1", nxt=58, hop_limit=255),
        icmpv6.icmpv6(135, 0, 0, icmpv6.nd_neighbor(0, address, icmpv6.nd_option_sla(1, ASKER))),
    )
    frame, header = reply.get_protocol(ethernet.ethernet), reply.get_protocol(ipv6.ipv6)
    answer = reply.get_protocol(icmpv6.icmpv6)
    assert (frame.src, frame.dst) == (mac, ASKER)
    assert (header.src, header.dst, header.hop_limit) == (address, "fd01::5", 255)
    assert (answer.type_, answer.data.dst) == (136, address)
    # os-ken keeps the three flags above the reserved bits: router, solicited, override.
    assert answer.data.res == flags
    assert type(answer.data.option) is icmpv6.nd_option_tla
    assert answer.data.option.hw_src == mac
    check_icmpv6(reply)
