"""The encapsulations that a path offers: from the wire, and which of them is used."""

from __future__ import annotations

import struct
from itertools import islice, permutations

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.routes import Attributes
from ryu_apps.control.vpn.encapsulations import choose_encapsulation, endpoint_to
from ryu_apps.peering.codec.attributes import SessionParameters, parse_attributes
from vrouter_ovs.encapsulation import (
    ENCAPSULATIONS,
    GENEVE,
    MPLS_GRE,
    NVGRE,
    SENDABLE,
    VXLAN,
    encapsulation_name,
    has_mpls_labels,
    in_order,
    tunnel_type,
)

SESSION = SessionParameters(64512, "192.0.2.250", False, True)
numbers = st.one_of(
    st.sampled_from([row.tunnel_type for row in ENCAPSULATIONS.values()]), st.integers(0, 65535)
)
names = st.sets(numbers.map(encapsulation_name)).map(in_order)
supported = st.lists(st.sampled_from(list(ENCAPSULATIONS)), unique=True).map(tuple)


def received(communities: list[int]) -> Attributes:
    """The attributes of a route with these Encapsulation communities (RFC 9012 section 4.1)."""
    value = b"".join(struct.pack("!HIH", 0x030C, 0, number) for number in communities)
    raw = [(0x40, 1, b"\0"), (0x40, 2, b"")]
    if value:
        raw.append((0xC0, 16, value))
    parsed = parse_attributes(raw, bytes((192, 0, 2, 1)), SESSION)
    assert not parsed.notes and parsed.mpls == has_mpls_labels(parsed.attrs[2])
    return Attributes(*parsed.attrs)


@given(st.lists(numbers, max_size=20))
def test_all_are_taken_in_whatever_order_and_however_often(communities: list[int]) -> None:
    attrs = received(communities)
    assert sorted(map(tunnel_type, attrs.encaps)) == (sorted(set(communities)) or [8])
    assert received([*reversed(communities), *communities]) == attrs


@given(numbers)
def test_a_name_says_its_number(number: int) -> None:
    assert tunnel_type(encapsulation_name(number)) == number


@given(names, supported)
def test_the_first_of_ours_that_is_offered_in_whatever_order_it_is(
    offered: tuple[str, ...], supported: tuple[str, ...]
) -> None:
    chosen = choose_encapsulation(offered, supported)
    common = [name for name in supported if name in offered]
    if not has_mpls_labels(offered):
        common = [name for name in common if "mpls" not in name and name != "gre"]
    assert chosen == (common[0] if common else "")
    for order in islice(permutations(offered), 6):
        assert choose_encapsulation(order, supported) == chosen
    # What is offered besides, and cannot be sent, changes nothing, unless labels are read by it.
    with_more = choose_encapsulation((*offered, "65000"), supported)
    assert with_more == ("" if has_mpls_labels(offered) else chosen)


@given(names, supported)
def test_an_endpoint_where_there_is_a_tunnel(
    offered: tuple[str, ...], supported: tuple[str, ...]
) -> None:
    endpoint = endpoint_to(Attributes("192.0.2.1", (), encaps=offered), supported)
    chosen = choose_encapsulation(offered, supported)
    if chosen:
        assert endpoint == ("192.0.2.1", chosen, 0)
    else:
        assert endpoint is None


def test_labels_have_24_bits_where_one_carries_vnis() -> None:
    """RFC 8365 section 5.1.3."""
    assert has_mpls_labels(("mpls",)) and has_mpls_labels(("gre", "mpls-in-udp"))
    for encaps in ((), ("vxlan",), ("vxlan", "mpls"), ("nvgre", "mpls"), ("77",), ("mpls", "77")):
        assert not has_mpls_labels(encaps)


def test_what_switches_send_today() -> None:
    assert frozenset({VXLAN, GENEVE, NVGRE, MPLS_GRE}) == SENDABLE
