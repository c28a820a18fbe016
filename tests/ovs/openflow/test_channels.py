"""The OpenFlow southbound against a real ovs-vswitchd over TCP."""

from __future__ import annotations

import logging
import re
import signal
import socket
import struct
import time

import pytest

from lab.beds.openflow_bed import BedApp, Node, Switch, eventually
from lab.beds.openflow_bed import Monitor as FlowChanges
from ryu_apps.control.messages import (
    ObjectRefused,
    PortStatus,
    VrouterAcked,
    VrouterConnected,
    VrouterDisconnected,
)
from ryu_apps.southbound.base import NotConnected
from ryu_apps.southbound.openflow import monitor as openflow_monitor
from ryu_apps.southbound.openflow.channel import VrouterChannel
from ryu_apps.southbound.openflow.monitor import Monitor
from tests.hops import bridged
from vrouter_ovs.schema.tables import TABLE_IDS
from vrouter_ovs.state import (
    OPENFLOW,
    Endpoint,
    Evi,
    LocalPort,
    Neighbor,
    Punt,
    RemoteMac,
    Tunnel,
)
from vrouter_ovs.state.meters import meter_pools

EVI = 5001
BRIDGE = TABLE_IDS["bridge"]
FOREIGN = "cookie=0x1234,table=3,priority=7,dl_dst=06:00:00:00:00:01,actions=drop"


@pytest.fixture(scope="module")
def node():
    node = Node()
    yield node
    node.close()


@pytest.fixture(scope="module")
def shared_switch(node):
    switch = Switch()
    switch.connect(node.port)
    yield switch
    switch.close()


@pytest.fixture
def switch(node, shared_switch):
    """The switch, empty, with a new southbound that does not know it yet."""
    node.end()
    shared_switch.ofctl("del-flows", shared_switch.bridge)
    yield shared_switch
    node.end()


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


def test_program_modify_delete(node, switch):
    switch.ofctl("add-flow", switch.bridge, FOREIGN)
    foreign = switch.flows()
    join(node, switch)
    node.acked("hv1", node.program("hv1", *macs(20), Evi(EVI)))
    assert len(switch.flows()) > 21
    node.acked("hv1", node.program("hv1", *macs(10, "192.0.2.2")))
    flows = switch.flows()
    assert sum("set_field:0xc0000202->" in line for line in flows) == 10
    assert sum("set_field:0xc0000201->" in line for line in flows) == 10
    shown = node.southbound.flows("hv1")
    assert len(shown) == len(flows) - 1
    last = node.program("hv1", delete=[item.key for item in [*macs(20), Evi(EVI)]])
    node.acked("hv1", last)
    assert switch.flows() == foreign
    assert node.seen[0] == VrouterConnected("hv1")
    assert node.seen[-1] == VrouterAcked("hv1", last, OPENFLOW)
    status = node.southbound.status("hv1")
    assert status["installed_flows"] == 0 and status["errors"] == 0


def test_effects_that_queue_up_share_a_bundle(node, switch):
    join(node, switch)
    for mac in macs(300):
        revision = node.program("hv1", mac)
    node.acked("hv1", revision)
    status = node.southbound.status("hv1")
    assert status["installed_flows"] == 300
    assert status["bundles"] < 300
    acks = [event.revision for event in node.seen if isinstance(event, VrouterAcked)]
    assert acks == sorted(acks) and acks[-1] == 300


def test_an_object_that_cannot_be_parsed_blocks_nobody(node, switch):
    join(node, switch)
    bad = Tunnel(Endpoint("192.0.2.9"), 0xFFFFFF10)
    node.acked("hv1", node.program("hv1", *macs(5), bad))
    refusals = [event for event in node.seen if isinstance(event, ObjectRefused)]
    assert [event.key for event in refusals] == [bad.key]
    assert refusals[0].reason and refusals[0].revision == 1
    assert len(switch.flows()) == 5
    assert node.southbound.status("hv1")["rejected"][0]["object"] == list(bad.key)
    good = Tunnel(Endpoint("192.0.2.9"), 1)
    node.acked("hv1", node.program("hv1", good))
    assert len(switch.flows()) > 5
    before = switch.flows()
    # A bad new version leaves the good one in place.
    node.acked("hv1", node.program("hv1", bad))
    assert switch.flows() == before
    assert node.southbound.status("hv1")["rejected"]


def test_a_full_table_refuses_some_and_takes_the_rest(node, switch):
    join(node, switch)
    switch.vsctl("--id=@t", "create", "Flow_Table", "flow_limit=6", "overflow_policy=refuse",
                 "--", "set", "Bridge", "br-int", f"flow_tables:{BRIDGE}=@t")
    try:
        node.acked("hv1", node.program("hv1", *macs(20), Neighbor(EVI, "10.0.0.9", macs(1)[0].mac)))
        refused = {event.key for event in node.seen if isinstance(event, ObjectRefused)}
        assert len(refused) == 14
        assert "table full" in node.southbound.status("hv1")["rejected"][0]["reason"]
        assert sum(f"table={BRIDGE}," in line for line in switch.flows()) == 6
        assert len(switch.flows()) > 6
    finally:
        switch.vsctl("clear", "Bridge", "br-int", "flow_tables")
    # A new connection tries them again.
    node.disconnect_all()
    eventually(lambda: sum(f"table={BRIDGE}," in line for line in switch.flows()) == 20,
               "all of them")
    eventually(lambda: not node.southbound.status("hv1")["rejected"], "nothing refused")


