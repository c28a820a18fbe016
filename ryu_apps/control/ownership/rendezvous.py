"""Weighted rendezvous hashing: every node ranks the nodes for an element alike, by their names.

Highest random weight (Thaler and Ravishankar 1998, "Using name-based mappings to increase hit
rates"), with weights by the logarithmic method (Schindelhauer and Schomaker 2005, "Weighted
distributed hash tables"): the score of a node is ``-w / ln(h)``, h its hash with the element in
(0, 1).  The node of highest score is the *winner*; the probability that a node is it is its share
of the weights.  A node that comes wins some elements and changes no rank among the others; one that
goes loses its own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping


def position(node: str, element: str) -> float:
    """The hash of both, in (0, 1): of 64 bits of BLAKE2b (RFC 7693) the first 52, which a float
    holds exactly."""
    text = f"{len(node)}:{node}{element}".encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 12
    return (2 * number + 1) / 2**53


def score(node: str, weight: float, element: str) -> float:
    """How much the element is the node's; ``weight`` is above 0."""
    return -weight / math.log(position(node, element))


def ranking(element: str, weights: Mapping[str, float]) -> list[str]:
    """The nodes of ``weights``, the winner first."""
    return sorted(weights, key=lambda node: (-score(node, weights[node], element), node))
