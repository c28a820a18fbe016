"""Sockets of this process that live in a namespace of the lab: what a VM's programs would open."""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

from lab.net import Namespace

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
_LIBC = ctypes.CDLL(None, use_errno=True)


def open_socket(space: Namespace, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket made inside of ``space``, where it stays; the calling thread comes back."""
    return open_socket_in(space.name, family, kind, protocol)


def open_socket_in(space: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """:func:`open_socket` by the name that ``ip netns`` knows the namespace by."""
    with open("/proc/thread-self/ns/net") as own, open(Path("/var/run/netns") / space) as other:
        _enter(other.fileno())
        try:
            return socket.socket(family, kind, protocol)
        finally:
            _enter(own.fileno())


def udp(space: Namespace, port: int, timeout: float = 5.0) -> socket.socket:
    """A UDP socket bound to ``port``."""
    made = open_socket(space, socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("", port))
    made.settimeout(timeout)
    return made


def link(space: Namespace, interface: str = "eth0", listen: bool = False) -> socket.socket:
    """A raw socket on an interface: it sends frames as they are and, with ``listen``, takes all
    that arrive (packet(7))."""
    made = open_socket(space, socket.AF_PACKET, socket.SOCK_RAW)
    made.bind((interface, ETH_P_ALL if listen else 0))
    return made


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
