"""Connections to the API: halves of requests, pieces, garbage, while others are served."""

from __future__ import annotations

import contextlib
import random
import threading
import time

import pytest
import requests

from tests.unit.northbound.api_client import Node, options
from tests.unit.northbound.raw_client import connect, post


@pytest.fixture(scope="module")
def node():
    node = Node(conf=options(max_body=100_000, threads=4))
    yield node
    node.close()


def test_half_requests_do_not_stop_the_others(node):
    half = (
        b"", b"G", b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: y",
    )
    with contextlib.ExitStack() as stack:
        for index in range(80):
            sock = stack.enter_context(connect(node))
            sock.sendall(half[index % len(half)])
        for _ in range(20):
            assert requests.get(node.url + "/", timeout=5).status_code == 200
            assert post(node, b'{"network": {}}').status_code == 201


def test_a_request_may_come_in_pieces(node):
    text = b'POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{"network": {}}'
    with connect(node) as sock:
        for at in range(0, len(text), 20):
            sock.sendall(text[at:at + 20])
            time.sleep(0.01)
        assert b" 201 " in sock.recv(4096)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
        found = b""
        while found.count(b"HTTP/1.1 200") < 2:
            found += sock.recv(4096)


def test_garbage_while_a_good_client_is_served(node):
    source, failed, served = random.Random(3), [], 0
    before = node.server.application.counters()
    stop = threading.Event()

    def good():
        nonlocal served
        while not stop.is_set():
            if requests.get(node.url + "/v2.0/networks?limit=1", timeout=10).status_code != 200:
                failed.append("refused")
            served += 1

    client = threading.Thread(target=good)
    client.start()
    pieces = [
        lambda: source.randbytes(source.randrange(1, 3000)),
        lambda: b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        lambda: b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(9000)) + b"\r\n",
        lambda: b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        lambda: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        lambda: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        lambda: b"POST /v2.0/ports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        lambda: b"\r\n\r\n\r\n", lambda: b"GET\r\n\r\n", lambda: b"\x16\x03\x01\x02\x00\x01\x00",
        lambda: b"GET /v2.0/ports?limit=" + b"9" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: b"GET / HTTP/1.1\r\nHost: \xff[:x\r\n\r\n",
        lambda: b"GET /v2.0/ports?\xff=%00 HTTP/1.1\r\nHost: x\r\nX-Project-Id: \xff\r\n\r\n",
        lambda: b"GET /v2.0/%c3%28/\xfe HTTP/1.1\r\nHost: x\r\nIf-Match: \xff\r\n\r\n",
        lambda: b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n{}",
        lambda: b"PUT /v2.0/networks/\x01/tags/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    try:
        for index in range(150):
            with contextlib.suppress(OSError), connect(node) as sock:
                sock.settimeout(0.02)
                sock.sendall(pieces[index % len(pieces)]())
                if source.random() < 0.5:
                    sock.recv(1000)
    finally:
        stop.set()
        client.join(20)
    assert not failed and served > 5
    counted = node.server.application.counters()
    assert counted[200] - before.get(200, 0) >= served
    assert counted.get(500) == before.get(500)
