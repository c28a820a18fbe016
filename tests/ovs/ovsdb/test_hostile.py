"""What connects to the hypervisors' port and should not: closed with a reason, others served."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import threading
import time

import pytest

from lab.beds.option_values import ovsdb_settings
from lab.beds.ovsdb_bed import Hypervisor, Node, until
from lab.hosts.open_vswitch import schema_path
from ryu_apps.control.messages import ElementDisconnected, InterfacesChanged
from ryu_apps.southbound.ovsdb.admission import MAX_EARLY_PER_SOURCE
from ryu_apps.southbound.ovsdb.sessions import OvsdbSessions, parse_listen
from vrouter_ovs.state import Endpoint


@pytest.fixture
def served():
    """A node with one good hypervisor; afterwards that one must still be served."""
    nodes: list[Node] = []
    hypervisor = Hypervisor("good", "10.0.0.1").start()

    def start(**settings):
        node = Node(**settings)
        nodes.append(node)
        hypervisor.join(*node.bound)
        node.connected("good")
        until(lambda: node.state("good").get("datapath_id"), "configured")
        return node

    try:
        yield start
        session = nodes[0].connected("good").session
        assert not [e for e in nodes[0].of(ElementDisconnected) if e.session == session]
        hypervisor.add_port("tap1", "port-1")
        until(lambda: nodes[0].of(InterfacesChanged), "the good hypervisor is served")
    finally:
        for node in nodes:
            node.stop()
        hypervisor.stop()


def connect(node):
    sock = socket.create_connection(node.bound[0][1:], timeout=20)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    return sock


def drain(sock):
    """Read to the end; the peer may reset."""
    with contextlib.suppress(OSError):
        while sock.recv(65536):
            pass


def read_request(sock):
    data = b""
    while True:
        data += sock.recv(65536)
        with contextlib.suppress(ValueError):
            return json.loads(data)


def reply(sock, request, result):
    sock.sendall(json.dumps({"id": request["id"], "result": result, "error": None}).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\x04\x00\x00\x08",
        b"[]", b"{}", b'{"id":"schema","result":[],"error":null}',
        b'{"id":"schema","result":null,"error":"no such database"}',
        b'{"id":"contents","result":{},"error":null}', b'{"id":"x","result":1,"error":null}',
        b'{"method":"update2","params":["vnc",{}],"id":null}',
        b'{"method":"update2","params":[],"id":null}',
        b'{"id":"schema","result":' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}",
    ],
)
def test_garbage_is_closed(served, data, caplog):
    node = served()
    with connect(node) as sock:
        sock.sendall(data)
        drain(sock)
    until(lambda: "closed: " in caplog.text, "a reason in the log")
    assert node.shell.counters["internal_errors"] == 0
    assert node.shell.counters["protocol_errors"] == 1


def test_random_bytes_and_damaged_messages(served):
    node = served()
    random_source = random.Random(7)
    seed = schema_path().read_bytes()
    for turn in range(60):
        with connect(node) as sock:
            request = read_request(sock)
            if turn % 2:
                sock.sendall(os.urandom(random_source.randint(1, 3000)))
            else:
                text = bytearray(
                    b'{"error":null,"id":"%s","result":%s}' % (request["id"].encode(), seed)
                )
                for _ in range(random_source.randint(1, 20)):
                    text[random_source.randrange(len(text))] = random_source.randrange(32, 127)
                sock.sendall(text)
            sock.shutdown(socket.SHUT_WR)
            drain(sock)
    assert node.shell.counters["internal_errors"] == 0
    until(lambda: len(node.shell.status()) == 1, "all closed")


def test_damaged_contents_and_updates(served):
    node = served()
    schema = json.loads(schema_path().read_text())
    bad = [
        5, [], {"Bridge": 5}, {"Bridge": {"u": 5}}, {"Bridge": {"u": {"insert": 5}}},
        {"Other": {}}, {"Bridge": {"u": {"modify": {"name": "x"}}}}, {"Bridge": {"u": {}}},
        {"Bridge": {"u": {"insert": {"name": ["set", [[]]]}}}},
        {"Interface": {"u": {"insert": {"name": {"a": 1}}}}},
        {"Interface": {"u": {"insert": {"external_ids": ["map", [[["set", []], {}]]]}}}},
        {"Interface": {"u": {"insert": {"external_ids": ["map", [["iface-id", 5]]]}}}},
        {"Open_vSwitch": {"u": {"insert": {"external_ids": ["map", [["system-id", 5]]]}}}},
        {"Open_vSwitch": {"u": {"insert": {"bridges": 5}}}},
    ]
    for contents in bad:
        for as_update in (False, True):
            with connect(node) as sock:
                reply(sock, read_request(sock), schema)
                request = read_request(sock)
                if as_update:
                    reply(sock, request, {})
                    sock.sendall(json.dumps(
                        {"method": "update2", "params": ["vnc", contents], "id": None}).encode())
                else:
                    reply(sock, request, contents)
                sock.shutdown(socket.SHUT_WR)
                drain(sock)
    until(lambda: len(node.shell.status()) == 1, "all closed")
    assert node.shell.counters["internal_errors"] == 0


def test_a_wrong_schema_is_closed_and_told(served, caplog):
    node = served()
    schema = json.loads(schema_path().read_text())
    del schema["tables"]["Interface"]["columns"]["bfd_status"]
    with connect(node) as sock:
        reply(sock, read_request(sock), schema)
        drain(sock)
    until(lambda: "no column Interface.bfd_status" in caplog.text, "the reason")


def test_a_huge_message_is_cut_off(served, caplog):
    node = served(input_limit=1 << 20)
    with connect(node) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(b'{"id":"schema","result":"')
        while True:
            sock.sendall(b"x" * 65536)
    until(lambda: "a message of more than" in caplog.text, "the reason")


def test_a_silent_socket_is_closed(served, caplog):
    node = served(handshake_timeout=0.5)
    with connect(node) as sock:
        drain(sock)
    until(lambda: "not ready in time" in caplog.text, "the reason")


def test_sessions_and_early_connections_are_limited(served):
    node = served(max_sessions=20)
    socks = [connect(node) for _ in range(30)]
    try:
        until(lambda: node.shell.counters["turned_away"] == 11, "the rest turned away")
        assert len(node.shell.status()) == 20
    finally:
        for sock in socks:
            sock.close()
    until(lambda: len(node.shell.status()) == 1, "room again")


def test_strangers_leave_a_place_to_a_hypervisor_that_was_here_before_the_start():
    node = Node(max_sessions=4)
    try:
        strangers = [connect(node) for _ in range(3)]
        until(lambda: node.shell.counters["turned_away"] == 1, "half is kept")
        node.shell.expect("hv1", "127.0.0.1")
        until(lambda: not node.shell.waiting, "known")
        with connect(node):
            until(lambda: len(node.shell.status()) == 3, "a place that was kept")
        for sock in strangers:
            sock.close()
    finally:
        node.stop()


def test_one_source_cannot_take_every_place(served):
    node = served()
    socks = [connect(node) for _ in range(MAX_EARLY_PER_SOURCE + 8)]
    try:
        until(lambda: node.shell.counters["turned_away"] == 8, "the rest turned away")
    finally:
        for sock in socks:
            sock.close()


def test_a_flood_on_one_connection_does_not_stop_the_others(served):
    node = served()
    schema = json.loads(schema_path().read_text())
    stop = threading.Event()
    with connect(node) as sock:
        reply(sock, read_request(sock), schema)
        reply(sock, read_request(sock), {})
        reader = threading.Thread(target=drain, args=(sock,), daemon=True)
        reader.start()

        def flood():
            data = b'{"method":"echo","params":[],"id":"e"}' * 1000
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    sock.sendall(data)

        writer = threading.Thread(target=flood, daemon=True)
        writer.start()
        hypervisor = Hypervisor("late", "10.0.0.2").start()
        try:
            hypervisor.join(*node.bound)
            node.connected("late")
            until(lambda: node.state("late").get("datapath_id"), "configured under the flood")
        finally:
            stop.set()
            hypervisor.stop()
            sock.shutdown(socket.SHUT_RDWR)
            writer.join(10)
            reader.join(10)


def test_a_half_open_connection_is_noticed(served):
    node = served(probe_interval=0.5)
    hypervisor = Hypervisor("frozen", "10.0.0.2").start()
    try:
        hypervisor.join(*node.bound)
        node.connected("frozen")
        hypervisor.pause_database(True)
        until(lambda: node.of(ElementDisconnected), "disconnected")
        event, = node.of(ElementDisconnected)
        assert event.element == "frozen" and "silent" in event.reason
        hypervisor.pause_database(False)
        assert node.connected("frozen").session > event.session
    finally:
        hypervisor.stop()


def test_stop_is_quick_and_the_port_is_free_again():
    node = Node()
    _, address, port = node.bound[0]
    socks = [connect(node) for _ in range(5)]
    threads = [item for item in threading.enumerate() if item.name == "ovsdb"]
    node.stop()
    assert not any(item.is_alive() for item in threads)
    for sock in socks:
        drain(sock)
        sock.close()
    again = Node(listen=(f"ptcp:{port}:{address}",))
    with pytest.raises(OSError, match=f"cannot listen for hypervisors on ptcp:{port}:{address}"):
        Node(listen=(f"ptcp:{port}:{address}",))
    again.stop()
    again.stop()


@pytest.mark.parametrize(
    "text", ["tcp:6640", "ptcp:x", "ptcp:70000", "ptcp:6640:example", "", "pssl:1:2:3:4"])
def test_bad_listen_settings(text):
    with pytest.raises(ValueError, match="ovsdb listen"):
        parse_listen(text)


def test_good_listen_settings():
    assert parse_listen("ptcp:") == (False, "0.0.0.0", 6640)
    assert parse_listen("pssl:6641:[::1]") == (True, "::1", 6641)
    with pytest.raises(ValueError, match="private_key"):
        OvsdbSessions(print, ovsdb_settings(listen=("pssl:0",))).start()


def test_ipv6_listener():
    node = Node(listen=("ptcp:0:[::1]",))
    hypervisor = Hypervisor("six", "10.0.0.6").start()
    try:
        port = node.bound[0][2]
        hypervisor.vsctl("--no-wait", "set-manager", f"tcp:[::1]:{port}")
        node.connected("six")
        until(lambda: node.state("six").get("datapath_id"), "configured")
        assert hypervisor.vsctl("get-controller", "br-int") == "tcp:[::1]:6653"
        assert hypervisor.find("Manager", "max_backoff") == [{"max_backoff": 1000}]
    finally:
        hypervisor.stop()
        node.stop()


def test_commands_for_what_is_not_there_do_nothing():
    node = Node()
    try:
        node.shell.accept(99, "nobody")
        node.shell.refuse(99, "no")
        node.set_tunnels("nobody", frozenset({Endpoint("10.0.0.1"), Endpoint("banana")}))
        node.mark("nobody", "x")
        node.shell.forget("nobody")
        time.sleep(0.05)
        with connect(node) as sock:
            assert read_request(sock)["method"] == "get_schema"
    finally:
        node.stop()
