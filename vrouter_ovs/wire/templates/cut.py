"""Cutting templates out of encoded flows of samples, for
:mod:`vrouter_ovs.wire.templates.objects`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import itemgetter

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline import render
from vrouter_ovs.state import StateObject
from vrouter_ovs.wire.flows import Encoded, encode


def cut(raw: bytes, *markers: bytes) -> tuple[bytes, ...]:
    """The pieces of ``raw`` around ``markers``, which must stand in it in just that order."""
    pieces = []
    for marker in markers:
        piece, found, raw = raw.partition(marker)
        if not found:
            raise PipelineError("a template's sample does not hold its markers in this order")
        pieces.append(piece)
    pieces.append(raw)
    if any(marker in piece for marker in markers for piece in pieces):
        raise PipelineError("a template's marker stands in its sample once too often")
    return tuple(pieces)


def pattern(raw: bytes, *markers: bytes) -> bytes:
    """``raw`` for the % operator: "%b" where the markers stand."""
    return b"%b".join(piece.replace(b"%", b"%%") for piece in cut(raw, *markers))


def holes(raw: bytes, markers: Mapping[bytes, int]) -> tuple[bytes, Callable]:
    """(``raw`` as :func:`pattern` has it, what picks its values): the second takes a sequence and
    gives those values that belong to the markers found, in their order, by the numbers given."""
    found = sorted(
        (match.start(), marker)
        for marker in markers
        for match in re.finditer(re.escape(marker), raw)
    )
    numbers = [markers[marker] for _, marker in found]
    # Of one number itemgetter gives the value itself, which a slice wraps.
    first = numbers[0]
    pick = itemgetter(*numbers) if len(numbers) > 1 else itemgetter(slice(first, first + 1))
    return pattern(raw, *(marker for _, marker in found)), pick


def sample(obj: StateObject) -> Encoded:
    """The one flow of ``obj``."""
    (flow,) = render(obj)
    return encode(flow)


def encode_rendered(obj: StateObject) -> tuple[Encoded, ...]:
    """All flows of ``obj`` without any template.  Raises PipelineError."""
    return tuple(map(encode, render(obj)))
