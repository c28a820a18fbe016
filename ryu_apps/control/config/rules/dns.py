"""Rules for ``dns_name`` and ``dns_domain`` (Networking API v2.0, extensions dns-integration and
dns-domain-ports), and for ``vpn:mdns``."""

from __future__ import annotations

import re

from ryu_apps.control.config.dns_names import domain
from ryu_apps.control.config.model import Network, Port
from ryu_apps.control.config.rules.draft import Context, RuleError, bad_request
from vrouter_ovs.state import MDNS_MODES

MAX_NAME = 255
_LABEL = re.compile(r"[a-z0-9-]{1,63}")


def dns_name(text: str | None) -> str:
    """A host name, lower case: one or more labels (RFC 1123 section 2.1).  Raises RuleError 400."""
    return _checked("dns_name", (text or "").lower())


def dns_domain(text: str | None) -> str:
    """A domain with the last dot, lower case.  Raises RuleError 400."""
    name = (text or "").lower()
    if name and not name.endswith("."):
        raise _refused("dns_domain", f"'{text}' is not a FQDN: it must end with a dot")
    return _checked("dns_domain", name)


def mdns(text: str | None, context: Context) -> str:
    """Where multicast DNS of a network goes; nothing stands for the default of this system.  Raises
    RuleError 400."""
    mode = text or context.mdns
    if mode not in MDNS_MODES:
        raise _refused("vpn:mdns", f"'{text}' is not in {list(MDNS_MODES)}")
    return mode


def _checked(field: str, name: str) -> str:
    if not name:
        return ""
    labels = name.removesuffix(".").split(".")
    problem = ""
    if len(name) > MAX_NAME - 2:
        problem = f"'{name}' exceeds the {MAX_NAME - 2} character FQDN limit"
    for label in labels:
        if not label:
            problem = "Encountered an empty component"
        elif not _LABEL.fullmatch(label):
            problem = (
                f"Name '{label}' must be 1-63 characters long, each of which can only be "
                "alphanumeric or a hyphen"
            )
        elif label.startswith("-") or label.endswith("-"):
            problem = f"Name '{label}' must not start or end with a hyphen"
    if len(labels) > 1 and labels[-1].isdigit():
        problem = f"TLD '{labels[-1]}' must not be all numeric"
    if problem:
        raise _refused(field, f"'{name}' not a valid PQDN or FQDN. Reason: {problem}")
    return name


def whole_name(port: Port, network: Network) -> None:
    """A port's name with its domain must be a DNS name: at most 253 characters, and one that ends
    with a dot must lie in the port's domain.  Raises RuleError 400."""
    name, zone = port.dns_name, domain(port, network.dns_domain)
    if name.endswith("."):
        if not name.endswith(f".{zone}"):
            raise _refused(
                "dns_name", f"The name '{name}' ends with a dot, so it must lie in the domain "
                f"'{zone}' of the port",
            )
    elif name and len(name) + 1 + len(zone) > MAX_NAME - 1:
        raise _refused(
            "dns_name", f"'{name}' and its domain '{zone}' together exceed the {MAX_NAME - 2} "
            "character FQDN limit",
        )


def _refused(field: str, reason: str) -> RuleError:
    return bad_request(f"Invalid input for {field}. Reason: {reason}.", "HTTPBadRequest")
