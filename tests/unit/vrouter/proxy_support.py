"""A port and clients' frames for the tests of the edge proxies."""

from __future__ import annotations

import struct
from dataclasses import replace

from vrouter_ovs.addresses import address_bytes, link_local_bytes, mac_bytes, multicast_mac
from vrouter_ovs.edge import EdgePort, Lease4, Lease6
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.build import build_icmp6, build_udp4, build_udp6

MAC = mac_bytes("fa:16:3e:00:00:05")
GATEWAY_MAC = mac_bytes("fa:16:3e:00:00:01")
LINK_LOCAL = link_local_bytes(MAC)
GATEWAY_LINK_LOCAL = link_local_bytes(GATEWAY_MAC)
ALL_SERVERS = address_bytes("ff02::1:2")
ALL_ROUTERS = address_bytes("ff02::2")
NOWHERE = bytes(4)

PORT = EdgePort(
    port_id="port-5", network_id="net", ofport=5, evi=100, mac="fa:16:3e:00:00:05",
    gateway_mac="fa:16:3e:00:00:01", service_mac="fa:16:3e:ff:ff:01", mtu=1450,
    host_name="vm1", domain="red.test", ntp=("10.0.0.9", "fd00::9"),
    v4=(Lease4("10.0.0.5", 24, "10.0.0.1", "10.0.0.1", ("10.0.0.1", "10.0.0.2"),
               router_mac="fa:16:3e:00:00:01"),),
    v6=(Lease6("fd00::5", "fd00::/64", "fd00::1", "dhcpv6-stateful", "dhcpv6-stateful",
               ("fd00::1",), "fa:16:3e:00:00:01"),),
)  # fmt: skip


def with_options(*options: tuple[int, str, str], **changes) -> EdgePort:
    """PORT with extra DHCP options and other fields changed."""
    return replace(PORT, extra_options=options, **changes)


def opt4(code: int, value: bytes) -> bytes:
    return bytes((code, len(value))) + value


def dhcp4(
    message_type: int, *options: bytes, ciaddr: bytes = NOWHERE, giaddr: bytes = NOWHERE,
    flags: int = 0, src: bytes = NOWHERE, dst: bytes = b"\xff" * 4, mac: bytes = MAC,
    chaddr: bytes | None = None, asks: bytes = bytes((1, 3, 6, 12, 15, 26, 42, 121)),
) -> bytes:  # fmt: skip
    """A client's DHCPv4 frame; no ``asks``: without a parameter request list."""
    header = struct.pack(
        "!BBBB4sHH4s4s4s4s16s64s128s4s", 1, 1, 6, 0, b"xid!", 0, flags, ciaddr, b"", b"", giaddr,
        chaddr or mac, b"", b"", b"\x63\x82\x53\x63",
    )  # fmt: skip
    request = opt4(55, asks) if asks else b""
    body = header + opt4(53, bytes((message_type,))) + b"".join(options) + request + b"\xff"
    return build_udp4(b"\xff" * 6, mac, src, dst, 68, 67, body)


def read4(frame: bytes) -> tuple[packet.Udp, dict[int, bytes], bytes]:
    """(datagram, options with what is in the file and sname fields, message) of an answer."""
    udp = packet.udp4(frame)
    message = udp.payload
    options: dict[int, bytes] = {}

    def read(data: bytes) -> None:
        at = 0
        while data[at] != 255:
            code, size = data[at], data[at + 1]
            options[code] = options.get(code, b"") + data[at + 2 : at + 2 + size]
            at += 2 + size

    read(message[240:])
    if options.get(52, b"\0")[0] & 1:
        read(message[108:236])
    if options.get(52, b"\0")[0] & 2:
        read(message[44:108])
    return udp, options, message


def opt6(code: int, value: bytes = b"") -> bytes:
    return struct.pack("!HH", code, len(value)) + value


CLIENT_ID = b"\0\x03\0\x01" + MAC
SERVER_ID = b"\0\x03\0\x01" + GATEWAY_MAC


def ia_na(*addresses: str, iaid: bytes = b"iaid", code: int = 3) -> bytes:
    inner = b"".join(
        opt6(5, address_bytes(each) + struct.pack("!II", 10, 20)) for each in addresses
    )
    return opt6(code, iaid + (b"" if code == 4 else bytes(8)) + inner)


def dhcp6(
    message_type: int, *options: bytes, client: bool = True, server: bool = False,
    asks: tuple[int, ...] = (23, 24), src: bytes = LINK_LOCAL, dst: bytes = ALL_SERVERS,
    mac: bytes = MAC,
) -> bytes:  # fmt: skip
    """A client's DHCPv6 frame."""
    parts = [bytes((message_type,)), b"xid"]
    if client:
        parts.append(opt6(1, CLIENT_ID))
    if server:
        parts.append(opt6(2, SERVER_ID))
    if asks:
        parts.append(opt6(6, struct.pack(f"!{len(asks)}H", *asks)))
    body = b"".join((*parts, *options))
    return build_udp6(multicast_mac(dst), mac, src, dst, 546, 547, body)


def options6(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        code, size = struct.unpack_from("!HH", data, at)
        found.append((code, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def solicit_router(src: bytes = LINK_LOCAL, mac: bytes = MAC, option: bytes | None = None) -> bytes:
    source = b"\x01\x01" + mac if option is None else option
    return build_icmp6(multicast_mac(ALL_ROUTERS), mac, src, ALL_ROUTERS,
                              b"\x85" + bytes(7) + (source if any(src) else b""))  # fmt: skip


def solicit_neighbor(target: str, src: bytes = LINK_LOCAL, mac: bytes = MAC) -> bytes:
    wanted = address_bytes(target)
    group = b"\xff\x02" + bytes(9) + b"\x01\xff" + wanted[13:]
    source = b"\x01\x01" + mac if any(src) else b""
    return build_icmp6(multicast_mac(group), mac, src, group,
                              b"\x87" + bytes(7) + wanted + source)  # fmt: skip


def arp_request(target: str, sender: str = "10.0.0.5", mac: bytes = MAC) -> bytes:
    return b"".join((
        b"\xff" * 6, mac, b"\x08\x06\0\x01\x08\0\x06\x04\0\x01", mac,
        address_bytes(sender), bytes(6), address_bytes(target),
    ))  # fmt: skip


def answer_arp(frame: bytes, address: str, mac: str) -> packet.Answer:
    """The reply of whoever has ``address`` at ``mac``: the switch, in the product, or a guest."""
    wanted, source = address_bytes(address), mac_bytes(mac)
    if frame[20:22] != b"\0\1" or frame[38:42] != wanted or frame[28:32] == wanted:
        return packet.ignored("not a question for the address")
    asker = frame[6:12]
    reply = b"".join((asker, source, frame[12:20], b"\0\2", source, wanted, asker, frame[28:32]))
    return packet.Answer((reply,), "reply", "request")


def answer_neighbor(frame: bytes, address: str, mac: str, router: bool = False) -> packet.Answer:
    """The advertisement of whoever has ``address`` at ``mac``, to one who has an address too."""
    wanted, source = address_bytes(address), mac_bytes(mac)
    asked = packet.icmp6(frame)
    if asked.payload[0] != 135 or asked.payload[8:24] != wanted or not any(asked.src):
        return packet.ignored("not a question for the address")
    flags = b"\xe0" if router else b"\x60"
    advertisement = b"\x88\0\0\0" + flags + bytes(3) + wanted + b"\x02\x01" + source
    reply = build_icmp6(asked.src_mac, source, wanted, asked.src, advertisement)
    return packet.Answer((reply,), "advertisement", "solicitation")
