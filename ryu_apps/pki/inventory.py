"""What a site has issued, and where it is in replacing its authorities.  Pure.

Authorities are replaced in three steps, each of which leaves every pair of ends able to trust each
other while files are handed out one host after the other:

*begin*: there is a second generation, which everybody trusts beside the first, and which signs
nothing; *reissue*: the second signs, and each holder gets a new certificate; *finish*: nobody
trusts the first any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ryu_apps.pki.roles import AUTHORITIES, ROLES

FORMAT = 1
MAX_DAYS = 36500


class InventoryError(ValueError):
    """The record of a site cannot be used, or a step is not possible now; the text says why."""


@dataclass(frozen=True)
class Issued:
    """A certificate.  ``serial``: hexadecimal.  ``generation``: of the authority that signed it.
    ``expires``: ISO 8601, UTC.  ``days``: how long it was asked to be valid."""

    role: str
    name: str
    serial: str
    generation: int
    expires: str
    days: int
    addresses: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()

    @property
    def holder(self) -> tuple[str, str]:
        return self.role, self.name


@dataclass(frozen=True)
class Inventory:
    """``signing``: the generation whose keys sign.  ``trusted``: those that are trusted, the oldest
    first.  ``issued``: in the order of issue; of one holder the last counts."""

    site: str
    signing: int = 1
    trusted: tuple[int, ...] = (1,)
    ca_days: int = 3650
    issued: tuple[Issued, ...] = ()

    def current(self) -> dict[tuple[str, str], Issued]:
        """(role, name) -> the certificate that its holder should have."""
        return {one.holder: one for one in self.issued}

    def with_issued(self, issued: Issued, now: str) -> Inventory:
        """One certificate more.  Earlier ones of its holder are remembered until they expire:
        they are valid until then.  ``now``: ISO 8601, UTC."""
        kept = [one for one in self.issued if one.holder != issued.holder or one.expires > now]
        return replace(self, issued=(*kept, issued))

    @property
    def step(self) -> str:
        """"begun", "signing" (until all certificates are of the newer generation) or "reissued";
        "" while there is one generation."""
        if len(self.trusted) == 1:
            return ""
        if self.signing == self.trusted[0]:
            return "begun"
        return "signing" if self.outdated() else "reissued"

    def outdated(self) -> list[Issued]:
        """What is in use and signed by another generation than signs now."""
        return [one for one in self.current().values() if one.generation != self.signing]

    def begun(self) -> Inventory:
        """A further generation is trusted.  Unchanged where it is already."""
        if self.step:
            return self
        return replace(self, trusted=(*self.trusted, self.trusted[-1] + 1))

    def reissuing(self) -> Inventory:
        """The newer generation signs from now on.  Raises InventoryError before :meth:`begun`."""
        if not self.step:
            raise InventoryError("no further authority was begun: rotate ca --begin comes first")
        return replace(self, signing=self.trusted[-1])

    def finished(self) -> Inventory:
        """The newer generation alone is trusted.  Raises InventoryError while any certificate in
        use is of the older one."""
        if not self.step:
            return self
        if self.step != "reissued":
            waiting = ", ".join(f"{one.role} {one.name}" for one in self.outdated()[:5])
            raise InventoryError(
                "not all certificates are of the new authority: rotate ca --reissue comes first"
                + (f" ({waiting})" if waiting and self.step == "signing" else "")
            )
        return replace(self, trusted=self.trusted[-1:])


def dump(inventory: Inventory) -> bytes:
    return json.dumps({"format": FORMAT, **asdict(inventory)}, indent=1).encode() + b"\n"


def load(data: bytes) -> Inventory:
    """Raises InventoryError."""
    try:
        record = json.loads(data)
        if record.pop("format") != FORMAT:
            raise InventoryError("it was written by a later version")
        issued = tuple(map(_issued, record.pop("issued")))
        inventory = Inventory(**{**record, "trusted": tuple(record["trusted"])}, issued=issued)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InventoryError(f"the record of the site cannot be read: {error}") from error
    if inventory.signing not in inventory.trusted or not 1 <= len(inventory.trusted) <= 2:
        raise InventoryError("the record of the site names no authority that signs and is trusted")
    return inventory


def _issued(record: Mapping[str, Any]) -> Issued:
    found = Issued(**{**record, "addresses": tuple(record["addresses"]),
                      "dns": tuple(record["dns"])})
    if found.role not in ROLES:
        raise InventoryError(f"unknown role {found.role!r}")
    return found


def authorities_of(generations: Iterable[int]) -> list[tuple[int, str]]:
    """(generation, authority) of all that these have."""
    return [(generation, name) for generation in generations for name in AUTHORITIES]
