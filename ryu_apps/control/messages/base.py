"""The two kinds of messages."""

from __future__ import annotations

from typing import ClassVar


class Event:
    """Something happened; goes to :meth:`World.handle`."""

    __slots__ = ()


class Effect:
    """Something is to be done.  ``ignorable``: a node may have no part that does it."""

    __slots__ = ()
    ignorable: ClassVar[bool] = False
