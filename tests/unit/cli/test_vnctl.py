"""vnctl against a node's real REST API with a memory store."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import socket
import subprocess
import sys
import threading

import pytest

from ryu_apps.cli.table import facts, table, text
from ryu_apps.cli.vnctl import COMMANDS, main
from ryu_apps.northbound.base import PortState
from tests.unit.cli.vnctl_support import runner
from tests.unit.node.interruptible import start
from tests.unit.northbound.api_client import Node

ELEMENT = {
    "id": "hv1", "element": "hv1", "hostname": "host1", "vtep": "192.0.2.1", "owner": "node1",
    "connected": True, "ports": [{"id": "x", "ofport": 1}],
    "tunnels": [{"vtep": "192.0.2.2", "ofport": 5, "bfd": "up"},
                {"vtep": "192.0.2.3", "ofport": 6, "bfd": "down"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def node():
    one = Node()
    one.network = one.make("network", name="web")
    subnet = one.make("subnet", network_id=one.network["id"], cidr="10.0.1.0/24", ip_version=4,
                      name="front")
    router = one.make("router", name="edge")
    one.call("PUT", f"/v2.0/routers/{router['id']}/add_router_interface",
             {"subnet_id": subnet["id"]})
    one.port = one.make("port", network_id=one.network["id"], name="web1")
    one.make("port", network_id=one.network["id"], name="twin")
    one.make("port", network_id=one.network["id"], name="twin")
    one.view.element_list = [ELEMENT]
    one.view.paths = [
        {"type": 2, "rd": "192.0.2.1:1", "mac": "fa:16:3e:00:00:01", "ip": "10.0.1.5",
         "next_hop": "192.0.2.1", "labels": [1000, 5000], "rts": ["64512:1000"], "peer": "local",
         "best": True, "evi": [1000]},
        {"type": 5, "rd": "192.0.2.2:9", "prefix": "10.9.0.0/16", "next_hop": "192.0.2.2",
         "labels": [5000], "rts": ["64512:5000"], "peer": "node2", "best": False, "stale": True},
    ]  # fmt: skip
    one.view.flow_list = {"hv1": [
        {"table": "classify", "table_id": 0, "priority": 200, "match": {"in_port": "1"},
         "actions": ["set evi=1000", "goto guard"], "cookie": "0x564e", "object": ["port", "x"]},
    ]}  # fmt: skip
    one.view.objects = {"hv1": [
        {"kind": "tunnel", "key": ["tunnel", "192.0.2.2"], "ofport": 5,
         "endpoint": {"vtep": "192.0.2.2", "encap": "vxlan", "path": 0}},
        {"kind": "port", "key": ["port", 1], "ofport": 1, "evi": 1000},
    ]}  # fmt: skip
    one.view.peer_list = [{"name": "node2", "peer": "node2"}]
    one.view.states[one.port["id"]] = PortState("ACTIVE", "host1", "hv1")
    one.view.details[one.port["id"]] = {"claims": [
        {"element": "hv1", "host": "host1", "interface": "tap1", "ofport": 7, "holds": True,
         "reason": ""},
    ]}  # fmt: skip
    yield one
    one.close()


@pytest.fixture
def run(node, capsys):
    return runner(node, capsys)


def test_every_listing(run, node):
    for words, expected in (
        (["nodes"], ["node1"]),
        (["elements"], ["hv1", "host1", "192.0.2.1", "connected", "1 of 2 up"]),
        (["networks"], ["web", "10.0.1.0/24", str(node.network["provider:segmentation_id"])]),
        (["ports"], ["web1", "ACTIVE", "host1", "10.0.1."]),
        (["rib"], ["fa:16:3e:00:00:01 10.0.1.5", "1000, 5000", "10.9.0.0/16", "stale", "2 paths"]),
        (["flows", "hv1"], ["classify", "in_port=1", "goto guard", "port x", "1 flows"]),
        (["port", "show", "web1"], ["tap1", "ACTIVE", node.port["id"]]),
        (["evis"], ["VNI"]),
        (["vrfs"], ["VNI"]),
        (["peers"], ["PEER"]),
        (["status"], ["store", "ok", "CHECK  RESULT  DETAIL"]),
        (["subnets"], ["10.0.1.0/24", "web", "10.0.1.1"]),
        (["subnets", "--network", "web"], ["10.0.1.0/24"]),
        (["routers"], ["edge", "10.0.1.1"]),
        (["security-groups"], ["default"]),
        (["floating-ips"], ["ADDRESS"]),
        (["objects", "hv1"], ["tunnel", "192.0.2.2", "2 objects"]),
        (["objects", "hv1", "--kind", "port"], ["1 objects"]),
        (["dns"], ["networks"]),
        (["network", "show", "web"], ["10.0.1.0/24", "provider:segmentation_id"]),
        (["networks", "show", node.network["id"]], ["web"]),
        (["subnet", "show", "front"], ["10.0.1.0/24"]),
        (["router", "show", "edge"], ["10.0.1.1", "web", "vpn:vni"]),
        (["security-group", "show", "default"], ["ingress", "IPv6", "default"]),
        (["element", "show", "host1"], ["192.0.2.3", "down", "hostname"]),
        (["element", "list"], ["hv1"]),
        (["port"], ["web1"]),
    ):
        shown = run(*words)
        for word in expected:
            assert word in shown, (words, word, shown)
        data = json.loads(run(*words, "--json"))
        assert isinstance(data, dict)


def test_filters_reach_the_node(run):
    assert "10.9" not in run("rib", "--type", "2") and "10.9" not in run("rib", "--best")
    assert json.loads(run("rib", "--prefix", "10.9.0.0/16", "--json"))["rib"][0]["type"] == 5
    assert "web1" not in run("ports", "--status", "down")
    assert "web1" in run("ports", "--network", "web")
    assert "0 flows" in run("flows", "host1", "--table", "route")
    assert "web1" in run("ports", "--host", "host1")


def test_a_degraded_node_is_shown_and_exits_1(run, node):
    node.view.ok = False
    try:
        assert "FAILED" in run("status", status=1)
    finally:
        node.view.ok = True


def test_all_pages_are_read(run, node):
    small = Node()
    try:
        network = small.make("network", name="big")
        small.make("subnet", network_id=network["id"], cidr="10.0.0.0/16", ip_version=4)
        bulk = [{"network_id": network["id"], "name": f"p{n}"} for n in range(60)]
        small.call("POST", "/v2.0/ports", {"ports": bulk})
        small.settings.set_override("max_page", 7, "api")
        small.view.paths = [{"type": 2, "mac": str(n), "best": True} for n in range(50)]
    except BaseException:
        small.close()
        raise
    try:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert main(["--url", small.url, "ports", "--json"]) == 0
        assert len(json.loads(out.getvalue())["ports"]) == 60
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert main(["--url", small.url, "rib", "--json"]) == 0
        assert len({path["mac"] for path in json.loads(out.getvalue())["rib"]}) == 50
    finally:
        small.close()


def test_names_that_are_not_there_or_not_unique(run):
    assert "no port has the id or name nosuch" in run("port", "show", "nosuch", status=3)
    assert "2 ports are named twin" in run("port", "show", "twin", status=3)
    assert "known: hv1" in run("flows", "hv9", status=3)
    assert "no network" in run("ports", "--network", "nosuch", status=3)
    assert "no IP address" in run("trace", "web1", "nonsense", status=2)


def test_an_unclaimed_port_says_how_to_claim_it(run, node):
    port = node.make("port", network_id=node.network["id"], name="idle")
    assert f"external_ids:iface-id={port['id']}" in run("port", "show", "idle")
    assert "no hypervisor claims" in run("trace", "idle", "10.0.1.5", status=3)


def test_refused_and_unknown_hosts(capsys):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert main(["--url", f"http://127.0.0.1:{port}", "status"]) == 4
    shown = capsys.readouterr().err
    assert "nothing listens" in shown and "VNCTL_URL" in shown
    assert main(["--url", "http://no-such-host.invalid:9696", "status"]) == 4
    assert main(["--url", "nonsense", "status"]) == 2
    assert "http://HOST:9696" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n<html>",
        b"HTTP/1.0 200 OK\r\n\r\n[]",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b'HTTP/1.0 200 OK\r\n\r\n{"elements": 5}',
        b"HTTP/1.0 500 Oops\r\n\r\nhm",
        b'HTTP/1.0 404 No\r\n\r\n{"NeutronError": "gone"}',
    ],
)
def test_what_is_no_node_is_said_and_never_a_traceback(answer: bytes, capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert main(["--url", url, "elements"]) in (3, 4)
        assert capsys.readouterr().err.startswith("vnctl: ")
        thread.join()


@pytest.mark.parametrize("url", [
    "foo", "ftp://x", "http://", "http://h:x", "http://h:0", "http://h:99999",
    "http://127.0.0.1:9696/v2.0", "http://127.0.0.1:9696?x=1",
])
def test_a_url_that_is_none_of_a_node(url: str, capsys):
    assert main(["--url", url, "status"]) == 2
    assert url in capsys.readouterr().err


def test_tls_to_a_node_without(node, capsys):
    assert main(["--url", node.url.replace("http:", "https:"), "status"]) == 4
    assert "http:// instead" in capsys.readouterr().err


@pytest.mark.parametrize("words", [
    ("trace", "web1", "10.0.1.9", "--tcp", "x"), ("explain", "web1", "--to", "x", "--udp", "1e3"),
    ("explain", "web1", "--to", "x", "--tcp", "65536"), ("ports", "--status", "nope"),
])
def test_usage(node, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--url", node.url, *words])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and words[-1] in said.lower() and "_port" not in said


def test_interrupted_while_it_waits():
    """Ctrl-C: no traceback, and the exit status that shells expect."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start(
            [sys.executable, "-m", "ryu_apps.cli.vnctl", "--url", url, "status"],
            stderr=subprocess.PIPE,
        )
        silent.settimeout(30)
        link, _ = silent.accept()
        with link:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and said == ""


