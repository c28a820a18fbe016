"""Is the configuration in the store a later state of the one that this node knows?

A store can come back empty, older, or as another system's.  None of this may be taken for the wish
to delete what is missing.  So the key that every change rewrites says of which *line* of
configuration it is, and how many changes that line has seen.  Where the line breaks, an operator
decides; the decision begins a new line that names those it replaces, and so holds for every node.
"""

from __future__ import annotations

import json
from typing import NamedTuple

MAX_AFTER = 16


class Lineage(NamedTuple):
    """``line``: id of the line; ``number``: its changes so far; ``token``: random, of the last one;
    ``after``: lines that this one was accepted in place of.  A line of "" is of a version that knew
    none.

    ``unfinished``: what writes the configuration in several transactions, and has not come to its
    end: nobody may follow what is there.  Such a line is another one than all that nodes know, so
    that those of versions without this field hold back as well."""

    line: str
    number: int
    token: str
    after: tuple[str, ...] = ()
    unfinished: str = ""

    def next(self, token: str) -> Lineage:
        """After one more change.  A line that has no id gets ``token`` for one."""
        if not self.line:
            return Lineage(token, self.number + 1, token, (*self.after, ""))
        return self._replace(number=self.number + 1, token=token)

    def encode(self) -> bytes:
        fields = self._asdict()
        if not self.unfinished:
            del fields["unfinished"]
        return json.dumps(fields, separators=(",", ":")).encode()


def first(token: str) -> Lineage:
    """Of a system that begins."""
    return Lineage(token, 1, token)


def accepted(token: str, known: Lineage | None, found: Lineage | None) -> Lineage:
    """What an operator accepted: a new line in place of the one that the node knows and of the one
    that the store has."""
    after: dict[str, None] = {}
    for old in (found, known):
        if old is not None:
            after.update(dict.fromkeys((*old.after, old.line)))
    number = max((old.number for old in (known, found) if old is not None), default=0)
    return Lineage(token, number + 1, token, tuple(after)[-MAX_AFTER:])


def staged(token: str, former: Lineage | None, what: str) -> bytes:
    """The value that stands in place of ``former`` while ``what`` is under way; see
    :func:`before_staged`."""
    made = Lineage(f"staged-{token}", former.number if former else 0, token, (), what)
    fields = made._asdict() | {"former": former._asdict() if former else None}
    return json.dumps(fields, separators=(",", ":")).encode()


def before_staged(value: bytes) -> Lineage | None:
    """What :func:`staged` was given as ``former``; of any other value what it says."""
    found = decode(value)
    if not found.unfinished:
        return found
    former = json.loads(value).get("former")
    return decode(json.dumps(former).encode()) if former else None


def decode(value: bytes) -> Lineage:
    """What :meth:`Lineage.encode` made; anything else is the token of a line without id."""
    try:
        fields = json.loads(value)
        line, number, token, after = (fields[name] for name in ("line", "number", "token", "after"))
        unfinished = fields.get("unfinished", "")
        texts = (line, token, unfinished, *after)
        if all(type(text) is str for text in texts) and type(number) is int:
            return Lineage(line, number, token, tuple(after), unfinished)
    except (ValueError, TypeError, LookupError):
        pass
    return Lineage("", 0, value.decode("utf-8", "replace"))


def doubt(
    known: Lineage | None, found: Lineage | None, resources: int, ports: tuple[int, int],
    most_lost: int,
) -> str:
    """Why what the store has cannot follow on what the node knows, or "".

    ``resources``: how many the node knows.  ``ports``: how many it knows, and how many of them the
    store has.  ``most_lost``: percent of them that may be missing where no node changed anything.
    """
    if found is not None and found.unfinished:
        return f"the store holds half a configuration: {found.unfinished}"
    if known is None:
        return ""
    if found is None:
        if not resources:  # nothing is lost
            return ""
        return (
            f"the store holds no configuration, and the one known here has {resources} resources: "
            "it was emptied, or prefix, path or endpoints name another one"
        )
    if not found.line or not known.line:
        return ""
    if found.line != known.line:
        if known.line in found.after:
            return ""
        return "the store holds the configuration of another system"
    if found.number < known.number:
        return (
            f"the store holds an older copy of the configuration: of {known.number} changes that "
            f"are known here it has {found.number}"
        )
    if found.number > known.number:
        return ""
    if found.token != known.token:
        return "the store holds another configuration than the one known here"
    before, left = ports
    if before and (before - left) * 100 > most_lost * before:
        return (
            f"{before - left} of {before} ports are missing in the store, and no node has deleted "
            "them"
        )
    return ""
