"""vnctl pki, as an operator uses it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ryu_apps.cli.pki.command import STEPS
from ryu_apps.cli.vnctl import main


@pytest.fixture
def pki(tmp_path, monkeypatch, capsys):
    """Run vnctl pki on a directory; the exit status and what it printed."""
    monkeypatch.setenv("VNC_PKI", str(tmp_path / "pki"))
    shown: list[str] = []

    def run(*words: str) -> tuple[int, str, str]:
        try:
            status = main(["pki", *words])
        except SystemExit as end:
            status = int(str(end.code))
        out, err = capsys.readouterr()
        shown.append(out + err)
        return status, out, err

    yield run
    assert "PRIVATE KEY" not in "".join(shown)


@pytest.fixture
def site(pki, tmp_path):
    assert pki("init", str(tmp_path / "pki"), "--site", "fra1")[0] == 0
    return tmp_path / "pki"


def test_init_says_when_nothing_was_done(pki, site):
    status, out, _ = pki("init", str(site), "--site", "fra1")
    assert status == 0
    assert "nothing was changed" in out
    assert pki("init", str(site), "--site", "ber1")[0] == 3


def test_without_a_site(pki):
    status, _, err = pki("list")
    assert status == 3
    assert "vnctl pki init" in err
    assert pki("rotate", "ca", "--begin")[0] == 3


def test_issue_says_what_to_do_with_it(pki, site):
    _, out, _ = pki("issue", "node", "n1", "--address", "192.0.2.1", "--dns", "n1.example")
    for option in ("private_key", "certificate", "ca_cert", "ctl_privkey", "ctl_cert", "ca_certs",
                   "cert_file", "key_file", "client_ca_file", "ca_file"):
        found = re.search(rf"^{option} = (\S+)$", out, re.M)
        assert found is not None, option
        assert Path(found[1]).read_text().startswith("-----BEGIN"), option
    _, out, _ = pki("issue", "hypervisor", "hv1")
    found = re.search(r"set-ssl (\S+) (\S+) (\S+)", out)
    assert found is not None
    assert [Path(name).read_text()[:15] for name in found.groups()] == [
        "-----BEGIN PRIV", "-----BEGIN CERT", "-----BEGIN CERT"]
    assert "set-manager ssl:" in out
    assert "--client-cert-auth" in pki("issue", "etcd", "e1")[1]
    assert "VNCTL_CERT" in pki("issue", "client", "alice")[1]
    status, _, err = pki("issue", "node", "n1")
    assert status == 3
    assert "rotate leaf node n1" in err
    assert pki("issue", "router", "r1")[0] == 2
    assert pki("issue", "node", "n2", "--days", "0")[0] == 2


def test_list(pki, site):
    pki("issue", "node", "n1", "--days", "20")
    pki("issue", "hypervisor", "hv1", "--days", "90")
    status, out, _ = pki("list", "-o", "json")
    found = {(one["role"], one["name"]): one["days_left"] for one in json.loads(out)}
    assert status == 0
    assert found.keys() == {("authority", "site"), ("authority", "hypervisors"), ("node", "n1"),
                            ("hypervisor", "hv1")}
    assert found["node", "n1"] in (19, 20)
    assert pki("list", "--within", "15")[0] == 0
    assert pki("list", "--within", "30")[0] == 1
    made = json.loads(pki("rotate", "leaf", "--within", "30", "-o", "json")[1])
    assert [one["name"] for one in made] == ["n1"]
    assert "nothing was changed" in pki("rotate", "leaf", "--within", "5")[1]
    assert "hv1" in pki("rotate", "leaf", "hypervisor", "hv1")[1]
    assert pki("rotate", "leaf", "hypervisor")[0] == 2
    assert pki("rotate", "leaf", "hypervisor", "hv2")[0] == 3


def test_the_steps_of_new_authorities(pki, site):
    pki("issue", "node", "n1")
    assert pki("rotate", "ca", "--finish")[1].startswith("done before")
    assert pki("rotate", "ca", "--reissue")[0] == 3
    for name in STEPS:
        assert "hand out" in pki("rotate", "ca", f"--{name}")[1]
        status, out, _ = pki("rotate", "ca", f"--{name}")
        assert status == 0
        assert re.search("already|done before", out)
    assert pki("rotate", "ca")[0] == 2
    assert pki("rotate", "ca", "--begin", "--finish")[0] == 2


def test_export(pki, site, tmp_path):
    pki("issue", "node", "n1")
    _, out, _ = pki("export", "node", "n1", "--to", str(tmp_path / "out"), "--at", "/etc/vnc/tls")
    assert "private_key = /etc/vnc/tls/node.key" in out
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "ca.pem", "hypervisors.pem", "node.key", "node.pem"]
    before = {one: one.stat().st_mtime_ns for one in (tmp_path / "out").iterdir()}
    pki("export", "node", "n1", "--to", str(tmp_path / "out"))
    assert {one: one.stat().st_mtime_ns for one in (tmp_path / "out").iterdir()} == before
    assert pki("export", "node", "n2", "--to", str(tmp_path / "out"))[0] == 3
    assert "ca_cert" in pki("export", "node", "n1")[1]
