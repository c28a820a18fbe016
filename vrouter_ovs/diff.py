"""What to send so that the installed flows become the desired ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vrouter_ovs.wire import Encoded


class Changes(NamedTuple):
    """Each part sorted by flow key: the same inputs give the same messages."""

    adds: tuple[Encoded, ...]
    modifies: tuple[Encoded, ...]
    deletes: tuple[Encoded, ...]

    def __bool__(self) -> bool:
        return bool(self.adds or self.modifies or self.deletes)


def diff(desired: Mapping[bytes, Encoded], installed: Mapping[bytes, Encoded]) -> Changes:
    """The changes that turn ``installed`` into ``desired``; both map a flow's key to the flow.

    - New actions under the same cookie are a MODIFY_STRICT: it keeps the flow's counters and age,
      and our cookie mask in it leaves a flow that somebody else put there alone.
    - Another cookie, with or without other actions, is an ADD over the same key: in OpenFlow 1.4 a
      modification never changes a cookie.  Open vSwitch replaces the flow within the bundle's one
      step, so that no packet misses it, and takes the counters over (no OFPFF_RESET_COUNTS); its
      age starts again, as the flow now belongs to another object.
    - The order of the three does not matter within an atomic bundle.

    Give ``installed`` only what is ours (:func:`vrouter_ovs.cookies.is_ours`): what is not desired
    is deleted.
    """
    adds, modifies = [], []
    get = installed.get
    for key, flow in desired.items():
        old = get(key)
        if old is None or old[1] != flow[1]:
            adds.append(flow)
        elif old[2] != flow[2]:
            modifies.append(flow)
    deletes = [flow for key, flow in installed.items() if key not in desired]
    adds.sort()
    modifies.sort()
    deletes.sort()
    return Changes(tuple(adds), tuple(modifies), tuple(deletes))
