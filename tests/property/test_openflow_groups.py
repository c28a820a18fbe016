"""Groups of one vrouter against a switch that obeys and refuses: in any order it ends as asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.openflow.groups import GroupOperation, VrouterGroups
from vrouter_ovs.state import ALL, SELECT, Bucket, Group
from vrouter_ovs.wire.buckets import encode_group
from vrouter_ovs.wire.groups import (
    GROUP_ADD,
    GROUP_DELETE,
    GROUP_MODIFY,
    EncodedGroup,
    is_our_group,
)

FOREIGN = EncodedGroup(99, 0, b"")
NUMBERS = st.integers(0, 3)
group = st.builds(
    lambda number, kind, ports: Group(number, kind, tuple(map(Bucket, ports))),
    NUMBERS, st.sampled_from([ALL, SELECT]), st.lists(st.integers(1, 3), max_size=2),
)


class Switch:
    """OpenFlow 1.4, 6.5: an ADD of what is there and a MODIFY of what is not are refused."""

    def __init__(self) -> None:
        self.groups: dict[int, EncodedGroup] = {FOREIGN.id: FOREIGN}

    def ours(self) -> dict[int, EncodedGroup]:
        return {number: one for number, one in self.groups.items() if is_our_group(number)}

    def take(self, operation: GroupOperation, deferred: bool) -> None:
        command, one, owner = operation
        assert is_our_group(one.id)
        assert (command == GROUP_ADD) == (one.id not in self.groups)
        assert command == GROUP_ADD or not deferred
        if command == GROUP_DELETE:
            assert owner is None
            del self.groups[one.id]
        else:
            assert command in (GROUP_ADD, GROUP_MODIFY)
            self.groups[one.id] = one


def play(groups: VrouterGroups, switch: Switch, refused: set[tuple]) -> None:
    """Rounds, each all or nothing, until nothing is to be said; ``refused``: keys of objects that
    the switch does not take."""
    for _ in range(10):
        if not groups.pending:
            return
        operations = [*groups.additions(), *groups.deletions()]
        culprits = {one.owner for one in operations} & refused
        if culprits:
            for key in culprits:
                groups.reject(key, "no")
            groups.retry(operations)
            continue
        for operation in operations:
            switch.take(operation, groups.deferred)
        groups.confirm(operations)
    raise AssertionError("it does not come to rest")


step = st.one_of(
    st.tuples(st.just("put"), group, st.booleans()),
    st.tuples(st.just("delete"), NUMBERS),
    st.tuples(st.just("damage"), NUMBERS, st.booleans()),
    st.tuples(st.just("restart")),
    st.tuples(st.just("let go")),
)


@given(st.lists(step, max_size=30))
def test_the_switch_ends_with_what_is_asked_and_what_is_others(history: list) -> None:
    groups, switch = VrouterGroups(), Switch()
    asked: dict[tuple, Group] = {}
    for what, *arguments in history:
        refused: set[tuple] = set()
        if what == "put":
            item, taken = arguments
            asked[item.key] = item
            refused = set() if taken else {item.key}
            groups.change(item.key, item)
        elif what == "delete":
            asked.pop(("group", arguments[0]), None)
            groups.change(("group", arguments[0]), None)
        elif what == "damage":
            number, gone = arguments
            wire = encode_group(Group(number, ALL, (Bucket(9),)))
            if gone:
                switch.groups.pop(wire.id, None)
            else:
                switch.groups[wire.id] = wire
            groups.replace_installed(switch.ours())
        elif what == "restart":
            groups = VrouterGroups()
            groups.replace_installed(switch.ours())
            for item in asked.values():
                groups.change(item.key, item)
        else:
            groups.defer(False)
        play(groups, switch, refused)
        if not groups.deferred:
            fine = {key for key in asked if key not in groups.rejected}
            assert {encode_group(asked[key]) for key in fine} <= set(switch.ours().values())
    groups.defer(False)
    groups.retry_rejected()
    play(groups, switch, set())
    assert switch.groups.pop(FOREIGN.id) == FOREIGN
    assert switch.groups == {one.id: one for one in map(encode_group, asked.values())}
    assert groups.installed == switch.groups and groups.rejected == {}
