"""The traffic that other tests count losses with: it sees a loss that is made, a duplicate, a
connection that ends, a denied one that leaks, an acknowledged write that is gone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.client import Client
from lab.hosts.vm import PortSpec, Vm
from lab.journal import Journal
from lab.net import veth
from lab.traffic.ipv6 import enable_ipv6
from lab.traffic.steady import GUARDED, Plan, Steady, plan
from lab.traffic.steady.report import Flow, Pings, Report
from lab.traffic.steady.writes import PATH
from lab.wait import LabTimeout
from tests.unit.northbound.api_client import Node

pytestmark = pytest.mark.timeout(90)


@dataclass
class Bed:
    """Two hosts on one cable, in both families."""

    near: Vm
    far: Vm

    def filter(self, rules: str) -> None:
        """What ``near`` does not let out; "" takes all of it back."""
        space = self.near.space
        space.run(["nft", "flush", "ruleset"])
        if rules:
            space.run(["nft", "-f", "-"], stdin=(
                "table inet t { chain out { type filter hook output priority 0; " + rules + "; }; }"
            ))


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    journal = Journal(f"vncsteady{os.getpid()}")
    journal.lock()
    try:
        made = []
        for name, number in (("near", 1), ("far", 2)):
            spec = PortSpec(name, f"02:00:00:00:00:0{number}", f"10.9.0.{number}/24", "",
                            f"fd09::{number}/64", "fd09::ff")
            vm = Vm(journal.directory.name, name, spec, journal)
            vm.create()
            made.append(vm)
        near, far = made
        veth(near.space, "eth0", far.space, "eth0")
        for vm in made:
            vm.space.batch([f"address add {vm.port.address} dev eth0"])
            enable_ipv6(vm.space, vm.ip6, vm.port.gateway6)
        yield Bed(near, far)
    finally:
        journal.remove_all()
        journal.unlock()


def test_nothing_is_lost_where_nothing_is_broken(bed: Bed) -> None:
    with Steady(plan(vms=[bed.near, bed.far])) as traffic:
        time.sleep(1)
        first = traffic.lap()
    for report in (first, traffic.report):
        assert report.lost == {}, report
        assert report.pings.sent > 50
        assert report.streams.records > 20
        assert report.connections.succeeded > 3
    assert {flow.name.split(" ")[-1] for flow in first.pings.flows} == {
        "10.9.0.1", "10.9.0.2", "fd09::1", "fd09::2"}
    assert "lost 0" in str(first)


def test_a_loss_is_counted_where_and_when_it_was(bed: Bed) -> None:
    with Steady(plan([(bed.near, bed.far)], ping_rate=100, connection_rate=0)) as traffic:
        bed.filter("icmp type echo-request drop")
        time.sleep(1)
        bed.filter("")
        during = traffic.lap()
        after = traffic.stop()
    four, six = during.pings.among(bed.far.ip), during.pings.among(bed.far.ip6)
    assert four.lost > 10
    assert 0.3 < four.longest_outage < during.seconds
    assert six.lost == 0 == six.longest_outage
    assert during.lost == {"pings": four.lost}
    assert after.lost == {}


def test_what_comes_twice_is_counted(bed: Bed) -> None:
    with Steady(plan([(bed.near, bed.far)], ping_rate=50, connection_rate=0)) as traffic:
        bed.near.space.run(["nft", "-f", "-"], stdin=(
            "table netdev d { chain out { type filter hook egress device eth0 priority 0; "
            "icmp type echo-request dup to eth0; }; }"
        ))
        time.sleep(0.5)
        bed.filter("")
        report = traffic.stop()
    assert report.pings.lost == 0
    assert report.pings.among(bed.far.ip).duplicates > 3
    assert report.pings.among(bed.far.ip6).duplicates == 0
    assert report.lost == {"duplicates": report.pings.duplicates}


def test_connections_that_fail_and_streams_that_break(bed: Bed) -> None:
    with Steady(plan([(bed.near, bed.far)], connection_rate=20)) as traffic:
        bed.filter(f"ip6 daddr {bed.far.ip6} tcp dport {{ 7001, 7002 }} reject with tcp reset")
        time.sleep(1)
        bed.filter("")
        report = traffic.lap()
        time.sleep(1.5)
    assert report.connections.failed.keys() == {"Connection refused"}
    assert 0 < report.connections.succeeded < report.connections.attempted
    assert report.streams.broken and all(bed.far.ip6 in text for text in report.streams.broken)
    # It is made anew: the next lap has a stream again.
    assert traffic.report.lost.keys() <= {"streams"}
    assert traffic.report.streams.records > 10


def test_a_stall_of_the_stream_is_measured(bed: Bed) -> None:
    with Steady(plan([(bed.near, bed.far)], ping_rate=0, connection_rate=0), warm_up=5) as traffic:
        bed.filter("tcp dport 7001 drop")
        time.sleep(1.5)
        bed.filter("")
        time.sleep(2)
        report = traffic.lap()
    assert report.streams.longest_stall > 1.2
    assert not report.streams.broken
    assert report.lost == {}


@pytest.mark.parametrize("six", [False, True])
def test_a_denied_connection_that_leaks_is_seen(bed: Bed, six: bool) -> None:
    made = plan(denied_rate=20)
    made.ping(bed.near, bed.far.ip)
    made.deny(bed.near, bed.far, bed.far.ip6 if six else bed.far.ip)
    with Steady(made) as traffic:
        time.sleep(0.5)
        whole = traffic.lap()  # Nothing stands in its way.
        # The connection does not come about, but its target sees half of it.
        bed.far.space.run(["nft", "-f", "-"], stdin=(
            "table inet t { chain in { type filter hook input priority 0; "
            f"tcp dport {GUARDED} drop; }}; }}"
        ))
        traffic.lap()
        half = traffic.lap()
        bed.filter(f"tcp dport {GUARDED} drop")
        traffic.lap()
        none = traffic.stop()
        bed.far.space.run(["nft", "flush", "ruleset"])
        bed.filter("")
    assert any("connected" in leak for leak in whole.denied.leaks), whole
    assert half.denied.leaked and all("arrived" in leak for leak in half.denied.leaks), half
    assert none.denied.attempted > 3 and none.denied.leaked == 0, none


def test_what_never_answers_is_named_at_the_start(bed: Bed) -> None:
    made = plan([(bed.near, bed.far)])
    made.ping(bed.near, "10.9.0.77", "nobody")
    with pytest.raises(LabTimeout, match="nobody"):
        Steady(made, warm_up=1).start()


def test_writes_are_acknowledged_and_looked_for(node: Node) -> None:
    with Steady(Plan(urls=[node.url], write_rate=20)) as traffic:
        time.sleep(1)
        traffic.lap()
        client = Client(node.url)
        groups = client.get(PATH)["security_groups"]
        steady = [group for group in groups if group["name"] == "steady"]
        client.delete(f"{PATH}/{steady[0]['id']}")
        report = traffic.stop()
    assert report.writes.acknowledged == report.writes.attempted - sum(
        report.writes.failed.values())
    assert report.writes.verified > 10
    assert len(report.writes.wrong) == 1 and steady[0]["id"] in report.writes.wrong[0]
    assert report.lost["acknowledged writes"] == 1


def test_writes_without_an_answer_are_failures() -> None:
    with pytest.raises(LabTimeout, match="writes to"):
        Steady(Plan(urls=["http://127.0.0.1:9"], write_rate=20), warm_up=1).start()


def test_a_report_names_what_was_lost() -> None:
    report = Report(pings=Pings((Flow("a > b", 10, 7), Flow("a > c", 10, 10))))
    assert report.lost == {"pings": 3} == report.forwarding_lost
    assert "a > b: lost 3 of 10" in str(report)
