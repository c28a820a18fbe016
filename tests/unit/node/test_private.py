"""What a node keeps to itself: its state file, and what it tells its BGP process."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ryu_apps.configuration.known_state import KnownState, StateFile
from ryu_apps.control.config.lineage import Lineage
from ryu_apps.peering import Peer, Speaker, make_engine

PASSWORD = "not-for-others"


@pytest.fixture
def open_umask():
    old = os.umask(0)
    yield
    os.umask(old)


def test_the_state_file_is_its_owners(tmp_path: Path, open_umask: None) -> None:
    path = tmp_path / "node.state"
    for number in range(2):  # made, then replaced
        StateFile(str(path)).save(KnownState(Lineage("line", number, "x"), 1, 1))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["node.state"]


def test_nobody_else_reaches_the_bgp_process_or_reads_a_password() -> None:
    """Its socket is one of a pair without a name; passwords go through that alone."""
    peers = (Peer("192.0.2.1", 65000, passive=True, password=PASSWORD),)
    engine = make_engine("native", Speaker(65000, "127.0.0.1", listen=(), peers=peers), print)
    engine.prepare()
    engine.start()
    try:
        process = Path(f"/proc/{engine.pid}")
        for part in ("cmdline", "environ"):
            assert PASSWORD.encode() not in (process / part).read_bytes()
        mine = {os.readlink(one) for one in (process / "fd").iterdir() if one.exists()}
        rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
        ends = [row for row in rows if f"socket:[{row[6]}]" in mine]
        assert ends, "the pair's end is seen"
        assert all(len(row) == 7 for row in ends), "no name in the file system or out of it"
    finally:
        engine.stop()
