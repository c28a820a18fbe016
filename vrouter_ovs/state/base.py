"""What every state object has beside its own fields."""

from __future__ import annotations

from typing import ClassVar

from vrouter_ovs.state.targets import FLOWS

Key = tuple
"""``(kind, ...)``; the first element is the object's ``kind``, all are strings and integers."""


class StateBase:
    """``kind``: names the class in keys.  ``target``: where the object becomes real, of
    :data:`~vrouter_ovs.state.targets.TARGETS`.  ``depends_on_peers``: what other hypervisors and
    routers say decides what it is, so that it is not changed while not all of them have spoken
    (messages.Defer)."""

    __slots__ = ()
    kind: ClassVar[str]
    target: ClassVar[str] = FLOWS
    depends_on_peers: ClassVar[bool] = False
    key: Key
    """Unique within one vrouter: a property of each kind."""
