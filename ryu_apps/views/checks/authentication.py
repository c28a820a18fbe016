"""Who may ask this node, and whether that can be told."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.views.health import Check, Sources


def checks(sources: Sources) -> Iterator[Check]:
    if sources.authentication is not None:
        standing = sources.authentication()
        yield Check("authentication", True, standing.detail, standing.warning)
