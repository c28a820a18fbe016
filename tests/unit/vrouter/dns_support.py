"""A network's names, and questions about them."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from vrouter_ovs.proxies.dns import dns as edge_dns

VIEW = edge_dns.DnsView(
    domain="red.test",
    names={"vm1": ("10.0.0.5", "fd00::5"), "vm2": ("10.0.0.6",), "a.b": ("10.0.0.8",),
           "www.own.test": ("10.0.0.9",)},
    pointers={"10.0.0.5": "vm1.red.test", "fd00::5": "vm1.red.test"},
    prefixes=("10.0.0.0/24", "fd00::/64"), parents=frozenset(("b",)),
)  # fmt: skip


def query(name: str, rdtype: str = "A", rdclass: str = "IN", **settings) -> bytes:
    return dns.message.make_query(name, rdtype, rdclass, id=77, **settings).to_wire()


def ask(name: str, rdtype: str = "A", view=VIEW, **settings):
    """(kind, message) of the reply."""
    reply = edge_dns.answer(query(name, rdtype, **settings), view)
    message = dns.message.from_wire(reply.wire)
    if reply.kind != "forward":
        assert message.id == 77 and message.flags & dns.flags.QR
    return reply.kind, message


def response(name: str, *records: str, rcode: int = 0, authority: str = "", rdtype: str = "A",
             edns: bool = True) -> bytes:  # fmt: skip
    """A resolver's response; records as "TTL TYPE DATA"."""
    message = dns.message.make_response(
        dns.message.make_query(name, rdtype, id=0, use_edns=0 if edns else None)
    )
    message.flags |= dns.flags.RA
    message.set_rcode(dns.rcode.Rcode(rcode))
    for record in records:
        ttl, kind, data = record.split(" ", 2)
        message.answer.append(dns.rrset.from_text(f"{name}.", int(ttl), "IN", kind, data))
    if authority:
        ttl, data = authority.split(" ", 1)
        message.authority.append(dns.rrset.from_text("test.", int(ttl), "IN", "SOA", data))
    return message.to_wire(max_size=65535)
