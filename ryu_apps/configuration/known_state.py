"""What this node knew of the configuration when it last ran: a small file of its own.

With it a node that starts can tell a store that was emptied, restored or exchanged meanwhile from
its own (:mod:`ryu_apps.control.config.lineage`).
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import NamedTuple

from ryu_apps.control.config import lineage
from ryu_apps.control.config.lineage import Lineage

LOG = logging.getLogger(__name__)


class KnownState(NamedTuple):
    """``resources``, ``ports``: how many the configuration had."""

    lineage: Lineage
    resources: int
    ports: int


class StateFile:
    """``path``: "" keeps nothing."""

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self._saved: KnownState | None = None
        self._failed = False

    def load(self) -> KnownState | None:
        """None where there is none, or none that can be read."""
        if self._path is None:
            return None
        try:
            record = json.loads(self._path.read_bytes())
            saved = KnownState(
                lineage.decode(json.dumps(record["lineage"]).encode()), int(record["resources"]),
                int(record["ports"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, LookupError) as error:
            LOG.error("%s is left out: %s", self._path, error)
            return None
        self._saved = saved
        return saved

    def save(self, saved: KnownState) -> None:
        """Write it, if it changed; whole or not at all.  Says in the log when it cannot."""
        if self._path is None or saved == self._saved:
            return
        fresh = self._path.with_name(self._path.name + ".new")
        text = json.dumps(saved._asdict() | {"lineage": saved.lineage._asdict()})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, self._path)
        except OSError as error:
            if not self._failed:
                LOG.error("cannot write %s, which the next start compares with: %s", self._path,
                          error)
            self._failed = True
            return
        self._saved, self._failed = saved, False
