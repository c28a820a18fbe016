"""What a good client of each of a node's listeners sends, and what bad ones make of it."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lab.beds.bgp_bed import mac_path, open_message
from lab.beds.node_bed import ADDRESS, LoopbackNode
from lab.simulated import database as ovsdb
from lab.simulated import switch as openflow
from ryu_apps.peering.codec import messages as bgp
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.nlri_evpn import pack_route
from ryu_apps.peering.codec.update import pack_reach, pack_unreach
from ryu_apps.peering.native.adj_rib_out import AttributeSet

PEER, PEER_AS = "127.0.0.77", 64999
GOOD = "127.0.0.88"
"""Where good clients come from; bad ones come from elsewhere."""


@dataclass(frozen=True)
class Door:
    """``port``: its name among :attr:`LoopbackNode.ports`.  ``messages``: of a session, in order,
    as a good client sends them.  ``source``: the address that is listened to there, "": any."""

    port: str
    messages: Callable[[], list[bytes]]
    source: str = ""

    def connect(self, node: LoopbackNode, source: str = "") -> socket.socket:
        return socket.create_connection(
            (ADDRESS, node.ports[self.port]), 10, (self.source or source or ADDRESS, 0)
        )


def _api() -> list[bytes]:
    body = json.dumps({"network": {"name": "a", "port_security_enabled": True}}).encode()
    post = b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return [
        b"GET / HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n",
        b"GET /v2.0/ports?fields=id&limit=2&sort_key=name&name=%C3%A4 HTTP/1.1\r\nHost: x\r\n\r\n",
        post + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        post + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n",
        b"GET /v1/elements/sim0 HTTP/1.1\r\nHost: x\r\nX-Project-Id: p\r\n\r\n",
        b"PUT /v2.0/networks/1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        b"Content-Length: 2\r\n\r\n{}",
        b"DELETE /v2.0/networks/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]


def _json(**fields: Any) -> bytes:
    return json.dumps({"id": None, **fields}).encode()


def _ovsdb() -> list[bytes]:
    database = ovsdb.Database()
    database.transact([
        {"op": "insert", "table": "Interface", "uuid-name": "i", "row": {
            "name": "tap1", "ofport": 5, "external_ids": ["map", [["iface-id", "p1"]]]}},
        {"op": "insert", "table": "Port", "uuid-name": "p", "row": {
            "name": "tap1", "interfaces": ["named-uuid", "i"]}},
        {"op": "insert", "table": "Bridge", "uuid-name": "b", "row": {
            "name": "br-int", "ports": ["named-uuid", "p"], "datapath_id": "00000000000000aa",
            "datapath_type": "netdev"}},
        {"op": "insert", "table": "Open_vSwitch", "row": {
            "bridges": ["named-uuid", "b"], "ovs_version": "3.1.0",
            "external_ids": ["map", [["system-id", "mutant"], ["vnc-encap-ip", "198.18.9.9"]]]}},
    ])
    tables = ("Open_vSwitch", "Bridge", "Port", "Interface", "Controller", "Manager", "Flow_Table")
    requests = {table: [{"columns": list(ovsdb.columns()[table])}] for table in tables}
    _, updates = database.transact([{
        "op": "mutate", "table": "Open_vSwitch", "where": [],
        "mutations": [["external_ids", "insert", ["map", [["hostname", "m"]]]]],
    }])
    return [
        _json(id="schema", result=ovsdb.schema(), error=None),
        _json(id="contents", result=database.contents(requests), error=None),
        _json(method="update2", params=["vnc", ovsdb.only(requests, updates)]),
        _json(id="e", method="echo", params=[]),
        _json(id="write1", result=[{"count": 1}], error=None),
    ]


def _openflow() -> list[bytes]:
    switch, connection = openflow.SimulatedSwitch(), openflow.Connection(lambda _: None)
    switch.datapath_id = 0xDEAD
    port = struct.pack("!IHxx6sxx16sII", 5, 72, bytes(6), b"tap1", 0, 0) + struct.pack(
        "!HHIIIIIII", 0, 32, 0, 0, 0, 0, 0, 0, 0)
    match = struct.pack("!HHIIxxxx", 1, 12, 0x80000004, 5)
    flow = struct.pack("!HBxIIHHHHHxxQQQ", 64, 0, 1, 2, 5, 0, 0, 0, 0, 7, 1, 60) + match
    return [
        openflow.message(openflow.HELLO, 1, bytes([0, 1, 0, 8, 0, 0, 0, 0x20])),
        switch.answer(connection, openflow.message(openflow.FEATURES_REQUEST, 2)),
        openflow.message(openflow.MULTIPART_REPLY, 3, struct.pack("!HH4x", 13, 0) + port),
        openflow.message(openflow.ECHO_REQUEST, 4, b"abcd"),
        openflow.message(12, 0, struct.pack("!B7x", 0) + port),
        openflow.message(10, 0, struct.pack("!IHBBQ", 0xFFFFFFFF, 60, 0, 0, 7) + match + bytes(62)),
        openflow.message(11, 0, struct.pack("!QHBBIIHHQQ", 7, 5, 0, 1, 2, 3, 0, 0, 1, 2) + match),
        openflow.message(openflow.MULTIPART_REPLY, 6, struct.pack("!HH4x", 1, 0) + flow),
        openflow.message(openflow.ERROR, 7, struct.pack("!HH", 1, 6) + bytes(64)),
        openflow.message(openflow.ROLE_REPLY, 8, struct.pack("!I4xQ", 2, 9)),
        openflow.message(openflow.BARRIER_REPLY, 9),
    ]


def _bgp() -> list[bytes]:
    codec = FAMILIES[25, 70]
    session = SessionParameters(64512, PEER_AS, False, True)
    route = mac_path(PEER, 7, l3=200)
    key, nlri = pack_route(2, route.nlri[:-1], route.labels)
    _, packed = AttributeSet(route.attrs, None).packed(session)
    return [
        open_message(PEER_AS, PEER),
        bgp.KEEPALIVE_MESSAGE,
        *pack_reach(codec, [nlri], bytes((10, 0, 0, 77)), packed),
        *pack_unreach(codec, [key]),
        bgp.pack_refresh((25, 70)),
    ]


DOORS = {
    "api": Door("api", _api),
    "ovsdb": Door("ovsdb", _ovsdb),
    "openflow": Door("openflow", _openflow),
    "bgp": Door("bgp", _bgp, PEER),
}


# ------------------------------------------------------------ bad clients


def mutated(rng: random.Random, data: bytes) -> bytes:
    """``data`` with a few bytes changed, left out, repeated or put in, or a number in it made
    extreme."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(found) + 1)
        size = rng.choice((1, 1, 2, 4, 16))
        what = rng.randrange(6)
        if what == 0 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            del found[at:at + size]
        elif what == 2:
            found[at:at] = rng.randbytes(size)
        elif what == 3:
            found[at:at] = found[at:at + size]
        elif what == 4:
            found[at:at + size] = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * size
        else:
            del found[at:]
        if not found:
            return rng.randbytes(4)
    return bytes(found)


def sessions(rng: random.Random, door: Door, inputs: int) -> Iterator[bytes]:
    """What bad clients send, a connection each, until ``inputs`` messages were damaged: good ones
    up to a point, so that each is heard by those who expect it."""
    messages = door.messages()
    left = inputs
    while left > 0:
        good = rng.randrange(len(messages))
        tail = [mutated(rng, rng.choice(messages[good:])) for _ in range(rng.randint(1, 4))]
        left -= len(tail)
        yield b"".join([*messages[:good], *tail])


def send(sock: socket.socket, data: bytes) -> None:
    """All of it, if it is taken, and the end; then read until the node closes or has nothing."""
    sock.settimeout(2.0)
    with contextlib.suppress(OSError):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1 << 16):
            pass
