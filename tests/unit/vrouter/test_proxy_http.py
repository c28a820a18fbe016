"""Requests of instances in the bytes of a connection, and what is made of them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vrouter.proxy_support import LINK_LOCAL, PORT
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.proxies.metadata import http, instance
from vrouter_ovs.proxies.metadata.http import BadRequest, RequestFraming

GET = b"GET /latest/meta-data/?a=b HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"


def messages(data: bytes, pieces: int = 0, longest: int = 16384) -> list[bytes]:
    """What comes out of a connection that had ``data`` on it, in pieces of so many bytes."""
    framing, received, found = RequestFraming(), bytearray(), []
    for at in range(0, len(data), pieces or max(len(data), 1)):
        received += data[at : at + (pieces or len(data))]
        while (message := framing.message(received, longest)) is not None:
            found.append(message)
    return found


def refused(data: bytes, longest: int = 16384) -> tuple[int, str]:
    (message, *_) = messages(data, longest=longest)
    with pytest.raises(BadRequest) as raised:
        http.parse(message)
    return int(raised.value.status), raised.value.reason


@pytest.mark.parametrize("pieces", [0, 1, 7])
def test_requests_one_after_the_other(pieces: int) -> None:
    assert messages(GET + POST + b"\r\n" + GET, pieces) == [GET, POST, GET]


def test_a_request() -> None:
    request = http.parse(GET)
    assert request.method == "GET" and request.target == "/latest/meta-data/?a=b"
    assert request.headers == {"host": "169.254.169.254"} and request.keep_alive
    assert http.parse(POST).body == b"hello"


@pytest.mark.parametrize(("line", "keeps"), [
    (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", False),
    (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: x, CLOSE\r\n\r\n", False),
    (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", True),
    (b"GET / HTTP/1.0\r\n\r\n", False),
])  # fmt: skip
def test_who_ends_the_connection(line: bytes, keeps: bool) -> None:
    assert http.parse(line).keep_alive is keeps


@pytest.mark.parametrize(("target", "found"), [
    (b"http://169.254.169.254/a?b", "/a?b"), (b"HTTP://h", "/"), (b"/http://x/", "/http://x/"),
    (b"//x/", "//x/"),
])  # fmt: skip
def test_targets(target: bytes, found: str) -> None:
    assert http.parse(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % target).target == found


@pytest.mark.parametrize(("data", "status"), [
    (b"nonsense\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\n\r\n", 505),
    (b"GET /\r\n\r\n", 400),
    (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    (b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    (b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nX: y\rZ: w\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nX: y\nX-Instance-ID: other\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 2\r\n\r\na", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\na", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\na", 413),
    (b"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    (b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % (b"x" * 5000), 414),
    (b"GET / HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n" % (b"y" * 9000), 431),
    (b"y" * 9000, 431),
])  # fmt: skip
def test_what_is_no_request(data: bytes, status: int) -> None:
    assert refused(data)[0] == status


@given(st.binary(max_size=200), st.integers(1, 50))
def test_whatever_comes(data: bytes, pieces: int) -> None:
    """Bytes in any pieces: requests or refusals, nothing else, and nothing is kept for ever."""
    framing, received = RequestFraming(), bytearray()
    for at in range(0, len(data), pieces):
        received += data[at : at + pieces]
        while (message := framing.message(received, 16384)) is not None:
            try:
                request = http.parse(message)
            except BadRequest:
                continue
            assert request.target.startswith("/")
    assert len(received) <= http.LONGEST_HEAD


def test_a_response() -> None:
    assert http.response(200, [("Content-Type", "text/plain")], b"hi") == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
    )
    assert http.response(200, [], b"hi", head=True, keep_alive=False) == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    )
    assert http.response(204, [], b"") == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert http.response(299, [], b"").startswith(b"HTTP/1.1 299 \r\n")
    said = http.refusal(503, "too many")
    assert b"Retry-After: 1\r\n" in said and said.endswith(b": too many\n")


INSTANCE = replace(PORT, instance_id="i-1", project_id="red")


def test_who_asks() -> None:
    """Nothing of what an instance says of itself counts, however it spells it."""
    asked = {
        "x-instance-id": "i-2", "x_instance_id": "i-2", "x-tenant-id": "blue", "accept": "*/*",
        "x-instance-id-signature": "forged", "x-forwarded-for": "10.0.0.6", "host": "h",
        "x-metadata-provider": "p", "user-agent": "curl", "content-type": "text/plain",
    }  # fmt: skip
    said = instance.headers(INSTANCE, address_bytes("10.0.0.5"), b"s", asked)
    signed = hmac.new(b"s", b"i-1", hashlib.sha256).hexdigest()
    assert said == [
        ("X-Forwarded-For", "10.0.0.5"), ("X-Instance-ID", "i-1"), ("X-Tenant-ID", "red"),
        ("X-Instance-ID-Signature", signed), ("accept", "*/*"), ("content-type", "text/plain"),
        ("user-agent", "curl"),
    ]  # fmt: skip


@pytest.mark.parametrize(("source", "found"), [
    (address_bytes("10.0.0.5"), "10.0.0.5"), (address_bytes("10.9.9.9"), "10.0.0.5"),
    (LINK_LOCAL, "fd00::5"), (address_bytes("fd00::5"), "fd00::5"),
])  # fmt: skip
def test_by_which_address(source: bytes, found: str) -> None:
    assert instance.address_of(INSTANCE, source) == found


def test_an_address_of_the_other_family_or_none() -> None:
    assert instance.address_of(replace(INSTANCE, v6=()), LINK_LOCAL) == "10.0.0.5"
    assert instance.address_of(replace(INSTANCE, v4=(), v6=()), address_bytes("10.0.0.9")) == (
        "10.0.0.9"
    )
