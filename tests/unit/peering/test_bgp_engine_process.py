"""The process that an engine runs in: which code it runs."""

from __future__ import annotations

import pytest

from ryu_apps.peering.base import Speaker
from ryu_apps.peering.engine.process import EngineProcess
from ryu_apps.peering.native.engine import NativeEngine


def test_a_node_that_is_started_in_another_tree_has_its_own_engine(tmp_path, monkeypatch):
    """``python -m`` looks in the working directory first, where another version may lie."""
    other = tmp_path / "ryu_apps"
    other.mkdir()
    (other / "__init__.py").write_text("raise SystemExit('another version')\n")
    monkeypatch.chdir(tmp_path)
    process = EngineProcess(NativeEngine.MODULE, {})
    try:
        assert process.init(
            Speaker(local_as=65000, router_id="192.0.2.1", listen=(), peers=(), restart_time=120)
        ) == ()
    finally:
        assert process.end() == 0


@pytest.mark.parametrize("module", ["no_such_module"])
def test_a_process_that_ends_at_once(module):
    process = EngineProcess(module, {})
    with pytest.raises(OSError):
        process.init(Speaker(local_as=65000, router_id="192.0.2.1", listen=(), peers=(),
                             restart_time=120))
    assert process.end() != 0
