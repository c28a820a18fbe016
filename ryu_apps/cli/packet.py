"""The packet that is followed from hop to hop, and how it is told to ``ofproto/trace``."""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True)
class Packet:
    """``protocol``: "icmp" (an echo request), "tcp" or "udp"; ``port``: destination port of those.

    ``tunnel``: (VNI, outer source, outer destination) when it arrives through one.
    """

    eth_src: str
    eth_dst: str
    ip_src: str
    ip_dst: str
    protocol: str = "icmp"
    port: int = 0
    ttl: int = 64
    tunnel: tuple[int, str, str] | None = None

    @property
    def version(self) -> int:
        return ipaddress.ip_address(self.ip_dst).version

    def flow(self, in_port: int) -> str:
        """In the syntax of ovs-fields(7)."""
        six = self.version == 6
        terms = [f"in_port={in_port}"]
        if self.tunnel:
            vni, src, dst = self.tunnel
            v6 = "ipv6_" if ":" in dst else ""
            terms += [f"tun_id={vni}", f"tun_{v6}src={src}", f"tun_{v6}dst={dst}"]
        terms.append(self.protocol + ("6" if six else ""))
        terms += [f"dl_src={self.eth_src}", f"dl_dst={self.eth_dst}"]
        kind = "ipv6" if six else "nw"
        terms += [f"{kind}_src={self.ip_src}", f"{kind}_dst={self.ip_dst}", f"nw_ttl={self.ttl}"]
        if self.protocol == "icmp":
            ends = (128 if six else 8, 0)
            terms += [f"icmp_type={ends[0]}", f"icmp_code={ends[1]}"]
        else:
            ends = (40000, self.port)
            terms += [f"{self.protocol}_src={ends[0]}", f"{self.protocol}_dst={ends[1]}"]
        # ofproto/trace looks nothing up in conntrack: it is told which connection this is of.
        # 0x22 is trk|est; written so, because the text may end in another host's shell.
        number = {"icmp": 58 if six else 1, "tcp": 6, "udp": 17}[self.protocol]
        terms += [
            "ct_state=0x22", f"ct_nw_proto={number}", f"ct_{kind}_src={self.ip_src}",
            f"ct_{kind}_dst={self.ip_dst}", f"ct_tp_src={ends[0]}", f"ct_tp_dst={ends[1]}",
        ]
        return ",".join(terms)

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
