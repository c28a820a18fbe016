"""Rules for network segment ranges, and which VNIs a new network or router may get, or which VLANs.

The range of VNIs of the options is always there and shared.  Ranges do not overlap, but that one: a
part of it may be a project's alone.  VNIs and VLANs are chosen in the transaction that stores who
has them, so that nodes that write at once never give one twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import NetworkSegmentRange
from ryu_apps.control.config.resources.network import VLAN, VXLAN
from ryu_apps.control.config.resources.network_segment_range import DEFAULT
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.kinds import is_physical_network

KIND = "network_segment_range"
MAX_RANGES = 1000
"""Each new network looks at all of them."""
MAX_AVAILABLE = 1000
"""So many of the VNIs that are free a range shows, the lowest ones."""
FIRST, LAST = 1, (1 << 24) - 1
"""VNIs (RFC 7348 section 5)."""
LAST_VLAN = 4094
"""VIDs (IEEE 802.1Q table 9-2)."""
ALWAYS = "1970-01-01T00:00:00Z"

Span = tuple[int, int]
"""From and to, both included."""


def create(draft: Draft, body: dict[str, Any], context: Context) -> NetworkSegmentRange:
    kind, physical = body["network_type"], body.get("physical_network") or ""
    if kind not in (VXLAN, VLAN):
        raise bad_request(
            f"Network type {kind} does not support network segment ranges: 'vxlan' and 'vlan' do.",
            "NetworkSegmentRangeNetTypeNotSupported",
        )
    if kind == VXLAN and physical:
        raise bad_request("physical_network does not apply to vxlan: leave it out", "InvalidInput")
    if kind == VLAN and not is_physical_network(physical):
        raise bad_request("A range of vlan needs the physical_network that it is of.",
                          "InvalidInput")
    if len(draft.config.network_segment_ranges) >= MAX_RANGES:
        raise conflict("OverQuota", f"Quota exceeded for resources: ['{KIND}']: there are at most "
                       f"{MAX_RANGES}.")
    fields = common(body, context)
    shared = body.get("shared", True)
    if shared:
        fields["project_id"] = ""
    elif not fields["project_id"]:
        raise bad_request(
            "A network segment range that is not shared needs the project_id of the project that "
            "it is for.", "InvalidInput",
        )
    made = NetworkSegmentRange(
        minimum=body["minimum"], maximum=body["maximum"], shared=shared, network_type=kind,
        physical_network=physical, **fields
    )
    _check(draft, made)
    return draft.put(KIND, made)


def update(
    draft: Draft, id: str, body: dict[str, Any], context: Context
) -> NetworkSegmentRange:
    """Raises RuleError 409 where VNIs that are used would not be in it any more."""
    old = draft.get(KIND, id)
    made = draft.replace(
        KIND, old, context, **plain(body, "name", "description", "minimum", "maximum")
    )
    _check(draft, made)
    left = [
        vni for vni in used(draft.config, old)
        if not made.minimum <= vni <= made.maximum
    ]
    if left:
        raise _referenced(id, left)
    return made


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get(KIND, id)
    check_revision(KIND, old, context)
    if taken := list(used(draft.config, old)):
        raise _referenced(id, taken)
    draft.delete(KIND, id)


def read_only(id: str) -> RuleError:
    """The range of the options is not changed by requests."""
    return bad_request(
        f"Network Segment Range {id} is a default segment range which could not be updated or "
        "deleted: it is vni_range in the nodes' configuration.",
        "NetworkSegmentRangeDefaultReadOnly",
    )


def default(span: Span) -> NetworkSegmentRange:
    """The range that the options name."""
    return NetworkSegmentRange(
        DEFAULT, *span, description="vni_range of the nodes' configuration", revision_number=1,
        created_at=ALWAYS, updated_at=ALWAYS,
    )


def used(config: Config, item: NetworkSegmentRange) -> Iterator[int]:
    """The VNIs of a range that networks and routers have, or the VLANs that networks have."""
    by_vni = config.by_vni
    span = range(item.minimum, item.maximum + 1)
    if item.network_type == VLAN:
        return (vlan for vlan in span
                if (item.physical_network, vlan) in config.networks_by_vlan)
    return (vni for vni in span if vni in by_vni) if len(span) < len(by_vni) else iter(sorted(
        vni for vni in by_vni if vni in span
    ))


def users(config: Config, item: NetworkSegmentRange) -> dict[int, str]:
    """VNI or VLAN -> id of the project that has it, of those of a range that are used."""
    found = {}
    for vni in used(config, item):
        if item.network_type == VLAN:
            id = next(iter(config.networks_by_vlan[item.physical_network, vni]))
            found[vni] = config.networks[id].project_id
            continue
        kind, id = next(iter(config.by_vni[vni]))
        found[vni] = config.tables[kind][id].project_id
    return found


def available(config: Config, item: NetworkSegmentRange) -> list[int]:
    """The lowest MAX_AVAILABLE of its VNIs or VLANs that nobody has."""
    span = range(item.minimum, item.maximum + 1)
    if item.network_type == VLAN:
        taken = set(used(config, item))
        return [vlan for vlan in span if vlan not in taken]
    by_vni = config.by_vni
    free = (vni for vni in span if vni not in by_vni)
    return list(itertools.islice(free, MAX_AVAILABLE))


def spans(config: Config, project_id: str, default: Span) -> Iterator[Span]:
    """Where to look for a VNI of a project's new network, in this order: its own ranges, those that
    are shared, the one of the options; without what other projects have for themselves.

    ``project_id`` "": of what is no network, or of no project.
    """
    ranges = sorted(_of_vnis(config), key=lambda one: one.minimum)
    if not ranges:
        yield default
        return
    for one in ranges:
        if not one.shared and one.project_id == project_id:
            yield one.minimum, one.maximum
    # Ranges do not overlap one another.
    yield from ((one.minimum, one.maximum) for one in ranges if one.shared)
    first, last = default
    for one in ranges:
        if not one.shared:
            if first < one.minimum:
                yield first, min(last, one.minimum - 1)
            first = max(first, one.maximum + 1)
            if first > last:
                return
    yield first, last


def _of_vnis(config: Config) -> Iterator[NetworkSegmentRange]:
    return (one for one in config.network_segment_ranges.values() if one.network_type == VXLAN)


def of_vlans(config: Config, physical: str, project_id: str) -> list[NetworkSegmentRange]:
    """The ranges that a project's new network gets a VLAN from: its own, then those that are
    shared; those of ``physical``, or of any physical network."""
    return sorted(
        (
            one for one in config.network_segment_ranges.values()
            if one.network_type == VLAN and physical in ("", one.physical_network)
            and (one.shared or one.project_id == project_id)
        ),
        key=lambda one: (one.shared, one.physical_network, one.minimum),
    )


def within(config: Config, vni: int, default: Span) -> bool:
    """Whether some range has a VNI."""
    return default[0] <= vni <= default[1] or any(
        one.minimum <= vni <= one.maximum for one in _of_vnis(config)
    )


def _check(draft: Draft, made: NetworkSegmentRange) -> None:
    """Raises RuleError 400 for what is no range, 409 where another has some of it."""
    if made.network_type == VLAN and not 1 <= made.minimum <= made.maximum <= LAST_VLAN:
        raise bad_request(
            f"Invalid network VLAN range: '{made.minimum}:{made.maximum}'. VLANs are 1 to "
            f"{LAST_VLAN}, and the minimum is not above the maximum.", "NetworkVlanRangeError",
        )
    if not FIRST <= made.minimum <= made.maximum <= LAST:
        raise bad_request(
            f"Invalid network tunnel range: '{made.minimum}:{made.maximum}'. VNIs are {FIRST} to "
            f"{LAST}, and the minimum is not above the maximum.", "NetworkTunnelRangeError",
        )
    others = sorted(
        one.id for one in draft.config.network_segment_ranges.values()
        if one.id != made.id and one.minimum <= made.maximum and made.minimum <= one.maximum
        and (one.network_type, one.physical_network) == (made.network_type, made.physical_network)
    )
    if others:
        raise conflict(
            "NetworkSegmentRangeOverlaps",
            "Network segment range overlaps with range(s) with id "
            f"{draft.names(KIND, others)}",
        )


def _referenced(id: str, vnis: list[int]) -> RuleError:
    shown = ", ".join(map(str, vnis[:3])) + (f" and {len(vnis) - 3} more" if vnis[3:] else "")
    return conflict(
        "NetworkSegmentRangeReferencedByProject",
        f"Network Segment Range {id} is referenced by one or more project networks: they have its "
        f"VNIs or VLANs {shown}.",
    )
