"""What the extra DHCP options of both families have in common: which clients they are for.

"tag:ipxe,67" is for iPXE, "tag:!ipxe,67" for all others.  The form is dnsmasq's, with the tags that
Neutron's DHCP agent sets: ``ipxe``, and ``ipxe6`` for DHCPv6, which mean the same here.  "!175,67"
is an older way to say "tag:!ipxe,67".
"""

from __future__ import annotations

from collections.abc import Iterable

_FLAGS = {"tag:ipxe": True, "tag:ipxe6": True, "tag:!ipxe": False, "tag:!ipxe6": False,
          "!175": False}  # fmt: skip
USER_CLASS = b"iPXE"
"""What iPXE says of itself in the user class option (https://ipxe.org/howto/dhcpd)."""

class OtherFamily(ValueError):
    """The value has addresses of the other family: clients of this one cannot be told of it."""


def split(name: str) -> tuple[bool | None, str]:
    """(whether the client has to be iPXE, the option's own name in lower case).

    None: the option is for all clients.  Raises ValueError for a tag that nobody sets.
    """
    ipxe = None
    head, comma, rest = name.strip().lower().partition(",")
    while comma:
        flag = _FLAGS.get(head.strip())
        if flag is None:
            raise ValueError(f"no client has the tag {head.strip()}; there are ipxe and ipxe6")
        if ipxe not in (None, flag):
            raise ValueError(f"no client is what {name} says")
        ipxe = flag
        head, comma, rest = rest.partition(",")
    return ipxe, head.strip()


def chosen(
    options: Iterable[tuple[int, str, str]], version: int, ipxe: bool
) -> list[tuple[str, str]]:
    """(name without tags, value) of the options of one family for one kind of client, what is for
    all clients first: what has a tag replaces it."""
    tagged, found = [], []
    for option_version, name, value in options:
        if option_version != version:
            continue
        try:
            only_ipxe, plain = split(name)
        except ValueError:
            continue  # refused by whoever wrote it down
        if only_ipxe is None:
            found.append((plain, value))
        elif only_ipxe == ipxe:
            tagged.append((plain, value))
    return found + tagged
