"""A site's directory: the authorities' keys, the certificates, and the record of what was issued.

::

    site.json                  the record (:mod:`ryu_apps.pki.inventory`)
    ca.pem, hypervisors.pem    whom to trust (:mod:`ryu_apps.pki.roles`)
    ca/GENERATION-AUTHORITY.pem, .key
    issued/ROLE-NAME.pem, .key

A certificate is recorded before it is written, and is written before its key: Open vSwitch takes
up a new pair when it sees that the key has changed (``stream_ssl_set_key_and_cert`` of its
stream-ssl.c).  What a crash left half done is done by the next call.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from ryu_apps.pki import files, inventory
from ryu_apps.pki.certificates import Pair, belong_together, issue, make_authority, serial_of
from ryu_apps.pki.inventory import Inventory, InventoryError, Issued
from ryu_apps.pki.roles import AUTHORITIES, ROLES


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Files(NamedTuple):
    """Of one holder."""

    certificate: Path
    key: Path
    authorities: Path
    """Whom it trusts where it is the client, or the only end: the site's."""


class Site:
    """The site in ``directory``.  Every method raises OSError, and InventoryError for a directory
    that has no site, or one that cannot be read.  ``clock``: the time, UTC."""

    def __init__(
        self, directory: Path, clock: Callable[[], datetime.datetime] = utc_now
    ) -> None:
        self.directory = directory
        self._clock = clock

    # ------------------------------------------------------------ what there is

    def inventory(self) -> Inventory:
        try:
            return inventory.load((self.directory / "site.json").read_bytes())
        except FileNotFoundError:
            raise InventoryError(
                f"{self.directory} has no site: vnctl pki init {self.directory} --site NAME"
            ) from None

    def files(self, role: str, name: str) -> Files:
        """Where a holder's files are, or would be."""
        base = self.directory / "issued" / f"{role}-{quote(name, safe='')}"
        return Files(base.with_name(f"{base.name}.pem"), base.with_name(f"{base.name}.key"),
                     self.directory / AUTHORITIES["site"])

    def authority(self, generation: int, name: str) -> Pair:
        """With its private key."""
        path = self._authority(generation, name)
        return Pair(path.read_bytes(), path.with_suffix(".key").read_bytes())

    def certificate(self, generation: int, name: str) -> bytes:
        """Of an authority, as PEM."""
        return self._authority(generation, name).read_bytes()

    def _authority(self, generation: int, name: str) -> Path:
        return self.directory / "ca" / f"{generation}-{name}.pem"

    # ------------------------------------------------------------ what is done

    def init(self, name: str, ca_days: int) -> bool:
        """Make the site, with one generation of authorities.  False: it was there, and nothing was
        changed.  Raises InventoryError where the directory has another site."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.locked(self.directory):
            if (self.directory / "site.json").exists():
                found = self.inventory()
                if found.site != name:
                    raise InventoryError(f"{self.directory} has the site {found.site} already")
                return False
            for part in ("ca", "issued"):
                (self.directory / part).mkdir(mode=0o700, exist_ok=True)
            made = Inventory(name, ca_days=ca_days)
            self._make_authorities(made, 1)
            self._trust(made)
            self._record(made)
            return True

    def issue(
        self, role: str, name: str, addresses: tuple[str, ...], dns: tuple[str, ...], days: int
    ) -> Issued:
        """A certificate for a holder that has none.  Raises InventoryError where it has one, and
        CertificateError."""
        with self._changing() as found:
            if (role, name) in found.current():
                raise InventoryError(
                    f"{role} {name} has a certificate: vnctl pki rotate leaf {role} {name} makes "
                    "a new one"
                )
            return self._issue(found, role, name, addresses, dns, days)

    def rotate(self, wanted: Callable[[Issued], bool]) -> list[Issued]:
        """New keys and certificates for the holders of those that are ``wanted``, for the same
        addresses and as many days."""
        with self._changing() as found:
            return self._again(found, wanted)

    def begin(self) -> bool:
        """See :mod:`ryu_apps.pki.inventory`.  False, here and below: nothing was left to do."""
        with self._changing() as found:
            if found.step in ("signing", "reissued"):
                raise InventoryError("authorities are being replaced: rotate ca --finish first")
            begun = found.begun()
            self._make_authorities(begun, begun.trusted[-1])
            changed = self._trust(begun)
            self._record(begun)
            return begun != found or changed

    def reissue(self) -> list[Issued]:
        """New certificates of the newer generation, for all that have older ones."""
        with self._changing() as found:
            signing = found.reissuing()
            self._record(signing)
            return self._again(signing, lambda one: one.generation != signing.signing)

    def finish(self) -> bool:
        with self._changing() as found:
            finished = found.finished()
            self._record(finished)
            changed = self._trust(finished)
            for path in (self.directory / "ca").glob("*.key"):
                if int(path.name.partition("-")[0]) not in finished.trusted:
                    path.unlink()  # nobody trusts what it would sign
            return finished != found or changed

    def export(self, role: str, name: str, to: Path) -> Files:
        """Copies for the host of a holder: its certificate, then its key, and whom it trusts, each
        only where it is another; a node also gets ``hypervisors.pem``.  Raises InventoryError where
        it has no certificate."""
        with self._changing() as found:
            if (role, name) not in found.current():
                raise InventoryError(f"{role} {name} has no certificate: vnctl pki issue {role}")
            mine = self.files(role, name)
            to.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = Files(to / f"{role}.pem", to / f"{role}.key", to / AUTHORITIES["site"])
            _replace(made.authorities, mine.authorities.read_bytes(), files.PUBLIC)
            if role == "node":
                for authority in AUTHORITIES.values():
                    _replace(to / authority, (self.directory / authority).read_bytes(),
                             files.PUBLIC)
            _replace(made.certificate, mine.certificate.read_bytes(), files.PUBLIC)
            _replace(made.key, mine.key.read_bytes(), files.SECRET)
            return made

    # ------------------------------------------------------------ how

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Inventory]:
        """With the lock, and with what a crash left half done completed."""
        if not self.directory.is_dir():
            self.inventory()
        with files.locked(self.directory):
            found = self.inventory()
            yield self._completed(found)

    def _completed(self, found: Inventory) -> Inventory:
        half = [one for one in found.current().values() if not self._in_place(one)]
        for one in half:
            self._issue(found, one.role, one.name, one.addresses, one.dns, one.days)
            found = self.inventory()
        return found

    def _in_place(self, one: Issued) -> bool:
        """Whether the holder's files are what is recorded."""
        mine = self.files(*one.holder)
        try:
            certificate = mine.certificate.read_bytes()
            return serial_of(certificate) == one.serial and belong_together(
                certificate, mine.key.read_bytes())
        except (FileNotFoundError, ValueError):
            return False

    def _again(self, found: Inventory, wanted: Callable[[Issued], bool]) -> list[Issued]:
        made = []
        for one in found.current().values():
            if wanted(one):
                made.append(
                    self._issue(found, one.role, one.name, one.addresses, one.dns, one.days))
                found = self.inventory()
        return made

    def _issue(
        self, found: Inventory, role: str, name: str, addresses: tuple[str, ...],
        dns: tuple[str, ...], days: int,
    ) -> Issued:
        now = self._clock()
        signer = self.authority(found.signing, ROLES[role].authority)
        pair = issue(signer, ROLES[role], name, addresses, dns, days, now)
        parsed = pair.parsed
        made = Issued(role, name, serial_of(pair.certificate), found.signing,
                      stamp(parsed.not_valid_after_utc), days, addresses, dns)
        self._record(found.with_issued(made, stamp(now)))
        mine = self.files(role, name)
        files.write(mine.certificate, pair.certificate, files.PUBLIC)
        files.write(mine.key, pair.key, files.SECRET)
        return made

    def _make_authorities(self, found: Inventory, generation: int) -> None:
        for name in AUTHORITIES:
            path = self._authority(generation, name)
            key = path.with_suffix(".key")
            if path.exists() and key.exists() and belong_together(
                    path.read_bytes(), key.read_bytes()):
                continue
            title = f"{found.site[:40]} {name} CA {generation}"
            pair = make_authority(title, found.ca_days, self._clock())
            files.write(key, pair.key, files.SECRET)
            files.write(path, pair.certificate, files.PUBLIC)

    def _trust(self, found: Inventory) -> bool:
        """Write whom to trust.  Whether that is a change."""
        return any([
            _replace(
                self.directory / file,
                b"".join(self.certificate(number, name) for number in found.trusted), files.PUBLIC,
            ) for name, file in AUTHORITIES.items()
        ])

    def _record(self, found: Inventory) -> None:
        _replace(self.directory / "site.json", inventory.dump(found), files.SECRET)


def stamp(moment: datetime.datetime) -> str:
    """ISO 8601 in UTC, to the second; such texts sort as the times do."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def days_left(expires: str, now: datetime.datetime) -> int:
    """Whole days until a :func:`stamp`; negative once it is over."""
    end = datetime.datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
    return (end - now) // datetime.timedelta(days=1)


def _replace(path: Path, data: bytes, mode: int) -> bool:
    """Write the file where it has anything else.  Whether it had."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == data:
            return False
    files.write(path, data, mode)
    return True
