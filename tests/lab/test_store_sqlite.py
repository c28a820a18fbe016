"""A node alone with SQLite: kill -9 in the middle of changes, a full disk, one that fails, one that
is read-only.  Every change that was acknowledged is there afterwards.

``VNC_STORE_KILLS=20`` kills the node so many times instead of three.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Iterator

import pytest

from lab.hosts.disk import Disk
from lab.topology import Lab
from lab.wait import wait_until
from tests.lab.api_load import ApiLoad

KILLS = int(os.environ.get("VNC_STORE_KILLS", "3"))


@pytest.fixture(scope="module")
def alone() -> Iterator[tuple[Lab, Disk]]:
    """Its database is on a disk of 24 MB."""
    with Lab(f"vncq{os.getpid()}", {"node1": ()}, store="sqlite") as made:
        node = made.nodes["node1"]
        node.kill()
        disk = Disk(made.journal, "node1", node.directory / "disk", "24m")
        disk.start()
        node.config.write_text(node.config.read_text().replace(
            f"{node.directory}/config.db", f"{disk.path}/config.db"))
        node.daemon.argv = [*disk.prefix, *node.command]
        node.directory.joinpath("node.state").unlink(missing_ok=True)
        node.start()
        yield made, disk


def test_kill_9_in_the_middle_of_changes(alone: tuple[Lab, Disk]) -> None:
    node = alone[0].nodes["node1"]
    chance = random.Random(9)
    for number in range(KILLS):
        load = ApiLoad(node, f"killed{number}", writers=4)
        try:
            load.wait_writes(chance.randrange(20, 250))
            time.sleep(chance.random() * 0.05)
            node.kill()
        finally:
            load.stop()
        node.start()
        node.client.wait_healthy()
        load.check(node.client)


def refused_until_mended(lab: Lab, label: str, text: str, harm, mend) -> None:
    """Changes are refused with 503 and ``text`` after ``harm``; reads go on; after ``mend`` all is
    well without a restart, and after a kill -9 all that was acknowledged is there."""
    node = lab.nodes["node1"]
    load = ApiLoad(node, label)
    try:
        load.wait_writes(5)
        harm()
        wait_until(lambda: len(load.refused) > 5, "changes to be refused", 60)
        health = node.client.health()
        (check,) = (one for one in health["checks"] if one["name"] == "store")
        assert not check["ok"] and text in check["detail"], check
        reads = len(load.reads)
        wait_until(lambda: len(load.reads) > reads + 10, "reads to go on", 30)
        mend()
        load.wait_writes()
    finally:
        load.stop()
    node.client.wait_healthy()
    assert {one.status for one in load.refused} == {503}
    assert all(text in one.text and "outcome" not in one.text for one in load.refused), load.refused
    load.check(node.client)
    node.kill()
    node.start()
    node.client.wait_healthy()
    load.check(node.client)


def test_a_full_disk(alone: tuple[Lab, Disk]) -> None:
    lab, disk = alone
    refused_until_mended(lab, "full", "make room on its disk", disk.fill, disk.free)


def test_a_disk_that_takes_no_write(alone: tuple[Lab, Disk]) -> None:
    """The kernel refuses each write of the process, as a disk does that fails."""
    lab, _ = alone
    pid = lab.nodes["node1"].daemon.pid
    unlimited = resource.RLIM_INFINITY

    def limit(size: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, unlimited))

    refused_until_mended(
        lab, "faulty", "see to its disk", lambda: limit(0), lambda: limit(unlimited))


def test_a_disk_that_is_read_only_at_the_start(alone: tuple[Lab, Disk]) -> None:
    """The node says why it does not start, and changes nothing; afterwards it has all."""
    lab, disk = alone
    node = lab.nodes["node1"]
    before = {one["id"] for one in node.client.list("network")}
    node.kill()
    disk.read_only(True)
    node.start(wait=False)
    wait_until(lambda: not node.daemon.alive, "the node to end", 30)
    assert "config.db" in node.log() and "ead-only" in node.log(), node.log()
    disk.read_only(False)
    node.start()
    node.client.wait_healthy()
    assert {one["id"] for one in node.client.list("network")} == before
