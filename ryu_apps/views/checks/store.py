"""The config database, and this node's copy of what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ryu_apps.configuration.service import Configuration
from ryu_apps.views.health import Check, Sources


def checks(sources: Sources) -> Iterator[Check]:
    yield store(sources.store.status())
    if sources.configuration is not None:
        yield configuration(sources.configuration)
        yield records(sources.configuration)


def store(status: dict[str, Any]) -> Check:
    """Whether the store answers; where it has several members, which do not."""
    if not status["ok"]:
        return Check("store", False, status["error"])
    away = [one for one in status["endpoints"] if isinstance(one, dict) and not one["ok"]]
    if not away:
        return Check("store", True, f"{status['kind']}, reachable")
    which = "; ".join(f"{one['url']}: {one['error']}" for one in away)
    return Check("store", True, f"{status['kind']}, reachable; not all members are well: {which}",
                 warning=True)


def configuration(configuration: Configuration) -> Check:
    """Whether the store is followed."""
    doubt = configuration.doubt
    if not doubt and configuration.fault:
        return Check("configuration", False, configuration.fault)
    return Check(
        "configuration", not doubt,
        f"{doubt}; nothing is deleted or changed meanwhile. When the store is right again this "
        "ends by itself; to use what it has now: vnctl config accept" if doubt else "followed",
    )


def records(configuration: Configuration) -> Check:
    """What of the store this node could not read, and what of itself it could not write."""
    wrong = []
    if configuration.skipped:
        wrong.append(f"{configuration.skipped} could not be read")
    if configuration.refused_records:
        wrong.append(f"{configuration.refused_records} could not be written")
    text = f"{' and '.join(wrong)}, see the log" if wrong else "all read and written"
    return Check("records", True, text, warning=bool(wrong))
