"""The pure parts of the benchmarks: the load's layout, statistics, tables, parsers."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import compare, dataplane, load, measure, processes, tables, vnc


@given(st.integers(1, 400), st.integers(1, 6), st.integers(1, 5))
def test_slots_are_unique_and_spread(count: int, tenants: int, hypervisors: int) -> None:
    found = load.slots(0, count, tenants, hypervisors)
    assert len({slot.name for slot in found}) == count
    assert len({(slot.tenant, slot.ip) for slot in found}) == count
    assert len({slot.mac for slot in found}) == count
    assert all(slot.ip != slot.gateway and slot.tenant < tenants for slot in found)
    networks = Counter((slot.tenant, slot.network) for slot in found)
    assert max(networks.values()) - min(networks.values()) <= 1
    # Every network is on as many hypervisors as it can be.
    for network, ports in networks.items():
        places = {slot.hypervisor for slot in found if (slot.tenant, slot.network) == network}
        assert len(places) == min(ports, hypervisors)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 5))
def test_slots_go_on_where_they_ended(first: int, second: int, tenants: int) -> None:
    whole = load.slots(0, first + second, tenants, 4)
    assert load.slots(0, first, tenants, 4) + load.slots(first, second, tenants, 4) == whole


def test_vms_do_not_meet_dummies() -> None:
    dummies = load.slots(0, 5000, load.tenants_for(5000), 4)
    assert max(slot.host for slot in dummies) < load.VM_BASE
    slots = measure.probe_slots(4)
    assert slots["va"].hypervisor == 0 and slots["vb"].hypervisor == 3
    assert slots["va"].network != slots["vb"].network
    assert slots["va"].ip == "10.0.200.2"


def test_shares() -> None:
    slots = load.slots(0, 3, 1, 2)
    assert load.shares(zip(slots, "abc", strict=True), 2) == [
        [("d0", "a"), ("d2", "c")], [("d1", "b")],
    ]


def test_owners() -> None:
    assert vnc.owners(4, 2) == {"node1": ("hv1", "hv2"), "node2": ("hv3", "hv4")}
    assert vnc.owners(3, 2) == {"node1": ("hv1", "hv2"), "node2": ("hv3",)}
    assert vnc.owners(1, 2) == {"node1": ("hv1",)}


def test_spread() -> None:
    assert measure.spread([]) == {"n": 0}
    assert measure.spread([3.0])["q1"] == 3.0
    found = measure.spread([4.0, 1.0, 3.0, 2.0, 5.0])
    assert (found["median"], found["min"], found["max"], found["n"]) == (3.0, 1.0, 5.0, 5)


def test_parse_stat_with_a_name_that_has_spaces_and_brackets() -> None:
    fields = ["R", "7", *["0"] * 9, "150", "50", *["0"] * 8, "256", *["0"] * 20]
    usage = processes.parse_stat(f"12 (a (b) c) {' '.join(fields)}\n")
    assert usage.cpu == 200 / processes.TICKS
    assert usage.rss == 256 * processes.PAGE / 1e6


def test_snapshot_leaves_out_what_does_not_run(tmp_path: Path) -> None:
    assert processes.snapshot({"none": 2**22 + 1}) == {}
    before = {"a": processes.Usage(1.0, 5.0), "gone": processes.Usage(1.0, 1.0)}
    assert processes.spent(before, {"a": processes.Usage(3.5, 6.0)}) == {"a": 2.5}


def test_parse_pmd_statistics() -> None:
    text = """main thread:
      packets received: 100
      packet recirculations: 40
      avg. datapath passes per packet: 1.40
    pmd thread numa_id 0 core_id 1:
      packets received: 10
      packet recirculations: 5
    """
    assert dataplane.parse_stats(text) == (110, 45)


def test_datapath_passes_as_newer_switches_say_them():
    text = (
        "main thread:\n\n  Rx packets:            100  (0 Kpps)\n"
        "  Datapath passes:       149  (1.49 passes/pkt)\n"
        "pmd thread numa_id 0 core_id 1:\n  Rx packets:             10\n"
        "  Datapath passes:        10  (1.00 passes/pkt)\n"
    )
    assert dataplane.parse_stats(text) == (110, 49)


def test_what_says_nothing_of_passes_is_no_figure():
    with pytest.raises(ValueError, match="no count of datapath passes"):
        dataplane.parse_stats("main thread:\n  packets received: 7\n")


def test_tables() -> None:
    assert tables.grid([["a", "bb"], ["ccc", "d"]]) == "a    bb\n-------\nccc  d"
    assert tables.by_kind({"hv1 ovs-vswitchd": 1, "hv2 ovs-vswitchd": 2, "node1 bgp": 4}) == {
        "ovs-vswitchd, sum of 2": 3, "node1 bgp": 4,
    }
    assert tables.milliseconds([]) == "-"
    assert tables.milliseconds([0.001, 0.002, 0.003]).startswith("2.0 (")
    assert tables.plain([1.0, 3.0, 2.0]) == "2.00 (1.00-3.00)"


def test_a_system_that_failed_has_no_rows() -> None:
    assert tables.rows_of({}) == {}


def test_options() -> None:
    options = compare.parser().parse_args(["--ports", "5,6", "--systems", "ovn"])
    assert options.ports == [5, 6] and options.systems == ["ovn"]
    with pytest.raises(argparse.ArgumentTypeError, match="unknown: theirs"):
        compare.words(("ours", "ovn"))("ours,theirs")


def test_ratios_are_taken_turn_by_turn() -> None:
    assert dataplane.ratios([2.0, 8.0], [1.0, 4.0]) == [2.0, 2.0]
    assert dataplane.ratios([2.0, 8.0], [0.0, 4.0]) == [2.0]
