"""Clients that take what others need: connections, workers, memory, descriptors.  A good client is
another host: it comes from 127.0.0.2."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest

from ryu_apps.northbound.serving import connection as limits
from ryu_apps.northbound.serving import loop
from tests.unit.northbound.api_client import Node, options

HALF = b"GET / HTTP/1.1\r\nHost: x\r\n"
OTHER = ("127.0.0.2", 0)


@pytest.fixture
def node():
    node = Node(conf=options(threads=4, max_body=2_000_000))
    yield node
    node.close()


def connect(node, source=None):
    return socket.create_connection(node.server.address, 10, source_address=source)


def ask(node, method="GET", path="/v2.0/networks?limit=1", body=None, source=OTHER, timeout=10):
    """Status and body, asked on a connection of its own."""
    link = http.client.HTTPConnection(*node.server.address, timeout=timeout, source_address=source)
    with contextlib.closing(link):
        link.request(method, path, body)
        answer = link.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def eventually(condition, what):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def held(stack, node, count, data=b""):
    found = []
    for _ in range(count):
        sock = stack.enter_context(connect(node))
        sock.sendall(data)
        found.append(sock)
    return found


@pytest.mark.parametrize("data", [HALF, b"", b"\x00" * 50, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_connections_that_come_and_go(node, data):
    """More than there are places, each gone before it was looked at."""
    for _ in range(2500):
        with connect(node) as sock:
            if data:
                sock.sendall(data)
    assert ask(node)[0] == 200
    assert node.server._loop.thread.is_alive()


def test_one_host_has_all_places(node, monkeypatch):
    node.server._loop._clients.capacity = 50
    with contextlib.ExitStack() as stack:
        kept = http.client.HTTPConnection(*node.server.address, source_address=OTHER)
        stack.callback(kept.close)
        kept.request("GET", "/")
        kept.getresponse().read()
        socks = held(stack, node, 120, HALF)
        for _ in range(5):
            assert ask(node)[0] == 200
        kept.request("GET", "/")  # It was not the one that had to go.
        assert kept.getresponse().status == 200
        closed = 0
        for sock in socks:
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                closed += sock.recv(1) == b""
        assert closed >= 70
    assert node.server._loop.turned.counts["there are too many connections"] >= 70


@pytest.mark.parametrize("start", [
    b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 1900000\r\n\r\n" + b"[" * 40000,
    b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"9c40\r\n" + b"[" * 40000 + b"\r\n",
    b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    b"Content-Length: 100000\r\n\r\n",
])
def test_bodies_that_dribble_hold_no_worker_and_end(node, monkeypatch, start):
    """However many: also those that never are silent for long."""
    monkeypatch.setattr(limits, "GRACE", 1.0)
    with contextlib.ExitStack() as stack:
        socks = held(stack, node, 30, start)
        stop = threading.Event()

        def dribble():
            while not stop.is_set():
                for sock in socks:
                    with contextlib.suppress(OSError):
                        sock.send(b"[", socket.MSG_DONTWAIT)
                time.sleep(0.1)

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            body = json.dumps({"networks": [{"description": "y" * 200} for _ in range(300)]})
            for source in (None, OTHER):
                assert ask(node, "POST", "/v2.0/networks", body, source)[0] == 201
            eventually(lambda: len(node.server._loop._clients) == 0, "they end")
        finally:
            stop.set()
            thread.join()
    assert node.server._loop.turned.counts["refused with 408"] == 30


def test_answers_that_nobody_reads(node, monkeypatch):
    """They hold no worker, and not for ever; who reads slowly but reads has all of it."""
    monkeypatch.setattr(limits, "GRACE", 1.0)
    for _ in range(3):
        assert ask(node, "POST", "/v2.0/networks", json.dumps(
            {"networks": [{"name": "x" * 250, "description": "y" * 250} for _ in range(600)]}
        ))[0] == 201
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(node.server.address)
            sock.sendall(b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n")
        status, found = ask(node, path="/v2.0/networks", timeout=60)
        assert status == 200 and len(found["networks"]) == 1800
        for _ in range(5):
            assert ask(node)[0] == 200
        # A kernel takes a few megabytes; what it did not take ends in time, or the client did.
        monkeypatch.setattr(limits, "RATE", 1 << 30)
        eventually(lambda: len(node.server._loop._clients) == 0, "they end")


def test_a_host_that_asks_for_what_takes_long_leaves_a_worker_to_others(node, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(type(node.view), "counts", lambda self: release.wait(30) and {})
    with contextlib.ExitStack() as stack:
        held(stack, node, 40, b"GET /v1/counts HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(3):
            assert ask(node)[0] == 200
        release.set()


def test_more_requests_than_can_wait(node, monkeypatch):
    """The newest of those who ask most is told to come again."""
    release = threading.Event()
    monkeypatch.setattr(type(node.view), "counts", lambda self: release.wait(30) and {})
    node.server._loop._pool._limit = 10
    with contextlib.ExitStack() as stack:
        socks = held(stack, node, 40, b"GET /v1/counts HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ask(node)[0] == 200
        release.set()
        status = [http.client.HTTPResponse(sock) for sock in socks]
        for one in status:
            one.begin()
        found = [one.status for one in status]
        assert found.count(503) >= 20 and found.count(200) >= 10


def test_bodies_have_bounded_memory_together(node):
    """And what is too much goes from the host that has the most."""
    node.server._loop._clients._memory = 4_000_000
    start = b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 1900000\r\n\r\n"
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            held(stack, node, 20, start + b"[" * 1_000_000)
        body = json.dumps({"networks": [{"description": "y" * 200} for _ in range(300)]})
        assert ask(node, "POST", "/v2.0/networks", body)[0] == 201
        # Between what arrives and what is ended for it there is a moment.
        ends = time.monotonic() + 20
        while node.server._loop._clients._bytes > 4_000_000:
            assert time.monotonic() < ends
            time.sleep(0.01)
    assert node.server._loop.turned.counts[loop.HEAVY] >= 10


def test_small_chunks(node):
    """Each costs as much as a large one."""
    chunks = b"1\r\n[\r\n" * 5000
    with connect(node) as sock:
        sock.sendall(b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        assert answer.status == 400 and b"small chunks" in answer.read()


def test_continue_is_said_before_the_body(node):
    with connect(node) as sock:
        sock.sendall(b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                     b"Content-Length: 15\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(b'{"network": {}}')
        assert b" 201 " in sock.recv(4096)


def test_requests_one_after_the_other_without_waiting(node):
    """Pipelined, more than a read takes; each is answered."""
    count = 1000
    request = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(node) as sock:
        thread = threading.Thread(target=sock.sendall, args=(request * count,))
        thread.start()
        found = b""
        while found.count(b"HTTP/1.1 200 OK") < count:
            data = sock.recv(65536)
            assert data
            found += data
        thread.join()


SCRIPT = """
import logging, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
from tests.unit.northbound.api_client import Node, options
node = Node(conf=options(threads=4))
hog = [open("/dev/null") for _ in range(int(sys.argv[1]))]
print(*node.server.address, flush=True)
sys.stdin.readline()
del hog
print("", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("hogged", [0, 40])
def test_no_descriptors(hogged):
    """Whoever has them: others are served when there are some again, and the log is short."""
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(hogged)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        host, port = child.stdout.readline().split()
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(socket.create_connection((host, int(port)), 10))
            time.sleep(1.5)
            if hogged:
                print("", file=child.stdin, flush=True)
                child.stdout.readline()
            link = http.client.HTTPConnection(host, int(port), timeout=10, source_address=OTHER)
            link.request("GET", "/")
            assert link.getresponse().status == 200
            link.close()
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        _, errors = child.communicate("\n\n", timeout=20)
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
    finally:
        child.kill()
    assert errors.count("\n") < 20, errors[:2000]
    assert "Traceback" not in errors
