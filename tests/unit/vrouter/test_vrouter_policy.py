"""Policy sets as flows: how many, which, and what is refused."""

from __future__ import annotations

import pytest

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline import render
from vrouter_ovs.pipeline.security.port_blocks import blocks
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    LocalPort,
    Membership,
    Page,
    PeerAddress,
    Policy,
    Rule,
    Vrouter,
)
from vrouter_ovs.wire import encode
from vrouter_ovs.wire.describe import describe

MAC = "52:54:00:00:00:01"


def texts(obj: object) -> list[str]:
    found = []
    for flow in encode.encode_object(obj):
        said = describe(flow)
        match = ", ".join(f"{name}={value}" for name, value in said["match"].items())
        found.append(f"{said['table']} {said['priority']}: {match} -> {'; '.join(said['actions'])}")
    return found


def test_how_many_flows() -> None:
    plain = LocalPort("p", 1, 100, MAC, ((MAC, "10.0.0.1"),))
    filtered = LocalPort("p", 1, 100, MAC, ((MAC, "10.0.0.1"),), policy=5)
    assert (len(render(plain)), len(render(filtered))) == (4, 4)
    assert (len(render(Policy(5))), len(render(Policy(5, stateful=False)))) == (2, 6)
    assert len(render(PeerAddress(5, INGRESS, "10.0.0.9", (6, 99)))) == 1
    assert len(render(Membership(5, INGRESS, (Page(7, True, True),)))) == 1
    # Each page but the last has one that keeps what it does not allow from being counted.
    assert len(render(Membership(5, INGRESS, (Page(7), Page(8), Page(9))))) == 3
    assert len(render(Rule(5, INGRESS, 4))) == 1
    assert len(render(Rule(5, INGRESS, 4, 6, 22, 22))) == 1
    assert len(render(Rule(5, INGRESS, 4, 6, 0, 65535))) == 1
    assert len(render(Rule(5, INGRESS, 4, 6, 1024, 65535))) == 6
    assert len(render(Rule(5, INGRESS, 4, 6, 1, 65534))) == 30


def test_a_port_names_its_set_on_both_ways() -> None:
    port = LocalPort("p", 7, 100, MAC, ((MAC, "10.0.0.1"),), policy=0x2A)
    assert texts(port)[0] == (
        "port 100: out_port=7 -> set evi=100; set policy=0x2a; set claimed_ip3=10.0.0.1"
    )
    asked = [text for text in texts(Vrouter(MAC)) if "resubmit port" in text]
    assert asked == [
        "classify 0:  -> move in_port to out_port; resubmit port; goto claim",
        "deliver 0:  -> set evi=0; set policy=0x0; resubmit port; goto receive",
    ]


def test_rules_in_words() -> None:
    assert texts(Rule(0x2A, INGRESS, 4, 6, 22, 23, "10.0.0.0/8")) == [
        "policy 101: eth_type=ip, policy=0x2a ingress, ct_state=-inv+trk, "
        "ct_nw_src=10.0.0.0/8, ct_nw_proto=6, ct_tp_dst=22-23 -> set permit=1"
    ]
    assert texts(Rule(0x2A, INGRESS, 4, 6, 22, 23, group="g", page=0x2B, bit=70)) == [
        "policy 100: eth_type=ip, policy=0x2a ingress, page=0x2b ingress, member_of=70, "
        "ct_state=-inv+trk, ct_nw_proto=6, ct_tp_dst=22-23 -> set permit=1"
    ]
    assert texts(Rule(0x2A, EGRESS, 6, 58, 128, 0)) == [
        "policy 100: eth_type=ipv6, policy=0x2a, ct_state=-inv+trk, ct_nw_proto=58, "
        "ct_tp_src=128, ct_tp_dst=0 -> set permit=1"
    ]
    assert texts(Rule(0x2A, EGRESS, 4, 132, 7, 7, "10.0.0.1/32", stateful=False)) == [
        "policy 101: eth_type=ip, ipv4_dst=10.0.0.1, ip_frag=0/2, ip_proto=132, sctp_dst=7, "
        "policy=0x2a -> set permit=1"
    ]
    assert texts(Rule(0x2A, INGRESS, 4, 1, 3, stateful=False)) == [
        "policy 100: eth_type=ip, ip_frag=0/2, ip_proto=1, icmpv4_type=3, policy=0x2a ingress"
        " -> set permit=1"
    ]
    assert texts(PeerAddress(0x2A, EGRESS, "fd00::/64", (3, 64, 127))) == [
        "peer_prefix 164: eth_type=ipv6, page=0x2a, ct_state=-inv+trk, ct_ipv6_dst=fd00::/64"
        " -> add 3+64+127 to member_of"
    ]
    assert texts(PeerAddress(0x2A, INGRESS, "10.0.0.9", (0,), stateful=False)) == [
        "peer_address 100: eth_type=ip, ipv4_src=10.0.0.9, page=0x2a ingress untracked"
        " -> add 0 to member_of"
    ]
    everything = tuple(range(128))
    assert texts(PeerAddress(0x2A, INGRESS, "10.0.0.9", everything, False))[0].endswith(
        f"set member_of={'+'.join(map(str, everything))}"
    )
    assert texts(Membership(0x2A, EGRESS, (Page(7), Page(8, True, True)))) == [
        "membership 100: policy=0x2a -> set page=0x7; set member_of=0; resubmit peer_address; "
        "resubmit policy; set page=0x8; set member_of=0; resubmit peer_prefix; "
        "resubmit peer_address; resubmit peer_mac; resubmit policy; set page=0; set member_of=0",
        "policy 2: policy=0x2a, page=0x7 -> drop",
    ]


