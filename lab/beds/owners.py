"""Who is in charge of which element, where there is no store to say so."""

from __future__ import annotations

from ryu_apps.control.messages import StatusChanged
from ryu_apps.control.ownership.records import OWNERS, OwnerRecord


def owns(node: str, *elements: str, epoch: int = 1) -> StatusChanged:
    """What the store would tell: the node is in charge of these elements."""
    return StatusChanged(tuple(
        (OWNERS + name, OwnerRecord(node, epoch).value(name)) for name in elements
    ))
