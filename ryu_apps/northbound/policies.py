"""The policy of the API: the attributes that its collections have, with the defaults of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from oslo_policy import policy

from ryu_apps.identity.defaults import defaults
from ryu_apps.northbound.resources.collection import Collection
from ryu_apps.northbound.resources.declared import COLLECTIONS


def known_attributes(collections: Iterable[Collection]) -> Mapping[str, frozenset[str]]:
    """Kind -> the attributes of its answers and requests."""
    return {one.kind.name: one.named for one in collections}


def list_rules() -> list[policy.RuleDefault]:
    """All rules with their defaults, for the tools of oslo.policy (their entry point)."""
    return defaults(known_attributes(COLLECTIONS))
