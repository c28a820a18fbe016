"""What vnctl pki does; apart from its arguments, so that other commands need not wait for the
cryptography library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ryu_apps.cli.command import Result
from ryu_apps.cli.errors import NEGATIVE, OK, CliError
from ryu_apps.cli.output import Records
from ryu_apps.cli.pki import rotation
from ryu_apps.cli.pki.shown import COLUMNS, row, rows
from ryu_apps.pki.certificates import CertificateError
from ryu_apps.pki.inventory import InventoryError
from ryu_apps.pki.site import Site, utc_now
from ryu_apps.pki.usage import place, usage


def perform(options: Any) -> Result:
    """Do what ``options.perform`` names.  Raises CliError."""
    try:
        return ACTIONS[options.perform](options)
    except (InventoryError, CertificateError) as error:
        raise CliError(str(error)) from None
    except OSError as error:
        raise CliError(f"{error.filename or site_of(options).directory}: {error.strerror}") \
            from None


def site_of(options: Any) -> Site:
    return Site(Path(options.directory))


def init(options: Any) -> Result:
    site = site_of(options)
    made = site.init(options.site, options.days)
    text = f"site {options.site} is in {site.directory}" if made else \
        f"site {options.site} is in {site.directory} already; nothing was changed"
    return Result({"site": options.site, "directory": str(site.directory), "made": made}, text)


def issue(options: Any) -> Result:
    site = site_of(options)
    made = site.issue(options.role, options.name, tuple(options.address), tuple(options.dns),
                      options.days)
    return _used(options, site, f"certificate of {made.role} {made.name}, serial {made.serial}, "
                 f"until {made.expires}")


def export(options: Any) -> Result:
    site = site_of(options)
    if not options.to:
        if (options.role, options.name) not in site.inventory().current():
            raise CliError(f"{options.role} {options.name} has no certificate: vnctl pki issue "
                           f"{options.role}")
        return _used(options, site, "")
    files = site.export(options.role, options.name, Path(options.to))
    at = place(options.role, Path(options.at or options.to).absolute())
    data = {"role": options.role, "name": options.name,
            "files": [str(files.certificate), str(files.key), str(files.authorities)]}
    return Result(data, usage(options.role, at))


def _used(options: Any, site: Site, head: str) -> Result:
    one = site.inventory().current()[options.role, options.name]
    files = site.files(options.role, options.name)
    at = type(files)(*(path.absolute() for path in files))
    text = usage(options.role, at)
    return Result(row(one, utc_now()), f"{head}\n\n{text}" if head else text)


def index(options: Any) -> Result:
    site = site_of(options)
    found = rows(site, utc_now())
    late = any(one["days_left"] < options.within for one in found)
    return Result(found, Records(found, COLUMNS, (), "name"), NEGATIVE if late else OK)


ACTIONS = {
    "init": init, "issue": issue, "list": index, "export": export,
    "leaf": lambda options: rotation.leaf(site_of(options), options),
    "ca": lambda options: rotation.authorities(site_of(options), options),
}
