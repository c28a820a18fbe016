"""The routes that a node knows, for people.

A table may have hundreds of thousands of them, and the controller thread has better things to do.
It copies the references at once (:func:`snapshot`) and describes a page, a few routes at a time
(:func:`describe`).  Filters and order are found out between, by the thread that asks: routes are
values, and never change.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ryu_apps.control.config.model import Network
from ryu_apps.control.families import UNDERLAY_FAMILIES
from ryu_apps.control.routes import NLRI_CLASSES, Nlri, Path, fields_of
from ryu_apps.control.vpn.instances import Instances
from ryu_apps.control.vpn.rib import LOCAL, LONG_LIVED
from ryu_apps.control.world import World


class SourcedPath(NamedTuple):
    """A path and where it comes from ("" for this node)."""

    path: Path
    source: str


class Snapshot(NamedTuple):
    """``paths``: (source, path) of all who announce an NLRI, for each.  ``targets``: of each filter
    by instance, the route targets of which it takes one."""

    paths: list[tuple[tuple[str, Path], ...]]
    best: Mapping[Nlri, Path]
    targets: list[frozenset[str]]
    keys: Callable[[tuple[str, ...]], tuple[str, ...]]


def snapshot(world: World, filters: Mapping[str, Collection[str]]) -> Snapshot:
    """What a query needs of the World; costs no more than copying references."""
    targets = [
        _targets(world.instances, kind, filters[kind]) for kind in ("evi", "vrf") if kind in filters
    ]
    best = dict(world.rib.best) if "best" in filters else {}
    return Snapshot(world.rib.values(), best, targets, world.instances.keys)


def _targets(instances: Instances, kind: str, vnis: Iterable[str]) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for vni in vnis:
        instance = instances.by_vni.get(int(vni))
        if instance is not None and instance.spec.kind == kind:
            found |= instances.targets(instance.spec)
    return found


def matching(taken: Snapshot, filters: Mapping[str, Collection[str]]) -> list[SourcedPath]:
    """The paths that a query is for, in no order; ``filters``: values by filter, one of which must
    hold (``best``: "true", "false")."""
    of_nlri = [
        (name, frozenset(filters[name]))
        for name in ("mac", "ip", "prefix", "rd") if name in filters
    ]
    routes: list[tuple[tuple[str, Path], ...]] = taken.paths
    if names := filters.get("family"):
        families = {family for family, _ in NLRI_CLASSES if str(family) in names}
        routes = [paths for paths in routes if paths[0][1].nlri.family in families]
    for name, values in of_nlri:
        routes = [paths for paths in routes if getattr(paths[0][1].nlri, name, None) in values]
    if types := filters.get("type"):
        routes = [paths for paths in routes if str(paths[0][1].nlri.route_type) in types]
    tests = _path_tests(taken, filters)
    found = [SourcedPath(path, source) for paths in routes for source, path in paths]
    return [entry for entry in found if all(test(entry) for test in tests)] if tests else found


def _path_tests(
    taken: Snapshot, filters: Mapping[str, Collection[str]]
) -> list[Callable[[SourcedPath], bool]]:
    tests: list[Callable[[SourcedPath], bool]] = []
    if peers := filters.get("peer"):
        tests.append(lambda entry: (entry.source or "local") in peers)
    if hops := filters.get("next_hop"):
        tests.append(lambda entry: entry.path.attrs.next_hop in hops)
    if rts := filters.get("rt"):
        tests.append(lambda entry: not set(rts).isdisjoint(entry.path.attrs.rts))
    for targets in taken.targets:
        tests.append(
            lambda entry, targets=targets:
            not targets.isdisjoint(taken.keys(entry.path.attrs.rts))
        )  # fmt: skip
    if best := filters.get("best"):
        tests.append(
            lambda entry:
            ("true" if taken.best.get(entry.path.nlri) is entry.path else "false") in best
        )  # fmt: skip
    return tests


def page(found: Sequence[SourcedPath], offset: int, limit: int) -> list[SourcedPath]:
    """The paths ``offset`` and following of all that were found, in order."""
    return heapq.nsmallest(offset + limit, found, key=_order)[offset:]


def _order(entry: SourcedPath) -> tuple:
    nlri = entry.path.nlri
    return (
        nlri.family, nlri.route_type, getattr(nlri, "rd", ""), getattr(nlri, "mac", ""),
        getattr(nlri, "ip", ""), getattr(nlri, "prefix", ""), entry.source or "local",
    )  # fmt: skip


def describe(world: World, found: Iterable[SourcedPath]) -> list[dict[str, Any]]:
    """Paths with what this node makes of them."""
    cut_off: dict[str, list[str]] = {}
    for element in world.elements.accepted.values():
        for vtep in element.unreachable:
            cut_off.setdefault(vtep, []).append(element.info.hostname)
    return [
        {**_describe(world, *entry), "unreachable_from": cut_off.get(next_hop, [])}
        for entry in found for next_hop in (entry.path.attrs.next_hop,)
    ]


def _describe(world: World, path: Path, source: str) -> dict[str, Any]:
    nlri, attrs = path.nlri, path.attrs
    importing = [world.instances.by_vni[vni] for vni in world.instances.importers(path)]
    unused = [
        {"vni": one.spec.vni, "reason": reason}
        for one in importing if (reason := one.why_unused(path))
    ]  # fmt: skip
    clear = importing or source == LOCAL or nlri.family in UNDERLAY_FAMILIES
    return {
        "family": str(nlri.family), "type": nlri.route_type or None, **fields_of(nlri),
        "next_hop": attrs.next_hop, "link_local": attrs.link_local,
        "labels": list(path.labels), "rts": list(attrs.rts),
        "encaps": list(attrs.encaps), "router_mac": attrs.router_mac, "mobility": attrs.mobility,
        "sticky": attrs.sticky, "local_pref": attrs.local_pref, "med": attrs.med,
        "as_path": list(attrs.as_path), "originator_id": attrs.originator_id,
        "esi": path.esi, "gateway": path.gateway,
        "peer": source or "local", "best": world.rib.best.get(nlri) is path,
        "stale": world.rib.is_stale(source, nlri),
        "least_preferred": world.rib.freshness(source, path) == LONG_LIVED,
        "communities": list(attrs.communities),
        "evi": [one.spec.vni for one in importing if one.spec.kind == "evi"],
        "vrf": [one.spec.vni for one in importing if one.spec.kind == "vrf"],
        "unused": unused,
        "hint": "" if clear else _hint(world, path),
    }  # fmt: skip


def _hint(world: World, path: Path) -> str:
    """Why a path that nobody imports may have been meant for one of us."""
    entry = []
    for vni in dict.fromkeys(path.labels):
        for kind, id in world.config.by_vni.get(vni, ()):
            item = world.config.get(kind, id)
            instance = world.instances.by_vni.get(vni)
            if item is not None and instance is not None:
                what = "network" if type(item) is Network else "router"
                targets = ", ".join(sorted(world.instances.targets(instance.spec)))
                entry.append(f"VNI {vni} is {what} {item.name or id}, which imports {targets}")
    return "; ".join(["imported by none", *entry])
