"""Where a network's VNI is looked for, whatever ranges there are."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, NetworkSegmentRange
from ryu_apps.control.config.rules import segment_ranges

PROJECTS = ("", "red", "green")
"""Whose a range is, "" for all of them."""


@st.composite
def ranges(draw):
    """Some that do not overlap, between 1 and 30, in any order."""
    borders = sorted(draw(st.sets(st.integers(1, 30), max_size=12)))
    found = [(low, high - 1, draw(st.sampled_from(PROJECTS)))
             for low, high in itertools.pairwise(borders) if draw(st.booleans())]
    return draw(st.permutations(found))


@given(ranges(), st.tuples(st.integers(1, 30), st.integers(1, 30)).map(sorted),
       st.sampled_from(PROJECTS))
def test_own_ranges_then_shared_ones_then_the_default(found, limits, project):
    config = Config()
    for low, high, whose in found:
        config.apply(Change("network_segment_range", str(low), NetworkSegmentRange(
            str(low), low, high, shared=not whose, project_id=whose)))
    spans = list(segment_ranges.spans(config, project, tuple(limits)))
    assert all(low <= high for low, high in spans)
    looked = [vni for low, high in spans for vni in range(low, high + 1)]

    def of(whose):
        return [vni for low, high, one in sorted(found) if one == whose
                for vni in range(low, high + 1)]

    own = of(project) if project else []
    shared = of("")
    taken = {vni for one in PROJECTS[1:] for vni in of(one)}
    default = [vni for vni in range(limits[0], limits[1] + 1) if vni not in taken]
    assert looked == [*own, *shared, *default]
    for vni in range(1, 32):
        anywhere = limits[0] <= vni <= limits[1] or vni in {*taken, *shared}
        assert segment_ranges.within(config, vni, tuple(limits)) == anywhere
