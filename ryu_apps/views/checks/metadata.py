"""Whether instances get their metadata, as the service's last answer shows."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.views.health import Check, Sources


def checks(sources: Sources) -> Iterator[Check]:
    if sources.metadata is None:
        return
    found = sources.metadata()
    if found["problem"]:
        detail = (
            f"the metadata service is at fault, for {found['problem_seconds']} s as what instances"
            f" ask shows: {found['problem']}"
        )
        yield Check("metadata", False, detail)
    elif found["results"]:
        yield Check("metadata", True, "the metadata service answers")
    else:
        yield Check("metadata", True, "no instance has asked for its metadata")
