"""Answers that are written as they are made, by the real server."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import ssl
import subprocess
import threading
import time

import pytest

from ryu_apps.control.config.access import UNLIMITED
from ryu_apps.identity.unverified import Unverified
from ryu_apps.northbound.http.application import Application
from ryu_apps.northbound.http.call import Reply, Route
from ryu_apps.northbound.http.stream import Stream
from ryu_apps.northbound.serving import loop as serving
from ryu_apps.northbound.serving import streams
from tests.unit.northbound.api_client import Node, options

BIG = b"x" * 8192


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Source:
    """An iterator that gives what it is fed, b"" meanwhile, and knows what became of it."""

    def __init__(self) -> None:
        self.feed: list = []
        self.given = 0
        self.closed = threading.Event()

    def __iter__(self):
        return self

    def __next__(self):
        if not self.feed:
            time.sleep(0.01)
            return b""
        item = self.feed.pop(0)
        if item is StopIteration:
            raise StopIteration
        if isinstance(item, Exception):
            raise item
        self.given += 1
        return item

    def close(self):
        self.closed.set()


class Bed:
    """A node whose API is a few streams."""

    def __init__(self, **api) -> None:
        self.sources: list[Source] = []
        self.node = Node(conf=options(threads=2, **api))
        self.made = 0
        self.ends = threading.Event()
        self.node.server.application = Application([
            Route("GET", "/numbers", lambda call: Reply(200, Stream(iter(range(3))))),
            Route("GET", "/empty", lambda call: Reply(200, Stream(iter(())))),
            Route("GET", "/endless", lambda call: Reply(200, Stream(self.endless(), "text/plain"))),
            Route("GET", "/events", self.events),
            Route("GET", "/plain", lambda call: Reply(200, {"plain": True})),
        ], Unverified(), lambda who: UNLIMITED)

    def events(self, call) -> Reply:
        source = Source()
        self.sources.append(source)
        return Reply(200, Stream(source, "text/event-stream"), (("Cache-Control", "no-store"),))

    def endless(self):
        try:
            while True:
                self.made += 1
                yield BIG
        finally:
            self.ends.set()

    @property
    def loop(self):
        return self.node.server._loop

    def connect(self, tls=None) -> socket.socket:
        sock = socket.create_connection(self.node.server.address, timeout=10)
        return tls.wrap_socket(sock) if tls else sock


@pytest.fixture
def bed():
    one = Bed()
    yield one
    one.node.close()


def ask(sock, path, version="1.1", *headers, method="GET") -> None:
    lines = [f"{method} {path} HTTP/{version}", "Host: x", *headers, "", ""]
    sock.sendall("\r\n".join(lines).encode())


def read(sock, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        more = sock.recv(4096)
        if not more:
            break
        data += more
    return data


def rest(sock) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(65536):
            data += more
    return data


LAST = b"0\r\n\r\n"


def test_it_is_chunked_and_the_connection_goes_on(bed):
    with bed.connect() as sock:
        for _ in range(3):
            ask(sock, "/numbers")
            head, _, body = read(sock, LAST).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200") and b"application/x-ndjson" in head
            assert b"Transfer-Encoding: chunked" in head and b"Content-Length" not in head
            assert body.replace(b"\r\n", b"").endswith(b"2\n0")
        ask(sock, "/empty")
        assert read(sock, LAST).endswith(b"\r\n\r\n" + LAST)
        ask(sock, "/plain")
        assert read(sock, b"}").endswith(b'{"plain":true}')
    answer = bed.node.http.get(bed.node.url + "/numbers", timeout=10)
    assert [json.loads(line) for line in answer.text.splitlines()] == [0, 1, 2]
    assert bed.node.server.application.counters() == {200: 6}


def test_http_1_0_ends_with_the_connection(bed):
    with bed.connect() as sock:
        ask(sock, "/numbers", "1.0", "Connection: keep-alive")
        head, _, body = rest(sock).partition(b"\r\n\r\n")
        assert body == b"0\n1\n2\n"
        assert b"chunked" not in head and b"Connection: close" in head
    with bed.connect() as sock:
        ask(sock, "/numbers", "1.1", "Connection: close")
        assert rest(sock).endswith(LAST)


def test_head_has_no_body_and_makes_nothing(bed):
    with bed.connect() as sock:
        ask(sock, "/events", method="HEAD")
        head = read(sock, b"\r\n\r\n")
        assert b"text/event-stream" in head and b"Cache-Control: no-store" in head
        assert bed.sources[0].closed.wait(10) and bed.sources[0].given == 0
        ask(sock, "/plain")
        assert read(sock, b"}").partition(b"\r\n\r\n")[2] == b'{"plain":true}'


def test_pieces_arrive_as_they_are_made(bed):
    with bed.connect() as sock:
        ask(sock, "/events")
        read(sock, b"\r\n\r\n")
        for number in range(3):
            bed.sources[0].feed.append(b"data: %d\n\n" % number)
            assert b"data: %d" % number in read(sock, b"\n\n\r\n")
        bed.sources[0].feed.append(StopIteration)
        assert read(sock, LAST) == LAST
        assert bed.sources[0].closed.wait(10)


def test_streams_take_no_worker(bed):
    with contextlib.ExitStack() as stack:
        for _ in range(6):  # there are two workers
            ask(stack.enter_context(bed.connect()), "/events")
        until(lambda: len(bed.sources) == 6)
        answer = bed.node.http.get(bed.node.url + "/plain", timeout=10)
        assert answer.json() == {"plain": True}
    assert all(source.closed.wait(10) for source in bed.sources)


def test_a_client_that_goes_ends_its_stream(bed):
    sock = bed.connect()
    ask(sock, "/events")
    read(sock, b"\r\n\r\n")
    sock.close()
    assert bed.sources[0].closed.wait(10)
    until(lambda: len(bed.loop.streams) == 0)
    assert not bed.loop.turned.counts


def test_a_client_that_takes_nothing_slows_its_stream(bed):
    sock = bed.connect()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ask(sock, "/endless")
    before = -1
    while bed.made != before:  # the buffers of the system are full
        before = bed.made
        assert before < 5000
        time.sleep(0.3)
    connection = next(iter(bed.loop._clients))
    assert connection.size <= 2 * streams.AHEAD + 3 * len(BIG)
    assert not bed.ends.is_set()
    assert bed.node.http.get(bed.node.url + "/plain", timeout=10).status_code == 200
    connection.deadline = 0.0  # it is late
    assert bed.ends.wait(10)
    until(lambda: bed.loop.turned.counts == {"it did not take its answer in time": 1})
    sock.close()


def test_one_that_waits_is_not_late(bed):
    with bed.connect() as sock:
        ask(sock, "/events")
        read(sock, b"\r\n\r\n")
        connection = next(iter(bed.loop._clients))
        until(lambda: connection.deadline == float("inf"))
        bed.sources[0].feed += [b"a", StopIteration]
        assert read(sock, LAST).endswith(b"1\r\na\r\n" + LAST)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_one_that_fails_midway_is_cut_off(bed, caplog, version):
    with bed.connect() as sock:
        ask(sock, "/events", version)
        read(sock, b"\r\n\r\n")
        bed.sources[0].feed.append(b"first")
        read(sock, b"first\r\n" if version == "1.1" else b"first")
        with caplog.at_level(logging.ERROR):
            bed.sources[0].feed.append(ValueError("it broke"))
            with pytest.raises(ConnectionResetError):
                assert sock.recv(4096) == b"?"  # neither an end nor a silent close
        assert bed.sources[0].closed.wait(10)
    assert "it broke" in caplog.text
    assert bed.loop.turned.counts == {"its answer failed midway": 1}


def test_there_are_only_so_many(monkeypatch):
    monkeypatch.setattr(serving, "STREAMS", 4)
    bed = Bed()
    try:
        with contextlib.ExitStack() as stack:
            for number in range(3):  # never all: another source finds a place
                ask(stack.enter_context(bed.connect()), "/events")
                until(lambda number=number: len(bed.sources) == number + 1)
            with bed.connect() as more:
                ask(more, "/events")
                refused = rest(more)
                assert refused.startswith(b"HTTP/1.1 503") and b"too many streams" in refused
            assert bed.sources[3].closed.is_set() and not bed.sources[0].closed.is_set()
            assert bed.loop.turned.counts == {"refused with 503": 1}
            bed.sources[0].feed.append(StopIteration)
            until(lambda: len(bed.loop.streams) == 2)
            with bed.connect() as more:
                ask(more, "/numbers")
                assert read(more, LAST).endswith(LAST)
    finally:
        bed.node.close()


def test_the_next_request_waits_for_the_end(bed):
    with bed.connect() as sock:
        ask(sock, "/events")
        read(sock, b"\r\n\r\n")
        ask(sock, "/plain")
        bed.sources[0].feed += [b"a", StopIteration]
        found = read(sock, b"}")
        assert found.index(LAST) < found.index(b'{"plain":true}')


def test_it_is_logged_when_it_has_ended(bed, caplog):
    with caplog.at_level(logging.INFO, "ryu_apps.northbound.access"):
        bed.node.http.get(bed.node.url + "/numbers", timeout=10)
        until(lambda: "'/numbers' 200 6 bytes" in caplog.text)


def test_the_node_stops_while_somebody_is_streamed_to():
    bed = Bed()
    with bed.connect() as sock, bed.connect() as slow:
        ask(sock, "/events")
        ask(slow, "/endless")
        read(sock, b"\r\n\r\n")
        until(lambda: bed.made > 3)
        running = list(bed.loop.streams._running)
        bed.node.close()
        assert bed.sources[0].closed.wait(10) and bed.ends.wait(10)
        for thread in running:
            thread.join(10)
            assert not thread.is_alive()


def test_over_tls(tmp_path):
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                    "-out", certificate, "-subj", "/CN=x", "-days", "2"],
                   check=True, capture_output=True)
    bed = Bed(cert_file=certificate, key_file=key)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with bed.connect(context) as sock:
            ask(sock, "/events")
            read(sock, b"\r\n\r\n")
            bed.sources[0].feed += [b"z" * 100000, StopIteration]
            assert read(sock, LAST).count(b"z") == 100000
            ask(sock, "/events")
            read(sock, b"\r\n\r\n")
        assert bed.sources[1].closed.wait(10)
    finally:
        bed.node.close()
