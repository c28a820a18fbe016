"""vnctl pki rotate: new certificates for holders, and new authorities in three steps."""

from __future__ import annotations

from typing import Any

from ryu_apps.cli.command import Result
from ryu_apps.cli.errors import USAGE, CliError
from ryu_apps.cli.output import Records
from ryu_apps.cli.pki.shown import COLUMNS, row
from ryu_apps.pki.inventory import Issued
from ryu_apps.pki.site import Site, days_left, utc_now

TRUST = "hand out ca.pem and hypervisors.pem to every host"
NEXT = {
    "begin": f"{TRUST}; when all have them: rotate ca --reissue",
    "reissue": "hand out the certificates and keys; when all have theirs: rotate ca --finish",
    "finish": TRUST,
}


def leaf(site: Site, options: Any) -> Result:
    """Of one holder, or of all whose certificates end soon."""
    if options.role and not options.name:
        raise CliError(f"vnctl pki rotate leaf {options.role}: which one?", USAGE)
    now = utc_now()
    holder = (options.role, options.name)
    if options.role and holder not in site.inventory().current():
        raise CliError(f"{options.role} {options.name} has no certificate: vnctl pki issue "
                       f"{options.role}")

    def wanted(one: Issued) -> bool:
        if options.role:
            return one.holder == holder
        return days_left(one.expires, now) < options.within

    return _made(site.rotate(wanted), "no certificate ends so soon; nothing was changed")


def authorities(site: Site, options: Any) -> Result:
    if options.step == "reissue":
        return _made(site.reissue(), "all certificates are of the new authorities already",
                     NEXT["reissue"])
    changed = site.begin() if options.step == "begin" else site.finish()
    done = NEXT[options.step] if changed else "done before; nothing was changed"
    return Result({"step": options.step, "changed": changed}, done)


def _made(made: list[Issued], none: str, note: str = "") -> Result:
    found = [row(one, utc_now()) for one in made]
    return Result(found, Records(found, COLUMNS, (), "name", note=note) if found else none)
