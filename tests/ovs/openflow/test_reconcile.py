"""VrouterFlows: the incremental result is that of a calculation from scratch."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from tests.hops import bridged
from vrouter_ovs.state import Flood, FloodRemotes, LocalPort, Punt
from vrouter_ovs.wire.encode import ADD, Encoded, encode_object

TABLE = 100
"""A key of a Thing is a table and no more: one that is none of an earlier version."""


@dataclass(frozen=True)
class Thing:
    """An object that renders to chosen flow keys, which may be those of another."""

    name: int
    keys: frozenset
    value: int
    depends_on_peers: bool = True

    @property
    def key(self):
        return ("thing", self.name)


def encode(thing: Thing):
    if thing.value == 9:
        raise ValueError("unencodable")
    body = bytes([thing.value])
    return tuple(Encoded(bytes([TABLE + key]), thing.name, body) for key in thing.keys)


NAMES = st.integers(0, 4)
THINGS = st.builds(Thing, NAMES, st.frozensets(st.integers(0, 5), max_size=3),
                   st.integers(0, 9), st.booleans())
CHANGES = st.lists(st.one_of(THINGS.map(lambda t: (t.key, t)),
                             NAMES.map(lambda n: (("thing", n), None))), max_size=4)
STEPS = st.lists(st.tuples(CHANGES, st.sets(st.integers(0, 8)), st.booleans()), max_size=12)


def run_rounds(flows: VrouterFlows, switch: dict, refuse=lambda flow: False) -> None:
    """A switch that refuses what ``refuse`` says, the whole bundle with it."""
    for _ in range(100):
        if not flows.pending:
            return
        operations = [operation for batch in flows.operations() for operation in batch]
        bad = [o for o in operations if o.command is ADD and refuse(o.flow)]
        if bad:
            for operation in bad:
                flows.reject(operation.owner, "refused")
            flows.retry(operations)
            continue
        for operation in operations:
            if operation.command is ADD:
                switch[operation.flow.key] = operation.flow
            else:
                assert switch.pop(operation.flow.key)
        flows.confirm(operations)
        if not flows.pending:
            flows.finish()
    raise AssertionError("does not come to an end")


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_incremental_is_as_from_scratch(steps):
    flows, switch = VrouterFlows(encode), {}
    flows.defer(False)
    for changes, refused_values, _ in steps:
        changes = list(dict(changes).items())
        flows.change(changes)
        run_rounds(flows, switch, lambda flow, bad=refused_values: flow.body[0] in bad)
        assert switch == flows.installed == flows.desired
        accepted = [t for k, t in flows.objects.items() if k not in flows.rejected]
        # Every accepted object has its flows, unless another accepted object has the same.
        keys = {bytes([TABLE + k]) for thing in accepted for k in thing.keys}
        assert keys <= set(switch)
        for key in keys:
            owners = [t for t in accepted if key[0] in t.keys]
            if len(owners) == 1 and not flows.rejected:
                assert switch[key] == Encoded(key, owners[0].name, bytes([owners[0].value]))
        if not flows.rejected:
            assert keys == set(switch)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.dictionaries(st.integers(0, 8), st.integers(0, 9)))
def test_hold_only_adds_and_letting_go_converges(steps, leftovers):
    found = [Encoded(bytes([TABLE + k]), 99, bytes([v])) for k, v in leftovers.items()]
    installed = {flow.key: flow for flow in found}
    flows, switch = VrouterFlows(encode), dict(installed)
    flows.replace_installed(dict(installed))
    for changes, _, reread in steps:
        before = dict(switch)
        changes = list(dict(changes).items())
        flows.change(changes)
        run_rounds(flows, switch)
        assert set(before) <= set(switch)
        if reread:
            flows.replace_installed(dict(switch))
            run_rounds(flows, switch)
            assert set(before) <= set(switch)
    flows.defer(False)
    run_rounds(flows, switch)
    assert switch == flows.desired == flows.installed


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_undoing_everything_leaves_nothing(steps):
    flows, switch = VrouterFlows(encode), {}
    flows.defer(False)
    for changes, bad, _ in steps:
        flows.change(list(dict(changes).items()))
        run_rounds(flows, switch, lambda flow, bad=bad: flow.body[0] in bad)
    flows.change([(key, None) for key in list(flows.objects)])
    run_rounds(flows, switch)
    assert switch == flows.desired == {} and not flows.rejected
    assert not flows._contested and not flows._owners and not flows._rendered


def test_the_same_state_means_no_operations():
    flows = VrouterFlows(encode)
    flows.defer(False)
    things = [Thing(n, frozenset({n}), 1) for n in range(5)]
    flows.replace_installed({flow.key: flow for thing in things for flow in encode(thing)})
    flows.change([(thing.key, thing) for thing in things])
    assert list(flows.operations()) == []


def zones(flows: VrouterFlows) -> list[int]:
    """Do what is outstanding; the zones that get another owner by it."""
    found: list[int] = []
    while flows.pending:
        for batch in list(flows.operations()):
            found += flows.zones_given(batch)
            flows.confirm(batch)
    flows.finish()
    return sorted(found)


def plugged(name: str, number: int, policy: int = 0, evi: int = 100) -> LocalPort:
    mac = f"02:00:00:00:01:{number:02x}"
    return LocalPort(name, number, evi, mac, ((mac, "10.0.0.1"),), True, policy)


def change(flows: VrouterFlows, *items: LocalPort, gone: tuple[str, ...] = ()) -> list[int]:
    flows.change([*((("port", name), None) for name in gone), *((i.key, i) for i in items)])
    return zones(flows)


def test_whose_connections_are_forgotten():
    flows = VrouterFlows()
    flows.defer(False)
    flows.change([(item.key, item) for item in (Punt("a", 5),)])
    assert zones(flows) == []
    assert change(flows, plugged("a", 5), plugged("b", 250)) == [5, 250]
    # What changes of the port leaves it the same port.
    assert change(flows, plugged("a", 5, policy=9)) == []
    assert change(flows, plugged("a", 5, policy=8, evi=200)) == []
    # Another number, and the number of another port, at once or with a pause between.
    assert change(flows, plugged("a", 6)) == [6]
    assert change(flows, plugged("c", 6), gone=("a",)) == [6]
    assert change(flows, gone=("c",)) == []
    assert change(flows, plugged("c", 6)) == [6]
    # Two claim one number: the later has it, and gives it back.
    assert change(flows, plugged("d", 6)) == [6]
    assert change(flows, gone=("d",)) == [6]


def test_a_restart_and_a_repair_forget_no_connections():
    before = VrouterFlows()
    before.defer(False)
    ports = [plugged("a", 5, 9), plugged("b", 6)]
    assert change(before, *ports) == [5, 6]
    after = VrouterFlows()
    after.replace_installed(dict(before.installed))
    assert change(after, plugged("a", 5, 9), plugged("b", 6, 8), plugged("c", 7)) == [7]
    after.defer(False)
    assert zones(after) == []
    # Somebody else deletes flows, which an audit of the same connection finds out.
    key = encode_object(ports[0])[0].key
    held = {k: flow for k, flow in after.installed.items() if k != key}
    after.replace_installed(dict(held), known=True)
    assert zones(after) == []
    after.replace_installed(dict(held), known=True)
    assert change(after, plugged("d", 5), gone=("a",)) == [5]
    assert change(after, plugged("a", 5, 9), gone=("d",)) == [5]
    # A new connection may be that of another switch, or of one that another node had meanwhile.
    after.replace_installed(dict(held))
    assert zones(after) == [5]


def test_a_held_vrouter_gets_new_local_members_of_a_flood_list_and_keeps_the_remote_ones():
    """The node has restarted: what it has not heard from its peers yet is no reason that a new port
    hears nobody."""
    flows, switch = VrouterFlows(), {}
    remotes = FloodRemotes(100, (bridged("192.0.2.2", 100), bridged("192.0.2.3", 100)))
    flows.defer(False)
    flows.change([(one.key, one) for one in (
        Flood(100, (1, 2)), remotes)])
    run_rounds(flows, switch)
    before = set(switch.values())

    again = VrouterFlows()
    again.replace_installed(dict(switch))
    local, remote = Flood(100, (1, 2, 3)), FloodRemotes(100, (bridged("192.0.2.3", 100),))
    again.change([(one.key, one) for one in (local, remote)])
    run_rounds(again, switch)
    assert set(encode_object(local)) <= set(switch.values())
    assert set(encode_object(remotes)) <= before
    assert not set(encode_object(remote)) <= set(switch.values())
    again.defer(False)
    run_rounds(again, switch)
    assert set(switch.values()) == {*encode_object(local), *encode_object(remote)}
