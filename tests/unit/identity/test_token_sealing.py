"""Tokens: sealed and read by whoever has the keys, and by nobody else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.identity.directory.directory import Directory
from ryu_apps.identity.tokens import keys, payload
from ryu_apps.identity.tokens.payload import Payload
from tests.unit.identity.directories import make

IDS = st.text("0123456789abcdef", min_size=32, max_size=32) | st.text(max_size=20)
NUMBERS = st.integers(0, 1 << 32)
PAYLOADS = st.builds(
    Payload, IDS, NUMBERS,
    st.sets(st.sampled_from(payload.METHODS), min_size=1).map(
        lambda some: tuple(one for one in payload.METHODS if one in some)),
    NUMBERS, NUMBERS, st.lists(st.text(max_size=22), min_size=1, max_size=2).map(tuple),
    IDS | st.just(""), NUMBERS, st.booleans(), IDS | st.just(""),
)


def ring_of(directory: Directory) -> keys.KeyRing:
    return keys.KeyRing(directory.token_keys.values())


def with_keys() -> Directory:
    directory = Directory()
    for number in (1, 2):
        made = keys.new_key(number, 0)
        directory.apply(keys.put(made))
    return directory


RING = ring_of(with_keys())


@given(PAYLOADS)
def test_what_is_sealed_is_read(made):
    assert payload.decode(payload.encode(made)) == made
    token = RING.seal(made)
    assert RING.read(token) == made and RING.read(token + "==") == made


@given(PAYLOADS, st.data())
def test_a_token_that_was_changed_is_none(made, data):
    token = RING.seal(made)
    at = data.draw(st.integers(0, len(token) - 2))  # the last character has bits without meaning
    other = data.draw(st.sampled_from("ABab01-_ =\n"))
    if other != token[at]:
        with pytest.raises(keys.Invalid):
            RING.read(token[:at] + other + token[at + 1:])


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_anything_else_is_none(text):
    with pytest.raises(keys.Invalid):
        RING.read(text)


@given(st.binary(max_size=100))
def test_bytes_that_are_no_payload(data):
    try:
        found = payload.decode(data)
    except payload.Malformed:
        return
    assert payload.decode(payload.encode(found)) == found


def test_a_token_of_other_keys_or_too_long_is_none():
    made = Payload("a" * 32, 0, ("password",), 0, 9, ("x",))
    with pytest.raises(keys.Invalid):
        ring_of(with_keys()).read(RING.seal(made))
    with pytest.raises(keys.Invalid):
        RING.read("g" * 1024 * 1024)


def test_the_longest_token_fits():
    made = Payload("a" * 32, 1 << 60, payload.METHODS, 1 << 60, 1 << 60, ("x" * 22,) * 2, "b" * 32,
                   1 << 60, True, "c" * 32)
    assert len(RING.seal(made)) < payload.MAX_TOKEN / 2


def test_nothing_is_sealed_without_a_key():
    with pytest.raises(keys.Invalid):
        keys.KeyRing(()).seal(Payload("a" * 32, 0, ("password",), 0, 9, ("x",)))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, keys.MAX_KEYS + 3), st.integers(0, keys.MAX_KEYS + 3))
def test_rotation(before, after):
    """A node that has not heard of the last rotation yet reads what others seal, and they what it
    seals; a token outlives as many rotations as there are old keys."""
    directory = with_keys()
    for _ in range(before):
        make(directory, keys.rotate(time.time()))
    made = Payload("a" * 32, 0, ("password",), 0, 9, ("x",))
    behind = ring_of(directory)
    token = behind.seal(made)
    for number in range(after):
        make(directory, keys.rotate(time.time()))
        assert len(directory.token_keys) <= keys.MAX_KEYS
        if number == 0:
            assert behind.read(ring_of(directory).seal(made)) == made
    if after <= keys.MAX_KEYS - 2:
        assert ring_of(directory).read(token) == made
    else:
        with pytest.raises(keys.Invalid):
            ring_of(directory).read(token)


def test_old_keys_are_dropped_and_their_tokens_are_none():
    directory = with_keys()
    made = Payload("a" * 32, 0, ("password",), 0, 9, ("x",))
    token = ring_of(directory).seal(made)
    make(directory, keys.rotate(0))
    assert ring_of(directory).read(token) == made
    assert make(directory, keys.drop_old) == 1
    with pytest.raises(keys.Invalid):
        ring_of(directory).read(token)
    assert ring_of(directory).read(ring_of(directory).seal(made)) == made
