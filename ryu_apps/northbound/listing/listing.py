"""Lists of the Networking API: filters, sorting, pages, fields (API guide, "Filtering and column
selection", "Sorting", "Pagination")."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing.attributes import as_boolean

RESERVED = frozenset({"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"})
TAG_FILTERS = {"tags", "tags-any", "not-tags", "not-tags-any"}

MAX_TESTS = 64

View = dict[str, Any]

EXTENSIONS = {
    "empty-string-filtering": ("Empty String Filtering", "Lists can be filtered by what is empty"),
    "filter-validation": ("Filter parameters validation", "Unknown filters are refused"),
    "pagination": ("Pagination support", "limit, marker and page_reverse"),
    "sort-key-validation": (
        "Sort key validation", "Lists are not sorted by attributes that are not there"),
    "sorting": ("Sorting support", "sort_key and sort_dir"),
}


@dataclass
class Listing:
    """A parsed query string."""

    filters: dict[str, set[str]] = field(default_factory=dict)
    tags: dict[str, list[set[str]]] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    sort: list[tuple[str, bool]] = field(default_factory=list)
    """(attribute, descending)"""
    limit: int | None = None
    paged: bool = False
    """The client asked for a page, and so gets links to others."""
    marker: str | None = None
    reverse: bool = False

    def touches(self, keys: frozenset[str]) -> bool:
        """Whether filters or sorting look at one of ``keys``."""
        return not keys.isdisjoint(self.filters) or any(key in keys for key, _ in self.sort)


def parse(
    query: Any, known: Iterable[str], max_page: int, hidden: Collection[str] = (),
    unsorted: Collection[str] = (),
) -> Listing:
    """Read a query string (a multidict) for resources with the attributes ``known``, some
    ``hidden`` from this client, some ``unsorted``: what they cannot be sorted by.

    Raises ApiError 403 for what is hidden: who filters or sorts by it would learn it.  Raises 400
    for an attribute that does not exist or a malformed value: a filter that
    was ignored would select everything.
    """
    known = set(known)
    listing = Listing()
    given: dict[str, list[str]] = {}
    for key, value in query.items():
        given.setdefault(key, []).append(value)
    for key, values in given.items():
        if key in TAG_FILTERS and "tags" in known:
            few(key, values)
            listing.tags[key] = [set(value.split(",")) for value in values]
        elif key == "fields":
            listing.fields = {part for value in values for part in value.split(",") if part}
        elif key not in RESERVED:
            if key not in known:
                raise _invalid(f"'{key}' is not an attribute to filter by; there are: "
                               f"{', '.join(sorted(known.difference(hidden)))}.")
            _shown(key, hidden)
            listing.filters[key] = set(values)
    listing.sort = _sort(query.getall("sort_key"), query.getall("sort_dir"),
                         known.difference(unsorted))
    for key, _ in listing.sort:
        _shown(key, hidden)
    listing.limit = _limit(query.get("limit"), max_page)
    listing.marker = query.get("marker") or None
    listing.paged = bool(listing.marker or (query.get("limit") or "0").strip("0"))
    listing.reverse = _boolean("page_reverse", query.get("page_reverse") or "false")
    return listing


def _shown(key: str, hidden: Collection[str]) -> None:
    if key in hidden:
        raise ApiError(403, "PolicyNotAuthorized",
                       f"'{key}' is shown to administrators only, and cannot be asked for.")


def few(key: str, values: Collection[str]) -> None:
    """Each of these is held against each item of the list."""
    if len(values) > MAX_TESTS:
        raise _invalid(f"{key} may stand {MAX_TESTS} times in a query; split the request.")


def _boolean(key: str, text: str) -> bool:
    try:
        return as_boolean(text)
    except ValueError as error:
        raise _invalid(f"{key}: {error}.") from error


def _sort(keys: list[str], directions: list[str], known: set[str]) -> list[tuple[str, bool]]:
    if directions and len(directions) != len(keys):
        raise _invalid("The number of sort_keys and sort_dirs must be same.")
    few("sort_key", keys)
    found = []
    for position, key in enumerate(keys):
        if key not in known:
            raise _invalid(f"'{key}' is not an attribute to sort by.")
        direction = directions[position] if directions else "asc"
        if direction not in ("asc", "desc"):
            raise _invalid(f"sort_dir is 'asc' or 'desc', not '{direction}'.")
        found.append((key, direction == "desc"))
    return found


def _limit(text: str | None, max_page: int) -> int:
    if text is None or text == "":
        return max_page
    if not text.isascii() or not text.isdigit():
        raise _invalid(f"limit must be an integer of 0 or more, not '{text}'.")
    return min(int(text) or max_page, max_page) if len(text) < 12 else max_page


def page(views: list[View], listing: Listing) -> tuple[list[View], bool]:
    """Sort and cut.  Returns the page, and whether that is not all.

    ``marker`` is the id of the item before the page (after it, with ``page_reverse``).  Raises
    ApiError 400 when no item has that id.
    """
    views.sort(key=lambda view: view["id"])
    for key, descending in reversed(listing.sort):
        views.sort(key=_sort_key(key), reverse=descending)
    start, end = 0, len(views)
    if listing.marker is not None:
        at = next((i for i, view in enumerate(views) if view["id"] == listing.marker), None)
        if at is None:
            raise _invalid(
                f"The marker {listing.marker} is not in the list (any more); start again without."
            )
        start, end = (0, at) if listing.reverse else (at + 1, len(views))
    limit = listing.limit or len(views)
    if listing.reverse:
        start = max(start, end - limit)
    else:
        end = min(end, start + limit)
    return views[start:end], start > 0 or end < len(views)


def _sort_key(key: str) -> Callable[[View], Any]:
    def value(view: View) -> Any:
        found = view[key]
        if found is None:
            return (0, "")
        if isinstance(found, (list, dict)):
            return (1, str(found))
        return (1, found)

    return value


def links(url: str, query: Any, shown: list[View], listing: Listing) -> list[dict]:
    """The ``<collection>_links`` of a page.

    A page that is not full is the last one in its direction; whether a full one is, the next
    request tells, as in Neutron.
    """
    full = len(shown) >= (listing.limit or 1)
    rest = [(key, value) for key, value in query.items() if key not in ("marker", "page_reverse")]
    found = []
    if full or listing.reverse:
        marker = [("marker", shown[-1]["id"])] if shown else []
        found.append({"href": f"{url}?{urlencode([*rest, *marker])}", "rel": "next"})
    if full or not listing.reverse:
        marker = [("marker", shown[0]["id"])] if shown else []
        back = urlencode([*rest, *marker, ("page_reverse", "True")])
        found.append({"href": f"{url}?{back}", "rel": "previous"})
    return found


def select(
    view: View, fields: set[str], hidden: Collection[str] = (), optional: Collection[str] = ()
) -> View:
    """Only the attributes asked for, all when none were; none that is hidden from the client, and
    of those that are ``optional`` none without a value."""
    if not fields and not hidden and not optional:
        return view
    return {
        key: value for key, value in view.items()
        if (not fields or key in fields) and key not in hidden
        and (value is not None or key not in optional)
    }


def _invalid(message: str) -> ApiError:
    return ApiError(400, "InvalidInput", f"Invalid input for operation: {message}")
