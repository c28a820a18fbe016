"""The files of TLS: whether those that are there can be used, and how long certificates last."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from ryu_apps.connections.tls_files import PROCESS, Standing
from ryu_apps.views.health import Check, Sources

SOON = datetime.timedelta(days=14)


def checks(sources: Sources) -> Iterator[Check]:
    now = datetime.datetime.now(datetime.UTC)
    return of([end.standing() for end in PROCESS.ends()], now)


def of(standings: Iterable[Standing], now: datetime.datetime) -> Iterator[Check]:
    """The check of all ends: a failure where files cannot be used or a certificate has ended, a
    warning where one ends soon."""
    bad, soon, good = [], [], []
    for name, problem, expires in standings:
        if problem:
            bad.append(f"{name}: the files of before are used on: {problem}")
        if expires is None:
            good.append(name)
        elif expires <= now:
            bad.append(f"{name}: the certificate has ended on {expires:%F}")
        else:
            (soon if expires - now < SOON else good).append(f"{name} until {expires:%F}")
    if bad:
        yield Check("tls", False, "; ".join(bad))
    elif soon:
        yield Check("tls", True, f"certificates end soon: {', '.join(soon)}", warning=True)
    else:
        yield Check("tls", True, f"certificates: {', '.join(good)}" if good else "not used")
