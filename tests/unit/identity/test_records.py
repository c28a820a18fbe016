"""The stored form of the directory."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.identity.directory import records
from ryu_apps.identity.directory.records import KINDS, Change

IDS = st.text("0123456789abcdef", min_size=1, max_size=32)
FIELDS = {"str": st.text(max_size=20), "int": st.integers(0, 1 << 40), "bool": st.booleans(),
          "tuple[str, ...]": st.lists(st.sampled_from(["member", "reader"])).map(tuple)}


@st.composite
def any_record(draw):
    kind = draw(st.sampled_from(sorted(KINDS)))
    cls = KINDS[kind]
    fields = {name: draw(FIELDS[str(field.type)])
              for name, field in ((one.name, one) for one in dataclasses.fields(cls))}
    for name in ("id", "actor", "target", "role", "actor_kind"):
        if name in fields:
            fields[name] = draw(IDS)
    if kind == "secret/token_key":
        fields["id"] = str(draw(st.integers(0, 1000)))
    return cls(**fields)


@given(any_record())
def test_what_is_written_is_read(record):
    key = Change(record.kind, record.id, record).key
    assert records.parse_key(key) == (record.kind, record.id)
    assert records.decode(record.kind, record.id, records.encode(record)) == record


@given(any_record(), st.binary(max_size=40) | st.sampled_from([b"{}", b"[1]", b"null", b"1"]))
def test_what_is_no_record_is_refused(record, value):
    with pytest.raises(records.RecordError):
        records.decode(record.kind, record.id, value)


@pytest.mark.parametrize("kind, id, value", [
    ("user", "a", b'{"schema":2,"id":"a","name":"x"}'),
    ("user", "a", b'{"schema":1,"id":"b","name":"x"}'),
    ("user", "a", b'{"schema":1,"id":"a","name":7}'),
    ("user", "a", b'{"schema":1,"id":"a","name":"x","enabled":1}'),
    ("application_credential", "a", b'{"schema":1,"id":"a","name":"x","user_id":"u",'
     b'"project_id":"p","roles":"member"}'),
    ("secret/token_key", "x", b'{"schema":1,"id":"x","key":"k"}'),
])
def test_a_value_of_another_form_is_refused(kind, id, value):
    with pytest.raises(records.RecordError):
        records.decode(kind, id, value)


def test_secrets_are_neither_shown_nor_told():
    made = records.PasswordHash("a", "$bcrypt-sha256$secret")
    assert "secret" not in repr(made)
    assert "fernet" not in repr(records.TokenKey("1", "fernet"))
    with pytest.raises(records.RecordError) as caught:
        records.decode("secret/hash", "a", b'{"schema":1,"id":"a","hash":["fernet"]}')
    assert "fernet" not in str(caught.value)


def test_a_newer_nodes_fields_are_left_out():
    found = records.decode("user", "a", b'{"schema":1,"id":"a","name":"x","shoe_size":42}')
    assert found == records.User("a", "x")


@pytest.mark.parametrize("key", [
    "/identity/generation", "/identity/user", "/identity/user/", "/identity/wish/1",
    "/identity/secret/user/1", "/identity/user/a b",
])
def test_a_key_of_something_else(key):
    assert records.parse_key(key) is None
