"""What the resolver of a network may say by itself, and what of a query it passes on."""

from __future__ import annotations

from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vrouter.dns_support import VIEW, ask, query, response
from vrouter_ovs.proxies.dns import dns as edge_dns
from vrouter_ovs.proxies.dns import relay as dns_relay
from vrouter_ovs.proxies.dns import special_names as dns_special
from vrouter_ovs.proxies.dns.special_names import parse_zones
from vrouter_ovs.proxies.dns.wire import Cache

AD, CD, DO = dns.flags.AD, dns.flags.CD, dns.flags.DO


# ---------------------------------------------------------------- names that are others' to deny


@pytest.mark.parametrize(
    ("name", "rdtype"),
    [("com", "NS"), ("com", "DS"), ("com", "DNSKEY"), ("org", "SOA"), ("arpa", "SOA"),
     ("foo", "TXT"), (".", "NS"), ("vm1", "NS"), ("vm1", "DS"), ("in-addr.arpa", "NS")],
)  # fmt: skip
def test_top_level_domains_are_asked_of_the_resolver(name: str, rdtype: str) -> None:
    """Also where a port is called as one of them."""
    assert ask(name, rdtype)[0] == "forward"
    assert ask(name, rdtype, view=replace(VIEW, forward=False))[0] == "refused"


@pytest.mark.parametrize("rdtype", ["A", "AAAA"])
def test_addresses_of_one_label_stay_here_and_deny_nothing_below(rdtype: str) -> None:
    kind, message = ask("com", rdtype)
    assert kind == "nodata" and message.rcode() == dns.rcode.NOERROR
    assert not message.flags & dns.flags.AA and not message.authority
    assert ask("vm1", "A")[0] == "answer"


@pytest.mark.parametrize("zone", ["10.in-addr.arpa", "168.192.in-addr.arpa", "home.arpa",
                                  "d.f.ip6.arpa"])  # fmt: skip
def test_whether_a_zone_is_signed_is_its_parents_to_say(zone: str) -> None:
    """RFC 4035 section 3.1.4.1, RFC 8375 section 4."""
    assert ask(zone, "DS")[0] == "forward"
    assert ask(zone, "SOA")[0] == "nodata"
    assert ask(zone, "DS", view=replace(VIEW, forward=False))[0] == "nodata"
    assert ask(f"x.{zone}", "DS")[0] == "nxdomain"


labels = st.sampled_from(["com", "org", "arpa", "in-addr", "example", "vm1", "red", "test", "10",
                          "xn--p1ai", "local", "0"])  # fmt: skip


@given(st.lists(labels, min_size=1, max_size=4), st.sampled_from(["A", "AAAA", "NS", "DS", "SOA",
                                                                  "TXT", "PTR"]))  # fmt: skip
def test_no_such_name_is_said_of_the_networks_own_zones_alone(parts, rdtype) -> None:
    name = ".".join(parts)
    kind, _ = ask(name, rdtype)
    if kind == "nxdomain":
        asked = tuple(part.encode() for part in parts)
        assert dns_special.zone_of(asked) or name.endswith("red.test")


# ---------------------------------------------------------------- flags


def passed_on(flags: int = 0, **settings) -> tuple[dns.message.Message, edge_dns.Reply]:
    asked = dns.message.make_query("www.example.com", "A", flags=dns.flags.RD | flags, **settings)
    reply = edge_dns.answer(asked.to_wire(), VIEW)
    assert reply.kind == "forward"
    return dns.message.from_wire(reply.wire), reply


@pytest.mark.parametrize("flags", [0, AD, CD, AD | CD])
def test_the_resolver_gets_ad_and_cd(flags: int) -> None:
    sent, reply = passed_on(flags)
    assert sent.flags == dns.flags.RD | flags and reply.question.flags == flags


def answered(response_flags: int, flags: int, **settings) -> dns.message.Message:
    asked = dns.message.make_query("www.example.com", "A", flags=dns.flags.RD | flags, **settings)
    said = dns.message.from_wire(response("www.example.com", "60 A 192.0.2.1"))
    said.flags |= response_flags
    finished = dns_relay.finish(asked.to_wire(), said.to_wire())
    return dns.message.from_wire(finished)


def test_validated_data_is_told_to_who_wants_to_know() -> None:
    """RFC 6840 section 5.8."""
    assert answered(AD, AD).flags & AD
    assert answered(AD, 0, use_edns=0, want_dnssec=True).flags & AD
    assert not answered(AD, 0).flags & AD
    assert not answered(AD, 0, use_edns=0).flags & AD
    assert not answered(0, AD).flags & AD


@pytest.mark.parametrize("cd", [0, CD])
def test_cd_is_the_clients(cd: int) -> None:
    """RFC 4035 section 3.2.2: it comes back as it was sent, whoever answers."""
    assert answered(CD ^ cd, cd).flags & CD == cd
    for name in ("vm1.red.test", "nobody.red.test", "com"):
        wire = query(name, flags=dns.flags.RD | cd)
        assert dns.message.from_wire(edge_dns.answer(wire, VIEW).wire).flags & CD == cd


def test_the_cache_tells_what_was_asked_for_apart() -> None:
    cache = Cache()
    questions = [passed_on(flags, **settings)[1].question
                 for flags in (0, AD, CD, AD | CD)
                 for settings in ({}, {"use_edns": 0, "want_dnssec": True})]  # fmt: skip
    assert len(set(questions)) == 8
    cache.put(questions[0], response("www.example.com", "60 A 192.0.2.1"), 0)
    assert [cache.get(question, 1) is not None for question in questions] == [True] + [False] * 7


# ---------------------------------------------------------------- zones that are kept back


def test_zones_are_switched_off_one_by_one() -> None:
    view = replace(VIEW, forward_zones=parse_zones(("corp.local.", "10.IN-ADDR.arpa")))
    assert ask("_ldap._tcp.corp.local", "SRV", view)[0] == "forward"
    assert ask("corp.local", "NS", view)[0] == "forward"
    assert ask("7.7.7.10.in-addr.arpa", "PTR", view)[0] == "forward"
    assert ask("10.in-addr.arpa", "SOA", view)[0] == "forward"
    # The others stay, and what is the network's own.
    for name in ("printer.local", "xcorp.local", "7.7.168.192.in-addr.arpa", "nas.home.arpa"):
        assert ask(name, "PTR", view)[0] == "nxdomain", name
    assert ask("5.0.0.10.in-addr.arpa", "PTR", view)[0] == "answer"
    assert ask("9.0.0.10.in-addr.arpa", "PTR", view)[0] == "nxdomain"
    assert ask("vm1.red.test", "A", view)[0] == "answer"


@pytest.mark.parametrize(
    ("off", "name"),
    [("local", "printer.local"), ("local", "local"), ("in-addr.arpa", "1.1.16.172.in-addr.arpa"),
     ("arpa", "nas.home.arpa"), ("f.ip6.arpa", "a.9.e.f.ip6.arpa"), ("test", "x.blue.test")],
)  # fmt: skip
def test_a_name_switches_off_all_below(off: str, name: str) -> None:
    rdtype = "SRV"
    assert ask(name, rdtype)[0] == "nxdomain"
    assert ask(name, rdtype, replace(VIEW, forward_zones=parse_zones((off,))))[0] == "forward"


@pytest.mark.parametrize("text", ["example.com", "", ".", "a..local", "com", "8.in-addr.arpa"])
def test_zones_that_nobody_keeps(text: str) -> None:
    with pytest.raises(ValueError):
        parse_zones((text,))
