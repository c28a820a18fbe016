"""Values of a hypervisor's database: what an update may hold, and what it must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.replica import MAP, OPTION, SCALAR, SET, Replica, read_value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
TAGGED = st.tuples(st.sampled_from(["uuid", "set", "map", "named-uuid"]), JSON).map(list)
TYPES = {
    SCALAR: (str,), OPTION: (str, int, bool, float, type(None)), SET: (frozenset,), MAP: (dict,),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
@given(st.data())
def test_a_value_is_of_its_column_or_refused(kind, data):
    value = data.draw(TAGGED | JSON)
    try:
        assert isinstance(read_value(kind, value), TYPES[kind])
    except ProtocolError:
        pass


def test_a_uuid_is_no_map():
    replica = Replica({"Interface": {"name": SCALAR, "external_ids": MAP}})
    replica.apply({"Interface": {"u": {"initial": {"name": "tap0"}}}})
    with pytest.raises(ProtocolError):
        replica.apply({"Interface": {"u": {"modify": {"external_ids": ["uuid", "x"]}}}})