def test_a_restarted_switch_gets_everything_back(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", *macs(50), Evi(EVI)))
    flows = switch.flows()
    switch.kill()
    switch.start()
    eventually(switch.is_up, "the switch is back")
    eventually(lambda: any(isinstance(e, VrouterDisconnected) for e in node.seen), "told")
    eventually(lambda: switch.flows() == flows, "all flows back", 30)
    kinds = [type(event) for event in node.seen]
    assert kinds.count(VrouterConnected) == 2
    eventually(lambda: [type(e) for e in node.seen][-1] is VrouterAcked, "confirmed again")


def test_a_restarted_node_changes_nothing(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", *macs(100), Evi(EVI)))
    flows = switch.flows()
    monitor = FlowChanges(switch)
    try:
        node.end()
        node.disconnect_all()
        node.begin()
        node.southbound.accept("hv1", switch.datapath_id)
        node.acked("hv1", node.program("hv1", *macs(60)))
        node.acked("hv1", node.program("hv1", *macs(100)[60:], Evi(EVI)))
        node.southbound.defer("hv1", False)
        node.acked("hv1", node.program("hv1"))
        assert node.southbound.status("hv1")["flow_mods"] == 0
        assert switch.flows() == flows
        assert monitor.changes() == []
        # The monitor does see a change.
        node.acked("hv1", node.program("hv1", delete=[macs(1)[0].key]))
        eventually(lambda: len(monitor.changes()) == 1, "one change seen")
    finally:
        monitor.close()


def test_held_channels_add_and_defer(node, switch):
    join(node, switch)
    evi, other = Evi(EVI), Evi(EVI + 1)
    node.acked("hv1", node.program("hv1", *macs(10), evi))
    before = switch.flows()
    join(node, switch, deferred=True)
    # A new object is added; a changed one that depends on peers, and leftovers, stay as they were.
    moved = macs(2, "192.0.2.9")
    node.acked("hv1", node.program("hv1", *moved, other))
    held = switch.flows()
    assert set(before) < set(held)
    assert not any("set_field:0xc0000209->" in line for line in held)
    node.acked("hv1", node.program("hv1", delete=[other.key]))
    assert switch.flows() == held
    node.southbound.defer("hv1", False)
    eventually(lambda: len(switch.flows()) == 2, "converged")
    assert all("set_field:0xc0000209->" in line for line in switch.flows())


def test_what_others_delete_or_change_is_found_by_an_audit(node, switch, monkeypatch):
    monkeypatch.setattr(Monitor, "wants", lambda self, message: False)
    join(node, switch, audit_interval=0.2)
    node.southbound._channels["hv1"].audits.full_every = 2
    node.acked("hv1", node.program("hv1", *macs(30)))
    flows = switch.flows()
    switch.ofctl("del-flows", switch.bridge)
    eventually(lambda: switch.flows() == flows, "put back after del-flows")
    eventually(lambda: node.southbound.status("hv1")["repairs"] == 30, "counted")
    switch.ofctl("mod-flows", switch.bridge, f"table={BRIDGE},actions=drop")
    eventually(lambda: switch.flows() == flows, "put back after mod-flows")


def repairs(node: Node) -> int:
    return node.southbound.status("hv1")["repairs"]


def test_what_others_do_to_flows_is_told_by_the_switch_and_put_back(node, switch):
    join(node, switch, audit_interval=3600)
    node.acked("hv1", node.program("hv1", *macs(30)))
    flows = switch.flows()
    match = f"table={BRIDGE},reg0=0x1389,dl_dst=02:00:00:00:00:05"
    for number, damage in enumerate((
        ("del-flows", switch.bridge),
        ("mod-flows", switch.bridge, f"table={BRIDGE},actions=drop"),
        ("del-flows", switch.bridge, match),
        ("add-flow", switch.bridge, f"cookie=0x77,priority=200,{match},actions=drop"),
        ("add-flow", switch.bridge, "cookie=0x564e000000000001,table=3,priority=9,actions=drop"),
    )):
        before = repairs(node)
        switch.ofctl(*damage)
        eventually(lambda before=before: repairs(node) > before, f"repair {number}")
        eventually(lambda: switch.flows() == flows, f"put back {number}")
    status = node.southbound.status("hv1")
    assert (status["audits"], status["foreign_flows"]) == (0, 0)
    count = repairs(node)
    node.acked("hv1", node.program("hv1", *macs(900), delete=[macs(1)[0].key]))
    node.acked("hv1", node.program("hv1", *macs(900, "192.0.2.9")))
    node.acked("hv1", node.program("hv1", delete=[item.key for item in macs(900)]))
    assert switch.flows() == []
    assert (repairs(node), node.southbound.status("hv1")["audits"]) == (count, 0), "its own work"


def test_a_meter_that_others_delete_takes_its_flows_along_and_both_come_back(node, switch):
    join(node, switch, audit_interval=3600)
    node.acked("hv1", node.program(
        "hv1", Evi(EVI), LocalPort("p", 5, EVI, "02:00:00:00:00:01", (), False),
        Punt("p", 5), *meter_pools(0),
    ))
    flows = switch.flows()
    meter = re.search(r"meter:(\d+)", "".join(flows))
    assert meter is not None, flows
    switch.ofctl("del-meter", switch.bridge, f"meter={meter[1]}")
    eventually(lambda: repairs(node), "repaired")
    eventually(lambda: switch.flows() == flows, "put back")
    assert f"meter={meter[1]} " in switch.ofctl("dump-meters", switch.bridge, f"meter={meter[1]}")


def test_flows_of_others_are_left_alone_counted_and_named(node, switch):
    switch.ofctl("add-flow", switch.bridge, FOREIGN)
    join(node, switch, audit_interval=3600)
    node.acked("hv1", node.program("hv1", *macs(3)))

    def foreign() -> tuple[int, int]:
        status = node.southbound.status("hv1")
        return status["foreign_flows"], status["foreign_in_front"]

    assert foreign() == (1, 0)
    switch.ofctl("add-flow", switch.bridge,
                 f"cookie=0x99,table={BRIDGE},priority=65535,actions=drop")
    eventually(lambda: foreign() == (2, 1), "seen")
    assert node.southbound.status("hv1")["foreign_examples"] == [
        "table bridge, priority 65535, cookie 0x99"
    ]
    switch.ofctl("add-flow", switch.bridge, f"cookie=0x98,table={BRIDGE},priority=1,actions=drop")
    eventually(lambda: foreign() == (3, 1), "one that is behind ours")
    switch.ofctl("del-flows", switch.bridge, "cookie=0x99/-1")
    eventually(lambda: foreign() == (2, 0), "gone")
    assert repairs(node) == 0


def test_too_much_news_is_an_audit(node, switch, monkeypatch):
    monkeypatch.setattr(openflow_monitor, "MAX_UNREAD", -1)
    join(node, switch, audit_interval=3600)
    node.acked("hv1", node.program("hv1", *macs(30)))
    flows = switch.flows()
    switch.ofctl("del-flows", switch.bridge)
    node.southbound.defer("hv1", False)  # The worker looks at its clock once a second at most.
    eventually(lambda: switch.flows() == flows, "put back")
    assert node.southbound.status("hv1")["audits"] == 1


def test_connection_before_acceptance_and_a_second_connection(node, switch):
    southbound = node.begin()
    eventually(lambda: switch.datapath_id in BedApp.datapaths, "connected")
    time.sleep(0.1)
    node.program("hv1", *macs(3))
    assert switch.flows() == []
    with pytest.raises(NotConnected):
        southbound.flows("hv1")
    southbound.accept("hv1", switch.datapath_id)
    node.acked("hv1", 1)
    assert len(switch.flows()) == 3
    # The switch connects again before its old connection is known to be dead.
    with FakeSwitch(node.port, switch.datapath_id):
        eventually(lambda: node.southbound.status("hv1")["reconnects"] >= 2, "the newer counts")
    eventually(lambda: node.southbound.status("hv1")["connected"], "the real one is back")
    node.acked("hv1", 1)


def test_a_switch_that_stops_answering_is_cut_off(node, switch, monkeypatch):
    monkeypatch.setattr(VrouterChannel, "answer_timeout", 0.5)
    join(node, switch)
    switch.vswitchd.send_signal(signal.SIGSTOP)
    try:
        node.program("hv1", *macs(3))
        gone = eventually(lambda: [e for e in node.seen if isinstance(e, VrouterDisconnected)],
                          "disconnected")
        assert "no answer to 3 flow changes" in gone[0].reason
    finally:
        switch.vswitchd.send_signal(signal.SIGCONT)
    node.acked("hv1", 1)
    assert len(switch.flows()) == 3


def test_stop_and_forget_touch_no_flow(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", *macs(5)))
    flows = switch.flows()
    node.southbound.forget("hv1")
    with pytest.raises(KeyError):
        node.southbound.status("hv1")
    node.southbound.stop()
    assert switch.flows() == flows


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


def test_the_number_of_a_new_port_is_told_by_the_switch(node, switch):
    """Before ovs-vswitchd writes it to its database, hence while ``--no-wait`` does not wait."""
    join(node, switch)
    switch.vsctl("--no-wait", "add-port", "br-int", "told",
                 "--", "set", "Interface", "told", "type=dummy", "ofport_request=77")  # fmt: skip
    eventually(lambda: PortStatus("hv1", "told", 77) in node.seen, "the port's number")
    switch.vsctl("--no-wait", "del-port", "told")
    eventually(lambda: PortStatus("hv1", "told", None) in node.seen, "the port's end")
