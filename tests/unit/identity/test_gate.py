"""What logins may cost: a source that guesses waits, and others come in meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.connections.buckets import Buckets
from ryu_apps.identity import gate
from ryu_apps.identity.directory.errors import IdentityError
from ryu_apps.identity.gate import Gate


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def attempt(one: Gate, source: str, right: bool) -> int:
    """0, or after how many seconds it may be tried again."""
    try:
        with one.enter(source) as found:
            found.succeeded = right
    except IdentityError as error:
        assert error.status == 429 and error.retry >= 1
        return error.retry
    return 0


def test_a_source_that_guesses_has_to_wait_and_others_have_not():
    clock = Clock()
    one = Gate(1, clock)
    assert not attempt(one, "good", True)
    tried = sum(not attempt(one, "bad", False) for _ in range(1000))
    assert 0 < tried <= gate.BURST
    assert attempt(one, "bad", True) >= 1
    for _ in range(1000):
        assert not attempt(one, "good", True)
    clock.now += attempt(one, "bad", False)
    assert not attempt(one, "bad", False)
    assert one.refused > 900


def test_a_source_that_is_right_never_waits():
    one = Gate(1, Clock())
    assert not any(attempt(one, "good", True) for _ in range(1000))


def test_many_sources_that_guess_have_together_no_more_than_some():
    clock = Clock()
    one = Gate(1, clock)
    assert not attempt(one, "good", True)
    sources = [f"bad{number}" for number in range(50)]
    tried = 0
    for _ in range(100):
        tried += sum(not attempt(one, source, False) for source in sources)
        clock.now += 0.1
    assert tried <= gate.BURST_OF_ALL + 10 * gate.PER_SECOND_OF_ALL
    assert not attempt(one, "good", True)


def test_many_new_sources_that_are_right_never_wait():
    one = Gate(1, Clock())
    assert not any(attempt(one, f"good{number}", True) for number in range(1000))


def test_several_at_once_from_one_source_are_no_failures():
    one = Gate(10, Clock())
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(one.enter("good")).succeeded = True
    assert not attempt(one, "good", True) and one.refused == 0


def test_so_many_are_checked_at_a_time():
    one, inside, most = Gate(2, Clock()), [], []
    for number in range(20):
        assert not attempt(one, f"source{number}", True)

    def check(number: int) -> None:
        with one.enter(f"source{number}") as found:
            inside.append(number)
            most.append(len(inside))
            pause.wait(0.005)
            inside.remove(number)
            found.succeeded = True

    pause = threading.Event()
    threads = [threading.Thread(target=check, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 20 and max(most) <= 2


def test_who_waits_for_too_long_is_sent_away(monkeypatch):
    monkeypatch.setattr(gate, "PATIENCE", 0.01)
    one = Gate(1, Clock())
    with one.slot(), pytest.raises(IdentityError) as caught, one.enter("good"):
        raise AssertionError("there is no slot")
    assert caught.value.retry == 1
    assert not attempt(one, "good", True)


STEPS = st.lists(st.tuples(
    st.sampled_from("abc"), st.floats(0.1, 3), st.floats(0, 5, allow_subnormal=False)))


@given(STEPS, st.floats(1, 20), st.floats(0.1, 10), st.floats(0, 10))
def test_a_bucket_gives_no_more_than_its_burst_and_rate(steps, burst, rate, debt):
    clock = Clock()
    buckets = Buckets(burst, rate, 100, clock, debt)
    taken = dict.fromkeys("abc", 0.0)
    for source, amount, pause in steps:
        clock.now += pause
        assert -debt - 1e-6 <= buckets.left(source) <= burst + 1e-6
        if buckets.left(source) >= amount:
            before = buckets.left(source)
            buckets.take(source, amount)
            taken[source] += amount
            assert buckets.left(source) <= before - amount + 1e-6
    for amount in taken.values():
        assert amount <= burst + rate * (clock.now - Clock.now) + 1e-6


def test_those_that_did_it_longest_ago_are_forgotten():
    buckets = Buckets(5, 1, 3, Clock())
    for source in "abcd":
        buckets.take(source)
    assert [source in buckets for source in "abcd"] == [False, True, True, True]
    buckets.take("b", -1)
    assert "b" not in buckets


def test_a_bucket_owes_no_more_than_its_debt():
    clock = Clock()
    buckets = Buckets(5, 1, 3, clock, 2)
    for _ in itertools.repeat(None, 100):
        buckets.take("a")
    assert buckets.left("a") == -2
    clock.now += 7
    assert "a" not in buckets
