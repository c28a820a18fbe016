"""Whether a stored configuration follows on the one that is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.config import lineage
from ryu_apps.control.config.lineage import Lineage, accepted, decode, doubt, first

KNOWN = first("a").next("b").next("c")
SAME = (10, 10)


def judge(found, known=KNOWN, resources=5, ports=SAME, most_lost=20) -> str:
    return doubt(known, found, resources, ports, most_lost)


@pytest.mark.parametrize("found", [
    KNOWN, KNOWN.next("d"), KNOWN.next("d").next("e"),
    Lineage("", 0, "of an older version"),
    accepted("x", KNOWN, None), accepted("x", KNOWN, first("z")).next("y"),
    accepted("y", accepted("x", KNOWN, None), first("z")),
])  # fmt: skip
def test_what_follows(found):
    assert judge(found) == ""


@pytest.mark.parametrize("found, text", [
    (None, "holds no configuration"),
    (first("a"), "older copy"),
    (first("a").next("b"), "of 3 changes that are known here it has 2"),
    (first("a").next("b").next("other"), "another configuration"),
    (first("z"), "another system"),
    (accepted("x", first("z"), None), "another system"),
])  # fmt: skip
def test_what_does_not(found, text):
    assert text in judge(found)


def test_who_knows_nothing_believes_everything():
    for found in (None, first("z"), KNOWN):
        assert judge(found, known=None) == ""


def test_nothing_is_lost_where_there_was_nothing():
    assert judge(None, resources=0) == ""


@pytest.mark.parametrize("left, fine", [(10, True), (8, True), (7, False), (0, False)])
def test_ports_that_vanish_without_a_change(left, fine):
    assert (judge(KNOWN, ports=(10, left)) == "") == fine
    # Nodes may delete what they like.
    assert judge(KNOWN.next("d"), ports=(10, left)) == ""


def test_an_acceptance_holds_for_every_node_and_no_other_system():
    one, two = KNOWN, KNOWN.next("d")
    made = accepted("x", one, first("z"))
    assert judge(made, known=one) == judge(made, known=two) == judge(made, known=first("z")) == ""
    assert judge(made, known=first("q"))
    assert judge(one, known=made)  # the one from before is in doubt now


def test_many_acceptances_keep_the_record_small():
    line = KNOWN
    for number in range(50):
        before, line = line, accepted(f"x{number}", line, None)
        assert judge(line, known=before) == ""
    assert len(line.after) <= lineage.MAX_AFTER


@given(st.binary(max_size=100))
def test_whatever_is_stored_can_be_read(value):
    assert isinstance(decode(value), Lineage)


@pytest.mark.parametrize("value", [
    b"null", b"[]", b"7", b'{"line":1,"number":1,"token":"a","after":[]}',
    b'{"line":"a","number":"1","token":"a","after":[]}',
    b'{"line":"a","number":1,"token":"a","after":7}',
    b'{"line":"a","number":1,"token":"a","after":[7]}', b"0f" * 16, b"\xff",
])  # fmt: skip
def test_what_is_no_lineage_is_a_token(value):
    assert decode(value).line == ""


@given(st.lists(st.sampled_from("abc"), max_size=8))
def test_what_was_written_is_read(tokens):
    line = first("t")
    for token in tokens:
        line = line.next(token) if token != "c" else accepted("c", line, None)
    assert decode(line.encode()) == line
    assert judge(line.next("n"), known=line) == ""
