"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Principal:
    """``project_id``: the project that the client works in.  Without one it is an administrator,
    who may do everything."""

    project_id: str = ""

    @property
    def admin(self) -> bool:
        return not self.project_id


ADMINISTRATOR = Principal()
