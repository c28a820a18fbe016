"""Raw frames: made by hand, and sent by a VM as they are, which an honest guest does not do."""

from __future__ import annotations

import ipaddress
import struct
import sys
from collections.abc import Iterable

from lab.vm import Vm

_SEND = """
import socket, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0))
for line in sys.stdin.read().split():
    link.send(bytes.fromhex(line))
"""


def inject(vm: Vm, frames: Iterable[bytes]) -> None:
    """Send frames from a VM as they are, in order."""
    vm.space.run([sys.executable, "-c", _SEND], stdin="\n".join(map(bytes.hex, frames)) + "\n")


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ip(text: str) -> bytes:
    return ipaddress.IPv6Address(text).packed


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def udp4(eth: tuple[str, str], ip: tuple[str, str], port: int, data: bytes = b"") -> bytes:
    """A UDP datagram over IPv4, from and to ``port``; ``eth`` and ``ip``: source, destination."""
    source, target = (ipaddress.IPv4Address(address).packed for address in ip)
    length = 8 + len(data)
    datagram = struct.pack("!HHHH", port, port, length, 0) + data
    pseudo = source + target + struct.pack("!HH", 17, length)
    # A sum of zero would say that there is none (RFC 768).
    sum_ = _checksum(pseudo + datagram) or 0xFFFF
    datagram = datagram[:6] + struct.pack("!H", sum_) + datagram[8:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, 17, 0) + source + target
    header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
    return _mac(eth[1]) + _mac(eth[0]) + b"\x08\x00" + header + datagram


def arp_reply(eth: tuple[str, str], sender: tuple[str, str], target: str) -> bytes:
    """An ARP reply that says that ``sender`` (MAC, address) is there."""
    claimed = _mac(sender[0]) + ipaddress.IPv4Address(sender[1]).packed
    asker = _mac(eth[1]) + ipaddress.IPv4Address(target).packed
    fixed = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
    return _mac(eth[1]) + _mac(eth[0]) + b"\x08\x06" + fixed + claimed + asker


def icmp6(
    eth: tuple[str, str], ip: tuple[str, str], kind: int, body: bytes, hop_limit: int = 255,
) -> bytes:
    """An ICMPv6 frame; ``eth`` and ``ip``: source and destination."""
    source, target = map(_ip, ip)
    message = bytes((kind, 0, 0, 0)) + body
    pseudo = source + target + struct.pack("!II", len(message), 58)
    message = message[:2] + struct.pack("!H", _checksum(pseudo + message)) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, hop_limit) + source + target
    return _mac(eth[1]) + _mac(eth[0]) + b"\x86\xdd" + header + message


def echo(eth: tuple[str, str], ip: tuple[str, str], data: bytes = b"") -> bytes:
    return icmp6(eth, ip, 128, struct.pack("!HH", 77, 1) + data, 64)


def advertisement(
    eth: tuple[str, str], ip: tuple[str, str], target: str, mac: str, override: bool = True
) -> bytes:
    flags = struct.pack("!I", 1 << 29 if override else 0)
    return icmp6(eth, ip, 136, flags + _ip(target) + b"\x02\x01" + _mac(mac))


def solicitation(eth: tuple[str, str], ip: tuple[str, str], target: str, mac: str) -> bytes:
    option = b"\x01\x01" + _mac(mac) if mac else b""
    return icmp6(eth, ip, 135, bytes(4) + _ip(target) + option)


def router_advertisement(eth: tuple[str, str], ip: tuple[str, str], prefix: str) -> bytes:
    """With a lifetime and an autonomous prefix: what would turn a network's traffic."""
    information = b"\x03\x04\x40\xc0" + struct.pack("!III", 3600, 3600, 0) + _ip(prefix)
    return icmp6(eth, ip, 134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + information)


def redirect(eth: tuple[str, str], ip: tuple[str, str], target: str, destination: str) -> bytes:
    return icmp6(eth, ip, 137, bytes(4) + _ip(target) + _ip(destination))
