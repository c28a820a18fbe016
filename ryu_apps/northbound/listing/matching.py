"""Filters of lists: which views match a query string."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing.attributes import Attributes, Type
from ryu_apps.northbound.listing.listing import Listing, View, few

Test = Callable[[View], bool]
NOTHING = frozenset({"", "none", "null"})
"""How a filter asks for what is not set."""


def asks_for_nothing(text: str) -> bool:
    return text.lower() in NOTHING


def matcher(listing: Listing, attributes: Attributes) -> Test:
    """A predicate for views of resources with these attributes.  Raises ApiError 400 for a value
    that one cannot have."""
    tests = [_attribute(key, texts, attributes[key]) for key, texts in listing.filters.items()]
    for key, groups in listing.tags.items():
        tests.extend(_tags(key, group) for group in groups)
    return lambda view: all(test(view) for test in tests)


def _attribute(key: str, texts: set[str], kind: Type) -> Test:
    if kind.keys:
        return _objects(key, texts, kind)
    accepted = {
        value for text in texts for value in _values(key, text, kind.convert, kind.nullable)
    }
    convert = kind.convert

    def test(view: View) -> bool:
        value = view[key]
        if type(value) is list:
            return any(convert(item) in accepted for item in value) or (not value and "" in texts)
        if type(value) is str:
            return convert(value) in accepted
        return value in accepted if type(value) is not dict else str(value) in texts

    return test


def _values(
    key: str, text: str, convert: Callable[[str], Any], nullable: bool = False
) -> list[Any]:
    """What a filter's text may stand for."""
    found: list[Any] = [None] if nullable and asks_for_nothing(text) else []
    try:
        return [*found, convert(text)]
    except ValueError as error:
        if found:
            return found
        raise ApiError(
            400, "InvalidInput", f"Invalid input for operation: {key}: {error}."
        ) from error


def _objects(key: str, texts: set[str], kind: Type) -> Test:
    """``fixed_ips=ip_address=A``, ``subnet_id=S``, ``ip_address_substr=T``: one key repeated is
    OR, different keys are AND."""
    groups: dict[str, set[Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not text:
            groups[""] = set()
        elif not equals or name not in kind.keys:
            forms = ", ".join(f"{one}=VALUE" for one in kind.keys)
            raise ApiError(
                400, "InvalidInput", f"Invalid input for operation: {key} is filtered as {forms}; "
                f"not '{text}'.",
            )
        else:
            groups.setdefault(name, set()).update(_values(key, value, kind.keys[name]))
    for name, values in groups.items():
        if name.endswith("_substr"):
            few(name, values)

    def test(view: View) -> bool:
        items = view[key]
        for name, accepted in groups.items():
            if not name:
                found = not items
            elif name.endswith("_substr"):
                plain = name.removesuffix("_substr")
                found = any(part in one[plain] for one in items for part in accepted if part)
            else:
                convert = kind.keys[name]
                found = any(
                    (convert(one[name]) if type(one[name]) is str else one[name]) in accepted
                    for one in items
                )
            if not found:
                return False
        return True

    return test


def _tags(key: str, accepted: set[str]) -> Test:
    if key == "tags":
        return lambda view: accepted.issubset(view["tags"])
    if key == "tags-any":
        return lambda view: not accepted.isdisjoint(view["tags"])
    if key == "not-tags":
        return lambda view: not accepted.issubset(view["tags"])
    return lambda view: accepted.isdisjoint(view["tags"])
