"""Kernel filters of packet sockets (bpf(4) as Linux has it: packet(7), SO_ATTACH_FILTER)."""

from __future__ import annotations

import ctypes
import socket
import struct

SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
ETH_P_ALL = 3
OUTGOING = 4
"""``sll_pkttype`` of what the host itself sends."""


def heard(made: socket.socket, interface: str, protocol: int, port: int) -> socket.socket:
    """Let a packet socket of kind SOCK_DGRAM take nothing but IPv4 and IPv6 packets of
    ``protocol`` (TCP or UDP) to ``port``, whoever they are for."""
    code = [
        (0x30, 0, 0, 0),  # 0: A = byte 0
        (0x54, 0, 0, 0xF0),
        (0x15, 0, 5, 0x40),  # IPv4, or go to 8
        (0x30, 0, 0, 9),
        (0x15, 0, 9, protocol),
        (0xB1, 0, 0, 0),  # X = length of the IPv4 header
        (0x48, 0, 0, 2),  # A = destination port
        (0x05, 0, 0, 4),  # go to 12
        (0x15, 0, 5, 0x60),  # 8: IPv6
        (0x30, 0, 0, 6),
        (0x15, 0, 3, protocol),
        (0x28, 0, 0, 42),
        (0x15, 0, 1, port),  # 12
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
    made.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER,
        struct.pack("HL", len(code), ctypes.addressof(program)),
    )
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
    made.bind((interface, ETH_P_ALL))
    made.setblocking(False)
    return made
