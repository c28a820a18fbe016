"""Routes of two address families, by number, and what changes of them."""

from __future__ import annotations

from hypothesis import strategies as st

from ryu_apps.control.families import EVPN
from ryu_apps.control.routes import MacIp

from .second_family import NUMBERS, Number

BOTH = (EVPN, NUMBERS)
ROUTES = {
    EVPN: [MacIp(f"65000:{n}", 0, "02:00:00:00:00:01", "") for n in range(3)],
    NUMBERS: [Number(f"65000:{n}", 0) for n in range(3)],
}
change = st.tuples(st.sampled_from(["announce", "withdraw"]), st.sampled_from(BOTH),
                   st.integers(0, 2))
