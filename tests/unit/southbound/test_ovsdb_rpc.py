"""The OVSDB byte stream: framing and decoding."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.southbound.ovsdb.protocol.framing import Framer, ProtocolError
from ryu_apps.southbound.ovsdb.protocol.rpc import decode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(alphabet='{}"\\[]a', max_size=6), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.lists(
    st.dictionaries(st.text(alphabet='{}"\\[] é', max_size=6), VALUES, max_size=5),
    min_size=1, max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(OBJECTS, st.lists(st.integers(1, 9), min_size=1, max_size=20), st.booleans())
def test_objects_come_out_however_the_stream_is_cut(objects, cuts, ascii_only):
    stream = b" \n".join(
        json.dumps(item, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        for item in objects
    )
    framer = Framer(1 << 20)
    found: list[bytes] = []
    position = turn = 0
    while position < len(stream):
        step = cuts[turn % len(cuts)]
        found += framer.feed(stream[position : position + step])
        position += step
        turn += 1
    assert [json.loads(item.decode("utf-8", "surrogatepass")) for item in found] == objects


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_ends_in_a_protocol_error_or_nothing(data):
    framer = Framer(100)
    try:
        for item in framer.feed(data) + framer.feed(data):
            decode(item)
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.0\r\n", b"[]", b"\x16\x03\x01", b'"text"', b"}", b'{"id":1}x', b"1 {"]
)
def test_what_is_not_a_stream_of_objects_is_refused_at_once(data):
    with pytest.raises(ProtocolError):
        Framer(1000).feed(data)


def test_a_message_above_the_limit_is_refused():
    framer = Framer(1000)
    assert framer.feed(b'{"a":"' + b"x" * 900) == []
    with pytest.raises(ProtocolError, match="more than 1000 bytes"):
        framer.feed(b"x" * 200)


def test_many_small_messages_may_exceed_the_limit_together():
    assert len(Framer(100).feed(b'{"a":1}' * 1000)) == 1000


@pytest.mark.parametrize(
    "data",
    [
        b"{}", b'{"id":1}', b'{"method":5,"params":[],"id":1}', b'{"a":}',
        b'{"result":1,"error":null,"id":1,"more":1}', b'{"method":"x","params":{},"id":1}',
        b'{"params":' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"\xff":1}',
    ],
)
def test_what_is_not_json_rpc_is_refused(data):
    with pytest.raises(ProtocolError):
        decode(data)
