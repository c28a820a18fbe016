"""The node's own threads."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps import supervision
from ryu_apps.views.health import Check, Sources


def checks(sources: Sources) -> Iterator[Check]:
    return of(supervision.PROCESS)


def of(supervisor: supervision.Supervisor) -> Iterator[Check]:
    """The check of a process's threads."""
    threads = supervisor.threads()
    wrong = [f"{name} ended ({why})" for name, why in supervisor.ended.items()]
    wrong += [f"{one.name} has been at one step for {one.stuck:.0f} s"
              for one in threads if one.stuck]
    failures = {name: number for name, number in supervisor.failures.items() if number}
    errors = ", ".join(f"{number} in {name}" for name, number in failures.items())
    if wrong:
        yield Check("threads", False, "; ".join(wrong))
    elif errors:
        yield Check("threads", True, f"internal errors, see the log: {errors}", warning=True)
    else:
        yield Check("threads", True, f"{len(threads)} run")
