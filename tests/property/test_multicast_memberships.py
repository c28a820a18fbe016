"""The table of memberships against a plain model: any order of reports, leaves, time and ports that
go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.multicast import memberships
from ryu_apps.control.multicast.memberships import (
    LAST_MEMBER_TIME,
    MEMBERSHIP_TIME,
    PORT_LIMIT,
    Memberships,
)

ports = st.sampled_from(["p1", "p2", "p3"])
groups = st.integers(0, PORT_LIMIT + 2).map(lambda number: f"239.0.0.{number}")
few = st.sampled_from(["239.0.0.1", "ff0e::1"])
step = st.one_of(
    st.tuples(st.just("report"), st.integers(1, 2), ports, st.one_of(few, groups)),
    st.tuples(st.just("leave"), ports, st.one_of(few, groups)),
    st.tuples(st.just("forget"), ports),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 1, LAST_MEMBER_TIME, 100, MEMBERSHIP_TIME])),
)


@given(st.lists(step, max_size=120))
def test_a_membership_lasts_as_long_as_it_is_reported(history: list[tuple]) -> None:
    table, now = Memberships(), 0.0
    model: dict[str, tuple[int, dict[str, float]]] = {}
    for kind, *args in history:
        if kind == "wait":
            now += args[0]
            gone = {
                (evi, group) for evi, wanted in model.values()
                for group, end in wanted.items() if end <= now
            }
            assert table.expire(now) == gone
            model = {
                port: (evi, left) for port, (evi, wanted) in model.items()
                if (left := {group: end for group, end in wanted.items() if end > now})
            }
        elif kind == "report":
            evi, port, group = args
            if port in model and model[port][0] != evi:
                del model[port]
            wanted = model.get(port, (evi, {}))[1]
            new = group not in wanted and len(wanted) < PORT_LIMIT
            assert table.report(evi, port, group, now) == new
            if new or group in wanted:
                wanted[group] = now + MEMBERSHIP_TIME
                model[port] = evi, wanted
        elif kind == "leave":
            port, group = args
            known = port in model and group in model[port][1]
            assert table.leave(port, group, now) == known
            if known:
                wanted = model[port][1]
                wanted[group] = min(wanted[group], now + LAST_MEMBER_TIME)
        else:
            table.forget(args[0])
            model.pop(args[0], None)
        members = {
            (evi, group, port) for evi in (1, 2) for group in table.groups(evi)
            for port in table.members(evi, group)
        }
        assert members == {
            (evi, group, port) for port, (evi, wanted) in model.items() for group in wanted
        }
        assert len(table) == len(members)
        assert all(
            table.until(port, group) == model[port][1][group] for _, group, port in members
        )
    table.expire(now + 2 * MEMBERSHIP_TIME)
    assert not len(table) and vars(table) == {**vars(Memberships()), "refused": table.refused}


def test_more_than_a_port_or_a_network_may_have_is_refused_and_counted(monkeypatch) -> None:
    monkeypatch.setattr(memberships, "NETWORK_LIMIT", PORT_LIMIT + 1)
    table = Memberships()
    for number in range(PORT_LIMIT + 5):
        assert table.report(1, "p1", f"239.1.0.{number}", 0.0) == (number < PORT_LIMIT)
    assert table.refused == {"p1": 5}
    assert table.report(1, "p2", "239.2.0.1", 0.0)
    assert not table.report(1, "p2", "239.2.0.2", 0.0)
    assert table.report(1, "p2", "239.1.0.1", 0.0), "a group that is there already"
    assert table.report(2, "p3", "239.2.0.2", 0.0), "another network"
    assert table.refused == {"p1": 5, "p2": 1}
    table.forget("p1")
    assert table.refused == {"p2": 1}
