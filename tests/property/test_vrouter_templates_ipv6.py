"""The templates of IPv6 give the bytes of the pipeline."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ovs.vrouter.objects import ipv6s, local_hops, macs, remote_hops, vnis
from vrouter_ovs.pipeline import render
from vrouter_ovs.state import Neighbor, Route, StateObject
from vrouter_ovs.wire.encode import encode, encode_object

prefixes = st.builds("{}/{}".format, ipv6s, st.sampled_from((128, 128, 128, 127, 64)))
hops = st.lists(st.one_of(local_hops, remote_hops), max_size=2, unique=True).map(tuple)


@settings(max_examples=300, deadline=None)
@given(st.one_of(
    st.builds(Neighbor, vnis, ipv6s, macs, st.booleans(), st.integers(0, 0xFEFF)),
    st.builds(Route, vnis, prefixes, hops),
))
def test_templates_equal_the_pipeline(obj: StateObject) -> None:
    assert encode_object(obj) == tuple(map(encode, render(obj)))
