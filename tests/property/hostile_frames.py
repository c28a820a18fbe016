"""Frames that VMs send, and what mutations make of them."""

from __future__ import annotations

import random

import dns.message

from tests.unit.vrouter import proxy_support as clients
from vrouter_ovs.addresses import address_bytes, multicast_mac
from vrouter_ovs.proxies import arp, icmp, nd, packet, ra
from vrouter_ovs.proxies.build import build_udp4, build_udp6
from vrouter_ovs.proxies.dhcp import dhcp4, dhcp6
from vrouter_ovs.proxies.dns import dns as edge_dns
from vrouter_ovs.proxies.dns import mdns
from vrouter_ovs.proxies.dns import message as dns_message
from vrouter_ovs.proxies.tcp import wire as tcp_wire
from vrouter_ovs.proxies.tcp.tcp import TcpServer

PORT = clients.with_options((4, "bootfile-name", "x" * 100), (6, "bootfile-url", "http://x/"))
VIEW = edge_dns.DnsView("red.test", {"vm1": ("10.0.0.5", "fd00::5"), "vm2": ("10.0.0.6",)},
                        {"10.0.0.5": "vm1.red.test", "10.0.0.6": "vm2.red.test"},
                        ("10.0.0.0/24",))  # fmt: skip
SERVER6 = address_bytes("fd00::1")
OWN, SERVER = address_bytes("10.0.0.5"), address_bytes("10.0.0.1")


def _dns_query(name: str, rdtype: str) -> bytes:
    return dns.message.make_query(name, rdtype, use_edns=0, want_dnssec=True).to_wire()


def _queries() -> list[bytes]:
    pairs = (
        ("vm1.red.test", "A"), ("none.red.test", "AAAA"), ("example.com", "MX"),
        ("5.0.0.10.in-addr.arpa", "PTR"), ("red.test", "SOA"), ("red.test", "AXFR"),
    )  # fmt: skip
    return [_dns_query(*pair) for pair in pairs]


QUERIES = _queries()
MULTICAST = [
    dns.message.make_query(*pair, id=0, flags=0).to_wire()
    for pair in (("vm2.local", "ANY"), ("6.0.0.10.in-addr.arpa", "PTR"), ("vm2.local", "TXT"))
]
FRAMES = [
    *(clients.dhcp4(kind, clients.opt4(50, OWN)) for kind in range(1, 9)),
    clients.dhcp4(3, ciaddr=OWN, src=OWN, dst=SERVER), clients.dhcp4(8, ciaddr=OWN, src=OWN),
    clients.dhcp4(1, clients.opt4(61, b"x" * 200), clients.opt4(57, b"\x05\xdc"),
                  asks=bytes(range(1, 255))),
    *(clients.dhcp6(kind, clients.ia_na("fd00::5", "fd00::6"), clients.opt6(39, b"\0\2vm\0"),
                    server=kind in (3, 5, 8, 9), asks=tuple(range(60))) for kind in range(1, 10)),
    clients.dhcp6(11), clients.dhcp6(1, clients.ia_na(code=25), clients.ia_na(code=4)),
    clients.solicit_router(), clients.solicit_router(src=bytes(16)),
    clients.solicit_neighbor("fd00::1"), clients.solicit_neighbor("fd00::1", src=bytes(16)),
    arp.gratuitous("10.0.0.7", PORT.mac), nd.unsolicited("fd00::7", PORT.mac),
    clients.arp_request("10.0.0.1"), clients.arp_request("10.0.0.1", sender="0.0.0.0"),
    *(build_udp4(clients.GATEWAY_MAC, clients.MAC, OWN, SERVER, 4000, 53, query)
      for query in QUERIES),
    build_udp6(clients.GATEWAY_MAC, clients.MAC, clients.LINK_LOCAL,
                      address_bytes("fd00::1"), 4000, 53, QUERIES[0]),
    *(tcp_wire.build(clients.GATEWAY_MAC, clients.MAC, *way, 4000, 53, 1, 2, flags, 500,
                     b"\0\x20" + QUERIES[0], 1000)
      for flags in (2, 16, 24, 17) for way in ((OWN, SERVER), (clients.LINK_LOCAL, SERVER6))),
    *(build_udp4(mdns.GROUP4_MAC, clients.MAC, OWN, mdns.GROUP4, source, 5353, query)
      for source in (5353, 4000) for query in MULTICAST),
    *(build_udp6(multicast_mac(mdns.GROUP6), clients.MAC, clients.LINK_LOCAL,
                        mdns.GROUP6, 5353, 5353, query) for query in MULTICAST),
    build_udp4(clients.GATEWAY_MAC, clients.MAC, OWN, bytes((10, 9, 9, 9)), 1, 2,
                      bytes(1472)),
    build_udp6(clients.GATEWAY_MAC, clients.MAC, clients.LINK_LOCAL,
                      address_bytes("fd09::9"), 1, 2, bytes(1452)),
]  # fmt: skip


def dns_frames(frame: bytes) -> tuple[bytes, ...]:
    udp = edge_dns.query_of(frame)
    reply = edge_dns.answer(udp.payload, VIEW)
    assert len(reply.wire) <= dns_message.MAX_UDP
    return () if reply.kind == "forward" else (edge_dns.reply_frame(udp, reply.wire),)


