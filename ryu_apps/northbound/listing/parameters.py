"""The parameters of lists, as the OpenAPI document has them: what texts a filter may have follows
from the type of its attribute."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ryu_apps.northbound.http.call import Parameter
from ryu_apps.northbound.listing.attributes import (
    FALSE,
    TRUE,
    Attributes,
    Convert,
    Type,
    as_boolean,
    as_integer,
)
from ryu_apps.northbound.listing.listing import TAG_FILTERS
from ryu_apps.northbound.listing.matching import NOTHING

_DIGITS = "-?[0-9]{1,18}"


def _any_case(words: Iterable[str]) -> str:
    """An expression for these words, however they are spelled."""
    return "|".join(
        "".join(f"[{one.upper()}{one}]" if one.isalpha() else one for one in word)
        for word in sorted(words)
    )


_BOOLEAN = _any_case(TRUE | FALSE)
FIELDS = Parameter("fields", "only these attributes", many=True)
_PAGING = (
    Parameter("limit", "at most so many items", {"type": "string", "pattern": "^[0-9]*$"}),
    Parameter("marker", "id of the item before the page"),
    Parameter("page_reverse", "the page before the marker",
              {"type": "string", "pattern": f"^({_BOOLEAN})?$"}),
)


def of(attributes: Attributes, unsorted: Collection[str] = ()) -> tuple[Parameter, ...]:
    """Those of a list of resources with these attributes, ``unsorted`` those that it cannot be
    sorted by."""
    found = [
        Parameter(name, "", _filter(kind), many=True) for name, kind in sorted(attributes.items())
        if name != "tags"
    ]
    if "tags" in attributes:
        found += [Parameter(name, "names of tags, separated by commas", many=True)
                  for name in sorted(TAG_FILTERS)]
    keys = sorted({*attributes}.difference(unsorted))
    return (
        *found, FIELDS, *_PAGING,
        Parameter("sort_key", "attribute to sort by", {"enum": keys}, many=True),
        Parameter("sort_dir", "as many as sort_key", {"enum": ["asc", "desc"]}, many=True),
    )


def _filter(kind: Type) -> dict[str, Any]:
    if kind.keys:
        forms = "|".join(
            f"{name}={_digits(convert)}" for name, convert in sorted(kind.keys.items())
        )
        return {"type": "string", "pattern": f"^({forms})?$"}
    pattern = {as_boolean: _BOOLEAN, as_integer: _DIGITS}.get(kind.convert)
    if pattern is None:
        return {"type": "string"}
    if kind.nullable:
        pattern += f"|{_any_case(word for word in NOTHING if word)}"
        return {"type": "string", "pattern": f"^({pattern})?$"}
    return {"type": "string", "pattern": f"^({pattern})$"}


def _digits(convert: Convert) -> str:
    return _DIGITS if convert is as_integer else "[^\\r\\n]*"
