"""Threads of the node: none ends unseen, and none stops for what it can recover from."""

from __future__ import annotations

import ast
import textwrap
import threading
import time
from pathlib import Path

import pytest

from ryu_apps import supervision
from ryu_apps.supervision import Supervisor, Thread, failed, guarded, waiting
from ryu_apps.views.checks.threads import of
from tests.unit.node.manager_support import ROOT, errors, read_until, run, start, write_app

PACKAGES = ("ryu_apps", "vrouter_ovs")


def check(supervisor: Supervisor):
    (one,) = of(supervisor)
    return one


def ended(target, *, may_end=lambda: False, essential=True) -> Supervisor:
    supervisor = Supervisor()
    supervisor.told = []
    supervisor.on_end = supervisor.told.append
    thread = Thread(target, "mill", essential=essential, may_end=may_end, supervisor=supervisor)
    thread.start()
    thread.join(20)
    return supervisor


@pytest.mark.parametrize("fault", [ValueError("sand"), SystemExit(), MemoryError("sand")])
def test_the_end_of_an_essential_thread_is_told(fault):
    def mill():
        raise fault

    supervisor = ended(mill)
    assert len(supervisor.told) == 1 and type(fault).__name__ in supervisor.told[0]
    assert not check(supervisor).ok and "mill ended" in check(supervisor).detail


def test_a_thread_that_returns_untold_has_ended_too():
    assert ended(lambda: None).told
    assert not ended(lambda: None, may_end=lambda: True).told
    assert check(ended(lambda: None, may_end=lambda: True)).ok


def test_one_that_is_not_essential_ends_alone(caplog):
    supervisor = ended(lambda: 1 // 0, essential=False)
    assert not supervisor.told and check(supervisor).ok
    assert "mill" in caplog.text and "ZeroDivisionError" in caplog.text


def test_a_thread_of_somebody_else_can_be_guarded():
    supervisor = Supervisor()
    thread = threading.Thread(
        target=guarded, args=("lent", lambda: 1 // 0, lambda: False, supervisor)
    )
    thread.start()
    thread.join(20)
    assert "lent" in supervisor.ended


def test_one_step_that_does_not_end_is_seen(monkeypatch):
    monkeypatch.setattr(supervision, "STUCK", 0.0)
    supervisor = Supervisor()
    idle, work, at_it, go_on = (threading.Event() for _ in range(4))

    def mill():
        with waiting():
            idle.set()
            work.wait(20)
        at_it.set()
        go_on.wait(20)

    thread = Thread(mill, "mill", essential=True, may_end=lambda: True, supervisor=supervisor)
    thread.start()
    idle.wait(20)
    assert check(supervisor).ok
    work.set()
    at_it.wait(20)
    time.sleep(0.01)
    assert not check(supervisor).ok and "mill has been at one step" in check(supervisor).detail
    go_on.set()
    thread.join(20)
    assert check(supervisor).ok


def test_what_a_loop_recovers_from_is_counted_and_shown(caplog):
    def mill():
        for _ in range(3):
            try:
                raise ValueError("sand")
            except ValueError:
                failed("a sack of %s", "corn")

    supervisor = ended(mill, may_end=lambda: True)
    one = check(supervisor)
    assert one.ok and one.warning and "3 in mill" in one.detail
    assert caplog.text.count("mill: a sack of corn") == 3 and "ValueError: sand" in caplog.text


def test_every_thread_of_the_product_is_supervised():
    """``threading.Thread`` is called nowhere else, and a timer only to end the process."""
    found = []
    for path in (path for name in PACKAGES for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "threading.Thread", "threading.Timer", "Timer", "ThreadPoolExecutor",
                "_thread.start_new_thread",
            ):  # fmt: skip
                found.append((path.relative_to(ROOT).as_posix(), ast.unparse(node.func)))
    assert set(found) == {("ryu_apps/manager.py", "threading.Timer")}


APP = """
def start(self):
    thread = super().start()
    Thread(self.mill, "mill", essential=True, may_end=lambda: False).start()
    return thread

def mill(self):
    {body}

def close(self):
    print("closed", flush=True)
"""


def app(directory: Path, body: str) -> Path:
    return write_app(
        directory, "mill", textwrap.dedent(APP).format(body=body),
        "from ryu_apps.supervision import Thread",
    )


def test_the_process_ends_with_its_thread(tmp_path):
    status, output = run(str(app(tmp_path, "raise KeyError('corn')")))
    assert status == 1, output
    assert "thread mill ended" in output and "KeyError: 'corn'" in output
    assert "closed" in output  # in good order
    assert "Traceback" in output and not errors(output)


def test_the_process_ends_also_while_it_cannot_stop(tmp_path):
    """The main thread never gets as far as to look."""
    path = app(tmp_path, "raise KeyError('corn')")
    with path.open("a") as file:
        file.write("    def __init__(self, *a, **k):\n        super().__init__(*a, **k)\n"
                   "        Thread(self.mill, 'early', essential=True).start()\n"
                   "        import time; time.sleep(1000)\n")
    process = start(str(path))
    try:
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 1 and "thread early ended" in output


def test_an_app_that_is_told_to_end_ends_well(tmp_path):
    process = start(str(app(tmp_path, "import time; time.sleep(1000)")))
    try:
        read_until(process, "starts, process")
        time.sleep(0.5)
        process.terminate()
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0 and "ended" not in output, output