def tcp_frames(frame: bytes) -> tuple[bytes, ...]:
    """A server of its own for each frame: what is in no connection makes at most one answer."""
    server = TcpServer(b"secret")
    server.segment("port", tcp_wire.parse(frame), PORT.mtu, 0.0)
    assert not server.requests()
    return tuple(reply for _, reply in server.frames())


def mdns_frames(frame: bytes) -> tuple[bytes, ...]:
    """To the asker, or to the group out of the asker's port: that is seen as one here."""
    frames = mdns.answer(frame, PORT, VIEW).frames
    group = multicast_mac(mdns.GROUP6)
    assert all(each[:6] in (frame[6:12], mdns.GROUP4_MAC, group) for each in frames)
    return tuple(frame[6:12] + each[6:] for each in frames)


PROXIES = (
    (lambda f: dhcp4.answer(f, PORT).frames, 14 + PORT.mtu),
    (lambda f: dhcp6.answer(f, PORT).frames, 14 + 1280),
    (lambda f: ra.answer(f, PORT).frames, 14 + 1280),
    (dns_frames, 14 + 1280), (tcp_frames, 14 + 64), (mdns_frames, 14 + 1280),
    (lambda f: arp.sender(f) and (), 0),
    (lambda f: nd.target(f) and (), 0),
    (lambda f: icmp.answer(f, PORT.gateway_mac, _gateway(f), 1400, icmp.TOO_BIG).frames, 14 + 1280),
    (lambda f: icmp.answer(f, PORT.gateway_mac, _gateway(f), 0, icmp.TIME_EXCEEDED).frames,
     14 + 1280),
)  # fmt: skip


def _gateway(frame: bytes) -> str:
    return "10.0.0.1" if frame[12:14] == b"\x08\0" else "fd00::1"


def throw(frame: bytes) -> int:
    """Give a frame to every proxy; how many answered."""
    answered = 0
    for proxy, limit in PROXIES:
        try:
            frames = proxy(frame)
        except packet.Malformed as error:
            assert error.reason and len(error.reason) < 100
            continue
        assert len(frames) <= 1
        for each in frames:
            answered += 1
            assert len(each) <= limit
            assert each[:6] == frame[6:12]
    return answered


def repair(frame: bytes) -> bytes:
    """The frame with its lengths and checksums put right, so that the mutation gets further in."""
    data = bytearray(frame)
    size = len(data)
    if size >= 42 and data[12:14] == b"\x08\0" and data[14] >> 4 == 4:
        header = max(20, (data[14] & 15) * 4)
        if 14 + header + 8 > size:
            return frame
        data[16:18] = (size - 14).to_bytes(2, "big")
        data[24:26] = bytes(2)
        data[24:26] = packet.checksum(bytes(data[14 : 14 + header])).to_bytes(2, "big")
        if data[23] == 6 and 14 + header + 20 <= size:
            at = 14 + header
            _sum_tcp(data, at, data[26:34])
        if data[23] == 17:
            at = 14 + header
            data[at + 4 : at + 8] = (size - at).to_bytes(2, "big") + bytes(2)
    elif size >= 62 and data[12:14] == b"\x86\xdd":
        data[18:20] = (size - 54).to_bytes(2, "big")
        at = {17: 60, 58: 56}.get(data[20])
        if data[20] == 6 and size >= 74:
            _sum_tcp(data, 54, data[22:54])
        if at:
            if data[20] == 17:
                data[58:60] = (size - 54).to_bytes(2, "big")
            data[at : at + 2] = bytes(2)
            pseudo = int.from_bytes(data[22:38], "big") + int.from_bytes(data[38:54], "big")
            total = packet.checksum(bytes(data[54:]), pseudo + data[20] + size - 54)
            data[at : at + 2] = (total or 0xFFFF).to_bytes(2, "big")
    return bytes(data)


def _sum_tcp(data: bytearray, at: int, addresses: bytes) -> None:
    data[at + 16 : at + 18] = bytes(2)
    half = len(addresses) // 2
    pseudo = int.from_bytes(addresses[:half], "big") + int.from_bytes(addresses[half:], "big")
    total = packet.checksum(bytes(data[at:]), pseudo + 6 + len(data) - at)
    data[at + 16 : at + 18] = total.to_bytes(2, "big")


def mutate(frame: bytes, rng: random.Random) -> bytes:
    data = bytearray(frame)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(14, len(data)) if rng.random() < 0.9 else rng.randrange(len(data))
        act = rng.randrange(6)
        if act == 0:
            data[at] = rng.randrange(256)
        elif act == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif act == 2:
            data[at] = rng.choice((0, 1, 127, 128, 254, 255))
        elif act == 3 and len(data) > 60:
            del data[at : at + rng.randrange(1, 16)]
        elif act == 4:
            data[at:at] = rng.randbytes(rng.randrange(1, 16))
        elif len(data) > 60:
            del data[max(at, 15) :]
        if len(data) < 16:
            break
    return repair(bytes(data)) if rng.random() < 0.8 else bytes(data)
