"""What asking a Keystone may cost a node: memory, workers, and nothing where there is none."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.identity.base import IdentityUnavailable, Unauthenticated
from ryu_apps.identity.choice import authenticator
from ryu_apps.identity.keystone.remembered import Remembered
from ryu_apps.identity.keystone.turns import Busy, Turns
from ryu_apps.settings import SettingsError
from tests.lab.keystone_support import options


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(("get", "put", "later")))))
def test_what_is_remembered(steps):
    """As long as it may be, of so many at most, and those that were asked for last."""
    now, used = 0.0, []
    until: dict[str, float] = {}
    remembered = Remembered(10, 3, lambda: now)
    for name, step in steps:
        if step == "later":
            now += 4
        elif step == "put":
            remembered.put(name, f"{name} {now}")
            until[name] = now + 10
            used = [*[one for one in used if one != name][-2:], name]
        else:
            found = remembered.get(name)
            known = name in used and now < until[name]
            assert found == (f"{name} {until[name] - 10}" if known else None)
            used = [one for one in used if one != name] + [name] * known
        assert len(remembered) == len(used) <= 3


def test_nothing_is_remembered_where_it_may_not_be():
    remembered = Remembered(-1)
    remembered.put("a", "b")
    assert remembered.get("a") is None and len(remembered) == 0


def test_turns_are_not_waited_for_where_one_hangs():
    turns, inside, leave = Turns(2), threading.Barrier(3), threading.Event()

    def hang() -> None:
        with turns.turn():
            inside.wait(10)
            leave.wait(60)

    with ThreadPoolExecutor() as pool:
        held = [pool.submit(hang) for _ in range(2)]
        inside.wait(10)
        for _ in range(3):
            with pytest.raises(Busy), turns.turn():
                pass
        leave.set()
        for one in held:
            one.result(10)
    with turns.turn(), turns.turn():
        pass


def test_a_turn_is_waited_for_while_others_are_served():
    turns, order = Turns(1), []

    def ask(number: int) -> None:
        with turns.turn():
            order.append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(200)))
    assert sorted(order) == list(range(200))


def test_a_turn_ends_with_an_error():
    turns = Turns(1)
    for _ in range(3):
        with contextlib.suppress(KeyError), turns.turn():
            raise KeyError


def environ(token: str) -> dict:
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/v2.0/networks", "wsgi.url_scheme": "http",
            "SERVER_NAME": "x", "SERVER_PORT": "1", "HTTP_X_AUTH_TOKEN": token}


@pytest.mark.parametrize("listens", [False, True], ids=["refused", "silent"])
def test_a_keystone_that_does_not_answer(tmp_path, listens):
    """It is told apart from a wrong token, at once where one is no token at all."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v3"
        knows = authenticator(options(tmp_path / "node.conf", url, 300, 1, api="threads = 2"))
        assert not knows.standing().warning
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(knows.authenticate, environ(f"t{number}")) for number in range(4)]
            for one in asked:
                with pytest.raises(IdentityUnavailable):
                    one.result(60)
        assert knows.standing().warning and url in knows.standing().detail
        with pytest.raises(Unauthenticated):
            knows.authenticate(environ("x" * 20_000))


def test_without_its_options_it_does_not_start(tmp_path):
    conf = options(tmp_path / "node.conf", "http://127.0.0.1:1/v3")
    file = tmp_path / "node.conf"
    file.write_text("[api]\nauth = keystone\n")
    conf(["--config-file", str(file)], default_config_files=[], default_config_dirs=[])
    with pytest.raises(SettingsError, match=r"\[keystone_authtoken\] auth_type"):
        authenticator(conf)
    file.write_text("[api]\nauth = keystone\n[keystone_authtoken]\nauth_type = nonsense\n")
    conf(["--config-file", str(file)], default_config_files=[], default_config_dirs=[])
    with pytest.raises(SettingsError, match="nonsense"):
        authenticator(conf)


def test_who_has_no_keystone_does_not_import_its_middleware():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, ryu_apps.vnc_node, ryu_apps.cli.vnctl\n"
         "print([one for one in ('keystonemiddleware', 'keystoneauth1') if one in sys.modules])"],
        capture_output=True, text=True, timeout=100,
    )
    assert done.stdout.strip() == "[]", done.stderr
