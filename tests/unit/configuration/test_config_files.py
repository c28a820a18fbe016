"""Files of the configuration that are refused or upgraded, and imports that are interrupted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ryu_apps.configuration.records import CONFIG, GENERATION
from ryu_apps.configuration.transfer import backup, document, imports, lines, writing
from ryu_apps.configuration.transfer.lines import FileError
from ryu_apps.control.config import lineage, stored
from ryu_apps.control.config.model import FixedIp, Network, Port, Subnet
from ryu_apps.store.base import Compare, Conflict, Put, Unavailable
from ryu_apps.store.memory import MemoryStore
from tests.unit.store.store_support import until

NETWORK = Network("n1", 1000, 1, name="web")
SUBNET = Subnet("s1", "n1", "10.0.0.0/24")
PORT = Port("p1", "n1", "fa:16:3e:00:00:01", fixed_ips=(FixedIp("s1", "10.0.0.5"),))
HEADER = {"format": document.FORMAT, "version": 1, "schema": stored.SCHEMA}


def file(*entries: Any, **header: Any) -> list[bytes]:
    return list(lines.write({**HEADER, **header}, entries))


def entry(kind: str, item: Any, **more: Any) -> dict[str, Any]:
    return {"kind": kind, **stored.plain(item), **more}


WHOLE = (entry("network", NETWORK), entry("subnet", SUBNET), entry("port", PORT))


@pytest.mark.parametrize(
    ("of", "text"),
    [
        ([], "not whole"),
        ([b"{}"], "not whole"),
        ([b"hello\n"], "no JSON"),
        ([b"[1]\n"], "no JSON object"),
        (file(format="vnc-backup"), "no vnc-configuration"),
        (file(version=2), "reads up to 1"),
        (file(schema=99), "newer version; upgrade first"),
        (file(schema="x"), "newer version"),
        (file({"kind": "star", "id": "x"}), "line 2: this version knows no kind 'star'"),
        (file({"kind": ["x"]}), "knows no kind"),
        (file(entry("network", NETWORK, schema=99)), "schema 99"),
        (file({"kind": "network", "schema": 1, "id": "x"}), "malformed"),
        (file(entry("network", NETWORK), entry("network", NETWORK)), "stands twice"),
        (file(entry("network", NETWORK, id="a/b")), "is no id"),
        (file(entry("network", NETWORK, id=7)), "is no id"),
        (file({"record": "/status/nodes/n1", "value": {}}), "no record that a configuration has"),
        (file({"record": 7, "value": {}}), "no record"),
        (file(*WHOLE[1:]), "no network n1"),
        (file(WHOLE[0], WHOLE[2]), "no subnet s1"),
        (file(*WHOLE[:2], entry("port", PORT, security_groups=["g"])), "no security_group g"),
        (file(*WHOLE, entry("port", PORT, id="p2")), "is that of several: p1, p2"),
        (file(*WHOLE, entry("network", NETWORK, id="n2")), "one VNI"),
        (file(entry("network", NETWORK, vni=0)), "vni 0"),
        (file(entry("network", NETWORK, vni="x")), "vni is str, not int"),
        (file(*WHOLE[:1], entry("subnet", SUBNET, cidr="10.1.0.0/24"), WHOLE[2]), "not in 10.1"),
        (file(*WHOLE[:1], entry("subnet", SUBNET, cidr="10.0.0.0")), "subnet s1"),
        (file(*WHOLE[:2], entry("port", PORT, mac_address=["x"])), "is tuple, not str"),
        (file(*WHOLE[:2], entry("port", PORT, security_groups=7)), "wrong form"),
        (file(*WHOLE[:2], entry("port", PORT, fixed_ips=[{"subnet_id": 1, "ip_address": "x"}])),
         "subnet_id is int"),
        ([*file(*WHOLE)[:-1], b'{"end":true,"entries":3,"sha256":"0"}\n'], "digest"),
        ([*file(*WHOLE)[:-1], b'{"end":true,"entries":9,"sha256":"0"}\n'], "3 entries"),
    ],
)
def test_what_cannot_be_a_configuration_is_refused(of: list[bytes], text: str) -> None:
    with pytest.raises(FileError, match=text):
        document.read(of)


def test_an_older_file_is_brought_up_to_date_with_a_warning() -> None:
    """A port of schema 1 knows no groups: it goes on unfiltered, and is not closed."""
    old = {"kind": "port", "schema": 1, "id": "p1", "network_id": "n1",
           "mac_address": "fa:16:3e:00:00:01"}
    found = document.read(file(WHOLE[0], old, schema=1))
    assert found.config.tables["port"]["p1"].unfiltered
    assert "1 resources are brought up to schema 2" in found.warnings[0]
    store = MemoryStore()
    imports.Import(store, found).write("test")
    assert json.loads(store.get(f"{CONFIG}port/p1").value)["schema"] == 2


def test_what_is_not_known_is_left_out_with_a_warning() -> None:
    found = document.read(file(entry("network", NETWORK, colour="red")))
    assert "network colour" in found.warnings[0]


def test_a_store_of_a_newer_version_is_left_alone() -> None:
    store = MemoryStore()
    store.transact([], [Put(f"{CONFIG}star/x", b"{}")])
    with pytest.raises(FileError, match="cannot be read by this version"):
        imports.Import(store, document.read(file(*WHOLE))).write("test")
    assert store.get(f"{CONFIG}network/n1") is None


class Small(MemoryStore):
    """Takes four operations at once; fails after ``left`` transactions."""

    max_operations = 4
    left = 1 << 30

    def transact(self, compares, operations):
        assert len(operations) <= 4
        if self.left <= 0:
            raise Unavailable("no answer", definite=True)
        self.left -= 1
        return super().transact(compares, operations)


def networks(count: int, name: str = "n") -> list[dict[str, Any]]:
    return [entry("network", Network(f"n{i}", 1000 + i, 1 + i, name=name)) for i in range(count)]


def known(store: MemoryStore) -> lineage.Lineage:
    return lineage.decode(store.get(GENERATION).value)


@pytest.mark.parametrize("done", range(2, 6))
def test_an_interrupted_import_is_held_back_and_finished_later(nodes, monkeypatch, done) -> None:
    """Nodes that run and nodes that start follow nothing of it until it is finished."""
    monkeypatch.setattr(writing, "PATIENCE", 0)
    store = Small()
    first = document.read(file(*networks(3)))
    imports.Import(store, first).write("the first")
    running = nodes(store)
    until(lambda: len(running.networks()) == 3)
    before = known(store)

    second = document.read(file(*networks(20, "other")[5:]))
    store.left = done
    with pytest.raises(writing.Interrupted, match="do it again to finish"):
        imports.Import(store, second).write("the second")
    store.left = 1 << 30
    until(lambda: "half a configuration" in running.configuration.doubt)
    assert len(running.networks()) == 3
    late = nodes(store)
    assert "the second" in late.configuration.doubt and late.networks() == {}
    with pytest.raises(Unavailable, match="half a configuration"):
        running.configuration.accept()
    with pytest.raises(FileError, match="half a configuration"):
        list(backup.backup(store, secrets=True))

    imports.Import(store, second).write("the second again")
    assert known(store).line == before.line and known(store).number == before.number + 1
    until(lambda: running.networks() == late.networks() and len(late.networks()) == 15, 30)
    assert running.configuration.doubt == late.configuration.doubt == ""


def test_an_import_that_somebody_overtakes_writes_nothing() -> None:
    store = Small()
    imports.Import(store, document.read(file(*networks(2)))).write("first")
    there = imports.read_store(store)
    found = imports.compare(there, document.read(file(*networks(9, "other"))))
    store.transact([Compare(GENERATION, there.base.revision)],
                   [Put(GENERATION, known(store).next("x").encode())])
    with pytest.raises(Conflict):
        writing.replace(store, there.base, found.operations, b"x", "late")
    assert imports.read_store(store).config.tables["network"]["n0"].name == "n"


def test_a_restored_older_backup_is_doubted_until_it_is_accepted(nodes) -> None:
    store = Small()
    imports.Import(store, document.read(file(*networks(3)))).write("first")
    saved = list(backup.backup(store, secrets=True))
    imports.Import(store, document.read(file(*networks(12)))).write("second")
    running = nodes(store)
    until(lambda: len(running.networks()) == 12)
    with pytest.raises(FileError, match="--replace"):
        backup.restore(store, backup.read(saved), False, False, "test")
    assert backup.restore(store, backup.read(saved), True, True, "test").removed == 9
    assert len(store.list(f"{CONFIG}network/")[0]) == 12
    done = backup.restore(store, backup.read(saved), True, False, "test")
    assert done.staged and done.removed == 9
    until(lambda: "older copy" in running.configuration.doubt, 30)
    assert len(running.networks()) == 12
    running.configuration.accept()
    until(lambda: len(running.networks()) == 3)


def test_a_backup_has_what_nodes_remember_and_not_who_runs() -> None:
    store = MemoryStore()
    store.transact([], [
        Put("/status/nodes/n1", b"{}"), Put("/status/advertised/n1/n1", b'{"a":1}'),
        Put("/status/odd", b"\xff\x00"), Put("/config/network/n1", stored.encode(NETWORK)),
    ])
    saved = backup.read(list(backup.backup(store, secrets=True)))
    assert saved.values.keys() == {
        "/status/advertised/n1/n1", "/status/odd", "/config/network/n1"}
    other = MemoryStore()
    backup.restore(other, saved, False, False, "test")
    assert other.get("/status/odd").value == b"\xff\x00"
