"""Settings of the OVSDB side, and what is read from them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ryu_apps.connections.port_number import port_number
from vrouter_ovs.encapsulation import VXLAN

DEFAULT_PORT = 6640
VTEPS_IF_NAMED, VTEPS_REQUIRED, VTEPS_IGNORED = CERTIFIED_VTEPS = (
    "if-named", "required", "ignored",
)
"""Whether a hypervisor's VTEPs must be among the addresses of its certificate: where that has any,
always, never."""


@dataclass(frozen=True)
class OvsdbSettings:
    """``listen``: "ptcp:PORT[:ADDRESS]" or "pssl:PORT[:ADDRESS]", port 0 for any free one.

    ``controller_target``: OpenFlow target given to bridges, or None for
    ``tcp:`` or ``ssl:<address the hypervisor connected to>:<openflow_port>``.  ``probe_interval``
    and ``handshake_timeout``: seconds; ``bfd_interval``: milliseconds;
    ``bfd_multiplier``: lost packets after which a path is down; ``input_limit``: bytes of
    one message.  ``private_key``, ``certificate``, ``ca_cert``: PEM files, needed for ``pssl``;
    the hypervisor's certificate must be signed by ``ca_cert``.  ``node_name`` is written to
    ``external_ids:vnc-owner`` where it is not empty.  ``connections_per_port``: how many one port
    can have tracked where the hypervisor's database can limit that; 0 leaves what is there.
    ``encapsulations``: of a hypervisor that does not say its own, the preferred one first.
    ``certified_vteps``: one of CERTIFIED_VTEPS.
    """

    listen: tuple[str, ...]
    controller_target: str | None
    openflow_port: int
    probe_interval: float
    bfd_interval: int
    bfd_multiplier: int
    max_sessions: int
    max_sessions_per_address: int
    private_key: str | None
    certificate: str | None
    ca_cert: str | None
    node_name: str
    connections_per_port: int
    encapsulations: tuple[str, ...] = (VXLAN,)
    certified_vteps: str = VTEPS_IF_NAMED
    handshake_timeout: float = 8.0
    input_limit: int = 64 * 1024 * 1024


def parse_listen(text: str) -> tuple[bool, str, int]:
    """(whether TLS, address, port) of a "ptcp:" or "pssl:" method as in ovsdb(7).

    Raises ValueError.
    """
    scheme, _, rest = text.strip().partition(":")
    port, _, address = rest.partition(":")
    if scheme not in ("ptcp", "pssl"):
        raise ValueError(f"ovsdb listen {text!r}: must be ptcp:PORT[:ADDRESS] or pssl:...")
    number = port_number(port) if port else DEFAULT_PORT
    if number is None:
        raise ValueError(f"ovsdb listen {text!r}: bad port {port!r}")
    address = address.strip("[]") or "0.0.0.0"
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ValueError(f"ovsdb listen {text!r}: bad address {address!r}") from None
    return scheme == "pssl", address, number
