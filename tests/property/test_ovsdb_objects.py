"""Objects of a hypervisor's database against a copy of it: whatever is asked, broken or held, it
ends as asked, and rows that are others' stay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.ovsdb.endpoints import tunnel_name
from tests.unit.southbound.ovsdb_support import SPEC, Database, asked
from vrouter_ovs.state import Endpoint, InterfaceInstalled, TunnelPort

ENDPOINTS = [Endpoint(f"10.0.0.{number}") for number in range(2, 6)]
TAPS = [f"tap{number}" for number in range(3)]
MARK = "vnc-installed"

step = st.one_of(
    st.tuples(st.just("ask"), st.sets(st.sampled_from(ENDPOINTS)),
              st.dictionaries(st.sampled_from(TAPS), st.booleans())),
    st.tuples(st.just("remove tunnel"), st.sampled_from(ENDPOINTS)),
    st.tuples(st.just("clear options"), st.sampled_from(ENDPOINTS)),
    st.tuples(st.just("unmark"), st.sampled_from(TAPS)),
    st.tuples(st.just("let go")),
)


def plug(database: Database, name: str, **interface: object) -> None:
    database.insert("Interface", f"i#{name}", name=name, **interface)
    database.insert("Port", f"p#{name}", name=name, interfaces=["uuid", f"i#{name}"])
    database.mutate("Bridge", database.view.bridge[0], "ports", "insert", ["uuid", f"p#{name}"])


def collect_garbage(database: Database) -> None:
    """Ports and interfaces that nothing refers to go: their tables are no roots (RFC 7047 3.2)."""
    ports = database.view.bridge[1]["ports"]
    for uuid, row in list(database.replica.tables["Port"].items()):
        if uuid not in ports:
            database.update("Port", uuid, "delete", None)
            for interface in row["interfaces"]:
                database.update("Interface", interface, "delete", None)


def settle(database: Database, objects: list, deferred: bool) -> None:
    for _ in range(3):
        transaction = database.diff(SPEC, asked(*objects, deferred=deferred))
        assert not transaction.problems and not transaction.refused
        if not transaction.operations:
            return
        database.commit(transaction)
        collect_garbage(database)
    raise AssertionError("it does not come to rest")


@given(st.lists(step, max_size=12))
def test_the_database_ends_as_asked(history: list) -> None:
    database = Database()
    database.commit(database.diff())
    plug(database, "foreign", type="vxlan",
         options=["map", [["remote_ip", "10.9.9.9"], ["key", "7"]]])
    for tap in TAPS:
        plug(database, tap, external_ids=["map", [["iface-id", tap]]])
    foreign = dict(database.row("Interface", "foreign"))
    endpoints: set[Endpoint] = set()
    marks: dict[str, bool] = {}
    shown = dict.fromkeys(TAPS, False)
    deferred = True
    for what, *arguments in history:
        interfaces = database.replica.interfaces_by_name
        if what == "ask":
            endpoints, marks = arguments
        elif what == "let go":
            deferred = False
        elif what == "unmark":
            uuid = interfaces[arguments[0]]
            if MARK in database.replica.tables["Interface"][uuid]["external_ids"]:
                database.mutate("Interface", uuid, "external_ids", "delete", ["set", [MARK]])
                shown[arguments[0]] = False
        elif (uuid := interfaces.get(tunnel_name(arguments[0]))) is not None:
            options = database.replica.tables["Interface"][uuid]["options"]
            if what == "remove tunnel":
                database.mutate("Bridge", database.view.bridge[0], "ports", "delete",
                                ["uuid", database.view.member(uuid)])
                collect_garbage(database)
            elif "remote_ip" in options:
                database.mutate("Interface", uuid, "options", "delete", ["set", ["remote_ip"]])
        before = set(database.view.tunnels)
        settle(database, [*map(TunnelPort, endpoints),
                          *(InterfaceInstalled(*one) for one in marks.items())], deferred)
        present = set(database.view.tunnels)
        assert present == (endpoints | before if deferred else endpoints)
        for endpoint in endpoints:
            assert database.row("Interface", tunnel_name(endpoint))["options"]["remote_ip"] \
                == endpoint.vtep
        shown |= marks
        for tap, installed in shown.items():
            assert (MARK in database.row("Interface", tap)["external_ids"]) == installed
        assert database.row("Interface", "foreign") == foreign
