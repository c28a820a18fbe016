"""How vnctl prints lists: formats, columns, order, folding, again and again; and completion."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps import __version__
from ryu_apps.cli.table import table
from ryu_apps.cli.vnctl import COMMANDS, build_parser, main
from tests.unit.cli.vnctl_support import runner
from tests.unit.node.interruptible import start
from tests.unit.northbound.api_client import Node


@pytest.fixture(scope="module")
def node():
    one = Node()
    network = one.make("network", name="web")
    for cidr in ("10.9.0.0/24", "fd00:2::/64", "10.10.0.0/24"):
        one.make("subnet", network_id=network["id"], cidr=cidr)
    for name in ("web10", "web2", "web1", ""):
        one.make("port", network_id=network["id"], name=name)
    one.view.element_list = [{"id": "hv1", "element": "hv1", "hostname": "host1",
                              "connected": True}]
    one.view.flow_list = {"hv1": [
        {"table": "route", "priority": 100, "cookie": "0x1", "object": ["route", 5000, "10.0.0.0"],
         "match": {f"reg{n}": "0x0000ffff" for n in range(12)},
         "actions": [f"set_field:0x{n:08x}->reg{n}" for n in range(14)]}]}
    yield one
    one.close()


@pytest.fixture
def run(node, capsys):
    return runner(node, capsys)


def column(shown: str, at: int = 0) -> list[str]:
    return [line.split()[at] for line in shown.splitlines()]


def test_sorted_as_people_sort(run):
    assert column(run("ports")) == ["NAME", "web1", "web2", "web10", "-"]
    assert column(run("ports", "--reverse", "--no-headings")) == ["-", "web10", "web2", "web1"]
    assert column(run("subnets", "--sort", "cidr", "-c", "cidr")) == [
        "CIDR", "10.9.0.0/24", "10.10.0.0/24", "fd00:2::/64"]
    assert "10.9.0.0/24, 10.10.0.0/24, fd00:2::/64" in run("networks")


def test_columns_are_the_same_whatever_the_data(run, node):
    before = run("elements").splitlines()[0].split()
    node.view.element_list.append({"id": "hv2", "refused": "it has no system-id", "owner": "node1"})
    try:
        shown = run("elements")
        assert shown.splitlines()[0].split() == before
        assert "refused" in shown and "it has no system-id" in shown
    finally:
        node.view.element_list.pop()
    wide = run("elements", "-o", "wide").splitlines()[0].split()
    assert wide[:len(before)] == before and "OVS" in wide
    assert run("ports", "-c", "status,mac,Name").splitlines()[0].split() == ["STATUS", "MAC",
                                                                            "NAME"]
    for option in ("-c", "--sort"):
        said = run("ports", option, "nosuch", status=2)
        assert "there is no column nosuch; there are: name, id" in said


def test_what_may_not_join_and_what_nobody_knows_is_shown(run, node):
    port = json.loads(run("ports", "--json"))["ports"][0]["id"]
    typed = port[:20] + "0" + port[20:-1]
    saved = node.view.element_list
    node.view.element_list = [
        {**saved[0], "mine": True, "unknown_ports": [
            {"interface": "tap0", "iface_id": typed}, {"interface": "tap1", "iface_id": "x" * 36},
            {"interface": "tap2", "iface_id": "nonsense"}]},
        {"id": "@192.0.2.9", "element": "", "address": "192.0.2.9", "refused": "no system-id",
         "state": "refused", "owner": "node1"},
        {"id": "hv1@192.0.2.8", "element": "hv1", "address": "192.0.2.8", "owner": "node1",
         "refused": "its system-id is that of a connected one", "state": "refused"},
    ]
    try:
        shown = run("elements")
        assert f"tap0: no port has the id {typed}" in shown and "and 1 more" in shown
        assert column(shown)[1:] == ["@192.0.2.9", "hv1", "hv1@192.0.2.8"]
        assert shown.count("refused") == 2
        assert f"{typed}" in run("element", "show", "hv1")
        assert "no system-id" in run("element", "show", "192.0.2.9")
        assert "that of a connected one" in run("element", "show", "hv1@192.0.2.8")
        said = run("port", "show", port)
        assert f"tap0 of host1 has the iface-id {typed}" in said and "tap1" not in said
    finally:
        node.view.element_list = saved


def test_formats_for_programs(run, node):
    data = json.loads(run("ports", "-o", "json"))
    assert data == json.loads(run("ports", "--json")) == yaml.safe_load(run("ports", "-o", "yaml"))
    ids = run("ports", "-o", "name").split()
    assert sorted(ids) == sorted(port["id"] for port in data["ports"])
    assert run("elements", "-o", "name").split() == ["hv1"]
    assert "lists" in run("status", "-o", "name", status=2)
    assert yaml.safe_load(run("status", "-o", "yaml"))["status"] == "ok"
    assert json.loads(run("-o", "json", "network", "show", "web"))["network"]["name"] == "web"


@pytest.mark.parametrize("words,said", [
    (("rib", "--mac", "zz"), "not a MAC address"), (("rib", "--peer", "nosuch"), "no peer nosuch"),
    (("rib", "--type", "9"), "1 to 5"), (("rib", "--type", "foo"), "number"),
    (("rib", "--vrf", "7"), "no vrf 7"), (("flows", "hv1", "--table", "nosuch"), "no table nosuch"),
    (("flows", "hv1", "--object", "nosuch"), "no kind nosuch"), (("flows", "hv9"), "known: hv1"),
    (("objects", "hv1", "--kind", "nosuch"), "no kind nosuch"),
    (("ports", "--host", "nosuch"), "known: host1"), (("ports", "--network", "no"), "no network"),
    (("subnets", "--network", "no"), "no network"), (("element", "show", "no"), "known: hv1"),
    (("router", "show", "no"), "no router"), (("security-group", "show", "no"), "security group"),
])
def test_what_cannot_match_is_refused(run, words, said):
    assert said in run(*words, status=3)


def test_show_needs_a_name_and_list_has_none(run):
    assert "which port" in run("port", "show", status=2)
    assert "vnctl ports show web1" in run("ports", "list", "web1", status=2)


def test_parts_that_nodes_did_not_tell_are_said(run, node):
    node.view.node_list.append({"node": "node2", "alive": False, "elements": 3})
    try:
        assert "not told by node node2, which is away" in run("elements", status=1)
        assert json.loads(run("elements", "--json", status=1))["unanswered"]
    finally:
        node.view.node_list.pop()


@pytest.mark.parametrize("width", [80, 100])
def test_flows_fit_a_terminal(run, node, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    shown = run("flows", "hv1")
    assert max(map(len, shown.splitlines())) <= width
    joined = "".join(shown.split())
    for part in ("set_field:0x0000000d->reg13", "reg11=0x0000ffff"):
        assert part in joined or all(piece in joined for piece in part.split("0x"))
    monkeypatch.delenv("COLUMNS")
    assert len(run("flows", "hv1").splitlines()) == 3, "elsewhere a flow is a line"


cells = st.text("ab,- ", max_size=60)


@given(st.lists(st.tuples(cells, cells, cells), max_size=4), st.integers(60, 120))
def test_folding_loses_nothing(rows, width):
    columns = [(name, at) for at, name in enumerate("ABC")]
    records = [dict(enumerate(row)) for row in rows]
    folded = table(records, columns, width)
    assert all(len(line) <= width for line in folded.splitlines())
    whole = table(records, columns)
    for letter in "ab,":
        assert folded.count(letter) == whole.count(letter)


def test_again_and_again(node):
    process = start(
        [sys.executable, "-m", "ryu_apps.cli.vnctl", "--url", node.url, "networks", "--watch",
         "0.1", "--no-headings"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert all(line.startswith("web ") for line in seen) and process.returncode == 130
    assert errors == ""


def test_a_node_that_is_away_is_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    process = start(
        [sys.executable, "-m", "ryu_apps.cli.vnctl", "--url", f"http://127.0.0.1:{port}", "nodes",
         "-w", "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(3):
        assert "nothing listens" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"vnctl {__version__}\n"


def test_every_option_says_what_it_is():
    parser = build_parser()
    names = {name for command in COMMANDS for name in (command.name, *command.aliases)}
    found = parser._subparsers._group_actions[0].choices
    assert set(found) == names
    for name, sub in found.items():
        for action in sub._actions:
            assert action.help, f"vnctl {name}: {action.option_strings or action.dest}"


@pytest.mark.parametrize("shell,word", [("bash", "complete"), ("zsh", "compdef"),
                                        ("fish", "complete")])
def test_completion_scripts(capsys, shell, word):
    assert main(["completion", shell]) == 0
    assert word in capsys.readouterr().out


def completions(line: str, url: str, tmp_path) -> set[str]:
    """What a shell is told for a line that ends here."""
    file = tmp_path / "said"
    file.write_text("")
    subprocess.run(
        [sys.executable, "-m", "ryu_apps.cli.vnctl"], check=False, timeout=30,
        env={**os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
             "COMP_TYPE": "9", "_ARGCOMPLETE_STDOUT_FILENAME": os.fspath(file), "IFS": "\013",
             "_ARGCOMPLETE_IFS": "\n", "VNCTL_URL": url})
    return {word.strip() for word in file.read_text().split("\n") if word.strip()}


def test_completion_knows_commands_and_what_the_node_has(node, tmp_path):
    assert {"ports", "port"} <= completions("vnctl po", node.url, tmp_path)
    assert completions("vnctl port show web1", node.url, tmp_path) == {"web1", "web10"}
    assert completions("vnctl ports --network w", node.url, tmp_path) == {"web"}
    assert completions("vnctl flows h", node.url, tmp_path) == {"hv1"}
    assert "route" in completions("vnctl flows hv1 --table r", node.url, tmp_path)
    assert completions("vnctl port show w", "http://127.0.0.1:1", tmp_path) == set()


def test_completion_knows_who_has_a_certificate(tmp_path, monkeypatch):
    monkeypatch.setenv("VNC_PKI", str(tmp_path / "pki"))
    nowhere = "http://127.0.0.1:1"
    assert {"init", "rotate"} <= completions("vnctl pki ", nowhere, tmp_path)
    assert completions("vnctl pki export node ", nowhere, tmp_path).isdisjoint({"n1"})
    main(["pki", "init", str(tmp_path / "pki"), "--site", "x"])
    main(["pki", "issue", "node", "n1"])
    assert completions("vnctl pki export node n", nowhere, tmp_path) == {"n1"}
    assert "leaf" in completions("vnctl pki rotate ", nowhere, tmp_path)
    assert "--begin" in completions("vnctl pki rotate ca --b", nowhere, tmp_path)
