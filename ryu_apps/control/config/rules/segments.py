"""Rules for segments (Networking API v2.0, "Segments"): a network has one, its overlay, which is
made and deleted with it."""

from __future__ import annotations

from typing import Any, NoReturn

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Segment
from ryu_apps.control.config.resources.network import segment_id
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    conflict,
    plain,
)


def create(draft: Draft, body: dict[str, Any], context: Context) -> NoReturn:
    """Raises RuleError 501."""
    network = draft.get("network", body["network_id"])
    raise RuleError(
        501, "NotImplemented",
        f"Network {network.id} has its segment, {segment_id(network.id)}. In this version a "
        "network is one overlay that is the same on all hypervisors, and cannot have another "
        "segment: create a network of its own, and a router between the two.",
    )


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Segment:
    old = draft.get("segment", id)
    fields = plain(body, "description")
    if "name" in body:
        fields["name"] = body["name"] or ""
    return draft.replace("segment", old, context, **fields)


def delete(draft: Draft, id: str, context: Context) -> NoReturn:
    """Raises RuleError 409."""
    old = draft.get("segment", id)
    check_revision("segment", old, context)
    raise conflict(
        "SegmentInUse",
        f"Segment '{id}' cannot be deleted: it is the only one of network {old.network_id}, and "
        "goes with it.",
    )


def of_subnet(draft: Draft, network_id: str, asked: str | None, present: str = "") -> str:
    """The segment that a subnet is to be in, "" for none: that of its network.

    ``asked``: by a client who may set it; ``present``: what it has.  Raises RuleError 404, 400.
    """
    asked = asked or ""
    if asked == present:
        return asked
    if present:
        raise bad_request(
            "A subnet that is already associated with a segment cannot have its segment "
            "association changed.", "SubnetSegmentAssociationChangeNotAllowed",
        )
    segment = draft.get("segment", asked)
    if segment.network_id != network_id:
        raise bad_request(
            f"The subnet's network id, '{network_id}', doesn't match the network_id of segment "
            f"'{asked}'", "NetworkIdsDontMatch",
        )
    return asked


def all_or_none(config: Config, network_id: str, asked: str) -> None:
    """Raises RuleError 400 where a new subnet would be in a segment and others of its network not,
    or the other way round."""
    for id in config.subnets_by_network.get(network_id, ()):
        if config.subnets[id].segment_id != asked:
            raise bad_request(
                f"All of the subnets on network '{network_id}' must either all be associated with "
                "segments or all not associated with any segment.",
                "SubnetsNotAllAssociatedWithSegments",
            )
