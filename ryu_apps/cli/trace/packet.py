"""The packet that is followed from hop to hop, and how it is told to ``ofproto/trace``."""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass

from vrouter_ovs.numbers import (
    ECHO_REQUEST,
    ECHO_REQUEST6,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_TCP,
    PROTO_UDP,
)

TRACKED_ESTABLISHED = 0x22
"""As a number: "trk|est" would not survive a shell (ovs-fields(7), "Connection Tracking")."""


@dataclass(frozen=True)
class Packet:
    """``protocol``: "icmp" (an echo request), "tcp" or "udp"; ``port``: destination port of those.

    ``tunnel``: (VNI, outer source, outer destination) when it arrives through one.  ``vlan``: the
    VID when it arrives tagged, else 0.
    """

    eth_src: str
    eth_dst: str
    ip_src: str
    ip_dst: str
    protocol: str = "icmp"
    port: int = 0
    ttl: int = 64
    tunnel: tuple[int, str, str] | None = None
    vlan: int = 0

    @property
    def version(self) -> int:
        return ipaddress.ip_address(self.ip_dst).version

    def flow(self, in_port: int) -> str:
        """In the syntax of ovs-fields(7)."""
        six = self.version == 6
        terms = [f"in_port={in_port}"]
        if self.tunnel:
            key, src, dst = self.tunnel
            v6 = "ipv6_" if ":" in dst else ""
            terms += [f"tun_id={key}", f"tun_{v6}src={src}", f"tun_{v6}dst={dst}"]
        if self.vlan:
            terms.append(f"vlan_tci={0x1000 | self.vlan:#x}")
        terms.append(self.protocol + ("6" if six else ""))
        terms += [f"dl_src={self.eth_src}", f"dl_dst={self.eth_dst}"]
        kind = "ipv6" if six else "nw"
        terms += [f"{kind}_src={self.ip_src}", f"{kind}_dst={self.ip_dst}", f"nw_ttl={self.ttl}"]
        if self.protocol == "icmp":
            # ofproto/trace takes the names of IPv4 for IPv4 alone.
            name, number = ("icmpv6", ECHO_REQUEST6) if six else ("icmp", ECHO_REQUEST)
            terms += [f"{name}_type={number}", f"{name}_code=0"]
        else:
            terms += [f"{self.protocol}_src=40000", f"{self.protocol}_dst={self.port}"]
        return ",".join([*terms, *self._connection(kind)])

    def _connection(self, kind: str) -> list[str]:
        """The connection that it belongs to: a trace knows none, and rules are held against it."""
        six = self.version == 6
        if self.protocol == "icmp":
            number, first, second = (
                (PROTO_ICMPV6, ECHO_REQUEST6, 0) if six else (PROTO_ICMP, ECHO_REQUEST, 0)
            )
        else:
            number = {"tcp": PROTO_TCP, "udp": PROTO_UDP}[self.protocol]
            first, second = 40000, self.port
        return [
            f"ct_state={TRACKED_ESTABLISHED:#x}", f"ct_nw_proto={number}",
            f"ct_{kind}_src={self.ip_src}", f"ct_{kind}_dst={self.ip_dst}",
            f"ct_tp_src={first}", f"ct_tp_dst={second}",
        ]  # fmt: skip

    def after(self, final: dict[str, str]) -> Packet:
        """As it left a switch whose trace ended with these fields."""
        kind = "ipv6" if self.version == 6 else "nw"
        return dataclasses.replace(
            self,
            eth_src=final.get("dl_src", self.eth_src),
            eth_dst=final.get("dl_dst", self.eth_dst),
            ip_src=final.get(f"{kind}_src", self.ip_src),
            ip_dst=final.get(f"{kind}_dst", self.ip_dst),
            ttl=int(final.get("nw_ttl", self.ttl)),
        )
