"""What the tests of OpenFlow channels share: objects, joining, a switch that the test plays."""

from __future__ import annotations

import socket
import struct

from lab.beds.openflow_bed import Node, Switch, eventually
from tests.hops import bridged
from vrouter_ovs.schema.tables import TABLE_IDS
from vrouter_ovs.state import RemoteMac

EVI = 5001
BRIDGE = TABLE_IDS["bridge"]
FOREIGN = "cookie=0x1234,table=3,priority=7,dl_dst=06:00:00:00:00:01,actions=drop"


def macs(count: int, vtep: str = "192.0.2.1") -> list[RemoteMac]:
    return [RemoteMac(EVI, f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}", (bridged(vtep, EVI),))
            for i in range(count)]


def join(
    node: Node, switch: Switch, element: str = "hv1", deferred: bool = False, **options
) -> None:
    southbound = node.begin(**options)
    southbound.accept(element, switch.datapath_id)
    eventually(lambda: southbound.status(element)["connected"], "connected")
    if not deferred:
        southbound.defer(element, False)


class FakeSwitch:
    """Speaks just enough OpenFlow 1.4 to be taken for a switch, then what the test says."""

    def __init__(self, port: int, datapath_id: int = 0xFA4E) -> None:
        # The guard of the parser counts CPU seconds, and the machine may be busy.
        self.sock = socket.create_connection(("127.0.0.1", port), 60)
        self.datapath_id = datapath_id
        self._buffer = b""
        self.send(0, 0, b"")
        self.wait_for(5)
        self.send(6, 1, struct.pack("!QIBB2xII", datapath_id, 0, 254, 0, 0, 0))
        request = self.wait_for(18)
        self.send(19, request[0], struct.pack("!HH4x", 13, 0))

    def send(self, kind: int, xid: int, body: bytes) -> None:
        self.sock.sendall(struct.pack("!BBHI", 5, kind, 8 + len(body), xid) + body)

    def receive(self) -> tuple[int, int, bytes] | None:
        """(type, xid, body) of the next message; None at the end."""
        while True:
            if len(self._buffer) >= 8:
                _, kind, length, xid = struct.unpack_from("!BBHI", self._buffer)
                if len(self._buffer) >= length:
                    body, self._buffer = self._buffer[8:length], self._buffer[length:]
                    return kind, xid, body
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._buffer += data

    def wait_for(self, wanted: int) -> tuple[int, bytes]:
        while (message := self.receive()) is not None:
            if message[0] == wanted:
                return message[1], message[2]
        raise AssertionError("closed")

    def wait_for_flow_dump(self) -> int:
        """The xid of the request; what the node asks before it is answered: it has no meters, and
        no flow monitor."""
        while True:
            xid, body = self.wait_for(18)
            if body[:2] == b"\0\1":
                return xid
            if body[:2] == b"\0\20":
                self.send(1, xid, struct.pack("!HH", 1, 2) + body)  # OFPBRC_BAD_MULTIPART
            else:
                self.send(19, xid, struct.pack("!HH4x", 10, 0))

    def ended(self) -> bool:
        while self.receive() is not None:
            pass
        return True

    def __enter__(self) -> FakeSwitch:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
