"""How certificates are shown."""

from __future__ import annotations

import datetime
from typing import Any

from cryptography import x509

from ryu_apps.cli.table import Column
from ryu_apps.pki.inventory import Issued, authorities_of
from ryu_apps.pki.site import Site, days_left, stamp

COLUMNS: list[Column] = [
    ("ROLE", "role"), ("NAME", "name"), ("CA", "generation"), ("DAYS LEFT", "days_left"),
    ("EXPIRES", "expires"), ("ADDRESSES", lambda one: [*one["addresses"], *one["dns"]]),
    ("SERIAL", "serial"),
]


def row(one: Issued, now: datetime.datetime) -> dict[str, Any]:
    return {
        "role": one.role, "name": one.name, "generation": one.generation,
        "days_left": days_left(one.expires, now), "expires": one.expires,
        "addresses": list(one.addresses), "dns": list(one.dns), "serial": one.serial,
    }


def rows(site: Site, now: datetime.datetime) -> list[dict[str, Any]]:
    """Of the authorities that are trusted, then of all holders."""
    found = site.inventory()
    authorities = []
    for generation, name in authorities_of(found.trusted):
        certificate = x509.load_pem_x509_certificate(site.certificate(generation, name))
        end = stamp(certificate.not_valid_after_utc)
        authorities.append(row(Issued("authority", name, f"{certificate.serial_number:x}",
                                      generation, end, found.ca_days), now))
    holders = sorted(found.current().values(), key=lambda one: one.holder)
    return authorities + [row(one, now) for one in holders]
