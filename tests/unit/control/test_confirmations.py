"""One status for each object: answers of several targets, in any order, late ones too."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.desired.confirmations import DONE, PENDING, REFUSED, Confirmations, Status
from vrouter_ovs.state import FLOWS, OPENFLOW, TARGET_OF, TARGETS, Evi, Vrf

ONE, TWO = Evi(1), Evi(2)


def sent(*objects: Any) -> Confirmations:
    """Each object by a revision of its own, from 1."""
    made = Confirmations()
    for revision, item in enumerate(objects, 1):
        made.programmed(revision, [(item.key, item)])
    return made


def test_an_object_is_pending_until_its_last_change_is_confirmed() -> None:
    made = sent(ONE, TWO, Evi(1, True))
    assert made.status(ONE.key) == Status(PENDING, 3)
    assert made.confirmed(2) == [TWO.key]
    assert made.status(ONE.key) == Status(PENDING, 3) and not made.settled()
    assert made.status(TWO.key) == Status(DONE)
    assert made.confirmed(3) == [ONE.key]
    assert made.settled() and made.behind() == 0


def test_a_refusal_of_what_it_was_before_is_ignored() -> None:
    made = sent(ONE, TWO, Evi(1, True))
    assert not made.refused(ONE.key, "full", 2)
    assert made.status(ONE.key).state == PENDING
    assert made.refused(ONE.key, "full", 3)
    assert made.status(ONE.key) == Status(REFUSED, reason="full")


def test_what_was_refused_is_not_done_by_the_acknowledgement_and_is_tried_when_it_changes() -> None:
    made = sent(ONE, TWO)
    made.refused(ONE.key, "full", 2)
    assert made.confirmed(2) == [TWO.key]
    assert made.refusals == {ONE.key: "full"} and made.settled()
    made.programmed(3, [(ONE.key, Evi(1, True))])
    assert made.status(ONE.key) == Status(PENDING, 3)
    assert made.confirmed(3) == [ONE.key]


def test_what_is_confirmed_may_be_refused_later() -> None:
    """By a switch that took the place of the one that had it."""
    made = sent(ONE)
    made.confirmed(1)
    assert made.refused(ONE.key, "full", 1)
    assert made.status(ONE.key).state == REFUSED


def test_what_goes_takes_its_status_along_and_its_deletion_is_awaited() -> None:
    made = sent(ONE, TWO)
    made.refused(ONE.key, "full", 2)
    made.programmed(3, [(ONE.key, None), (TWO.key, None)])
    assert made.refusals == {} and made.confirmed(2) == []
    assert not made.settled() and made.behind() == 1
    assert made.confirmed(3) == [] and made.settled()


def test_an_element_that_came_back_hears_nothing_from_its_former_channel() -> None:
    former = sent(ONE, TWO)
    made = Confirmations(former.revision)
    made.programmed(3, [(ONE.key, ONE)])
    assert made.confirmed(2) == [] and not made.settled()


KEYS = [Evi(1).key, Evi(2).key, Vrf(3, "").key]
change = st.tuples(st.just("change"), st.sets(st.sampled_from(KEYS), min_size=1), st.booleans())
confirm = st.tuples(st.just("confirm"), st.integers(0, 12), st.sampled_from([OPENFLOW, (FLOWS,)]))
refuse = st.tuples(st.just("refuse"), st.sampled_from(KEYS), st.integers(0, 12))


@given(st.lists(st.one_of(change, confirm, refuse), max_size=40))
def test_the_status_is_what_the_history_says(history: list) -> None:
    """Held against the plainest account of what was sent and answered."""
    made, revision = Confirmations(), 0
    changed: dict = {}
    refusals: dict = {}
    highest = last = 0
    for what, first, second in history:
        if what == "change":
            revision += 1
            made.programmed(
                revision, [(key, Evi(1) if second else None) for key in sorted(first)]
            )
            last = revision
            for key in first:
                refusals.pop(key, None)
                changed.pop(key, None)
                if second:
                    changed[key] = revision
        elif what == "confirm":
            number = min(first, revision)
            done = made.confirmed(number, second)
            expected = {
                key for key, since in changed.items()
                if highest < since <= number and key not in refusals
            }
            assert set(done) == expected and len(done) == len(expected)
            highest = max(highest, number)
        elif first in changed:
            number = min(second, revision)
            taken = made.refused(first, "no", number)
            assert taken == (changed[first] <= highest or number >= changed[first])
            if taken:
                refusals[first] = "no"
        assert made.refusals == refusals
        assert made.settled((FLOWS,)) == (highest >= last)
        for key, since in changed.items():
            expected = Status(REFUSED, reason="no") if key in refusals else \
                Status(PENDING, since) if since > highest else Status(DONE)
            assert made.status(key) == expected


def test_each_target_answers_for_itself(monkeypatch) -> None:
    monkeypatch.setitem(TARGET_OF, "vrf", "ovsdb")
    made = sent(ONE, Vrf(3, ""))
    assert made.confirmed(2, OPENFLOW) == [ONE.key]
    assert made.settled() and not made.settled(TARGETS)
    assert made.status(Vrf(3, "").key) == Status(PENDING, 2)
    assert made.confirmed(1, ("ovsdb",)) == []
    assert made.confirmed(2, ("ovsdb",)) == [("vrf", 3)]
    assert made.settled(TARGETS)


def test_what_recovers_is_done_though_its_revision_was_confirmed_before() -> None:
    """A refusal may end by itself: the port that was in the way has gone."""
    made = sent(ONE, TWO)
    made.refused(ONE.key, "taken", 1)
    assert made.confirmed(2) == [TWO.key]
    assert made.confirmed(2, recovered=(ONE.key,)) == [ONE.key]
    assert made.refusals == {} and made.status(ONE.key) == Status(DONE)
    assert made.confirmed(2, recovered=(ONE.key,)) == []


def test_what_has_changed_since_does_not_recover() -> None:
    made = sent(ONE)
    made.refused(ONE.key, "taken", 1)
    made.programmed(2, [(ONE.key, Evi(1, True))])
    assert made.confirmed(1, recovered=(ONE.key,)) == []
    assert made.status(ONE.key) == Status(PENDING, 2)
