"""A run: steps, one after the other, each with what it cost and whether all came back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lab.chaos.checks import settle
from lab.chaos.faults import FAULTS, Mend
from lab.chaos.schedule import Step
from lab.chaos.system import System
from lab.traffic.steady import Report, Steady

PATIENCE = 60.0
"""Seconds within which everything must be as if nothing had been broken, on a busy machine."""
GLITCH = 3
"""Pings that a flow may lose when hypervisors' kernels get and lose links.  A number, as on a busy
machine they are sent farther apart."""


@dataclass
class Result:
    """``wrong``: in words, empty where all is well.  ``settled``: seconds from the mend on."""

    step: Step
    settled: float = 0.0
    report: Report = field(default_factory=Report)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        report = self.report
        lost = ", ".join(f"{count} {name}" for name, count in report.lost.items()) or "nothing"
        text = (
            f"{self.step}: back after {self.settled:.1f} s; lost {lost} of {report.pings.sent} "
            f"pings, longest outage {report.pings.longest_outage:.2f} s"
        )
        worst = sorted(report.pings.flows, key=lambda flow: -flow.lost)[:4] if self.wrong else []
        flows = [
            f"{flow.name}: lost {flow.lost} of {flow.sent}, outage {flow.longest_outage:.2f} s"
            for flow in worst if flow.lost
        ]
        return "\n  ".join([text, *self.wrong, *flows, *report.denied.leaks])


def perform(system: System, traffic: Steady, step: Step) -> Result:
    """Break, wait, mend, look."""
    result = Result(step)
    mends: list[Mend] = []
    try:
        for fault in step.faults:
            mends.append(FAULTS[fault.kind].apply(system, fault.target))
        time.sleep(step.hold)
    finally:
        for mend in reversed(mends):
            mend()
    result.settled, result.wrong = settle(system, PATIENCE)
    result.report = traffic.lap()
    result.wrong += _losses(step, result.report)
    return result


def _losses(step: Step, report: Report) -> list[str]:
    """What must not have been lost by these faults.  A duplicate, a leak and a lost write are
    wrong whatever was broken."""
    kinds = [FAULTS[fault.kind] for fault in step.faults]
    lost = dict(report.lost)
    wrong = [name for name in ("duplicates", "leaks", "acknowledged writes") if lost.get(name)]
    if all(kind.lossless for kind in kinds):
        if any(kind.links for kind in kinds) and all(
            flow.lost <= GLITCH for flow in report.pings.flows
        ):
            lost.pop("pings", None)
        wrong += [name for name in ("pings", "streams", "connections") if lost.get(name)]
    return [f"lost {lost[name]} {name} by what must cost none" for name in wrong]


def run(
    system: System, steps: Iterable[Step], seconds: float, say: Callable[[str], None]
) -> list[Result]:
    """Perform steps until ``seconds`` are over, or one finds something wrong."""
    results: list[Result] = []
    deadline = time.monotonic() + seconds
    _, wrong = settle(system, PATIENCE)
    if wrong:
        raise RuntimeError(f"nothing was broken yet, and this is wrong: {'; '.join(wrong)}")
    with Steady(system.traffic(), warm_up=30) as traffic:
        for step in steps:
            if time.monotonic() > deadline:
                break
            say(f"{step} ...")
            result = perform(system, traffic, step)
            results.append(result)
            say(str(result))
            if result.wrong:
                break
        final = traffic.stop()
    if final.writes.wrong:
        say(f"acknowledged writes that are gone: {final.writes.wrong}")
        results[-1].wrong.append("acknowledged writes are gone")
    return results