def test_options_stand_before_or_after_and_in_the_environment(node, capsys, monkeypatch):
    monkeypatch.setenv("VNCTL_URL", node.url)
    assert main(["elements", "--json"]) == 0
    monkeypatch.delenv("VNCTL_URL")
    assert main(["elements", "--url", node.url]) == 0
    assert main(["--json", "--url", node.url, "elements"]) == 0
    capsys.readouterr()


def test_help_has_examples_for_everyone(capsys):
    for words in (["--help"], *([command.name, "--help"] for command in COMMANDS)):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
        shown = capsys.readouterr().out
        assert "usage: vnctl" in shown
    with pytest.raises(SystemExit) as caught:
        main(["trace", "a", "b", "--tcp", "70000"])
    assert caught.value.code == 2


def test_tables():
    rows = [{"a": "1", "b": None, "c": [1, 2]}, {"a": "longer", "b": "", "c": True}]
    columns = [("A", "a"), ("B", "b"), ("C", "c")]
    assert table(rows, columns) == "A       B  C\n1       -  1, 2\nlonger  -  yes"
    assert table([], columns) == "A  B  C"
    assert table([], columns, headings=False) == ""
    assert facts(rows[0], columns) == "A  1\nC  1, 2"
    # What a hypervisor calls itself cannot drive a terminal.
    assert text("\x1b[2Jx") == "\\x1b[2Jx"
