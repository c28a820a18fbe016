"""Which claim has a port: the verdict, and that on a trunk's subport, which is where the trunk's
parent is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ryu_apps.control.elements.claims import ClaimRefusal, RefusalKind
from ryu_apps.control.elements.elements import Claim, Interface
from ryu_apps.control.vpn.translate import BoundPort, StandbyPort


class Verdict(NamedTuple):
    """``claim`` None: no claim here has the port.  ``refused``: why the others do not have it.
    ``prepared``: those of them whose vrouters get the flows of the port beforehand."""

    claim: Claim | None
    interface: Interface | None
    refused: dict[Claim, ClaimRefusal]
    prepared: tuple[Claim, ...] = ()


def where_carried(
    claims: Mapping[Claim, Interface], carrier: str, bound: BoundPort | None,
    prepared: Iterable[StandbyPort],
) -> Verdict:
    """Of a subport with these claims.  ``carrier``: the trunk's parent, which is ``bound``, and
    stands by where it is ``prepared``."""
    refused: dict[Claim, ClaimRefusal] = {}
    at = Claim(bound.element, bound.interface) if bound is not None else None
    standing_by = {Claim(one.place.element, one.place.interface) for one in prepared}
    holder, waiting = None, []
    for claim, interface in claims.items():
        if interface.iface_id != carrier:
            text = f"the port is a subport: the interface of port {carrier} carries it"
        elif claim == at:
            holder = claim
            continue
        else:
            text = f"it is where port {carrier} is, which carries it"
            if claim in standing_by:
                waiting.append(claim)
        refused[claim] = ClaimRefusal(RefusalKind.CARRIED, text)
    interface = claims[holder] if holder is not None else None
    return Verdict(holder, interface, refused, tuple(waiting))
