"""Questions that the resolvers could not answer are not sent again at once (RFC 9520)."""

from __future__ import annotations

from ryu_apps.southbound.services.dns.cache import FAILED, Failures
from vrouter_ovs.proxies.dns.wire import Question


def question(name: str) -> Question:
    return Question(b"".join(bytes([len(one)]) + one.encode() for one in name.split(".")) + b"\0",
                    1, 1, False)


def test_for_a_while_and_for_one_network() -> None:
    failures = Failures(10)
    failures.put("red", question("a.example"), None, 100.0)
    failures.put("red", question("b.example"), b"refused", 101.0)
    assert failures.get("red", question("a.example"), 100.0 + FAILED - 0.1) == (True, None)
    assert failures.get("red", question("b.example"), 101.0) == (True, b"refused")
    assert failures.get("blue", question("a.example"), 101.0) == (False, None)
    assert failures.get("red", question("a.example"), 100.0 + FAILED) == (False, None)
    assert len(failures) == 1


def test_the_oldest_is_forgotten_first() -> None:
    failures = Failures(2)
    for number, name in enumerate(("a", "b", "a", "c")):
        failures.put("red", question(name), None, float(number))
    assert [failures.get("red", question(name), 4.0)[0] for name in "abc"] == [True, False, True]


def test_a_network_that_goes_takes_its_own() -> None:
    failures = Failures(10)
    for network in ("red", "blue"):
        failures.put(network, question("a"), None, 0.0)
    failures.drop("red")
    assert not failures.get("red", question("a"), 1.0)[0]
    assert failures.get("blue", question("a"), 1.0)[0]
