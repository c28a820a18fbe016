"""Views of names: what a change costs, and that another thread may read meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace

import dns.message
import pytest

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, FixedIp, Network, Port, Subnet
from ryu_apps.control.edge import names
from ryu_apps.control.edge.names import Names
from tests.unit.control.graph_support import Part
from vrouter_ovs.proxies.dns.dns import DnsView, answer

PORTS = 1000


def port(number: int, **more: object) -> Port:
    address = f"10.0.{number // 250}.{1 + number % 250}"
    return Port(f"p{number}", "n", f"fa:16:3e:00:{number >> 8:02x}:{number & 255:02x}",
                fixed_ips=(FixedIp("s", address),), dns_name=f"vm{number}", **more)  # fmt: skip


class Bench:
    def __init__(self, count: int = 0) -> None:
        self.config = Config()
        self.part = Part()
        self.follow(60)
        self.put("network", Network("n", 100, 1, dns_domain="example.org."))
        self.put("subnet", Subnet("s", "n", "10.0.0.0/16"))
        for number in range(count):
            self.put("port", port(number))
        self.part.mark("networks", "n")

    def follow(self, ttl: int) -> None:
        """Names of the configuration, from nothing."""
        self.names = Names(self.config, self.part.marks("Names"), self.part.effects, ttl)
        self.part.consume(networks=self.names.resolve_network, names=self.names.resolve_port)

    def put(self, kind: str, item: object) -> None:
        self.config.apply(Change(kind, item.id, item))
        if kind == "port":
            self.part.mark("names", ("n", item.id))

    def drop(self, port_id: str) -> None:
        self.config.apply(Change("port", port_id, None))
        self.part.mark("names", ("n", port_id))

    def view(self) -> DnsView:
        found = self.names.view("n")
        assert found is not None
        return found


def test_a_view_is_there_while_ports_of_its_network_are() -> None:
    bench = Bench(2)
    assert bench.part.flush() == [] and bench.names.view("n") is None
    bench.names.bound("n", 1)
    (effect,) = bench.part.flush()
    assert effect.network_id == "n" and effect.view is bench.view()
    assert bench.view().domain == "example.org"
    assert bench.view().names["vm1"] == ("10.0.0.2",), "names of ports elsewhere are there too"
    bench.names.bound("n", 1)
    bench.names.bound("n", -1)
    assert bench.part.flush() == []
    bench.names.bound("n", -1)
    (effect,) = bench.part.flush()
    assert effect.view is None and bench.names.view("n") is None


def test_names_pointers_and_what_lies_above() -> None:
    bench = Bench(1)
    bench.names.bound("n", 1)
    bench.part.flush()
    view = bench.view()
    bench.put("port", replace(port(1), dns_name="a.b"))
    bench.put("port", replace(port(2), dns_name="vm0"))
    bench.put("port", replace(port(3), dns_domain="other.test."))
    assert bench.part.flush() == [] and bench.view() is view, "no effect: the view is live"
    assert view.names["vm0"] == ("10.0.0.1", "10.0.0.3"), "two ports, one name: both"
    assert view.names["a.b.example.org"] == ("10.0.0.2",) and "b" in view.parents
    assert "a.b" not in view.names, "only within its domain"
    assert view.names["vm3.other.test"] == ("10.0.0.4",)
    assert view.pointers["10.0.0.4"] == "vm3.other.test"
    bench.drop("p1")
    bench.drop("p2")
    bench.part.flush()
    assert view.names["vm0"] == ("10.0.0.1",)
    assert "b" not in view.parents and "10.0.0.2" not in view.pointers


def test_a_guest_of_a_shared_network_takes_no_names_of_the_outside() -> None:
    bench = Bench(1)
    bench.put("network", replace(bench.config.networks["n"], project_id="owner", shared=True))
    bench.names.bound("n", 1)
    for number, project in ((1, "guest"), (2, "owner"), (3, "")):
        bench.put("port", replace(port(number, project_id=project), dns_domain="bank.test."))
    bench.put("port", replace(port(4, project_id="guest"), dns_domain="in.example.org."))
    bench.put("port", port(5, project_id="guest"))
    bench.part.flush()
    names = bench.view().names
    assert "vm1.bank.test" not in names and "10.0.0.2" not in bench.view().pointers
    assert {"vm2.bank.test", "vm3.bank.test", "vm4.in.example.org", "vm5"} <= names.keys()


def test_how_long_names_are_remembered() -> None:
    bench = Bench(1)
    bench.follow(7)
    bench.names.bound("n", 1)
    bench.part.flush()
    assert bench.view().ttl == 7
    response = dns.message.from_wire(
        answer(dns.message.make_query("vm0.example.org", "A").to_wire(), bench.view()).wire
    )
    assert response.answer[0].ttl == 7


def test_one_port_costs_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(PORTS)
    bench.names.bound("n", 1)
    bench.part.flush()
    assert len(bench.view().names) == PORTS
    looked: list[str] = []
    whole = names.assignments

    def counting(item: Port, domain: str) -> list:
        looked.append(item.id)
        return whole(item, domain)

    monkeypatch.setattr(names, "assignments", counting)
    bench.put("port", port(PORTS))
    bench.part.flush()
    bench.put("port", replace(port(PORTS), dns_name="renamed"))
    bench.part.flush()
    bench.drop(f"p{PORTS}")
    bench.part.flush()
    bench.config.apply(Change("network", "n", replace(bench.config.networks["n"], name="new")))
    bench.part.mark("networks", "n")
    bench.part.flush()
    assert looked == [f"p{PORTS}"] * 2
    assert "renamed" not in bench.view().names


def test_another_thread_may_ask_while_names_change() -> None:
    bench = Bench(50)
    bench.names.bound("n", 1)
    bench.part.flush()
    view, done, faults = bench.view(), threading.Event(), []
    asked = [
        dns.message.make_query(name, kind).to_wire()
        for name, kind in (
            ("vm7.example.org", "A"), ("a.b.example.org", "A"), ("b.example.org", "A"),
            ("8.0.0.10.in-addr.arpa", "PTR"), ("vm7", "AAAA"),
        )
    ]  # fmt: skip
    kinds: set[str] = set()

    def read() -> None:
        try:
            while not done.is_set():
                kinds.update(answer(query, view).kind for query in asked)
        except Exception as error:
            faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(400):
        for number in range(5, 10):
            name = ("a.b", f"vm{number}", "vm7")[turn % 3]
            bench.put("port", replace(port(number), dns_name=name))
        for number in range(50, 60):
            bench.put("port", port(number)) if turn % 2 else bench.drop(f"p{number}")
        bench.part.flush()
    done.set()
    reader.join(30)
    assert not faults and kinds <= {"answer", "nodata", "nxdomain"}
    assert "answer" in kinds
