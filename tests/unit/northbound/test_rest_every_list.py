"""What holds for the list of every collection: filters, sorting, pages, fields."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from ryu_apps.northbound.listing.attributes import (
    Attributes,
    Type,
    as_boolean,
    as_integer,
    as_text,
)
from ryu_apps.northbound.read_only.declared import READ_ONLY
from ryu_apps.northbound.resources.collection import Collection
from ryu_apps.northbound.resources.declared import COLLECTIONS
from tests.unit.northbound.everything import ENOUGH, located, populated

LITERAL = (as_text, as_boolean, as_integer)
"""Conversions of a filter's text that make no two different values equal."""


class Listed(NamedTuple):
    path: str
    plural: str
    attributes: Attributes
    shown: frozenset[str]
    stored: bool
    key: str = "id"
    parent: Collection | None = None


EVERY = [
    # What is nested is as few as its kind of parent has of it.
    *(Listed(one.root, one.plural, one.attributes, one.shown - one.optional,
             one.parent is None,
             parent=one.parent)
      for one in COLLECTIONS),
    *(Listed(f"/v2.0/{one.path}", one.plural, one.attributes,
             frozenset(one.attributes) - one.filter_only - one.details, False, one.key)
      for one in READ_ONLY),
]


@pytest.fixture(scope="module")
def node():
    node = populated()
    yield node
    node.close()


@pytest.fixture(params=EVERY, ids=lambda one: one.path.removeprefix("/v2.0/"))
def listed(node, request):
    one = request.param
    return one._replace(path=located(node, one.path, one.parent))


def items(node, listed, *query):
    path = f"{listed.path}?{urlencode(query)}"
    return node.get(path)[listed.plural]


def ids(listed, found):
    """What tells them apart."""
    return [one[listed.key] if listed.key else str(one) for one in found]


def texts(value: Any, kind: Type) -> set[str]:
    """What to filter by to find an item with the value."""
    if value is None or value == []:
        return {""}
    if kind.keys:
        return {
            f"{name}={one[name]}" for one in value for name in kind.keys
            if one.get(name) is not None
        }
    if isinstance(value, list):
        return set(map(str, value))
    return {str(value)}


def test_there_are_enough_of_each(node, listed):
    """That the other tests say something: and of every attribute two different values, of those
    that can have them."""
    found = items(node, listed)
    assert len(found) >= ENOUGH or not listed.stored
    assert all(listed.shown <= set(one) <= set(listed.attributes) for one in found)


def test_what_it_says_of_itself_finds_an_item(node, listed):
    every = items(node, listed)
    for name in sorted(listed.shown - {"tags"}):
        kind = listed.attributes[name]
        for text in sorted({text for one in every for text in texts(one[name], kind)}):
            found = ids(listed, items(node, listed, (name, text)))
            wanted = [one for one in every if text in texts(one[name], kind)]
            assert set(ids(listed, wanted)) <= set(found), (name, text)
            if kind.convert in LITERAL and text:
                assert len(found) == len(wanted), (name, text)


def test_two_filters_are_both_heeded_and_one_given_twice_is_either(node, listed):
    every = items(node, listed)
    if not listed.key or len(every) < 2:
        return
    one, two = every[:2]
    both = items(node, listed, (listed.key, one[listed.key]), (listed.key, two[listed.key]))
    assert set(ids(listed, both)) == {one[listed.key], two[listed.key]}
    for name, kind in listed.attributes.items():
        if name in listed.shown - {listed.key, "tags"} and not kind.keys:
            for text in texts(one[name], kind):
                found = items(node, listed, (listed.key, one[listed.key]), (name, text))
                assert found == [one], name


def test_it_is_sorted_by_every_attribute(node, listed):
    every = {one[listed.key]: one for one in items(node, listed)} if listed.key else {}
    for name, direction in itertools.product(sorted(listed.shown), ("asc", "desc")):
        found = items(node, listed, ("sort_key", name), ("sort_dir", direction))
        if not every:
            continue
        assert {one[listed.key]: one for one in found} == every

        def order(one, name=name):
            value = one[name]
            if value is None:
                return 0, ""
            return 1, str(value) if isinstance(value, (list, dict)) else value

        wanted = sorted(found, key=lambda one: one[listed.key])
        wanted.sort(key=order, reverse=direction == "desc")
        assert ids(listed, found) == ids(listed, wanted), (name, direction)


