"""The config database in memory: for tests and trials; everything goes with the process."""

from __future__ import annotations

from .local import LocalStore


class MemoryStore(LocalStore):
    kind = "memory"
