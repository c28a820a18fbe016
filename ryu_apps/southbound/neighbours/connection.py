"""One connection to an uplink bridge, at the port where it waits for controllers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from ryu_apps.southbound.neighbours import messages as of
from vrouter_ovs.wire.packets import decode_packet_in, packet_out

CONNECT = 3.0
"""Seconds until a connection must have come about and said hello."""
ECHO, SILENCE = 10.0, 30.0
"""Seconds of silence after which the bridge is asked for a sign of life, and given up."""
BURST = 64
"""Frames of one bridge that are taken in a second; the rest is counted and dropped."""


@dataclass(frozen=True)
class Port:
    """An uplink: its number at the bridge, and what is sent there."""

    name: str
    ofport: int
    frame: bytes


class Connection:
    """``target``: (address, port).  ``heard(ofport, frame)`` is called for what arrives.

    ``state``: "connecting", "ready" or "closed"; ``problem``: why it is closed.
    """

    def __init__(
        self, target: tuple[str, int], heard: Callable[[int, bytes], None], now: float
    ) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.state = "connecting"
        self.problem = ""
        self.dropped = 0
        self._heard = heard
        self._began = self._received = self._asked = now
        self._in = bytearray()
        self._out = bytearray(of.message(of.HELLO))
        self._left, self._second = BURST, now
        try:
            self.socket.connect(target)
        except BlockingIOError:
            pass
        except OSError as error:
            self.close(str(error))

    @property
    def wants_to_write(self) -> bool:
        return bool(self._out)

    def close(self, problem: str = "") -> None:
        if self.state != "closed":
            self.state, self.problem = "closed", problem
            self.socket.close()

    # ------------------------------------------------------------ what is sent

    def refresh(self) -> None:
        """Have the flow stay."""
        self._out += of.lldp_flow()

    def send(self, port: Port) -> None:
        self._out += packet_out(port.ofport, port.frame, 0)

    def write(self) -> None:
        try:
            sent = self.socket.send(self._out)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(error.strerror or str(error))
            return
        del self._out[:sent]
        if len(self._out) > 1 << 20:
            self.close("it takes nothing more")

    # ------------------------------------------------------------ what arrives

    def read(self, now: float) -> None:
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(error.strerror or str(error))
            return
        if not data:
            self.close("the bridge closed the connection")
            return
        self._received = now
        self._in += data
        try:
            for kind, message in of.split(self._in):
                self._take(kind, message, now)
        except of.Broken as error:
            self.close(str(error))

    def _take(self, kind: int, message: bytes, now: float) -> None:
        if kind == of.HELLO:
            self._out += of.message(of.GET_CONFIG)
        elif kind == of.CONFIG and len(message) >= 12:
            self._out += of.set_config(message[8:12])
            self.refresh()
            self.state = "ready"
        elif kind == of.ECHO_REQUEST:
            self._out += of.message(of.ECHO_REPLY, int.from_bytes(message[4:8], "big"),
                                    message[8:])
        elif kind == of.ERROR and len(message) >= 12:
            number = int.from_bytes(message[8:10], "big"), int.from_bytes(message[10:12], "big")
            self.close(f"the bridge refused with error {number[0]}/{number[1]}"
                       + (": allow OpenFlow14 on it" if number[0] == 0 else ""))
        elif kind == of.PACKET_IN:
            self._frame(message, now)

    def _frame(self, message: bytes, now: float) -> None:
        if now - self._second >= 1:
            self._left, self._second = BURST, now
        if self._left == 0:
            self.dropped += 1
            return
        self._left -= 1
        try:
            ofport, _, frame = decode_packet_in(message)
        except ValueError:
            self.dropped += 1
            return
        self._heard(ofport, frame)

    # ------------------------------------------------------------ time

    def tick(self, now: float) -> None:
        if self.state == "connecting" and now - self._began > CONNECT:
            self.close(f"no answer in {CONNECT:g} s")
        elif self.state == "ready" and now - self._received > SILENCE:
            self.close(f"silent for {SILENCE:g} s")
        elif self.state == "ready" and now - max(self._received, self._asked) > ECHO:
            self._asked = now
            self._out += of.message(of.ECHO_REQUEST)
