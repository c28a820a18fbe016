"""The declared pipeline, the refusals, and the small parts of the virtual router."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control.desired.desired import ENDPOINTS
from tests.encapsulations import declared
from tests.hops import bridged, routed
from vrouter_ovs import document
from vrouter_ovs.cookies import COOKIE_BASE, COOKIE_MASK, cookie, is_ours
from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline import RENDERERS, render
from vrouter_ovs.schema.checks import check
from vrouter_ovs.schema.declaration import TO_PORT, Priority, check_priorities
from vrouter_ovs.schema.drops import DropReason
from vrouter_ovs.schema.fields import PACKET_FIELDS
from vrouter_ovs.schema.flow import DROP, RETURN, Flow
from vrouter_ovs.schema.registers import REGISTER_DOCS, REGISTERS, subfield
from vrouter_ovs.schema.tables import BY_NAME, TABLE_IDS, TABLE_NAMES, TABLES, drop_reason
from vrouter_ovs.state import (
    KINDS,
    STANDBY_WATCHED,
    TARGET_OF,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    Limits,
    LocalPort,
    Neighbor,
    RemoteHop,
    RemoteMac,
    Route,
    Tunnel,
    Vrf,
    Vrouter,
)
from vrouter_ovs.state.meters import KILOBITS, PACKETS
from vrouter_ovs.wire import encode
from vrouter_ovs.wire.describe import describe
from vrouter_ovs.wire.encode import Encoded
from vrouter_ovs.wire.flows import MAX_BODY, encode_action

MAC = "52:54:00:00:00:01"
TO_DELIVER = (("goto", "deliver"),)
EXAMPLES = (
    *document.EXAMPLES,
    Evi(103, flood_unknown=True),
    Route(900, "10.7.0.0/16", ()),
    LocalPort("p", 1, 100, MAC, ((MAC, "fd00::1"),), shared=((MAC, "fd00::1"),)),
    LocalPort("s", 2, 100, MAC, ((MAC, "10.0.0.1"),), standby=STANDBY_WATCHED),
    Limits("p", 1, (), (KILOBITS, PACKETS)),
    RemoteMac(100, MAC, (bridged("192.0.2.1", 100),), relay=True),
    Route(900, "10.7.0.1/32", (routed("192.0.2.1", 900, MAC),), relay=True),
)
LONG = Flood(102, tuple(range(1, 402)))
FLOWS = tuple(flow for example in (*EXAMPLES, LONG) for flow in render(example))
with declared():
    TYPED_FLOWS = tuple(
        flow
        for example in (
            Vrouter(MAC, (("geneve", 1446),)), Tunnel(Endpoint("192.0.2.2", "geneve"), 7),
            Tunnel(Endpoint("192.0.2.3", "geneve"), 7, (8,), spread=True),
            Tunnel(Endpoint("192.0.2.4", "nvgre"), 7, (8,), spread=True),
            Tunnel(Endpoint("fd00::5", "nvgre"), 7, (8,), spread=True),
            Tunnel(Endpoint("192.0.2.5", "mpls-in-gre"), 7, (8,), spread=True),
            Vrouter(MAC, (("mpls-in-gre", 1458),)), Evi(101, label=65537),
            Vrf(901, MAC, (131073, 196609)),
        )
        for flow in render(example)
        if flow.table in ("classify", "path") or "typed" in str(flow.priority)
    )  # fmt: skip
    """What there is for another encapsulation than VXLAN."""


def test_ids_ascend_in_the_order() -> None:
    assert list(TABLE_NAMES) == sorted(TABLE_NAMES) and len(TABLE_NAMES) == len(TABLES)
    names = list(TABLE_NAMES.values())
    wanted = ["classify", "guard", "proxy", "bridge", "route", "flood", "encap", "output"]
    assert [name for name in names if name in wanted] == wanted
    assert {TABLE_NAMES[TABLE_IDS[name]] for name in names} == set(names)


def test_declarations_name_what_exists() -> None:
    known = set(PACKET_FIELDS) | set(REGISTERS)
    for table in TABLES:
        assert table.matches <= known
        assert table.sets <= known
        assert set(table.next) <= set(TABLE_IDS)
        assert table.doc
    assert set(REGISTER_DOCS) == set(REGISTERS)
    places: dict[str, list[str]] = {}
    for name, field in REGISTERS.items():
        places.setdefault(subfield(field), []).append(name)
    # Groups are looked up for IP packets, claims are looked at in ARP and neighbor discovery.
    assert [names for names in places.values() if len(names) > 1] == [
        [f"claimed_ip{part}", f"member_of{part}"] for part in ("0", "1", "2", "3", "")
    ]


def test_every_kind_is_rendered() -> None:
    assert set(RENDERERS) == {cls for cls in KINDS.values() if TARGET_OF[cls.kind] == "flows"}


def test_misses_are_flows_where_they_do_not_drop() -> None:
    flows = list(FLOWS)
    for table in TABLES:
        rest = [f for f in flows if f.table == table.name and not f.match]
        if table.miss in BY_NAME:
            (miss,) = rest
            assert (miss.priority, miss.actions[-1]) == ("rest", ("goto", table.miss))
        elif table.miss == TO_PORT:
            (miss,) = rest
            assert (miss.priority, miss.actions) == ("rest", (("output_reg", "out_port"),))
        else:
            assert not rest


def _named(flow: Flow) -> tuple[str, str]:
    priority = flow.priority
    return flow.table, priority if isinstance(priority, str) else priority[0]


def test_what_is_declared_is_used() -> None:
    """Each table, each priority, and each reason to drop."""
    assert {flow.table for flow in FLOWS} == set(BY_NAME)
    priorities = {(table.name, one.name): one for table in TABLES for one in table.priorities}
    flows = FLOWS + TYPED_FLOWS
    assert {_named(flow) for flow in flows} == set(priorities)
    dropping = {_named(flow) for flow in flows if flow.actions == DROP}
    assert dropping == {name for name, one in priorities.items() if one.drop}
    used = {priorities[name].drop for name in dropping} | {table.miss for table in TABLES}
    assert used >= set(DropReason)
    sentences = [reason.sentence for reason in DropReason]
    assert len(set(sentences)) == len(DropReason) and all(sentences)


def test_flows_stand_in_the_order_of_their_names() -> None:
    for table in TABLES:
        numbers = [table.number_of(one.name) for one in table.priorities]
        assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == len(numbers)
        for one in table.priorities:
            assert table.priority_at(one.number) is table.priority_at(one.top) is one
    for flow in FLOWS + TYPED_FLOWS:
        found = describe(encode.encode(flow))["priority"]
        assert BY_NAME[flow.table].priority_at(found).name == _named(flow)[1]


def test_a_drop_has_its_reason() -> None:
    for table in TABLES:
        miss = drop_reason(table.id)
        assert miss is (table.miss if isinstance(table.miss, DropReason) else None)
        for one in table.priorities:
            assert drop_reason(table.id, one.top) is one.drop
    assert drop_reason(max(TABLE_NAMES) + 1) is None
    assert drop_reason(TABLE_IDS["bridge"], 1) is None


@pytest.mark.parametrize(
    "priorities",
    (
        (Priority("a", 1, ""), Priority("b", 1, "")),
        (Priority("a", 1, ""), Priority("b", 2, "")),
        (Priority("a", 9, ""), Priority("b", 1, "", last=9)),
        (Priority("a", 9, ""), Priority("a", 1, "")),
        (Priority("a", 1 << 16, ""),),
        (Priority("a", -1, ""),),
    ),
)
def test_priorities_that_are_no_order_are_refused(priorities) -> None:
    with pytest.raises(PipelineError):
        check_priorities(replace(BY_NAME["bridge"], priorities=priorities))


@pytest.mark.parametrize(
    "flow",
    [
        Flow("nowhere", "list", (), DROP, 0),
        Flow("bridge", "port", (("arp_spa", "10.0.0.1"),), TO_DELIVER, 0),
        Flow("bridge", "port", (("evi", 1), ("evi", 2)), TO_DELIVER, 0),
        Flow("bridge", "port", (), (("set_field", "eth_src", MAC),), 0),
        Flow("bridge", "port", (), (("goto", "guard"),), 0),
        Flow("bridge", "port", (), (("goto", "route"), ("set_field", "vrf", 1)), 0),
        Flow("bridge", "port", (), (("output", 1),), 0),
        Flow("guard", "own", (), (("dec_ttl",),), 0),
        Flow("route", "prefix", (), (("move", "eth_dst", "vrf"),), 0),
        Flow("route", "prefix", (), (("pop", "vrf"),), 0),
        Flow("route", "prefix", (), (("multipath", 2, "vrf"),), 0),
        Flow("route", "prefix", (), (("explode",),), 0),
        Flow("bridge", "port", (), (), 0),
        Flow("bridge", "default", (), TO_DELIVER, 0),
        Flow("bridge", ("port", 1), (), TO_DELIVER, 0),
        Flow("route", ("prefix", 258), (), DROP, 0),
        Flow("route", ("prefix", -1), (), DROP, 0),
        Flow("bridge", "port", (), DROP, 0),
        Flow("route", "prefix", (), (*DROP, ("dec_ttl",)), 0),
        Flow("bridge", "port", (), RETURN, 0),
        Flow("policy", "deny", (), (*RETURN, *RETURN, ("set_field", "permit", 1)), 0),
    ],
)
def test_what_a_table_did_not_declare_is_refused(flow: Flow) -> None:
    with pytest.raises(PipelineError):
        check(flow)
    with pytest.raises(PipelineError):
        encode.encode(flow)


@pytest.mark.parametrize(
    "flow",
    [
        Flow("route", "prefix", (("ipv4_dst", "10.0.0.0", "0.0.0.0"),), DROP, 0),
        Flow("route", "prefix", (("ipv4_dst", "10.0.0.0", "255.255.255.255"),), DROP, 0),
        Flow("route", "prefix", (("ipv4_dst", "10.0.0.1", "255.255.255.0"),), DROP, 0),
        Flow("route", "prefix", (("ipv4_dst", "10.0.0.300"),), DROP, 0),
        Flow("route", "prefix", (("ip_ttl", 256),), DROP, 0),
        Flow("route", "prefix", (("ip_ttl", "one"),), DROP, 0),
        Flow("classify", "evi", (), (("set_field", "from_tunnel", 1),), 0),
        Flow("classify", "evi", (), (("load", "from_tunnel", 2),), 0),
        Flow("route", "prefix", (), (("move", "ipv4_src", "eth_src"),), 0),
    ],
)
def test_what_has_no_bytes_is_refused(flow: Flow) -> None:
    with pytest.raises(PipelineError):
        encode.encode(flow)


@pytest.mark.parametrize(
    "obj",
    [
        Evi(0),
        Evi(1 << 24),
        Vrf(0, MAC),
        Tunnel(Endpoint("fd00::1::1"), 5),
        Tunnel(Endpoint("somewhere"), 5),
        RemoteMac(1, "52:54", (bridged("192.0.2.1", 1),)),
        RemoteMac(1, MAC, (bridged("192.0.2.1", 1 << 70),)),
        RemoteMac(1, MAC, ()),
        Tunnel(Endpoint("192.0.2.1", path=1), 5),
        Tunnel(Endpoint("192.0.2.1", "mpls-in-udp"), 5),
        Evi(1, label=15),
        Vrf(1, MAC, (16, 1 << 20)),
        Tunnel(Endpoint("192.0.2.1"), 5, (0x1FFFF,), spread=True),
        Neighbor(1, "10.0.0", MAC),
        LocalPort("p", -1, 100, MAC, ((MAC, "10.0.0.1"),)),
        LocalPort("p", 1, 100, MAC, ((MAC, "10.0.0.1/40"),)),
        Gateway(1, 2, MAC, ("10.0.0.1.1",)),
        Route(1, "10.0.0.0/33", ()),
        Route(1, "10.0.0.0/8", (RemoteHop(Endpoint("192.0.2.1", "mpls"), 1, MAC),)),
        Route(1, "10.0.0.0/8", tuple(routed("192.0.2.1", n, MAC) for n in range(300))),
        object(),
    ],
)
def test_bad_objects_are_refused(obj: object) -> None:
    with pytest.raises(PipelineError):
        encode.encode_object(obj)


def test_of_several_hops_of_a_mac_the_first_is_used() -> None:
    hops = (bridged("192.0.2.2", 7), bridged("192.0.2.1", 8))
    assert encode.encode_object(RemoteMac(1, MAC, hops)) == (
        encode.encode_object(RemoteMac(1, MAC, hops[:1]))
    )
    assert ENDPOINTS["mac"](RemoteMac(1, MAC, hops)) == [
        Endpoint("192.0.2.2"), Endpoint("192.0.2.1")
    ], "each has its tunnel"


def test_a_local_port_takes_few_flows() -> None:
    own4, own6 = (MAC, "10.0.0.1"), (MAC, "fd00::1")
    assert len(render(LocalPort("p", 1, 100, MAC, (own4,)))) == 4
    # Two for each IPv6 address, the link-local one among them.
    assert len(render(LocalPort("p", 1, 100, MAC, (own4, own6)))) == 8
    assert len(render(LocalPort("p", 1, 100, MAC, (own4, own6), policy=7))) == 8
    assert len(render(LocalPort("p", 1, 100, MAC, ((MAC, "10.0.0.1"),), False))) == 2


def test_pairs_that_say_the_same_are_one() -> None:
    once = LocalPort("p", 1, 100, MAC, ((MAC, "10.0.0.1"),))
    twice = LocalPort("p", 1, 100, MAC, ((MAC, "10.0.0.1"), (MAC, "10.0.0.1/32")))
    assert render(once) == render(twice)
    whole = LocalPort("p", 1, 100, MAC, ((MAC, "0.0.0.0/0"), (MAC, "")))
    keys = [flow.key for flow in encode.encode_object(whole)]
    assert len(set(keys)) == len(keys)


def test_long_flood_lists_stay_below_a_message() -> None:
    ports = tuple(range(1, 10001))
    remotes = tuple(bridged(f"10.0.{n >> 8}.{n & 255}", 100) for n in range(4000))
    flows = [
        *encode.encode_object(Flood(100, ports)),
        *encode.encode_object(FloodRemotes(100, remotes)),
    ]
    assert len(flows) == 2 + 40 + 2 + 16
    assert all(len(flow.body) <= MAX_BODY for flow in flows)
    outputs = [
        action
        for flow in flows
        for action in describe(flow)["actions"]
        if action.startswith("set out_port")
    ]
    assert len(outputs) == len(ports)


def test_cookies() -> None:
    assert cookie(("evi", 100)) == cookie(("evi", 100)) != cookie(("evi", 101))
    assert cookie(("evi", 100)) & COOKIE_MASK == COOKIE_BASE
    assert is_ours(cookie(("vrouter",)))
    assert not is_ours(0)
    assert not is_ours(1 << 63)
    # On disk in every switch: it must never change.
    assert cookie(("evi", 100)) == 0x564EB7E7B66AC0BE


def test_description() -> None:
    (flow,) = encode.encode_object(Route(900, "10.9.0.0/16", (routed("192.0.2.2", 77, MAC),)))
    said = describe(flow)
    assert said["table"] == "route"
    assert said["match"] == {"eth_type": "ip", "ipv4_dst": "10.9.0.0/16", "vrf": "900"}
    assert said["actions"] == [
        f"set eth_dst={MAC}",
        "set tun_id=77",
        "set vtep=192.0.2.2",
        "goto encap",
    ]
    assert describe(encode.encode_object(Route(900, "10.0.0.0/8", ()))[0])["actions"] == ["drop"]


def test_what_is_not_ours_is_shown_in_hex() -> None:
    strange = Encoded(
        bytes((77, 0, 5)) + bytes.fromhex("0001d802abcd"),
        7,
        bytes.fromhex("0004001000000000" "0013000800000000"),
    )
    said = describe(strange)
    assert (said["table"], said["table_id"]) == ("77", 77)
    assert said["match"] == {"oxm 0001d802": "abcd"}
    assert said["actions"] == ["action 0013000800000000"]


def test_the_page_is_up_to_date() -> None:
    assert document.main(["--check"]) == 0


def test_the_size_of_a_frame() -> None:
    """The limit counts the Ethernet header; the answer is one bit of a register."""
    flows = [encode.encode(flow) for flow in render(Vrouter(MAC, ((VXLAN, 8950),)))]
    said = [describe(flow) for flow in flows if b"\x00\x31" + (8964).to_bytes(2, "big") in flow[2]]
    assert len(said) == 3
    for one in said:
        assert one["table"] == "encap" and one["actions"][-1] == "goto send"
        assert one["actions"][-2] == "set too_big=frame is larger than 8964 bytes"
    for bad in (("check_larger", 1 << 16, "too_big"), ("check_larger", 99, "vtep")):
        with pytest.raises(PipelineError):
            encode_action(bad)


def test_two_parts_of_a_register_are_no_match() -> None:
    both = replace(BY_NAME["send"], matches=frozenset(("from_tunnel", "too_big")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BY_NAME, "send", both)
        with pytest.raises(PipelineError, match="twice"):
            check(Flow("send", "too_big", (("from_tunnel", 0), ("too_big", 1)), DROP, 0))
