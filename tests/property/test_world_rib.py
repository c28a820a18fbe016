"""The RIB against the plainest model of itself."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.families import EVPN
from ryu_apps.control.routes import LLGR_STALE, NO_LLGR, Attributes, MacIp, Nlri, Path
from ryu_apps.control.vpn.rib import LIVE, LOCAL, LONG_LIVED, STALE, Rib

from .world_model import DEEPER

NLRIS = [MacIp(f"192.0.2.{n}:1", 0, f"fa:16:3e:00:00:0{n}", "") for n in range(4)]
SOURCES = [LOCAL, "p1", "p2", "p3"]

attributes = st.builds(
    Attributes,
    next_hop=st.sampled_from(["192.0.2.1", "192.0.2.2"]),
    rts=st.just(("64512:1",)),
    local_pref=st.sampled_from([100, 200]),
    as_path=st.sampled_from([(), (65001,)]),
    med=st.sampled_from([-1, 0, 5]),
    origin=st.sampled_from([0, 2]),
    cluster_list=st.sampled_from([(), ("192.0.2.9",)]),
    communities=st.sampled_from([(), (), (), (LLGR_STALE,), (NO_LLGR,)]),
)
paths = st.builds(Path, st.sampled_from(NLRIS), attributes, st.just((100,)))
sources = st.sampled_from(SOURCES)
peers = st.sampled_from(SOURCES[1:])

operation = st.one_of(
    st.tuples(
        st.just("update"), sources,
        st.lists(paths, max_size=3, unique_by=lambda path: path.nlri),
        st.lists(st.sampled_from(NLRIS), max_size=2, unique=True),
    ),
    st.tuples(st.just("peer_down"), peers),
    st.tuples(st.just("end_of_rib"), peers, st.just(EVPN)),
    st.tuples(
        st.sampled_from(["drop_stale", "make_long_lived"]), peers,
        st.lists(st.sampled_from(NLRIS), unique=True),
    ),
)


class Model:
    """(source, NLRI) -> (path, how fresh)."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, Nlri], tuple[Path, int]] = {}

    def update(self, source, announced, withdrawn):
        for nlri in withdrawn:
            self.held.pop((source, nlri), None)
        for path in announced:
            self.held[source, path.nlri] = (path, LIVE)

    def peer_down(self, peer):
        self.held.update({
            place: (path, min(fresh, STALE)) for place, (path, fresh) in self.held.items()
            if place[0] == peer
        })

    def make_long_lived(self, peer, nlris):
        for nlri in nlris:
            self.held[peer, nlri] = (self.held[peer, nlri][0], LONG_LIVED)

    def end_of_rib(self, peer, family):
        self.held = {
            place: one for place, one in self.held.items() if place[0] != peer or one[1] == LIVE
        }

    def drop_stale(self, peer, nlris):
        for nlri in nlris:
            self.held.pop((peer, nlri), None)

    def best(self) -> dict[Nlri, tuple[Path, int]]:
        """NLRI -> (best path, how fresh): RFC 4271 9.1.2.2, one condition after the other."""
        found = {}
        for nlri in NLRIS:
            left = [
                (source, path, LONG_LIVED if LLGR_STALE in path.attrs.communities else fresh)
                for (source, of), (path, fresh) in self.held.items()
                if of == nlri
            ]
            for worth in (
                lambda one: one[0] == LOCAL,
                lambda one: one[2],
                lambda one: one[1].attrs.local_pref,
                lambda one: -len(one[1].attrs.as_path),
                lambda one: -one[1].attrs.origin,
                lambda one: -max(0, one[1].attrs.med),
                lambda one: -len(one[1].attrs.cluster_list),
                lambda one: one[0],
            ):
                if left:
                    top = max(map(worth, left))
                    left = [one for one in left if worth(one) == top]
            if left:
                ((_, path, fresh),) = left
                found[nlri] = (path, fresh)
        return found


@settings(max_examples=300 * DEEPER, deadline=None)
@given(st.lists(operation, max_size=25))
def test_rib_equals_the_model_and_tells_every_change(operations):
    rib, model = Rib(), Model()
    told: dict[Nlri, tuple[Path, int]] = {}
    for name, *arguments in operations:
        if name in ("drop_stale", "make_long_lived"):
            peer, nlris = arguments
            arguments = peer, [nlri for nlri in nlris if rib.is_stale(peer, nlri)]
        changes = getattr(rib, name)(*arguments)
        getattr(model, name)(*arguments)
        times = Counter(change.nlri for change in changes)
        for nlri, old, new, staleness_only in changes:
            before = told.pop(nlri, None)
            assert old == (before[0] if before else None)
            assert (old == new) == staleness_only
            # An update that has a route twice may end where it began.
            assert (
                not staleness_only or times[nlri] > 1 or before[1] != rib.best_freshness(nlri)
            )
            if new is not None:
                told[nlri] = (new, rib.best_freshness(nlri))
        best = model.best()
        assert rib.best == {nlri: path for nlri, (path, _) in best.items()}
        assert rib.stale_best == {
            nlri: fresh for nlri, (_, fresh) in best.items() if fresh != LIVE}
        assert told == best
        assert {
            (source, path.nlri): (path, stale) for source, path, _, stale in rib.all_paths()
        } == {place: (path, fresh != LIVE) for place, (path, fresh) in model.held.items()}
        for source in SOURCES:
            assert rib.long_lived_count(source) == sum(
                fresh == LONG_LIVED for place, (_, fresh) in model.held.items()
                if place[0] == source)
        assert len(rib) == len(best)
        for source in SOURCES:
            mine = {of: one for (by, of), one in model.held.items() if by == source}
            assert {path.nlri: path for path in rib.from_source(source)} == {
                nlri: path for nlri, (path, _) in mine.items()
            }
            assert rib.count(source) == len(mine)
            assert rib.stale_count(source) == sum(fresh != LIVE for _, fresh in mine.values())
            assert {path.nlri for path in rib.stale_from(source, EVPN)} == {
                nlri for nlri, (_, fresh) in mine.items() if fresh != LIVE
            }
        assert set(rib.sources()) == {source for source, _ in model.held}


@settings(max_examples=200 * DEEPER, deadline=None)
@given(
    st.dictionaries(st.tuples(sources, st.sampled_from(NLRIS)), attributes, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_decides_nothing(held, shuffled):
    def fill(items) -> Rib:
        rib = Rib()
        for (source, nlri), attrs in items:
            rib.update(source, [Path(nlri, attrs, (100,))])
        return rib

    items = list(held.items())
    other = items[:]
    shuffled.shuffle(other)
    assert fill(items).best == fill(other).best
