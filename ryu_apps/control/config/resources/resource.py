"""What every resource of the configuration has (Networking API v2.0, "Standard attributes")."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Resource:
    """Base of all resources.  Fields of subclasses have defaults where stored data of older
    versions lacks them (:mod:`ryu_apps.control.config.stored`).

    ``created_at``, ``updated_at``: "2026-01-31T12:00:00Z".  ``schema``: version of the stored form
    that the class needs of whoever reads it.
    """

    id: str
    _: KW_ONLY
    project_id: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""

    schema: ClassVar[int] = 1

    @staticmethod
    def upgrade(data: dict[str, Any]) -> None:
        """Make of a stored form of an older ``data["schema"]`` one of this version, in place."""