@pytest.mark.parametrize("sort", ["id", "name", "description"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_in_both_directions_have_each_once(node, listed, sort, limit):
    if not listed.key:
        return
    key = sort if sort in listed.shown else listed.key
    query = [("sort_key", key), ("sort_dir", "desc")]
    every = ids(listed, items(node, listed, *query))
    for reverse, rel in ((False, "next"), (True, "previous")):
        more = [("page_reverse", "true")] if reverse else []
        path, pages = f"{listed.path}?{urlencode([*query, *more, ('limit', limit)])}", []
        while path:
            body = node.get(path)
            page = ids(listed, body[listed.plural])
            assert len(page) <= limit
            pages.append(page)
            links = {one["rel"]: one["href"] for one in body.get(f"{listed.plural}_links", ())}
            path = links[rel].removeprefix(node.url) if page and rel in links else ""
            assert len(pages) <= len(every) // limit + 2
        if reverse:
            pages.reverse()
        assert [id for page in pages for id in page] == every


def test_pages_keep_the_filters(node, listed):
    if "project_id" not in listed.shown or not listed.stored:
        return
    wanted = [one["id"] for one in items(node, listed, ("project_id", ""))]
    path, found = f"{listed.path}?project_id=&limit=1&fields=id", []
    while path and len(found) <= len(wanted):
        body = node.get(path)
        found += body[listed.plural]
        links = {one["rel"]: one["href"] for one in body[f"{listed.plural}_links"]}
        path = links.get("next", "").removeprefix(node.url) if body[listed.plural] else ""
    assert found == [{"id": id} for id in wanted]


def test_only_what_is_asked_for_is_shown(node, listed):
    every = items(node, listed)
    for name in sorted(listed.shown):
        for one in items(node, listed, ("fields", name)):
            assert set(one) == {name}
    if every and listed.key and len(listed.shown) > 1:
        first, second = sorted(listed.shown)[:2]
        for query in ([("fields", first), ("fields", second)], [("fields", f"{first},{second}")]):
            assert all(set(one) == {first, second} for one in items(node, listed, *query))
        path = f"{listed.path}/{every[0][listed.key]}?fields={first}"
        (found,) = node.get(path).values()
        assert found == {first: every[0][first]}


@pytest.mark.parametrize("query", [
    "colour=red", "sort_key=colour", "sort_key=KEY&sort_dir=up", "sort_key=KEY&sort_dir=asc&"
    "sort_dir=desc", "limit=-1", "limit=x", "marker=nobody", "page_reverse=perhaps",
    "id_=1", "colour=", "fields=KEY&colour=red",
])
def test_what_no_list_understands(node, listed, query):
    name = sorted(listed.shown)[0]
    node.refused("GET", f"{listed.path}?{query.replace('KEY', name)}", None, 400, "InvalidInput")


def test_a_value_that_an_attribute_cannot_have(node, listed):
    for name, kind in listed.attributes.items():
        if kind.convert in (as_boolean, as_integer):
            node.refused("GET", f"{listed.path}?{name}=neither", None, 400, "InvalidInput")


def test_tags_are_found_in_all_four_ways(node, listed):
    if "tags" not in listed.shown:
        node.refused("GET", f"{listed.path}?not-tags=a", None, 400, "InvalidInput")
        return
    every = items(node, listed)
    asked = {"a", "b"}
    for name, wanted in (
        ("tags", lambda tags: asked <= tags), ("tags-any", lambda tags: asked & tags),
        ("not-tags", lambda tags: not asked <= tags),
        ("not-tags-any", lambda tags: not asked & tags),
    ):
        found = ids(listed, items(node, listed, (name, "a,b")))
        assert found == [one["id"] for one in every if wanted(set(one["tags"]))], name
        assert found or not listed.stored or name in ("tags", "tags-any")
