"""Quotas: how much of each kind a project may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ryu_apps.control.config.resources.access import ADMIN, Access, owner
from ryu_apps.control.config.resources.kind import Kind
from ryu_apps.control.config.resources.resource import Resource

UNLIMITED = -1


class Limit(NamedTuple):
    """The most resources of a kind that a project may have; UNLIMITED."""

    kind: str
    limit: int


@dataclass(frozen=True, slots=True)
class Quota(Resource):
    """The limits of the project ``id`` that differ from what all projects have."""

    limits: tuple[Limit, ...] = ()


QUOTA = Kind(
    "quota", Quota, Access(read=(owner,), create=ADMIN, update=ADMIN, delete=ADMIN),
    collection=False,
)
