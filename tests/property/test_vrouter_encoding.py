"""The byte encoder: one key for one flow, templates equal to the pipeline, os-ken agrees."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_parser, ofproto_protocol, ofproto_v1_4_parser

from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from tests.encapsulations import NAMES, declared
from tests.ovs.vrouter.objects import (
    addresses,
    macs,
    neighbors,
    objects,
    prefixes,
    punts,
    remote_macs,
    routes,
    vnis,
    vrouters,
)
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline import render
from vrouter_ovs.schema.fields import PACKET_FIELDS, pack_value
from vrouter_ovs.schema.registers import REGISTERS
from vrouter_ovs.schema.tables import BY_NAME, TABLE_IDS, TABLE_NAMES
from vrouter_ovs.state import (
    BridgedHop,
    Endpoint,
    LocalPort,
    Neighbor,
    RemoteHop,
    RemoteMac,
    Route,
    StateObject,
)
from vrouter_ovs.wire import encode
from vrouter_ovs.wire.describe import describe
from vrouter_ovs.wire.encode import ADD, DELETE_STRICT, MODIFY_STRICT, Encoded
from vrouter_ovs.wire.flows import field

OSKEN = ofproto_protocol.ProtocolDesc(version=5)
OSKEN_NAMES = {
    "ip_ttl": "nw_ttl", "tun_id": "tunnel_id", "claimed_mac": "metadata", "nd_target":
    "ipv6_nd_target", "nd_sll": "ipv6_nd_sll", "nd_tll": "ipv6_nd_tll", "evi": "reg0",
    "vrf": "reg1", "from_tunnel": "reg2", "from_segment": "reg2", "too_big": "reg2",
    "vtep": "reg3", "out_port": "reg4",
    "bucket": "reg5", "unsecured": "reg2", "policy": "reg6", "page": "reg7", "permit": "reg8",
    "claimed_ip0": "reg12", "claimed_ip1": "reg13", "claimed_ip2": "reg14", "claimed_ip3": "reg15",
    "member_of0": "reg12", "member_of1": "reg13", "member_of2": "reg14", "member_of3": "reg15",
    "notify": "reg2", "tunnel_type": "reg2", "from_outside": "reg2", "translated": "reg2",
    "punt_reason": "reg9", "mirrored_out": "reg2", "mirrored_in": "reg2",
    "owner": "reg10", "holder": "reg11",
    # Those that os-ken knows by class and number alone.
    "ct_nw_proto": "field_247", "ct_nw_src": "field_248", "ct_nw_dst": "field_249",
    "ct_ipv6_src": "field_250", "ct_ipv6_dst": "field_251", "ct_tp_src": "field_252",
    "ct_tp_dst": "field_253",
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(vrouters())
def test_objects_never_share_a_flow(chosen: list[StateObject]) -> None:
    owners: dict[bytes, StateObject] = {}
    for obj in chosen:
        for flow in encode.encode_object(obj):
            assert flow.key not in owners, (obj, owners[flow.key])
            owners[flow.key] = obj
            assert flow.cookie == encode.cookie(obj.key)
            assert encode.is_ours(flow.cookie)


@settings(max_examples=500, deadline=None)
@given(st.one_of(routes, neighbors, remote_macs, punts, objects))
def test_templates_equal_the_pipeline(obj: StateObject) -> None:
    rendered = render(obj)
    assert encode.encode_object(obj) == tuple(map(encode.encode, rendered))
    assert all(flow.cookie == encode.cookie(obj.key) for flow in rendered)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_templates_equal_the_pipeline_in_every_encapsulation(data: st.DataObject) -> None:
    """Also for endpoints that the pipeline refuses: of an address or a path that it cannot name."""
    encaps = st.sampled_from((*NAMES, "nvgre", "nonsense"))
    endpoints = st.builds(Endpoint, addresses, encaps, st.sampled_from((0, 0, 0, 1)))
    bridged = st.tuples(st.builds(BridgedHop, endpoints, vnis))
    routed = st.tuples(st.builds(RemoteHop, endpoints, vnis, macs))
    with declared():
        obj = data.draw(st.one_of(
            st.builds(RemoteMac, vnis, macs, bridged), st.builds(Route, vnis, prefixes(), routed),
        ))  # fmt: skip
        try:
            expected = tuple(map(encode.encode, render(obj)))
        except PipelineError:
            with pytest.raises(PipelineError):
                encode.encode_object(obj)
        else:
            assert encode.encode_object(obj) == expected


@settings(max_examples=200, deadline=None)
@given(objects)
def test_few_flows_for_each_object(obj: StateObject) -> None:
    count = len(render(obj))
    if type(obj) in (RemoteMac, Route) and obj.watch:
        assert count <= 3 + sum(map(len, obj.watch))
    elif type(obj) in (Neighbor, RemoteMac) or (type(obj) is Route and len(obj.hops) < 2):
        assert count <= 1
    elif type(obj) is LocalPort and len(obj.allowed) == 1 and ":" not in obj.allowed[0][1]:
        assert count <= 8 + 3 * bool(obj.parent) or not obj.allowed[0][1] or obj.outward


@settings(max_examples=300, deadline=None)
@given(objects, st.sampled_from([ADD, MODIFY_STRICT, DELETE_STRICT]), st.integers(0, 2**32 - 1))
def test_osken_reads_and_writes_the_same_bytes(obj: StateObject, command: int, xid: int) -> None:
    for flow, encoded in zip(render(obj), encode.encode_object(obj), strict=True):
        raw = encode.flow_mod(command, encoded, xid)
        message = ofproto_parser.msg(OSKEN, 5, raw[1], len(raw), xid, raw)
        assert type(message) is ofproto_v1_4_parser.OFPFlowMod
        assert (message.table_id, message.priority, message.command, message.cookie) == (
            TABLE_IDS[flow.table],
            BY_NAME[flow.table].number_of(flow.priority),
            command,
            flow.cookie,
        )
        assert message.xid == xid
        assert message.cookie_mask == (0 if command == ADD else encode.COOKIE_MASK)
        assert set(dict(message.match.items())) == {
            OSKEN_NAMES.get(term[0], term[0]) for term in flow.match
        }
        for name, value, *mask in flow.match:
            found = message.match[OSKEN_NAMES.get(name, name)]
            if OSKEN_NAMES.get(name, "").startswith("field_"):
                continue
            if not (where := field(name)).whole:
                mask = (1 << where.nbits) - 1 << where.offset
                assert found == (value << where.offset, mask)
                continue
            found = found if type(found) is tuple else (found,)
            assert len(found) == 1 + len(mask)
            # As bytes: os-ken writes some IPv6 addresses in another form.
            for one, other in zip(found, (value, *mask), strict=True):
                assert pack_value(field(name), one) == pack_value(field(name), other)
        if command == DELETE_STRICT:
            assert message.instructions == []
        if any(action[0] == "set_bits" for action in flow.actions):
            # It does not write a value of 128 bits with a mask.
            continue
        message.buf = None
        message.serialize()
        assert bytes(message.buf) == raw


@settings(max_examples=100, deadline=None)
@given(objects, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_bundle_messages_as_osken_writes_them(obj: StateObject, bundle: int, xid: int) -> None:
    for flow in encode.encode_object(obj):
        inner = encode.flow_mod(ADD, flow, xid)
        raw = encode.bundle_flow_mod(bundle, ADD, flow, xid)
        assert raw == encode.bundle_add(bundle, xid, inner)
        assert raw[:16] == struct.pack("!BBHIIHH", 5, 34, len(raw), xid, bundle, 0, 3)
        assert raw[16:] == inner
        assert len(raw) < 1 << 16


def stats_reply(flows: list[Encoded]) -> bytes:
    entries = []
    for key, cookie, body in flows:
        match = struct.pack("!HH", 1, len(key) + 1) + key[3:]
        match += bytes(-len(match) % 8)
        size = 48 + len(match) + len(body)
        head = struct.pack(
            "!HBxIIHHHHHxxQQQ", size, key[0], 1, 2, key[1] << 8 | key[2], 0, 0, 0, 0, cookie, 5, 6
        )
        entries.append(head + match + body)
    return b"".join(entries)


@settings(max_examples=100, deadline=None)
@given(vrouters())
def test_flow_stats_are_the_flows(chosen: list[StateObject]) -> None:
    flows = [flow for obj in chosen for flow in encode.encode_object(obj)]
    assert list(encode.decode_flow_stats(memoryview(stats_reply(flows)))) == flows


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_in_flow_stats_is_a_value_error(raw: bytes) -> None:
    try:
        list(encode.decode_flow_stats(raw))
    except ValueError:
        pass


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_garbage_in_errors_is_a_value_error(raw: bytes) -> None:
    for message in (raw, b"\x05\x01\x00\x20" + raw):
        try:
            encode.decode_error(message)
        except ValueError:
            pass


@settings(max_examples=200, deadline=None)
@given(vrouters(), vrouters())
def test_the_operations_are_exactly_what_is_missing(
    before: list[StateObject], after: list[StateObject]
) -> None:
    installed, desired = (
        {flow.key: flow for obj in objects for flow in encode.encode_object(obj)}
        for objects in (before, after)
    )
    flows = VrouterFlows()
    flows.defer(False)
    flows.replace_installed(dict(installed))
    flows.change([(obj.key, obj) for obj in after])
    operations = [operation for batch in flows.operations() for operation in batch]
    assert len({operation.flow.key for operation in operations}) == len(operations)
    table = dict(installed)
    for operation in operations:
        if operation.command is DELETE_STRICT:
            del table[operation.flow.key]
        else:
            assert table.get(operation.flow.key) != operation.flow
            table[operation.flow.key] = operation.flow
    assert table == desired
    flows.confirm(operations)
    assert not flows.pending and list(flows.operations()) == []


@settings(max_examples=200, deadline=None)
@given(objects)
def test_everything_we_emit_is_described(obj: StateObject) -> None:
    for flow, encoded in zip(render(obj), encode.encode_object(obj), strict=True):
        said = describe(encoded)
        assert (said["table"], said["priority"]) == (
            flow.table, BY_NAME[flow.table].number_of(flow.priority),
        )
        # The parts of what groups somebody is a member of are shown as one.
        terms = {term[0] for term in flow.match}
        parts = {name for name in terms if name.startswith("member_of")}
        assert set(said["match"]) == terms - parts | ({"member_of"} if parts else set())
        assert set(said["match"]) <= set(PACKET_FIELDS) | set(REGISTERS)
        assert len(said["actions"]) == max(1, len(flow.actions))
        assert not any(word.startswith(("action", "instruction")) for word in said["actions"])


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=3, max_size=60), st.binary(max_size=90))
def test_describing_garbage_is_hex(key: bytes, body: bytes) -> None:
    said = describe(Encoded(key, 1, body))
    assert said["table"] == TABLE_NAMES.get(key[0], str(key[0]))


@settings(max_examples=200, deadline=None)
@given(objects, st.integers(0, 10**6), st.integers(0, 255))
def test_describing_damaged_flows_never_fails(obj: StateObject, place: int, value: int) -> None:
    for key, cookie, body in encode.encode_object(obj):
        damaged = bytearray(key + body)
        damaged[place % len(damaged)] = value
        describe(Encoded(bytes(damaged[: len(key)]), cookie, bytes(damaged[len(key) :])))
