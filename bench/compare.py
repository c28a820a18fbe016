"""The same load on our system and on OVN, in one run.

    python -m bench.compare [--ports 100,1000,5000] [--systems ours,ovn] [--groups]

Each system has a lab of its own; both are up at the same time, and every measurement is taken of
one after the other, in turns.  Needs root, and for OVN: apt-get install ovn-central ovn-host.

What is measured, and from when to when:

bulk        from the first API call for ports (POST /v2.0/ports; a transaction in OVN's northbound
            database) until all ports are up and all switches acknowledged everything: with us
            /v1/counts says so on all nodes, with OVN all ports are up and then a sync as of
            "ovn-nbctl --wait=hv sync" has come back.  Networks and routers are timed before it.
one-more    the same for one port more.  OVN's sync is itself a change that ovn-northd has to work
            on; "port up" (its own hypervisor is done) and first-ping are without it.
first-ping  one port more, until a VM on another hypervisor has its first answer from it.
bare-plug   until ovs-vswitchd made a port of no interest to a controller, among as many others:
            the part of the two above that is the switch's own.
rule        one more rule in one group, and in every group; needs --groups.  The switches' own part:
            the flows of the latter, sent to all of them at once, until all confirm them.
controller  kill -9 of the node (ovn-controller) of a hypervisor and its start a second later,
            under a routed ping of 100 a second; flow changes as "ovs-ofctl monitor" sees them.
switch      kill -9 of ovs-vswitchd and its start, under the same ping.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench import measure, tables
from bench.devices import KINDS
from bench.load import System
from bench.ovn import Ovn
from bench.vnc import Vnc

MEASURES = ("bulk", "idle", "one-more", "first-ping", "bare-plug", "rule", "controller", "switch")


def load_average() -> str:
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def words(choices: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        found = text.split(",")
        if unknown := set(found) - set(choices):
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(choices)}"
            )
        return found

    return parse


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = found.add_argument
    add("--ports", type=numbers, default=[100, 1000, 5000])
    add("--systems", type=words(("ours", "ovn")), default=["ours", "ovn"])
    add("--hypervisors", type=int, default=4)
    add("--nodes", type=int, default=2, help="nodes of our system")
    add("--groups", action="store_true", help="a security group for every tenant")
    add("--dhcp", action="store_true", help="networks with DHCP")
    add("--more", type=int, default=20, help="how often one more port is measured")
    add("--restarts", type=int, default=3)
    add("--measures", type=words(MEASURES), default=list(MEASURES),
        help=f"some of {','.join(MEASURES)}; bulk is always done")
    add("--devices", choices=KINDS, default="veth",
        help="what the ports are: real devices, or ports of ovs-vswitchd alone")
    add("--ovn-wait-before-clear", type=int, default=8000, metavar="MS",
        help="OVN's external_ids:ovn-ofctrl-wait-before-clear; newer OVN ignores it")
    add("--lab", default="bench", help="prefix of namespaces")
    add("--json", metavar="FILE", help="write all figures there, too")
    return found


def build(name: str, options: argparse.Namespace) -> System:
    if name == "ours":
        return Vnc(options.lab, options.hypervisors, options.groups, options.devices,
                   options.nodes, options.dhcp)
    return Ovn(options.lab, options.hypervisors, options.groups, options.devices, options.dhcp,
               options.ovn_wait_before_clear)


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


class Run:
    """All measurements of one size, on all systems."""

    def __init__(
        self, size: int, systems: Iterable[System], options: argparse.Namespace
    ) -> None:
        self.size = size
        self.systems = list(systems)
        self.options = options
        self.figures: dict[str, dict[str, Any]] = {one.name: {} for one in self.systems}

    def all(self) -> None:
        """Measure; what is found is in ``figures`` at once."""
        steps = {
            "idle": self.idle, "one-more": self.one_more, "first-ping": self.first_ping,
            "bare-plug": self.bare_plug, "rule": self.rules, "controller": self.controller,
            "switch": self.switch,
        }
        self.bulk()
        for name, step in steps.items():
            if name in self.options.measures and self.systems:
                say(f"{self.size} ports: {name} (load {load_average()})")
                step()

    def each(self, key: str, what: Callable[[System], Any]) -> None:
        for system in self.systems:
            result = measure.attempt(
                f"{system.name}: {key}", lambda system=system: what(system), say
            )
            if result is not None:
                self.figures[system.name].setdefault(key, []).append(result)

    def bulk(self) -> None:
        for system in list(self.systems):
            say(f"{self.size} ports: bulk, {system.name} (load {load_average()})")
            result = measure.attempt(
                f"{system.name}: bulk", lambda system=system: measure.bulk(system, self.size), say
            )
            if result is None:
                self.systems.remove(system)
                continue
            self.figures[system.name]["bulk"] = result
            for slot in measure.probe_slots(len(system.hypervisors)).values():
                system.add_vm(slot)
            system.wait_settled()

    def idle(self) -> None:
        self.each("idle", lambda system: measure.idle(system, 5.0))

    def one_more(self) -> None:
        for _ in range(self.options.more):
            self.each("one_more", measure.one_more)
        count = max(self.options.more // 2, 5)
        self.each("one_more_cpu", lambda system: measure.one_more_cpu(system, count))

    def first_ping(self) -> None:
        for number in range(max(self.options.more // 2, 1)):
            self.each("first_ping", lambda system, number=number: measure.first_ping(
                system, number))

    def bare_plug(self) -> None:
        for number in range(self.options.more):
            self.each("bare_plug", lambda system, number=number: measure.bare_plug(
                system, number))

    def rules(self) -> None:
        if not self.options.groups:
            say("one more rule: left out, there are no groups (--groups)")
            return
        for number in range(max(self.options.more // 2, 1)):
            self.each("rule_one", lambda system, number=number: system.add_rules(
                2 * number, [number % system.tenants]))
            self.each("rule_all", lambda system, number=number: system.add_rules(
                2 * number + 1, range(system.tenants)))
        for system in self.systems:
            if isinstance(system, Vnc):
                self.figures[system.name]["bare_rule"] = [
                    system.bare_rules(number) for number in range(self.options.more)
                ]

    def controller(self) -> None:
        for _ in range(self.options.restarts):
            self.each("controller", measure.controller_restart)

    def switch(self) -> None:
        for _ in range(self.options.restarts):
            self.each("switch", measure.switch_restart)


def main(arguments: Sequence[str] | None = None) -> None:
    found = parser()
    options = found.parse_args(arguments)
    if options.hypervisors < 2:
        found.error("--hypervisors: at least 2, traffic goes from one to another")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    results: list[dict[str, Any]] = []
    for size in options.ports:
        begun, load = time.time(), load_average()
        say(f"{size} ports: ovs-vswitchd alone (load {load})")
        alone = measure.bare_bulk(options.lab, options.hypervisors, size, options.devices)
        with contextlib.ExitStack() as stack:
            systems = []
            for name in options.systems:
                say(f"{size} ports: building {name} (load {load_average()})")
                system = build(name, options)
                system.up()
                stack.callback(system.down)
                systems.append(system)
            run = Run(size, systems, options)
            try:
                run.all()
            finally:
                results.append({
                    "ports": size, "hypervisors": options.hypervisors, "groups": options.groups,
                    "load_before": load, "load_after": load_average(),
                    "seconds": time.time() - begun, "alone": alone, "systems": run.figures,
                })
                tables.show(results[-1])
                if options.json:
                    with open(options.json, "w") as file:
                        json.dump(results, file, indent=1)
    if len(results) > 1:
        tables.summary(results)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; everything is removed")
