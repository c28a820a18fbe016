"""The copy of a hypervisor's database and what is read from it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.hosts.open_vswitch import schema_path
from ryu_apps.control.elements.elements import record
from ryu_apps.control.kinds import Capabilities, Uplink, encapsulations_of
from ryu_apps.southbound.ovsdb.contents.encap_types import encap_types
from ryu_apps.southbound.ovsdb.contents.rows import claim_of, describe, shown, tunnel_of
from ryu_apps.southbound.ovsdb.contents.uplinks import MAX_UPLINKS
from ryu_apps.southbound.ovsdb.contents.view import View
from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.replica import (
    MAP,
    OPTION,
    SCALAR,
    SET,
    Replica,
    apply_difference,
    read_value,
)
from ryu_apps.southbound.ovsdb.protocol.schema import plan_for

RAW = schema_path().read_bytes()
PLAN = plan_for(json.loads(RAW), RAW)

small = st.sampled_from(["a", "b", "c", "d"])


def difference(kind, old, new):
    """As ovsdb-server makes it (ovsdb-server(7), Update2 Notification)."""
    if kind == SET:
        return old ^ new
    if kind == MAP:
        changed = {key: value for key, value in new.items() if old.get(key) != value}
        return changed | {key: value for key, value in old.items() if key not in new}
    return new


@given(st.one_of(
    st.tuples(st.just(SET), st.frozensets(small), st.frozensets(small)),
    st.tuples(st.just(MAP), st.dictionaries(small, small), st.dictionaries(small, small)),
    st.tuples(st.just(OPTION), st.none() | small, st.none() | small),
    st.tuples(st.just(SCALAR), small, small),
))
def test_a_difference_leads_from_old_to_new(case):
    kind, old, new = case
    assert apply_difference(kind, old, difference(kind, old, new)) == new


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (SCALAR, "x", "x"), (OPTION, 5, 5), (OPTION, ["set", []], None),
        (OPTION, ["set", [7]], 7), (SET, "a", frozenset("a")),
        (SET, ["uuid", "u"], frozenset(["u"])), (SET, ["set", []], frozenset()),
        (SET, ["set", [["uuid", "u"], ["uuid", "v"]]], frozenset("uv")),
        (MAP, ["map", []], {}), (MAP, ["map", [[1, ["uuid", "u"]]]], {1: "u"}),
    ],
)
def test_values(kind, value, expected):
    assert read_value(kind, value) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["uuid", "set", "map", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner, max_size=1),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([SCALAR, OPTION, SET, MAP]), JSON)
def test_bad_values_are_protocol_errors(kind, value):
    try:
        hash(tuple(read_value(kind, value))) if kind in (SET, MAP) else read_value(kind, value)
    except ProtocolError:
        pass


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(
    st.sampled_from([*PLAN.kinds, "Other"]),
    st.dictionaries(small, st.dictionaries(
        st.sampled_from(["insert", "modify", "delete", "initial", "other"]),
        st.dictionaries(st.sampled_from(["name", "ofport", "external_ids", "ports"]), JSON)
        | st.none(), max_size=2,
    )),
) | JSON)
def test_bad_updates_are_protocol_errors(update):
    replica = Replica(PLAN.kinds)
    try:
        View(replica).apply(replica.apply(update))
    except ProtocolError:
        pass


# ------------------------------------------------------------ the view is incremental

NAMES = ["p0", "p1", "p2", "p3"]
interface_rows = st.fixed_dictionaries({
    "name": st.sampled_from(NAMES),
    "ids": st.dictionaries(
        st.sampled_from(["iface-id", "vnc-vtep", "x"]),
        st.sampled_from(["10.0.0.2", "10.0.0.3", "bad/id"]),
    ),
    "ofport": st.none() | st.integers(-1, 3),
    "bfd": st.sampled_from(["", "up", "down"]), "far_bfd": st.sampled_from(["up", "init"]),
    "type": st.sampled_from(["", "system", "internal", "dpdk"]),
    "mtu": st.none() | st.sampled_from([1500, 9000]),
    "link_state": st.sampled_from(["up", "down"]),
})
worlds = st.fixed_dictionaries({
    "interfaces": st.dictionaries(st.sampled_from(["i0", "i1", "i2"]), interface_rows),
    "ports": st.dictionaries(
        st.sampled_from(["t0", "t1", "t2"]),
        st.frozensets(st.sampled_from(["i0", "i1", "i2"]), min_size=1),
    ),
    "bridges": st.dictionaries(
        st.sampled_from(["b0", "b1"]),
        st.tuples(st.sampled_from(["br-int", "other"]),
                  st.frozensets(st.sampled_from(["t0", "t1", "t2"]))),
    ),
})


def tables_of(world):
    """Table contents that a server could show: names unique, each port and interface held once."""
    taken: set[str] = set()
    bridges, ports, interfaces = {}, {}, {}
    bridge_names: set[str] = set()
    for bridge, (name, holds) in sorted(world["bridges"].items()):
        if name in bridge_names:
            continue
        bridge_names.add(name)
        held = []
        for port in sorted(holds):
            members = sorted(
                item for item in world["ports"].get(port, ())
                if item in world["interfaces"] and item not in taken
                and world["interfaces"][item]["name"]
                not in {row["name"] for row in interfaces.values()}
            )[:2]
            if len(members) == 2 and world["interfaces"][members[0]]["name"] \
                    == world["interfaces"][members[1]]["name"]:
                members.pop()
            if port in taken or not members:
                continue
            taken.update([port, *members])
            held.append(port)
            ports[port] = {"name": port, "interfaces": ["set", [["uuid", i] for i in members]]}
            for item in members:
                row = world["interfaces"][item]
                interfaces[item] = {
                    "name": row["name"],
                    "external_ids": ["map", [list(pair) for pair in row["ids"].items()]],
                    "ofport": ["set", [] if row["ofport"] is None else [row["ofport"]]],
                    "bfd": ["map", [["enable", "true"]] if row["bfd"] else []],
                    "bfd_status": ["map", [
                        ["state", row["bfd"]], ["remote_state", row["far_bfd"]],
                    ] if row["bfd"] else []],
                    "type": row["type"], "link_state": row["link_state"],
                    "mtu": ["set", [] if row["mtu"] is None else [row["mtu"]]],
                }
        bridges[bridge] = {"name": name, "ports": ["set", [["uuid", p] for p in held]]}
    root = {"r": {
        "bridges": ["set", [["uuid", b] for b in bridges]],
        "external_ids": ["map", [["system-id", "hv"]]],
    }}
    return {"Open_vSwitch": root, "Bridge": bridges, "Port": ports, "Interface": interfaces}


def update_between(old, new):
    update: dict = {}
    for table, kinds in PLAN.kinds.items():
        before, after = old.get(table, {}), new.get(table, {})
        rows = {}
        for uuid in before.keys() | after.keys():
            if uuid not in after:
                rows[uuid] = {"delete": None}
            elif uuid not in before:
                rows[uuid] = {"insert": after[uuid]}
            elif before[uuid] != after[uuid]:
                rows[uuid] = {"modify": {
                    column: to_json(kinds[column], difference(
                        kinds[column], read_value(kinds[column], before[uuid][column]),
                        read_value(kinds[column], after[uuid][column])))
                    for column in after[uuid] if before[uuid][column] != after[uuid][column]
                }}
        if rows:
            update[table] = rows
    return update


def to_json(kind, value):
    if kind == SET:
        return ["set", [["uuid", item] for item in value]]
    if kind == MAP:
        return ["map", [list(pair) for pair in value.items()]]
    if kind == OPTION:
        return ["set", [] if value is None else [value]]
    return value


def uplinks_of(tables):
    """The uplinks that the contents of a database have, sought row by row."""
    found = []
    for bridge in tables["Bridge"].values():
        if bridge["name"] == "br-int":
            continue
        for _, port in bridge["ports"][1]:
            for _, item in tables["Port"][port]["interfaces"][1]:
                row = tables["Interface"][item]
                ids = dict(map(tuple, row["external_ids"][1]))
                if row["type"] in ("", "system", "dpdk") and "iface-id" not in ids:
                    found.append(Uplink(row["name"], bridge["name"], "", (row["mtu"][1] or [0])[0],
                                        0, row["link_state"],
                                        max((row["ofport"][1] or [-1])[0], 0) or -1))
    return tuple(sorted(found, key=lambda one: (one.bridge, one.name)))


@settings(max_examples=100, deadline=None)
@given(st.lists(worlds, min_size=2, max_size=5))
def test_following_updates_equals_reading_anew(states):
    replica = Replica(PLAN.kinds)
    view = View(replica)
    current: dict = {}
    shown_claims: dict = {}
    shown_tunnels: dict = {}
    for world in states:
        new = tables_of(world)
        changes = view.apply(replica.apply(update_between(current, new)))
        current = new
        for told, change in ((shown_claims, changes.interfaces), (shown_tunnels, changes.tunnels)):
            for key, value in change.items():
                if value is None:
                    del told[key]
                else:
                    assert told.get(key) != value, "posted without a change"
                    told[key] = value
        fresh_replica = Replica(PLAN.kinds)
        fresh = View(fresh_replica)
        fresh.apply(fresh_replica.apply(update_between({}, new)))
        assert view.claims == fresh.claims == shown_claims
        assert view.tunnels == fresh.tunnels == shown_tunnels
        assert view.uplinks.found == fresh.uplinks.found == uplinks_of(new)
        assert replica.tables == fresh_replica.tables
        assert replica.interfaces_by_name == fresh_replica.interfaces_by_name
        assert set(view.tunnel_interfaces()) == set(fresh.tunnel_interfaces())


def test_uplinks_of_one_hypervisor_are_bounded():
    many = range(MAX_UPLINKS + 8)
    replica = Replica(PLAN.kinds)
    view = View(replica)
    view.update({
        "Open_vSwitch": {"r": {"insert": {"bridges": ["uuid", "b"]}}},
        "Bridge": {"b": {"insert": {"name": "br-ex", "ports": ["set", [["uuid", f"p{n}"]
                                                                     for n in many]]}}},
        "Port": {f"p{n}": {"insert": {"name": f"e{n}", "interfaces": ["uuid", f"i{n}"]}}
                 for n in many},
        "Interface": {f"i{n}": {"insert": {"name": f"e{n}"}} for n in many},
    })  # fmt: skip
    assert len(view.uplinks.found) == MAX_UPLINKS


# ------------------------------------------------------------ who it is


def described(ids):
    replica = Replica(PLAN.kinds)
    replica.apply({"Open_vSwitch": {"r": {"insert": {
        "external_ids": ["map", [list(pair) for pair in ids.items()]]}}}})
    return describe(replica, None, "192.0.2.1")


@pytest.mark.parametrize("text, vteps", [
    ("fd00::1", ("fd00::1",)), ("FD00:0::1", ("fd00::1",)),
    ("fd00::1,10.0.0.1", ("fd00::1", "10.0.0.1")),
    ("10.0.0.1,fd00::1", ("10.0.0.1", "fd00::1")),
])
def test_vteps_of_either_family(text, vteps):
    info, problem = described({"system-id": "hv1", "vnc-encap-ip": text})
    assert problem == "" and info.vteps == vteps


def test_a_complete_hypervisor():
    info, problem = described({"system-id": "hv1", "vnc-encap-ip": "10.0.0.1", "hostname": "h"})
    assert problem == ""
    assert (info.element, info.vtep, info.hostname, info.identity) == ("hv1", "10.0.0.1", "h", "r")


@pytest.mark.parametrize(
    "ids",
    [{}, {"system-id": "hv1"}, {"vnc-encap-ip": "10.0.0.1"},
     {"system-id": " ", "vnc-encap-ip": "10.0.0.1"},
     {"system-id": "hv1", "vnc-encap-ip": "ten"}],
)
def test_what_is_missing_is_told_with_the_command_that_mends_it(ids):
    info, problem = described(ids)
    assert info is None
    assert "ovs-vsctl set Open_vSwitch . external_ids:" in problem


def test_an_empty_database():
    info, problem = describe(Replica(PLAN.kinds), None, "192.0.2.1")
    assert info is None and "ovs-vsctl --no-wait init" in problem


@pytest.mark.parametrize("text", [
    "0.0.0.0", "0.0.0.5", "127.0.0.1", "127.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "254.1.1.1", "255.255.255.255", "1.2.3", "", "::1", "10.0.0.01",
])
def test_addresses_that_no_vtep_has(text):
    info, problem = described({"system-id": "hv1", "vnc-encap-ip": text})
    assert info is None
    assert problem.startswith("external_ids:vnc-encap-ip is not") or text in problem
    assert "ovs-vsctl set Open_vSwitch . external_ids:vnc-encap-ip=" in problem


@pytest.mark.parametrize("given, found", [
    (None, ("vxlan",)), ("geneve", ("geneve",)), ("nvgre, vxlan", ("nvgre", "vxlan")),
])
def test_encapsulations_in_the_order_that_is_preferred(given, found):
    assert encap_types(given, ("vxlan",), Capabilities()) == (found, "")
    switch = Capabilities(interface_types=("geneve", "gre", "vxlan"))
    assert encap_types(given, ("vxlan",), switch) == (found, "")


@pytest.mark.parametrize("given, words", [
    ("", "names ''"), ("vxlan,", "names ''"), ("mpls", "names 'mpls'"), ("VXLAN", "names 'VXLAN'"),
    ("vxlan,vxlan", "vxlan twice"), ("vxlan,nvgre", "no interfaces of type gre"),
    ("geneve," * 100, "names ''"), (7, "names ''"), ("a\nb\u202e", "names 'a"),
])
def test_encapsulations_that_a_hypervisor_cannot_have(given, words):
    switch = Capabilities(interface_types=("geneve", "vxlan"))
    found, problem = encap_types(given, ("vxlan",), switch)
    assert found == () and words in problem and problem.isprintable()
    assert problem.startswith("external_ids:vnc-encap-type ")
    assert problem.endswith("ovs-vsctl set Open_vSwitch . external_ids:vnc-encap-type=TYPE[,TYPE]")


def test_mpls_where_the_datapath_cannot():
    """ovs-vswitchd.conf.db(5), Datapath, capabilities: add_mpls; most switches do not say."""
    can = Capabilities(features=(("add_mpls", "true"),))
    assert encap_types("mpls-in-gre", ("vxlan",), can) == (("mpls-in-gre",), "")
    cannot = Capabilities(features=(("add_mpls", "false"),))
    assert "cannot put a label" in encap_types("mpls-in-gre", ("vxlan",), cannot)[1]
    assert encap_types("nvgre", ("vxlan",), cannot) == (("nvgre",), "")


def test_encapsulations_of_a_hypervisor_and_of_the_node():
    ids = {"system-id": "hv1", "vnc-encap-ip": "10.0.0.1"}
    assert described(ids)[0].facts.encapsulations == ("vxlan",)
    info, _ = described({**ids, "vnc-encap-type": "geneve,vxlan"})
    assert info.facts.encapsulations == ("geneve", "vxlan")
    assert encapsulations_of(record(info, "node1", True)) == ("geneve", "vxlan")
    info, problem = described({**ids, "vnc-encap-type": "ipsec"})
    assert info is None and "vnc-encap-type" in problem


BAD_NAMES = ["a\ud800b", "\x1b[31mred", "a\nb", "\u202eevil", "x\u2028y", "x" * 256, " ", "\x00"]


@pytest.mark.parametrize("name", [*BAD_NAMES, "a/b", "/", ".", ".."], ids=ascii)
def test_system_ids_that_cannot_be_used(name):
    info, problem = described({"system-id": name, "vnc-encap-ip": "10.0.0.1"})
    assert info is None
    assert "external_ids:system-id=" in problem
    assert problem.isprintable() and len(problem) < 800
    problem.encode()


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_host_names_that_cannot_be_used(name):
    info, problem = described(
        {"system-id": "hv1", "hostname": name, "vnc-encap-ip": "10.0.0.1"}
    )
    assert info is None
    assert "external_ids:hostname=" in problem
    assert problem.isprintable()
    problem.encode()


@pytest.mark.parametrize("name", ["hv1", "Hv 1.example", "h\u00fc", "5b1f", "a%2Fb?#", "x" * 255])
def test_names_that_can_be_used(name):
    info, problem = described({"system-id": name, "hostname": name, "vnc-encap-ip": "10.0.0.1"})
    assert problem == ""
    assert (info.element, info.hostname) == (name, name)


def test_what_a_hostile_database_says_can_be_shown():
    bad = "\x1b\ud800\u202e" * 100
    row = {"external_ids": {"vnc-vtep": bad}, "ofport": 1, "error": bad,
           "bfd_status": {"state": bad, "remote_state": bad}, "bfd": {"enable": "true"}}
    status = tunnel_of(row)
    for text in (status.endpoint.vtep, status.bfd, status.far_bfd, status.error, shown(bad)):
        assert text.isprintable() and text
        text.encode()
    claim, problem = claim_of({"name": bad, "external_ids": {"iface-id": "p"}})
    assert claim is None and problem.isprintable()


@pytest.mark.parametrize("damage", ["no table", "no column", "other name", "not a schema", "list"])
def test_a_wrong_schema_is_refused(damage):
    schema = json.loads(RAW)
    if damage == "no table":
        del schema["tables"]["Flow_Table"], schema["tables"]["Bridge"]["columns"]["flow_tables"]
    elif damage == "no column":
        del schema["tables"]["Interface"]["columns"]["ofport"]
    elif damage == "other name":
        schema["name"] = "OVN_Southbound"
    elif damage == "list":
        schema = []
    else:
        schema["tables"] = {"Bridge": 5}
    with pytest.raises(ProtocolError):
        plan_for(schema, damage.encode())
