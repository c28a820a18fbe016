"""``vnctl config export``, ``import``, ``backup`` and ``restore``: at a node, and at a store."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ryu_apps.cli.config import files as config_files
from ryu_apps.cli.config import progress
from ryu_apps.cli.vnctl import build_parser
from tests.unit.cli.vnctl_support import runner
from tests.unit.northbound.api_client import Node
from tests.unit.store.store_support import open_store


@pytest.fixture
def node() -> Iterator[Node]:
    one = Node()
    yield one
    one.close()


@pytest.fixture
def vnctl(node: Node, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    return runner(node, capsys)


def site(node: Node) -> None:
    network = node.make("network", name="web")
    node.make("subnet", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    node.make("port", network_id=network["id"], name="p1")


def conf(directory: Path, name: str = "node") -> str:
    """A configuration file with a SQLite store of its own."""
    file = directory / f"{name}.conf"
    file.write_text(f"[store]\nbackend = sqlite\npath = {directory}/{name}.db\n")
    return str(file)


def test_from_a_node_into_a_store_and_back(node, vnctl, tmp_path: Path) -> None:
    site(node)
    first = str(tmp_path / "first.jsonl")
    said = vnctl("config", "export", first)
    assert first in said and "schema" in said
    assert (Path(first).stat().st_mode & 0o777) == 0o600
    lines = [json.loads(line) for line in Path(first).read_text().splitlines()]
    assert lines[0]["format"] == "vnc-configuration"
    assert {line["kind"] for line in lines[1:-1]} >= {"network", "subnet", "port"}

    store = conf(tmp_path)
    said = vnctl("config", "import", first, "--config-file", store)
    assert "added: 1 network" in said and "written in one transaction" in said
    second = str(tmp_path / "second.jsonl")
    vnctl("config", "export", second, "--config-file", store)
    assert Path(second).read_text().splitlines()[1:-1] == (
        Path(first).read_text().splitlines()[1:-1])

    node.make("network", name="late")
    said = vnctl("config", "import", second, "--dry-run")
    assert "removed: 1 network" in said and "late" in said and "--dry-run" in said
    assert "--yes" in vnctl("config", "import", second, status=3)
    assert len(node.call("GET", "/v2.0/networks")["networks"]) == 2
    answer = json.loads(vnctl("config", "import", second, "--yes", "-o", "json"))
    assert answer["written"] and not answer["staged"] and len(answer["removed"]) == 1
    assert [one["name"] for one in node.call("GET", "/v2.0/networks")["networks"]] == ["web"]
    assert "nothing had to be written" in vnctl("config", "import", second)
    node.make("network", name="after")  # it is a line of changes still


def test_a_backup_of_a_node_is_restored_into_a_store(node, vnctl, tmp_path: Path) -> None:
    site(node)
    node.configuration.put_status("/status/advertised/n1/x", {"a": 1})
    file, store = str(tmp_path / "one.backup"), conf(tmp_path)
    vnctl("config", "backup", file)
    assert "would be written" in vnctl(
        "config", "restore", file, "--config-file", store, "--dry-run")
    assert "were written" in vnctl("config", "restore", file, "--config-file", store)
    refused = vnctl("config", "restore", file, "--config-file", store, status=3)
    assert "--replace" in refused
    vnctl("config", "restore", file, "--config-file", store, "--replace")
    opened = open_store("sqlite", path=f"{tmp_path}/node.db")
    assert opened.get("/config/generation").value == node.store.get("/config/generation").value
    opened.close()


def test_to_the_output_and_from_the_input(node, vnctl, tmp_path, monkeypatch) -> None:
    site(node)
    lines = [line.encode() + b"\n" for line in vnctl("config", "export", "-").splitlines()]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(lines))))
    said = vnctl("config", "import", "-", "--config-file", conf(tmp_path))
    assert "added" in said


@pytest.mark.parametrize(
    ("words", "text", "status"),
    [
        (("config", "import", "{dir}/none"), "cannot read", 3),
        (("config", "import", "{dir}/bad"), "no JSON", 3),
        (("config", "import", "{dir}/bad", "--config-file", "{dir}/node.conf"), "no JSON", 3),
        (("config", "export", "/nowhere/x"), "cannot write /nowhere/x", 3),
        (("config", "export", "{dir}/x", "--config-file", "{dir}/none.conf"), "none.conf", 3),
        (("config", "export", "{dir}/x", "--config-file", "{dir}/node.conf"), "no database", 3),
        (("config", "export", "{dir}/x", "--config-file", "{dir}/memory.conf"), "in its node", 3),
        (("config", "restore", "{dir}/bad", "--config-file", "{dir}/node.conf"), "no JSON", 3),
    ],
)
def test_what_goes_wrong_is_said(node, vnctl, tmp_path, words, text, status) -> None:
    conf(tmp_path)
    (tmp_path / "bad").write_text("hello\n")
    (tmp_path / "memory.conf").write_text("[store]\nbackend = memory\n")
    assert text in vnctl(*(word.format(dir=tmp_path) for word in words), status=status)
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.new").exists()


def test_a_store_in_use_names_the_other_way(vnctl, tmp_path) -> None:
    path = conf(tmp_path)
    store = open_store("sqlite", path=f"{tmp_path}/node.db")
    said = vnctl("config", "export", str(tmp_path / "x"), "--config-file", path, status=3)
    assert "in use" in said and "leave --config-file out" in said
    store.close()


def test_an_answer_that_ends_half_way_leaves_no_file(node, vnctl, tmp_path, monkeypatch) -> None:
    site(node)
    lines = list(node.configuration.export())
    monkeypatch.setattr(
        config_files.Client, "lines", lambda self, path: iter(lines[:-1]), raising=True)
    said = vnctl("config", "export", str(tmp_path / "x"), status=3)
    assert "not whole" in said and list(tmp_path.iterdir()) == []


def test_somebody_who_waits_is_told(capsys, monkeypatch) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.01)
    with progress.Progress("import of x") as shown:
        shown.count(1200, 5000)
        time.sleep(0.2)
    captured = capsys.readouterr()
    assert captured.out == "" and "1,200 of 5,000 records are written" in captured.err


def test_help_has_examples_of_each_action(capsys) -> None:
    for action in ("export", "import", "backup", "restore"):
        with pytest.raises(SystemExit):
            build_parser().parse_args(["config", action, "--help"])
        text = capsys.readouterr().out
        assert "examples:" in text and f"vnctl config {action}" in text


def test_the_api_refuses_what_it_cannot_take(node) -> None:
    def post(body: bytes, query: str = "") -> tuple[int, str]:
        answer = node.http.post(f"{node.url}/v1/configuration/import{query}", data=body, timeout=10)
        return answer.status_code, answer.text

    site(node)
    whole = b"".join(node.configuration.export())
    assert post(b"x\n")[0] == 400 and post(b"")[0] == 400
    assert post(whole, "?dry_run=maybe")[0] == 400 and post(whole, "?x=1")[0] == 400
    assert post(whole[:-20])[0] == 400
    assert post(whole)[0] == 200
    answer = node.http.get(f"{node.url}/v1/configuration/export", timeout=10)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.content.splitlines()[1:-1] == whole.splitlines()[1:-1]
