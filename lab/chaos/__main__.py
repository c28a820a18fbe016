"""``python -m lab.chaos [--seed N] [--minutes M]``: break the system at random, under traffic.

Exit status 1 where something did not come back or lost what it must not; the seed is printed, and
``--seed`` with ``--only STEP`` repeats one step.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from lab.chaos.faults import parts
from lab.chaos.run import Result, run
from lab.chaos.schedule import Step, schedule
from lab.chaos.system import System

STEPS = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--lab", default="chaos", help="prefix of the lab's namespaces")
    parser.add_argument("--only", type=int, action="append", metavar="STEP",
                        help="perform this step alone; can be given more than once")
    parser.add_argument("--list", type=int, metavar="N", help="print the first N steps and end")
    options = parser.parse_args()
    say(f"seed {options.seed}")
    system = System(options.lab)
    steps: list[Step] = schedule(options.seed, options.list or STEPS, parts(system))
    if options.list:
        print(*steps, sep="\n")
        return 0
    if options.only:
        steps = [step for step in steps if step.number in options.only]
    try:
        system.up(say)
        results = run(system, steps, options.minutes * 60, say)
    finally:
        system.down()
    return summary(options.seed, results)


def summary(seed: int, results: list[Result]) -> int:
    """Print what was broken how often and what it cost; the exit status."""
    bad = [result for result in results if result.wrong]
    counts: dict[str, int] = {}
    for result in results:
        for fault in result.step.faults:
            counts[fault.kind] = counts.get(fault.kind, 0) + 1
    print(f"seed {seed}: {len(results)} steps, {len(bad)} with something wrong")
    for kind, count in sorted(counts.items()):
        print(f"  {kind:28} {count}")
    if bad:
        print(f"again: python -m lab.chaos --seed {seed} --only {bad[0].step.number}")
    return 1 if bad else 0


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
