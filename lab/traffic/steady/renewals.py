"""DHCP clients that ask for their lease again (REBINDING: RFC 2131 section 4.4.5)."""

from __future__ import annotations

import itertools
import socket
import struct
import time

from lab.traffic import packets
from lab.traffic.inside import open_socket_in
from lab.traffic.steady.filters import OUTGOING, heard
from lab.traffic.steady.loop import READ, Loop
from lab.traffic.steady.turned import Turned

_ACK, _NAK = 5, 6
_ETH_P_IP = 0x0800


def rebinding(mac: str, address: str, number: int) -> bytes:
    """A DHCPREQUEST to any server, in its frame; ``number``: its transaction id."""
    message = struct.pack("!BBBBIHH4s", 1, 1, 6, 0, number, 0, 0, packets.ip_bytes(address))
    message = message.ljust(28, b"\0") + packets.mac_bytes(mac)
    message = message.ljust(236, b"\0") + b"\x63\x82\x53\x63\x35\1\3\xff"
    datagram = packets.udp(address, "255.255.255.255", 68, 67, message)
    packet = packets.ipv4(address, "255.255.255.255", packets.UDP, datagram)
    return packets.ethernet(mac, packets.BROADCAST, packets.IPV4, packet)


class _Lap:
    def __init__(self) -> None:
        self.sent = self.answered = self.refused = 0
        self.slowest = 0.0


class Renewals:
    """``clients``: {"space", "mac", "address"}; in turn, ``rate`` a second in total."""

    def __init__(self, loop: Loop, clients: list[dict[str, str]], rate: float) -> None:
        self._loop, self._clients, self._rate = loop, clients, rate
        self._lap = _Lap()
        self._numbers = itertools.count(int(time.time() * 64) & 0x3FFFFFFF)
        self._asked: dict[int, tuple[float, _Lap]] = {}
        self._running = True
        self._turn = 0
        self._links: list[socket.socket] = []
        for client in clients:
            link = open_socket_in(client["space"], socket.AF_PACKET, socket.SOCK_RAW)
            link.bind(("eth0", 0))
            self._links.append(link)
            ear = open_socket_in(client["space"], socket.AF_PACKET, socket.SOCK_DGRAM)
            heard(ear, "eth0", socket.IPPROTO_UDP, 68)
            loop.watch(ear, READ, lambda ear=ear: self._read(ear))

    def start(self) -> None:
        if self._clients:
            self._loop.every(self._rate, self._ask)

    def _ask(self) -> None:
        if not self._running:
            return
        index = self._turn % len(self._clients)
        self._turn += 1
        client, number = self._clients[index], next(self._numbers)
        self._asked[number] = (time.monotonic(), self._lap)
        self._lap.sent += 1
        try:
            self._links[index].send(rebinding(client["mac"], client["address"], number))
        except OSError:
            pass  # It is not answered, then.

    def _read(self, ear: socket.socket) -> None:
        while True:
            try:
                data, place = ear.recvfrom(2048)
            except OSError:
                return
            message = data[(data[0] & 15) * 4 + 8 :]
            if place[2] == OUTGOING or len(message) < 243 or message[0] != 2:
                continue
            asked = self._asked.pop(int.from_bytes(message[4:8], "big"), None)
            if asked is None:
                continue
            when, lap = asked
            # The message type comes first: the server of this project sends it so.
            if message[242] == _ACK:
                lap.answered += 1
                lap.slowest = max(lap.slowest, time.monotonic() - when)
            elif message[242] == _NAK:
                lap.refused += 1

    def missing(self) -> list[str]:
        idle = not self._clients or not self._rate
        return [] if self._lap.answered or idle else ["a DHCP renewal"]

    def stop(self) -> None:
        self._running = False

    def turn(self) -> Turned:
        lap, self._lap = self._lap, _Lap()
        return Turned(
            lambda: {"sent": lap.sent, "answered": lap.answered, "refused": lap.refused,
                     "slowest": lap.slowest},
            lambda: lap.answered + lap.refused < lap.sent,
        )
