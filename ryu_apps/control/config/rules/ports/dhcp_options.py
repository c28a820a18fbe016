"""Rules for ``extra_dhcp_opts`` of ports (Networking API v2.0, extension extra_dhcp_opt)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.model import DhcpOption
from ryu_apps.control.config.rules.draft import RuleError
from vrouter_ovs.proxies.dhcp.client_tags import OtherFamily
from vrouter_ovs.proxies.dhcp.dhcp4_options import DHCP4
from vrouter_ovs.proxies.dhcp.dhcp6_options import DHCP6

MAX_OPTIONS = 32
MAX_BYTES = 900
"""Of all values of one family together: an answer has to fit one packet without fragments."""
_ENCODERS = {4: DHCP4.encode, 6: DHCP6.encode}


def merged(
    old: Iterable[DhcpOption], requested: list[dict[str, Any]] | None
) -> tuple[DhcpOption, ...]:
    """``old`` with the options of a request: a value of null takes one away, any other replaces
    what has the same name and family.

    Each must be one that DHCP can carry, so that no one believes in an option which no client gets.
    Clients write the same options for subnets of either family, without an ip_version: then what
    has addresses of the other family is kept.  Raises RuleError 400.
    """
    found = {(one.ip_version, one.name): one for one in old}
    for item in requested or ():
        version, name, value = item.get("ip_version") or 4, item["opt_name"].strip(), (
            item.get("opt_value")
        )
        if version not in _ENCODERS:
            raise _bad(f"ip_version {version} is neither 4 nor 6")
        if not name:
            raise _bad("opt_name must not be blank")
        if value is None:
            found.pop((version, name), None)
            continue
        try:
            _ENCODERS[version](name, value)
        except OtherFamily as error:
            if item.get("ip_version"):
                raise _bad(f"option {name} with the value '{value}': {error}") from error
        except ValueError as error:
            raise _bad(f"option {name} with the value '{value}': {error}") from error
        found[version, name] = DhcpOption(version, name, value)
    if len(found) > MAX_OPTIONS:
        raise _bad(f"a port has at most {MAX_OPTIONS} extra options")
    for version in _ENCODERS:
        size = sum(len(one.value.encode()) for one in found.values() if one.ip_version == version)
        if size > MAX_BYTES:
            raise _bad(f"the values for IPv{version} are longer than {MAX_BYTES} bytes together")
    return tuple(sorted(found.values()))


def _bad(reason: str) -> RuleError:
    return RuleError(
        400, "ExtraDhcpOptBadData", f"Invalid data format for extra DHCP options: {reason}."
    )