def test_a_rule_is_its_cookie() -> None:
    """Hit counters are read by it; what a rule was configured from does not change it."""
    rule = Rule(5, INGRESS, 4, 6, 22, 25, rules=("one",))
    flows = encode.encode_object(rule)
    assert {flow.cookie for flow in flows} == {encode.cookie(rule.key)}
    assert encode.encode_object(Rule(5, INGRESS, 4, 6, 22, 25, rules=("two", "three"))) == flows


def test_sets_that_differ_in_nothing_but_the_direction_do_not_meet() -> None:
    pairs = [(EGRESS, 1), (EGRESS, 0x7FFFFFFF), (INGRESS, 1), (INGRESS, 0x7FFFFFFF)]
    keys = {encode.encode_object(Rule(policy, way, 4))[0].key for way, policy in pairs}
    assert len(keys) == 4


def test_what_has_no_set_yet_is_denied() -> None:
    """Its packets are held against rules, and there are none without a set."""
    flows = render(Vrouter(MAC))
    for table, asked in (("track", "policy_out"), ("receive", "policy_in")):
        found = {flow.match: flow.actions for flow in flows if (flow.table, flow.priority) ==
                 (table, "tracked")}
        zone = "in_port" if table == "track" else "out_port"
        assert found == {
            (("eth_type", eth_type),): (("ct", zone, asked),) for eth_type in (0x800, 0x86DD)
        }
    assert [flow.match for flow in flows if flow.table == "policy"] == [(("permit", 1),)]


@pytest.mark.parametrize(
    "obj",
    [
        Policy(0),
        Policy(1 << 31),
        Policy(-1),
        Rule(0, INGRESS, 4),
        Rule(1 << 31, INGRESS, 4),
        Rule(1, "sideways", 4),
        Rule(1, INGRESS, 5),
        Rule(1, INGRESS, 4, 256),
        Rule(1, INGRESS, 4, -2),
        Rule(1, INGRESS, 4, 6, 22),
        Rule(1, INGRESS, 4, 6, -1, 22),
        Rule(1, INGRESS, 4, 6, 23, 22),
        Rule(1, INGRESS, 4, 6, 0, 65536),
        Rule(1, INGRESS, 4, -1, 22, 22),
        Rule(1, INGRESS, 4, 47, 22, 22),
        Rule(1, INGRESS, 4, 58, 128, 0),
        Rule(1, INGRESS, 6, 1, 8, 0),
        Rule(1, INGRESS, 4, 1, 256, 0),
        Rule(1, INGRESS, 4, 1, 8, 256),
        Rule(1, INGRESS, 4, remote="fd00::/8"),
        Rule(1, INGRESS, 6, remote="10.0.0.0/8"),
        Rule(1, INGRESS, 4, remote="everywhere"),
        Rule(1, INGRESS, 4, group="g", page=1 << 30, bit=1),
        Rule(1, INGRESS, 4, group="g", page=-1, bit=1),
        Rule(1, INGRESS, 4, group="g", page=1, bit=128),
        Rule(1, INGRESS, 4, group="g", page=1, bit=-1),
        Rule(1, INGRESS, 4, group="g"),
        Rule(1, INGRESS, 4, address_group="g"),
        PeerAddress(0, INGRESS, "10.0.0.1", (1,)),
        PeerAddress(1, "sideways", "10.0.0.1", (1,)),
        Rule(1, INGRESS, 4, 0),
        Rule(1, INGRESS, 6, 0, stateful=False),
        PeerAddress(1, INGRESS, "10.0.0.1", ()),
        PeerAddress(1, INGRESS, "10.0.0.1", (128,)),
        PeerAddress(1, INGRESS, "10.0.0.1", (-1,)),
        PeerAddress(1 << 30, INGRESS, "10.0.0.1", (1,)),
        PeerAddress(1, INGRESS, "10.0.0.256", (1,)),
        PeerAddress(1, INGRESS, "", (1,)),
        Membership(0, INGRESS, (Page(1),)),
        Membership(1, INGRESS, ()),
        Membership(1, INGRESS, (Page(0),)),
        Membership(1, INGRESS, (Page(1 << 30),)),
        Membership(1, "sideways", (Page(1),)),
        LocalPort("p", 1, 100, MAC, ((MAC, "10.0.0.1"),), policy=-1),
        LocalPort("p", 1, 100, MAC, ((MAC, "10.0.0.1"),), policy=1 << 31),
        LocalPort("p", 1, 0, MAC, ((MAC, "10.0.0.1"),), policy=1),
        LocalPort("p", 1 << 32, 100, MAC, ((MAC, "10.0.0.1"),), policy=1),
        LocalPort("p", 1, 100, MAC, ((MAC, "fd00::1::"),), policy=1),
    ],
)
def test_bad_objects_are_refused(obj: object) -> None:
    with pytest.raises(PipelineError):
        encode.encode_object(obj)


@pytest.mark.parametrize(
    "flow",
    [
        Flow("track", "tracked", (), (("ct", "in_port", "bridge"), ("goto", "guard")), 0),
        Flow("track", "tracked", (), (("ct", "in_port", "output"),), 0),
        Flow("permit_in", "new", (), (("ct_commit", "out_port", "bridge"),), 0),
    ],
)
def test_conntrack_goes_on_where_its_table_says(flow: Flow) -> None:
    with pytest.raises(PipelineError):
        encode.encode(flow)


def test_blocks() -> None:
    assert blocks(0, 65535) == ((0, 0),)
    assert blocks(80, 80) == ((80, 0xFFFF),)
    assert blocks(1, 4) == ((1, 0xFFFF), (2, 0xFFFE), (4, 0xFFFF))
    assert blocks(1024, 65535) == tuple((1 << n, 0x10000 - (1 << n)) for n in range(10, 16))
