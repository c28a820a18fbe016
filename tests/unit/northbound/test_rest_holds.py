"""Who is refused again and again has to wait, and nobody else."""

from __future__ import annotations

import socket

import pytest

from ryu_apps.northbound.serving import holds
from ryu_apps.northbound.serving.holds import Holds
from tests.unit.identity.test_gate import Clock
from tests.unit.northbound.users import PASSWORD, admin, asked, login, with_users


class Waiting:
    """Stands for a connection: what it is asked."""

    def __init__(self, source: str) -> None:
        self.source, self.deadline = source, 0.0


def test_the_first_refusals_cost_nothing_and_then_it_waits_for_so_long_at_most():
    clock = Clock()
    one = Holds(clock)
    waits = []
    for _ in range(1000):
        one.refused("bad")
        waits.append(one.wait("bad"))
    assert not any(waits[:int(holds.BURST)]) and waits == sorted(waits)
    assert waits[-1] == holds.LONGEST
    assert one.wait("good") == 0
    clock.now += holds.LONGEST + holds.BURST / holds.PER_SECOND
    assert one.wait("bad") == 0


def test_many_sources_wait_for_one_another_and_those_without_refusals_do_not():
    one = Holds(Clock())
    for number in range(1000):
        one.refused(f"bad{number}")
    assert one.wait("bad999") == holds.LONGEST
    assert one.wait("good") == 0


def test_those_that_wait_come_when_they_are_due():
    clock = Clock()
    one = Holds(clock)
    first, second = Waiting("bad"), Waiting("bad")
    one.hold(second, 2)
    one.hold(first, 1)
    assert one.due() == [] and one.pause(0.25) == 0.25
    clock.now += 0.9
    assert one.pause(0.25) == pytest.approx(0.1)
    clock.now += 0.1
    assert one.due() == [first] and second.deadline >= clock.now + 1
    clock.now += 5
    assert one.pause(0.25) == 0 and one.due() == [second] and one.pause(0.25) == 0.25


def test_so_many_of_one_source_wait():
    clock = Clock()
    one = Holds(clock)
    for _ in range(holds.MOST):
        assert not one.full("bad")
        one.hold(Waiting("bad"), 1)
    assert one.full("bad") and not one.full("good")
    clock.now += 1
    assert len(one.due()) == holds.MOST and not one.full("bad")


# ------------------------------------------------------------ at a server


@pytest.fixture
def node(monkeypatch):
    """Who was refused three times waits for longer than any test."""
    monkeypatch.setattr(holds, "BURST", 3.0)
    monkeypatch.setattr(holds, "PER_SECOND", 1e-6)
    monkeypatch.setattr(holds, "LONGEST", 3600.0)
    node = with_users()
    yield node
    node.close()


class Raw:
    """A connection from an address of this host."""

    def __init__(self, node, source: str) -> None:
        self.socket = socket.create_connection(node.server.address, 10, (source, 0))

    def ask(self, token: str, method: str = "GET", path: str = "/v2.0/networks") -> int:
        self.send(token, method, path)
        return self.status()

    def send(self, token: str, method: str = "GET", path: str = "/v2.0/networks") -> None:
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
                            f"X-Auth-Token: {token}\r\n\r\n".encode())

    def status(self) -> int:
        answer = self.socket.recv(1 << 16)
        return int(answer[9:12]) if answer else 0

    def silent(self) -> bool:
        self.socket.settimeout(0.2)
        try:
            self.socket.recv(1 << 16)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(10)
        return False


def test_one_who_guesses_waits_and_others_do_not(node):
    token = login(node, asked("admin", PASSWORD))
    early = Raw(node, "127.0.0.9")
    assert early.ask(token) == 200
    bad = Raw(node, "127.0.0.9")
    while True:
        bad.send("wrong")
        if bad.silent():
            break
    good = Raw(node, "127.0.0.8")
    assert [good.ask(token) for _ in range(50)] == [200] * 50
    # From where he guesses: who was there is served, who comes waits too.
    assert early.ask(token) == 200
    late = Raw(node, "127.0.0.9")
    late.send(token)
    assert late.silent() and bad.silent()
    assert admin(node)("GET", "/v3/users")


def test_a_source_whose_connections_all_wait_gets_no_more(node, monkeypatch):
    monkeypatch.setattr(holds, "MOST", 2)
    held = []
    with pytest.raises(OSError):  # The third is closed at once, not left open.
        while len(held) < 5:
            one = Raw(node, "127.0.0.9")
            for _ in range(5):
                one.send("wrong")
                if one.silent():
                    held.append(one)
                    break
            else:
                raise AssertionError("it does not wait")
    assert len(held) == 2
    assert admin(node)("GET", "/v3/users")


def test_refusals_that_are_not_about_who_asks_cost_nothing(node):
    root = admin(node)
    for _ in range(10):
        root("GET", "/v3/users/" + "9" * 32, None, 404)
        root("POST", "/v3/users", {}, 400)
    assert root("GET", "/v3/users")
