"""Switches that answer wrongly, say what nobody asked or nothing at all, beside a real one."""

from __future__ import annotations

import logging
import socket
import struct

import pytest

from lab.beds.openflow_bed import eventually
from tests.ovs.openflow.channel_support import EVI, FakeSwitch, join, macs
from vrouter_ovs.state import LocalPort


@pytest.mark.parametrize("body", [
    struct.pack("!HH4x", 1, 0) + b"\x00\x10" + bytes(30),
    struct.pack("!HH4x", 1, 0) + struct.pack("!H", 60) + bytes(70),
    struct.pack("!HH4x", 1, 1) + b"\xff" * 900,
], ids=["short", "long", "ones"])
def test_malformed_flow_dumps_close_the_connection(node, switch, body, caplog):
    caplog.set_level(logging.INFO)
    join(node, switch)
    node.southbound.accept("fake", 0xFA4E)
    with FakeSwitch(node.port) as fake:
        xid = fake.wait_for_flow_dump()
        fake.send(19, xid, body)
        assert fake.ended()
    eventually(lambda: "malformed reply" in caplog.text, "logged")
    node.acked("hv1", node.program("hv1", *macs(2)))


def test_replies_that_nobody_asked_for_are_ignored(node, switch):
    join(node, switch)
    node.southbound.accept("fake", 0xFA4E)
    with FakeSwitch(node.port) as fake:
        xid = fake.wait_for_flow_dump()
        for kind in (1, 19, 21, 33):
            fake.send(kind, 0xFFFFFFF0, bytes(64))
        fake.send(19, xid, struct.pack("!HH4x", 1, 0))
        eventually(lambda: node.southbound.status("fake")["connected"], "connected")
        node.program("fake", *macs(3))
        xid, _ = fake.wait_for(33)
        end, _ = fake.wait_for(33)
        fake.send(33, end + 7, struct.pack("!IHH", 1, 5, 3))
        fake.send(33, end, b"\0")
        fake.send(33, end, struct.pack("!IHH", 1, 5, 3))
        node.acked("fake", 1)


def test_a_switch_that_forgets_no_connections_is_told_of_once(node, switch, caplog):
    """Its ports work; the log says what it means."""
    join(node, switch)
    node.southbound.accept("fake", 0xFA4E)
    ports = [LocalPort(str(n), n, EVI, "02:00:00:00:00:01", (), False) for n in (5, 6)]
    with FakeSwitch(node.port) as fake:
        fake.send(19, fake.wait_for_flow_dump(), struct.pack("!HH4x", 1, 0))
        eventually(lambda: node.southbound.status("fake")["connected"], "connected")
        node.program("fake", *ports)
        fake.wait_for(33)
        end, body = fake.wait_for(33)
        assert body[4:6] == b"\0\2"  # Nobody else may change the switch while it closes the bundle.
        fake.send(33, end, struct.pack("!IHH", 1, 3, 3))
        for number in (5, 6):
            xid, body = fake.wait_for(4)  # NXT_CT_FLUSH_ZONE
            assert body == struct.pack("!II6xH", 0x2320, 29, number)
            fake.send(1, xid, struct.pack("!HHBBHI", 1, 3, 5, 4, 24, xid) + body)
        end, body = fake.wait_for(33)
        assert body[4:6] == b"\0\4"  # After the flushes: the commit.
        fake.send(33, end, struct.pack("!IHH", 1, 5, 3))
        node.acked("fake", 1)
        status = node.southbound.status("fake")
    assert (status["zone_flushes"], status["errors"], status["rejected"]) == (2, 2, [])
    assert caplog.text.count("cannot forget the connections") == 1


@pytest.mark.parametrize("body", [
    struct.pack("!HH4x", 1, 0) + bytes(64),
    struct.pack("!HH4x", 7, 0) + struct.pack("!HHI", 8, 0, 1) + bytes(64),
], ids=["flow stats", "group description"])
def test_elements_of_length_zero_do_not_hold_a_thread(node, switch, body):
    join(node, switch)
    with FakeSwitch(node.port) as fake:
        fake.send(19, 7, body)
        assert fake.ended()
    node.acked("hv1", node.program("hv1", *macs(2)))


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "short length": struct.pack("!BBHI", 5, 0, 3, 1),
    "half a hello": struct.pack("!BBHI", 5, 0, 64, 1) + b"\0",
    "flow mod first": struct.pack("!BBHI", 5, 14, 56, 1) + bytes(48),
    "long hello": struct.pack("!BBHI", 5, 0, 65535, 1) + bytes(70000),
    "bad hello element": struct.pack("!BBHIHH", 5, 0, 16, 1, 1, 2) + bytes(4),
    "hello, then garbage": struct.pack("!BBHI", 5, 0, 8, 1) + b"\xee" * 100,
    "old version": struct.pack("!BBHI", 1, 0, 8, 1),
    "silence": b"",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_closed_with_a_reason_and_others_are_served(node, switch, name, caplog):
    join(node, switch)
    with socket.create_connection(("127.0.0.1", node.port), 5) as sock:
        own = f"{sock.getsockname()[0]}:{sock.getsockname()[1]}"
        if GARBAGE[name]:
            try:
                sock.sendall(GARBAGE[name])
            except OSError:
                pass
        node.acked("hv1", node.program("hv1", *macs(2)))
        assert len(switch.flows()) == 2
        eventually(lambda: any(own in record.getMessage() for record in caplog.records
                               if "closed" in record.getMessage()), "closed, with a reason")
    assert node.southbound.status("hv1")["connected"]
    assert "Traceback" not in caplog.text
