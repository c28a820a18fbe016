"""A port's extra DHCP options by name: values as users write them -> bytes, for either family.

Names are Neutron's for extra_dhcp_opts, which are dnsmasq's; a number, or either after "option:",
works too, and so do tags (:mod:`.client_tags`).  Values are free text that a tenant chose, so what
cannot be encoded raises ValueError.  Each family is a table: :mod:`.dhcp4_options`,
:mod:`.dhcp6_options`.  To add an option, add it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from vrouter_ovs.edge import EdgePort
from vrouter_ovs.proxies.dhcp.client_tags import chosen, split

Form = Callable[[str], bytes]
"""How a value is written down, as what makes bytes of it.  Raises ValueError."""
MAX_VALUE = 1024


@dataclass(frozen=True)
class Family:
    """The options of one family.

    ``prefixes``: what may stand before a name.  ``last``: the highest code.  ``options``: name ->
    (code, form); ``guess``: the form of a code that has no name.  ``protocol``: the codes that the
    protocol itself says, which nobody may override.
    """

    version: int
    prefixes: tuple[str, ...]
    last: int
    protocol: frozenset[int]
    guess: Form
    options: Mapping[str, tuple[int, Form]]

    @property
    def name(self) -> str:
        return f"DHCPv{self.version}"

    @cached_property
    def form_of(self) -> dict[int, Form]:
        """Code -> form."""
        return dict(self.options.values())

    def encode(self, name: str, value: str) -> tuple[int, bytes]:
        """(code, bytes of the value); empty bytes: the option is to be left out.

        Raises ValueError for an unknown name or tag, a code that belongs to the protocol or a bad
        value; OtherFamily for addresses of the other family.
        """
        key = split(name)[1]
        for prefix in self.prefixes:
            key = key.removeprefix(prefix)
        key = key.replace("_", "-")
        if key.isascii() and key.isdigit():
            code = int(key[:6])
            if code > self.last:
                raise ValueError(f"no {self.name} option {name}")
            form = self.form_of.get(code, self.guess)
        elif key in self.options:
            code, form = self.options[key]
        else:
            raise ValueError(f"unknown {self.name} option {name}")
        if code in self.protocol:
            raise ValueError(f"{self.name} option {name} belongs to the protocol")
        text = value.strip()
        data = form(text) if text else b""
        if len(data) > MAX_VALUE:
            raise ValueError(f"{self.name} option {name} is longer than {MAX_VALUE} bytes")
        return code, data

    def extra(self, port: EdgePort, ipxe: bool) -> dict[int, bytes]:
        """Code -> value of what a port's clients of one kind get beyond the usual; empty bytes: the
        option is to be left out.  For what is not there, see :meth:`problems`."""
        found = {}
        for name, value in chosen(port.extra_options, self.version, ipxe):
            try:
                code, data = self.encode(name, value)
            except ValueError:
                continue
            found[code] = data
        return found

    def problems(self, port: EdgePort) -> tuple[str, ...]:
        """What of the port's extra options cannot be sent, and why; for the log."""
        found = []
        for version, name, value in port.extra_options:
            if version == self.version:
                try:
                    self.encode(name, value)
                except ValueError as error:
                    found.append(str(error))
        return tuple(found)


def text(value: str) -> bytes:
    """As it is."""
    return value.encode()


def number(bits: int, signed: bool = True) -> Form:
    """The form of a number; negative ones as their complement, where they are allowed."""
    least = -(1 << (bits - 1)) if signed else 0

    def encoded(value: str) -> bytes:
        found = int(value, 0)
        if not least <= found < 1 << bits:
            raise ValueError(f"{value} does not fit {bits} bits")
        return (found & ((1 << bits) - 1)).to_bytes(bits // 8, "big")

    return encoded


def packed_of(addresses: Iterable[bytes], size: int) -> bytes:
    """Those packed addresses that are of one family, by their size."""
    return b"".join(address for address in addresses if len(address) == size)
