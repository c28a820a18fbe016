"""TCP for BGP: listening and dialing sockets, with TCP MD5 signatures (RFC 2385)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Callable

from ryu_apps.peering.base import Peer, Speaker

TCP_MD5SIG = 14
"""From <linux/tcp.h>."""
_MAX_KEY = 80
DIAL_TIMEOUT = 5.0
BACKLOG = 64


def canonical(address: str, scope_id: int = 0) -> str:
    """An address as peers are looked up by: an IPv4-mapped one is IPv4, a link-local one names its
    interface (RFC 4007 section 11).  ``scope_id``: of a socket's address.  ValueError where it is
    none."""
    bare, _, zone = address.partition("%")
    ip = ipaddress.ip_address(bare)
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    if not ip.is_link_local:
        return str(ip)
    number = scope_id or (int(zone) if zone.isdecimal() else 0)
    if number:
        try:
            zone = socket.if_indextoname(number)
        except OSError:
            zone = str(number)  # The interface has just gone.
    return f"{ip}%{zone}" if zone else str(ip)


def set_password(sock: socket.socket, address: str, password: str) -> None:
    """Sign segments to and from ``address``; "" removes the key.  Raises OSError where the kernel
    refuses, ValueError where the password is longer than 80 bytes."""
    key = password.encode()
    if len(key) > _MAX_KEY:
        raise ValueError("a TCP MD5 password has at most 80 bytes")
    ip = ipaddress.ip_address(address)
    if sock.family == socket.AF_INET6:
        packed = ip.packed if ip.version == 6 else b"\0" * 10 + b"\xff\xff" + ip.packed
        where = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, packed, 0)
    else:
        where = struct.pack("=HH4s", socket.AF_INET, 0, ip.packed)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, where.ljust(128, b"\0")
                    + struct.pack("=BBHI80s", 0, 0, len(key), 0, key))


def listen(address: str, port: int) -> socket.socket:
    """A listening socket; OSError where it cannot be had."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address != "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


async def dial(loop: asyncio.AbstractEventLoop, speaker: Speaker, peer: Peer,
               protocol: Callable[[], asyncio.Protocol]) -> None:
    """Connect to ``peer`` and hand the connection to ``protocol``.  Raises OSError (also for a
    refused MD5 key) or TimeoutError."""
    family = socket.AF_INET6 if ":" in peer.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if peer.password:
            set_password(sock, peer.address, peer.password)
        if speaker.local_address:
            sock.bind((speaker.local_address, 0))
        async with asyncio.timeout(DIAL_TIMEOUT):
            await loop.sock_connect(sock, (peer.address, peer.port))
            await loop.create_connection(protocol, sock=sock)
    except BaseException:  # also when cancelled: the socket must not outlive the attempt
        sock.close()
        raise
