"""The lab removes exactly what it made, also after a crash; these tests need no VNC node."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts.vm import PortSpec
from lab.journal import Journal, LabBusy, netns_inode, process_start, processes_in
from lab.net import CommandError, Namespace, run
from lab.topology import Lab
from lab.traffic.ping import ping

ROOT = Path(__file__).resolve().parents[2]
CRASH = """
import os, sys
from lab.topology import Lab
lab = Lab(sys.argv[1])
lab.journal.lock()
lab.fabric.start()
lab.start_infrastructure(print)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    text = f"vncc{os.getpid()}"
    yield text
    Journal(text).remove_all()


def spaces(prefix: str) -> set[str]:
    listed = run(["ip", "netns", "list"]).stdout.split()
    return {word for word in listed if word.startswith(prefix + "-")}


def test_a_crash_is_cleaned_up_by_the_next_run(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, name], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    made = spaces(name)
    assert made == {f"{name}-{host}" for host in ("fabric", "etcd", "hv1", "hv2", "hv3")}
    inodes = {netns_inode(space) for space in made}
    assert len(processes_in(inodes)) == 7
    journal = Journal(name)
    journal.lock()
    removed = journal.remove_all()
    journal.unlock()
    assert removed == ["7 processes", "5 namespaces"]
    assert not spaces(name)
    assert not processes_in(inodes)
    assert not journal.directory.exists()
    assert journal.remove_all() == []


def test_a_lab_that_is_kept_is_not_removed_by_the_next(name: str) -> None:
    """While something of it runs; what is left of it after a reboot may go."""
    kept = Journal(name)
    kept.lock()
    space = Namespace(name, "here")
    space.create(kept)
    work = subprocess.Popen(["sleep", "60"])
    kept.add("process", name="work", pid=work.pid, start=process_start(work.pid))
    kept.keep()
    kept.unlock()
    try:
        with pytest.raises(LabBusy, match=f"{name} is kept and runs since .*demo-down LAB={name}"):
            Lab(name).up()
        with pytest.raises(LabBusy), Lab(name):
            pass
        done = subprocess.run(
            [sys.executable, "-m", "lab.demo"], cwd=ROOT, capture_output=True, text=True,
            check=False, timeout=60, env={**os.environ, "LAB": name, "API_PORTS": "0,0"})
        assert done.returncode == 1 and "is kept and runs" in done.stderr
        assert work.poll() is None and spaces(name) == {space.name}
    finally:
        work.kill()
        work.wait()
    again = Journal(name)
    again.lock()
    again.refuse_kept()
    assert again.remove_all() == ["1 namespaces"]
    again.unlock()


def test_what_the_lab_did_not_make_stays(name: str) -> None:
    """A namespace of the same name made by someone else, and a process whose id came round."""
    journal = Journal(name)
    mine = Namespace(name, "mine")
    mine.create(journal)
    mine.delete()
    run(["ip", "netns", "add", mine.name])  # Not ours: the journal has another inode.
    other = subprocess.Popen(["sleep", "60"])
    inside = subprocess.Popen(["ip", "netns", "exec", mine.name, "sleep", "60"])
    journal.add("process", name="old", pid=other.pid, start=process_start(other.pid) - 1)
    try:
        assert journal.remove_all() == []
        assert mine.name in spaces(name)
        assert other.poll() is None and inside.poll() is None
    finally:
        other.kill()
        inside.kill()
        other.wait()
        inside.wait()
        mine.delete()


def test_a_foreign_namespace_of_that_name_is_an_error(name: str) -> None:
    run(["ip", "netns", "add", f"{name}-fabric"])
    try:
        lab = Lab(name)
        with pytest.raises(CommandError, match="exists"):
            lab.up()
        lab.down()
        assert spaces(name) == {f"{name}-fabric"}
    finally:
        run(["ip", "netns", "delete", f"{name}-fabric"])


def test_two_at_once_are_refused(name: str) -> None:
    first = Journal(name)
    first.lock()
    try:
        with pytest.raises(LabBusy, match=str(os.getpid())):
            Journal(name).lock()
        first.add("lab", name=name)
        with pytest.raises(LabBusy), Lab(name):
            pass
        assert first.exists
    finally:
        first.unlock()
    again = Journal(name)
    again.lock()
    again.unlock()


def test_hypervisors_carry_traffic(name: str) -> None:
    """The recipe itself: two switches on the userspace datapath, a VXLAN tunnel made by hand."""
    lab = Lab(name, nodes={"node1": ("hv1", "hv2")}, store="memory")
    lab.journal.lock()
    try:
        lab.fabric.start()
        lab.start_infrastructure(lambda text: None)
        pair = list(lab.hypervisors.values())
        for here, there in (pair, reversed(pair)):
            here.vsctl(
                "add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev", "--",
                "add-port", "br-int", "vx", "--", "set", "Interface", "vx", "type=vxlan",
                f"options:remote_ip={there.vtep}", "options:key=7",
            )
        a, b = lab.add_vms(
            (f"vm{n}", f"hv{n}", PortSpec(f"{n}" * 11, f"fa:16:3e:00:00:0{n}", f"10.0.1.{n}/24"))
            for n in (1, 2)
        )
        assert ping(a.space, b.ip, size=1400 - 28).ok
        pair[0].crash_switch()
        pair[0].restart_switch()
        assert ping(b.space, a.ip).ok
    finally:
        lab.down()
    assert not spaces(name)
