"""Whole frames of the usual kinds, made of :mod:`lab.traffic.packets`, which a VM sends as they
are: what an honest guest does not do.

``eth`` and ``ip`` are always (source, destination).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable

from lab.hosts.vm import Vm
from lab.traffic import packets as p

_SEND = """
import socket, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0))
for line in sys.stdin.read().split():
    link.send(bytes.fromhex(line))
"""
OVERRIDE = 1
"""A flag of neighbor advertisements (RFC 4861 section 4.4), in the first three bits."""


def inject(vm: Vm, frames: Iterable[bytes]) -> None:
    """Send frames from a VM as they are, in order."""
    vm.space.run([sys.executable, "-c", _SEND], stdin="\n".join(map(bytes.hex, frames)) + "\n")


def udp4(eth: tuple[str, str], ip: tuple[str, str], port: int, data: bytes = b"") -> bytes:
    """A UDP datagram over IPv4, from and to ``port``."""
    return p.ethernet(*eth, p.IPV4, p.ipv4(*ip, p.UDP, p.udp(*ip, port, port, data)))


def arp_reply(eth: tuple[str, str], sender: tuple[str, str], target: str) -> bytes:
    """An ARP reply that says that ``sender`` (MAC, address) is there."""
    return p.ethernet(*eth, p.ARP, p.arp(2, *sender, eth[1], target))


def icmp6(
    eth: tuple[str, str], ip: tuple[str, str], kind: int, body: bytes, hop_limit: int = 255
) -> bytes:
    message = p.icmpv6(*ip, kind, body)
    return p.ethernet(*eth, p.IPV6, p.ipv6(*ip, p.ICMPV6, message, hop_limit))


def echo(eth: tuple[str, str], ip: tuple[str, str], data: bytes = b"") -> bytes:
    """An ICMPv6 echo request."""
    return icmp6(eth, ip, 128, struct.pack("!HH", 77, 1) + data, 64)


def advertisement(
    eth: tuple[str, str], ip: tuple[str, str], target: str, mac: str, override: bool = True
) -> bytes:
    body = p.neighbor(target, p.link_option(p.TARGET_LINK, mac), flags=OVERRIDE * override)
    return icmp6(eth, ip, p.ADVERT, body)


def solicitation(eth: tuple[str, str], ip: tuple[str, str], target: str, mac: str) -> bytes:
    options = (p.link_option(p.SOURCE_LINK, mac),) if mac else ()
    return icmp6(eth, ip, p.SOLICIT, p.neighbor(target, *options))


def router_advertisement(eth: tuple[str, str], ip: tuple[str, str], prefix: str) -> bytes:
    return icmp6(eth, ip, p.ROUTER_ADVERT, p.router_advertisement(prefix))


def redirect(eth: tuple[str, str], ip: tuple[str, str], target: str, destination: str) -> bytes:
    return icmp6(eth, ip, p.REDIRECT, p.redirect(target, destination))
